"""Which keys of a protocol hold words that no number reads: found in the models, never guessed from a key's name.

A recoding of the text `fr` looks like a French wording, and the `source` of an endpoint like a citation: whoever takes
them for words hides a change of a rule.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, BeforeValidator

from probatio.protocol.base import Label
from probatio.protocol.study import Protocol

_CITED, _CITATION = "justification", "source"


def find_worded(way: Sequence[str]) -> str:
    """Return the key that holds words, on the way to a value; "" where rules or numbers read the value.

    Words are texts in both languages, and the source that is cited beside a justification.

    Args:
        way: the keys from the protocol down to the value, an item of a list by its name or place.
    """
    return _search(Protocol, way, "")


def _search(annotation: Any, way: Sequence[str], last: str) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return next(filter(None, (_search(part, way, last) for part in parts)), "")
    if origin is typing.Annotated:
        return _search(parts[0], way, last)
    if origin in (list, dict):
        return _search(parts[-1], way[1:], last)
    if annotation is Label:
        return last
    if not way or not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return ""
    return _search_model(annotation, way)


def _search_model(model: type[BaseModel], way: Sequence[str]) -> str:
    field = model.model_fields.get(way[0])
    if field is None:
        return ""
    if (
        way[0] == _CITATION
        and _CITED in model.model_fields
        and any(isinstance(m, BeforeValidator) for m in field.metadata)
    ):
        return _CITATION  # free text; the source that a review names is one of the study's
    return _search(field.annotation, way[1:], way[0])
