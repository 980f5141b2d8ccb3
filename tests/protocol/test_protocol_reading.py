"""What a protocol says is what is read: texts stay texts, layout changes nothing, schemas know every key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from probatio.protocol import (
    Protocol,
    compute_protocol_digest,
    derive_json_schema,
    find_protocol_files,
    read_protocol,
)

Write = Callable[..., Path]
ROOT = Path(__file__).parents[2]
STUDIES = sorted(path for path in (ROOT / "protocol").glob("*.yaml") if path.name != "acceptance.yaml")


@pytest.fixture
def protocol(write: Write, valid: str) -> Protocol:
    return read_protocol(write(valid))


def test_yes_and_no_stay_words(protocol: Protocol) -> None:
    """Levels written yes and no are these words, not booleans as in YAML 1.1."""
    assert protocol.get_variable("ecog").levels == ["no", "yes"]


@pytest.mark.parametrize("text", ["on", "off", "y", "N", "2024-05-03", "null_", "1e3", "007", "NA", "12:30"])
def test_scalars_stay_what_was_written(write: Write, valid: str, text: str) -> None:
    """Words, dates and codes with leading zeros that YAML might convert are kept as written when they can be."""
    read = read_protocol(write(valid.replace("levels: [no, yes]", f"levels: ['{text}', other]")))
    assert read.get_variable("ecog").levels[0] == text
    if text not in ("1e3", "007", "12:30"):
        bare = read_protocol(write(valid.replace("levels: [no, yes]", f"levels: [{text}, other]")))
        assert bare.get_variable("ecog").levels[0] == text


def test_numbers_as_levels_become_text(write: Write, valid: str) -> None:
    """Levels written as numbers are the text of these numbers."""
    read = read_protocol(write(valid.replace("levels: [I, II, III, IV]", "levels: [0, 1, 2.5]").replace(
        "groups: {early: [I, II], late: [III, IV]}", "groups: {early: [0], late: [1]}")))  # fmt: skip
    assert read.get_variable("stage").levels == ["0", "1", "2.5"]
    assert read.analyses[0].terms[0].groups == {"early": ["0"], "late": ["1"]}


def test_comments_order_and_layout_do_not_change_the_digest(write: Write, valid: str) -> None:
    """The digest is of what the protocol says, not of how it is laid out."""
    first = compute_protocol_digest(read_protocol(write(valid)))
    lines = valid.splitlines()
    moved = "\n".join(["# a comment", lines[-1], *lines[:-1]]).replace("seed: 7}", "seed: 7, level: 0.95}")
    moved = moved.replace(", level: 0.95", "")
    relaid = yaml.safe_dump(yaml.safe_load(valid.replace("[no, yes]", "['no', 'yes']")), sort_keys=True)
    assert compute_protocol_digest(read_protocol(write(moved))) == first
    assert compute_protocol_digest(read_protocol(write(relaid))) == first


@pytest.mark.parametrize(
    ("before", "after"),
    [("seed: 7", "seed: 8"), ("levels: [I, II, III, IV]", "levels: [IV, I, II, III]"), ("fr: Stade", "fr: Stades")],
)
def test_any_change_of_content_changes_the_digest(write: Write, valid: str, before: str, after: str) -> None:
    """A seed, an order of levels or a word of a label is part of the digest."""
    first = compute_protocol_digest(read_protocol(write(valid)))
    assert compute_protocol_digest(read_protocol(write(valid.replace(before, after)))) != first


def test_the_digest_covers_the_included_matrix(write: Write, valid: str) -> None:
    """A threshold changed in acceptance.yaml changes the protocol's digest."""
    text = valid + "acceptance: acceptance.yaml\n"
    path = write(text)
    first = compute_protocol_digest(read_protocol(path))
    matrix = path.parent / "acceptance.yaml"
    assert find_protocol_files(path) == [path, matrix]
    matrix.write_text(matrix.read_text(encoding="utf-8").replace("0.10", "0.11"), encoding="utf-8")
    assert compute_protocol_digest(read_protocol(path)) != first


def test_the_matrix_gives_the_criteria_of_a_type_and_use(write: Write, valid: str) -> None:
    """Criteria are found by type of variable and use, and none for others."""
    matrix = read_protocol(write(valid + "acceptance: acceptance.yaml\n")).acceptance
    assert matrix is not None
    assert [c.name for c in matrix.select_criteria("ordinal", "research")] == ["error"]
    assert matrix.select_criteria("ordinal", "steering") == []
    assert matrix.select_criteria("date", "research") == []


def test_sources_are_found_by_name_role_and_independence(protocol: Protocol) -> None:
    """Sources are looked up by name and role, and independence needs only one of both to declare it."""
    assert protocol.reference is not None
    assert protocol.reference.name == "registry"
    assert [source.name for source in protocol.select_sources("ai", "reference")] == ["model", "registry"]
    assert protocol.is_independent("registry", "model")
    assert protocol.is_independent("model", "registry")
    assert protocol.get_endpoint("os").time == "sex"
    with pytest.raises(KeyError):
        protocol.get_source("nobody")


def test_a_protocol_never_changes_after_reading(protocol: Protocol) -> None:
    """Models are frozen: nothing can alter a threshold once read."""
    with pytest.raises(ValueError, match="frozen"):
        protocol.level = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_compendium_is_valid(path: Path) -> None:
    """Each committed protocol reads, and the JSON Schema that editors use accepts it."""
    protocol = read_protocol(path)
    assert protocol.study == path.stem
    schema = derive_json_schema()["study.schema.json"]
    jsonschema.Draft202012Validator(schema).validate(_read_as_editor(path))


def test_the_schema_refuses_what_the_models_refuse(valid: str) -> None:
    """The schema has closed keys too: an editor marks a mistyped one."""
    validator = jsonschema.Draft202012Validator(derive_json_schema()["study.schema.json"])
    content = _load_text(valid)
    validator.validate(content)
    content["sources"][0]["files"][0]["delimeter"] = ";"
    with pytest.raises(jsonschema.ValidationError, match="delimeter"):
        validator.validate(content)


def test_the_schema_of_the_matrix_accepts_the_matrix() -> None:
    """acceptance.yaml is valid against its own schema."""
    schema = derive_json_schema()["acceptance.schema.json"]
    jsonschema.Draft202012Validator(schema).validate(_read_as_editor(ROOT / "protocol" / "acceptance.yaml"))


def _read_as_editor(path: Path) -> Any:
    return _load_text(path.read_text(encoding="utf-8"))


def _load_text(text: str) -> Any:
    """Read YAML as an editor does, by the few types of YAML 1.2."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if tag.endswith((":null", ":int", ":float", ":merge"))]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
    return yaml.load(text, Loader=Loader)
