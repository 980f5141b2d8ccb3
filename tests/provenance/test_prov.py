"""PROV documents: what they say, that they conform, and that a run's names no patient."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from prov.model import ProvDocument

from miniature import Miniature
from probatio.cli import run_command
from probatio.protocol import Protocol, read_protocol
from probatio.provenance import RunFolder, read_manifest
from probatio.provenance.reads import read_task_reads
from probatio.provenance.trace.history import derive_history
from probatio.provenance.w3c.document import derive_id, derive_prov_json
from probatio.provenance.w3c.run import derive_run_json
from probatio.provenance.w3c.value import derive_value_document
from traced_study import write_study

# What each relation of PROV-JSON must name, and what kind of thing that is (PROV-JSON 2013, section 3; PROV-DM).
RELATIONS = {
    "wasGeneratedBy": {"prov:entity": "entity", "prov:activity": "activity"},
    "used": {"prov:activity": "activity", "prov:entity": "entity"},
    "wasDerivedFrom": {"prov:generatedEntity": "entity", "prov:usedEntity": "entity"},
    "wasAssociatedWith": {"prov:activity": "activity", "prov:agent": "agent"},
    "wasAttributedTo": {"prov:entity": "entity", "prov:agent": "agent"},
    "wasInvalidatedBy": {"prov:entity": "entity", "prov:activity": "activity"},
    "hadMember": {"prov:collection": "entity", "prov:entity": "entity"},
}
THINGS = ("entity", "activity", "agent")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("traced"))


@pytest.fixture(scope="module")
def protocol(study: Path) -> Protocol:
    return read_protocol(study)


@pytest.fixture(scope="module")
def value(study: Path, protocol: Protocol) -> ProvDocument:
    history = derive_history(protocol, study.parent.parent / "data", patient_id="P 1", variable="ps")
    return derive_value_document(history, protocol)


def find_breaches(content: bytes) -> Iterator[str]:
    """Yield what does not conform to the submission's JSON Schema, or to PROV's constraints on kinds and derivations.

    The schema (W3C Member Submission, section 2.3) comes with the library's own tests.
    """
    said = json.loads(content)
    schema = json.loads(files("prov").joinpath("tests/schemas/prov-json.schema.json").read_text("utf-8"))
    yield from (f"schema: {error.message}" for error in validator_for(schema)(schema).iter_errors(said))
    unknown = set(said) - {"prefix", *THINGS, *RELATIONS}
    yield from (f"section {name}" for name in unknown)
    names = {kind: set(said.get(kind, {})) for kind in THINGS}
    if (names["entity"] | names["agent"]) & names["activity"]:
        yield "a thing that is an activity and something else"
    for relation, ends in RELATIONS.items():
        for named in said.get(relation, {}).values():
            yield from (f"{relation} without {end}" for end in set(ends) - set(named))
            yield from (f"{relation} to nothing: {named[end]}" for end, kind in ends.items()
                        if named.get(end) not in names[kind])  # fmt: skip
    for thing in (thing for kind in (*THINGS, *RELATIONS) for thing in said.get(kind, {}).values()):
        yield from (f"literal {literal}" for literal in thing.values() if not is_literal(literal))
    prefixes = {*said["prefix"], "prov", "xsd"}
    yield from (
        f"prefix of {name}" for kind in THINGS for name in names[kind] if name.partition(":")[0] not in prefixes
    )
    drawn = {
        (each["prov:generatedEntity"], each["prov:usedEntity"]) for each in said.get("wasDerivedFrom", {}).values()
    }
    if has_cycle(drawn):
        yield "a thing derived from itself"


def is_literal(literal: Any) -> bool:
    if isinstance(literal, list):
        return all(map(is_literal, literal))
    if isinstance(literal, dict):
        return set(literal) == {"$", "type"} and re.fullmatch(r"(xsd|prov):\w+", literal["type"]) is not None
    return isinstance(literal, str | int | float | bool)


def has_cycle(edges: set[tuple[str, str]]) -> bool:
    while edges:
        sources = {old for _, old in edges}
        left = {(new, old) for new, old in edges if new in sources}
        if left == edges:
            return True
        edges = left
    return False


def test_checks_of_this_file_find_what_is_wrong() -> None:
    """A relation to nothing, a cycle and a bare list are found: the checks below can fail."""
    broken = {"prefix": {"a": "urn:a:"}, "entity": {"a:1": {}, "a:2": {"a:x": None}}, "wasDerivedFrom": {
        "_:1": {"prov:generatedEntity": "a:1", "prov:usedEntity": "a:2"},
        "_:2": {"prov:generatedEntity": "a:2", "prov:usedEntity": "a:1"}},
        "used": {"_:3": {"prov:activity": "a:4", "prov:entity": "a:1"}}}  # fmt: skip
    found = "; ".join(find_breaches(json.dumps(broken).encode()))
    assert all(part in found for part in ("derived from itself", "used to nothing: a:4", "literal None", "schema: "))


def test_value_s_document_conforms_and_reads_back(value: ProvDocument) -> None:
    """PROV-JSON with every name declared; read back it is the same document, and PROV-N can be written."""
    content = derive_prov_json(value)
    assert [*find_breaches(content)] == []
    assert ProvDocument.deserialize(content=content.decode(), format="json") == value
    assert value.get_provn().startswith("document")


def test_path_from_document_to_reviewed_value_is_whole(value: ProvDocument) -> None:
    """The value after review leads back, by derivations, to the decision's neighbours, the cell and its document."""
    said = json.loads(derive_prov_json(value))
    drawn: dict[str, set[str]] = {}
    for each in said["wasDerivedFrom"].values():
        drawn.setdefault(each["prov:generatedEntity"], set()).add(each["prov:usedEntity"])
    reached, left = set(), [derive_id("value", "hybrid", "P 1", "ps", "t0", "")]
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += drawn.get(name, ())
    assert {"study:document/D%2F1", "study:cell/ai%2Ecsv/2/value", "study:value/ai/P%201/ps/t0/-"} <= reached
    assert any(name.startswith("study:decision/hybrid/") for name in reached)
    assert said["entity"]["study:document/D%2F1"]["probatio:type"] == "letter"


