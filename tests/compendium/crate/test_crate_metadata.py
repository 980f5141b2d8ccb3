"""A crate's metadata as RO-Crate's own library reads them."""

from __future__ import annotations

import dataclasses
import json

from rocrate.rocrate import ROCrate

import probatio
from probatio.protocol import Written
from probatio.provenance.crate import (
    derive_contents,
    derive_metadata,
)
from probatio.provenance.crate.study import Study


def test_metadata_read_back(synthetic: dict[str, bytes]) -> None:
    """The library rocrate reads one action: this program, protocol and data in, released files and rows out."""
    crate = ROCrate(json.loads(synthetic["ro-crate-metadata.json"]))
    digests = json.loads(synthetic["digests.json"])
    (action,) = crate.get_by_type("CreateAction")
    assert action["instrument"].id == f"urn:sha256:{digests['environment']['package']}"
    assert action["instrument"]["softwareVersion"].startswith(probatio.__version__)
    protocol, *data = action["object"]
    assert protocol["sha256"] == digests["protocol"]
    assert {entity["sha256"] for entity in data} == set(digests["data"].values())
    results = {entity.id: entity["sha256"] for entity in action["result"]}
    assert "release/rows.csv" in results
    assert results["run/tasks/01_first/rows.csv"] == digests["rows"]["01_first"]["rows.csv"]
    parts = {part.id for part in crate.root_dataset["hasPart"]}
    assert {"src/", "notebooks/", "README.md", "data/model.csv", "protocol/mini.yaml"} <= parts
    assert crate.root_dataset["license"].id == "https://spdx.org/licenses/MIT"


def test_people_are_those_of_the_protocol(study: Study) -> None:
    """Investigator and sponsor are author and publisher of an open study; a confidential crate names nobody."""
    written = Written(investigator="Dr Zébrange", sponsor="A hospital")
    named = dataclasses.replace(study, protocol=study.protocol.model_copy(update={"written": written}))
    crate = ROCrate(json.loads(derive_metadata(named, derive_contents(named))))
    people = [(crate.root_dataset[key].type, crate.root_dataset[key]["name"]) for key in ("author", "publisher")]
    assert people == [("Person", "Dr Zébrange"), ("Organization", "A hospital")]
    hidden = dataclasses.replace(named, statement=None, key="00")
    assert "Zébrange" not in derive_metadata(hidden, derive_contents(hidden)).decode()


def test_results_of_a_confidential_study_are_given_no_licence(confidential: dict[str, bytes]) -> None:
    """The program is under MIT; whose the results are is for those responsible for the study, and the crate says so."""
    crate = ROCrate(json.loads(confidential["ro-crate-metadata.json"]))
    assert crate.root_dataset["license"].id == "#terms"
    assert "no licence is declared" in crate.root_dataset["license"]["description"]
    (program,) = crate.get_by_type("SoftwareApplication")
    assert program["license"].id == "https://spdx.org/licenses/MIT"
