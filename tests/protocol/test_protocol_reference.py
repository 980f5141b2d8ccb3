"""Every key of a protocol is explained, with an example that is really read; README and schemas say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from probatio.protocol import Label, Protocol, derive_json_schema
from probatio.protocol.reading import _parse_yaml
from probatio.protocol.readme import BEGIN, QUESTIONS, derive_reference, put_reference
from probatio.protocol.reference import describe_default, describe_type, find_key, list_models, read_keys

README = Path(__file__).parents[2] / "protocol" / "README.md"
KEYS = [(model, key) for model in list_models() for key in model.model_fields]


def read_example(field: FieldInfo, text: str) -> Any:
    """Read an example as the protocol's own YAML, and as a value of its key."""
    value, _ = _parse_yaml(f"key: {text}\n", README)
    kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation  # type: ignore[valid-type]
    return TypeAdapter(kind).validate_python(value["key"])


def test_every_key_is_explained_and_no_other() -> None:
    """A key that is added without a meaning and an example fails here; so does one that is gone from the models."""
    silent = [f"{model.__name__}.{key}" for model, key in KEYS if find_key(model, key) is None]
    assert silent == [], "write these keys into protocol/keys.csv, then run `probatio schema`"
    named = {model.__name__: model for model in list_models()}
    assert [name for name in read_keys() if name[0] not in named or name[1] not in named[name[0]].model_fields] == []


def test_meanings_are_sentences() -> None:
    """Each meaning says something that the key's name does not, and ends as a sentence."""
    for (_, key), said in read_keys().items():
        assert said.meaning.endswith("."), key
        assert len(said.meaning.split()) >= 2, key
        assert said.meaning[0].isupper() or said.meaning[0].isdigit(), key


def test_every_example_is_read() -> None:
    """An example is YAML, and a value that its key takes: nobody copies what is then refused."""
    wrong = {}
    for model, key in KEYS:
        said = find_key(model, key)
        assert said is not None
        try:
            read_example(model.model_fields[key], said.example)
        except ValidationError as error:
            wrong[f"{model.__name__}.{key}"] = error.errors()[0]["msg"]
    assert wrong == {}


@pytest.mark.parametrize(("key", "text"), [("level", "1.5"), ("study", "Two words"), ("uses", "[profit]"),
                                           ("sources", "[]"), ("title", "Stage")])  # fmt: skip
def test_a_wrong_example_would_be_found(key: str, text: str) -> None:
    """A number out of bounds, a name with a blank, an unknown use, an empty list, one language only: none is read."""
    with pytest.raises(ValidationError):
        read_example(Protocol.model_fields[key], text)


def test_the_committed_readme_is_current() -> None:
    """A changed key needs `probatio schema`: people must not read yesterday's keys."""
    text = README.read_text("utf-8")
    assert text == put_reference(text), "run `probatio schema` and commit protocol/README.md"


def test_a_readme_without_marks_is_not_overwritten() -> None:
    """What people wrote stays: without the marks nothing is put anywhere."""
    with pytest.raises(ValueError, match="lacks the marks"):
        put_reference("# Mine\n")
    assert put_reference(README.read_text("utf-8")).startswith(README.read_text("utf-8").partition(BEGIN)[0])


def test_every_model_answers_one_question() -> None:
    """No table of keys is missing from the README, and none stands twice; a wording needs none."""
    placed = [name for question in QUESTIONS for name in question.models]
    assert sorted(placed) == sorted(model.__name__ for model in list_models() if model is not Label)
    text = derive_reference()
    links = {part.partition(")")[0] for part in text.split("](#")[1:]}
    assert links <= {name.lower() for name in placed}


def test_editors_show_the_meanings() -> None:
    """Every key in the JSON Schemas has the meaning that the README gives."""
    schema = json.loads(json.dumps(derive_json_schema()))
    study = schema["study.schema.json"]
    assert study["properties"]["study"]["description"] == read_keys()["Protocol", "study"].meaning
    silent = [f"{name}.{key}" for name, part in study["$defs"].items() for form in [part, *part.get("anyOf", [])]
              for key, value in form.get("properties", {}).items() if "description" not in value]  # fmt: skip
    assert silent == []


def test_types_and_defaults_in_words() -> None:
    """Types are told as people say them, and defaults as YAML writes them."""
    fields = Protocol.model_fields
    assert describe_type(fields["forms"].annotation) == "text → text in both languages"
    assert describe_type(fields["sources"].annotation) == "list of [Source](#source)"
    assert describe_type(fields["min_stratum"].annotation) == "whole number"
    said = [describe_default(fields[key]) for key in ("study", "rules", "uses", "level")]
    assert said == ["required", "–", "`[steering, research, regulatory]`", "`0.95`"]