def test_agents_are_software_and_persons_by_pseudonym(value: ProvDocument) -> None:
    """Extractors with their version and this program are software agents; a reviewer is a person, as the log says."""
    agents = json.loads(derive_prov_json(value))["agent"]
    kinds = {name: agent["prov:type"]["$"] for name, agent in agents.items()}
    assert kinds["study:agent/software/reader-1%2E0"] == "prov:SoftwareAgent"
    assert kinds["study:agent/software/probatio"] == "prov:SoftwareAgent"
    assert kinds["study:agent/person/reader-b"] == "prov:Person"


def test_review_is_in_the_document_with_its_times_and_protocols(value: ProvDocument) -> None:
    """Each entry of the log is an activity at its time under its protocol; a withdrawn decision is invalidated."""
    said = json.loads(derive_prov_json(value))
    assert said["activity"]["study:log/4"]["prov:startTime"].startswith("2025-03-04T08:33:00")
    assert [each["prov:entity"] for each in said["wasInvalidatedBy"].values()] == ["study:decision/4"]
    plans = {each["prov:activity"]: each.get("prov:plan") for each in said["wasAssociatedWith"].values()}
    assert plans["study:log/4"] == f"study:protocol/{'f' * 64}"
    assert plans["study:log/4"] in said["entity"]


def test_trace_writes_the_document(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`trace --prov` writes it as UTF-8; twice the same bytes; a folder that is not there is a sentence."""
    words = ["trace", "P 1", "ps", "--protocol", str(study), "--prov"]
    written = []
    for name in ("a.json", "b.json"):
        assert run_command([*words, str(tmp_path / name)]) == 0
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert run_command([*words, str(study / "none" / "c.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_run_s_document_conforms_and_holds_no_patient(finished: Miniature, tmp_path: Path) -> None:
    """Files, notebooks, needs and results by digest; not one pseudonym nor value of the data."""
    out = tmp_path / "run.json"
    assert run_command(["provenance", str(finished.protocol), str(out), "--run", str(finished.run)]) == 0
    said = json.loads(out.read_bytes())
    assert [*find_breaches(out.read_bytes())] == []
    manifest = read_manifest(finished.run)
    assert said["entity"]["study:file/model%2Ecsv"]["probatio:sha256"] == manifest.data["model.csv"]
    rows = "study:result/01_first/rows%2Ecsv"
    assert said["entity"][rows]["probatio:sha256"] == manifest.tasks["01_first"].outputs["rows.csv"]
    uses = {(each["prov:activity"], each["prov:entity"]) for each in said["used"].values()}
    assert ("study:run/02_second", rows) in uses
    assert ("study:run/01_first", "study:file/model%2Ecsv") in uses
    assert ("study:run/02_second", "study:file/model%2Ecsv") not in uses
    assert not re.search(r"P[123]\b", out.read_text("utf-8"))


def test_files_named_after_patients_are_one_in_a_run_s_document(finished: Miniature, protocol: Protocol) -> None:
    """Files of a pattern, as a JSON result per patient, stand as one under the pattern, with one digest of them all."""
    table = protocol.sources[1].files[0].model_copy(update={"path": "results/*.json"})
    source = protocol.sources[1].model_copy(update={"files": [table]})
    protocol = protocol.model_copy(update={"sources": [protocol.sources[0], source]})
    manifest = read_manifest(finished.run)
    written = []
    for digest in ("1" * 64, "2" * 64):
        data = {"base.csv": "0" * 64, "results/MARTIN.json": digest, "results/DUPONT.json": "3" * 64}
        known, reads = manifest.model_copy(update={"data": data}), {"01_first": [*data]}
        written.append(derive_run_json(known, protocol, reads))
        assert [*find_breaches(written[-1])] == []
        assert b"MARTIN" not in written[-1]
    files = json.loads(written[0])["entity"]["study:file/results%2F%2A%2Ejson"]
    assert files["probatio:files"]["$"] == "2"
    uses = {(each["prov:activity"], each["prov:entity"]) for each in json.loads(written[0])["used"].values()}
    assert ("study:run/01_first", "study:file/results%2F%2A%2Ejson") in uses
    assert files != json.loads(written[1])["entity"]["study:file/results%2F%2A%2Ejson"]


def test_run_s_document_tells_log_and_reviewed_source(finished: Miniature, protocol: Protocol) -> None:
    """Anchored heads of the log follow each other; a source after review is derived from the one it comes from."""
    manifest = read_manifest(finished.run)
    anchors = [{"count": count, "hash": f"{count}" * 64, "at": "2025-03-04T08:30:00.000Z"} for count in (3, 5)]
    known = manifest.model_validate({**manifest.model_dump(), "audit": {"review/ai.jsonl": anchors}})
    content = derive_run_json(known, protocol, read_task_reads(RunFolder(finished.run), []))
    assert [*find_breaches(content)] == []
    drawn = {(each["prov:generatedEntity"], each["prov:usedEntity"])
             for each in json.loads(content)["wasDerivedFrom"].values()}  # fmt: skip
    assert ("study:audit/review%2Fai%2Ejsonl/5", "study:audit/review%2Fai%2Ejsonl/3") in drawn
    assert ("study:source/hybrid", "study:source/ai") in drawn
