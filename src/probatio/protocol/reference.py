"""The reference of a protocol's keys: what each means, its type, its default and an example, read from the models.

The meanings and examples are data (`keys.csv`); types and defaults are those of the models, so that neither can be told
otherwise than it is. Editors get the meanings with the JSON Schema.
"""

from __future__ import annotations

import csv
import io
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from probatio.protocol.base import Label
from probatio.protocol.criteria import AcceptanceMatrix
from probatio.protocol.study import Protocol

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_LONGEST = 6
"""Choices that are listed; a longer list is in the schema."""


@dataclass(frozen=True)
class Key:
    """What `keys.csv` says of one key."""

    meaning: str
    example: str


@cache
def read_keys() -> Mapping[tuple[str, str], Key]:
    """Return the meaning and example of every key, by model and key."""
    text = files("probatio.protocol").joinpath("keys.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {(row["model"], row["key"]): Key(row["meaning"], row["example"]) for row in rows}


def find_key(model: type[BaseModel], key: str) -> Key | None:
    """Return what is said of a key, of the model itself or of the one it extends."""
    return next((found for each in model.__mro__ if (found := read_keys().get((each.__name__, key)))), None)


def list_models() -> list[type[BaseModel]]:
    """Return every model of a protocol once, each before those that its keys hold."""
    found: dict[type[BaseModel], None] = {}

    def walk(model: type[BaseModel]) -> None:
        if model not in found:
            found[model] = None
            for field in model.model_fields.values():
                for below in find_models(field.annotation):
                    walk(below)

    walk(Protocol)
    walk(AcceptanceMatrix)
    return list(found)


def find_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a type holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from find_models(part)


def describe_type(annotation: Any) -> str:
    """Return a type in words, in Markdown, models as links to their section."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        name = annotation.__name__
        return "text in both languages" if annotation is Label else f"[{name}](#{name.lower()})"
    parts = [part for part in typing.get_args(annotation) if part is not type(None)]
    return _describe_parts(typing.get_origin(annotation), parts) if parts else _WORDS.get(annotation, "text")


def _describe_parts(origin: Any, parts: Sequence[Any]) -> str:
    if origin is typing.Literal:
        shown = ", ".join(f"`{part}`" for part in parts[:_LONGEST])
        return shown if len(parts) <= _LONGEST else f"{shown}, … ({len(parts)})"
    if origin is typing.Annotated:
        return describe_type(parts[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(describe_type, parts))
    inner = " → ".join(map(describe_type, parts)) if origin is dict else describe_type(parts[0])
    return inner if origin is dict else f"list of {inner}"


def describe_default(field: FieldInfo) -> str:
    """Return a default as YAML would write it; `required` where there is none, a dash for nothing."""
    if field.default is PydanticUndefined:
        return "required"
    default = field.default.model_dump(exclude_defaults=True) if isinstance(field.default, BaseModel) else field.default
    return "–" if default in (None, "", [], {}) else f"`{_write(default)}`"


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_write(item)}' for key, item in value.items())}}}"
    return f"[{', '.join(map(_write, value))}]" if isinstance(value, list) else str(value)


def describe_keys(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a model's JSON Schema with the meaning of every key, for editors to show."""
    named = {model.__name__: model for model in list_models()}
    for name, part in {schema.get("title", ""): schema, **schema.get("$defs", {})}.items():
        for key, value in _list_properties(part):
            if name in named and (said := find_key(named[name], key)):
                value["description"] = said.meaning
    return schema


def _list_properties(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for form in [part, *part.get("anyOf", [])]:
        yield from form.get("properties", {}).items()
