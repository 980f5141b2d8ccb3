"""Read YAML with every scalar as it is written, and the line of every key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from probatio.compendium.rendering.errors import RenderingError

Where = tuple[str | int, ...]
UNREAD = ("format", "execute")
"""Keys that are Quarto's own."""


@dataclass(frozen=True)
class Configuration:
    """A YAML mapping: its values as text, and by key path the place (file:line) and the implied type of each."""

    name: str
    value: dict[str, Any]
    places: Mapping[Where, str]
    types: Mapping[Where, str]

    def refuse(self, where: Where, what: str) -> RenderingError:
        """Return the error for the key at `where`."""
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")
        return RenderingError(f"{self.places.get(where, f'{self.name}:1')}: {path}: {what}")

    def check_keys(self, where: Where, allowed: tuple[str, ...]) -> None:
        """Refuse a key below `where` that is not one of `allowed`.

        Raises:
            RenderingError: the key, its line and the keys that are known.
        """
        here = self.get_value(where)
        if not isinstance(here, dict):
            raise self.refuse(where, "expected keys and values; indent them below this key.")
        for key in here:
            if key not in allowed:
                known = ", ".join(allowed)
                raise self.refuse((*where, key), f"unknown key; the embedded renderer knows {known}.")

    def get_value(self, where: Where, default: Any = None) -> Any:
        """Return the value at a key path, or `default`."""
        here: Any = self.value
        for part in where:
            if not isinstance(here, dict) or part not in here:
                return default
            here = here[part]
        return here

    def read_text(self, where: Where, default: str = "") -> str:
        """Return the text at a key path.

        Raises:
            RenderingError: there are keys or a list instead.
        """
        value = self.get_value(where, default)
        if not isinstance(value, str):
            raise self.refuse(where, "expected one text, not keys or a list; write it on one line.")
        return value


def read_configuration(text: str, name: str, *, offset: int = 0) -> Configuration:
    """Read a YAML mapping; `offset` is the number of lines before it in the file `name`.

    Raises:
        RenderingError: not YAML, a key twice, or no mapping; with file and line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1 + offset
        raise RenderingError(f"{name}:{line}: not valid YAML: {error.problem}; check indentation and quotes.") from None
    if node is None:
        return Configuration(name, {}, {}, {})
    if not isinstance(node, yaml.MappingNode):
        raise RenderingError(f"{name}:{offset + 1}: expected keys and values; it holds something else.")
    found = list(_iterate_keys(node, ()))
    places: dict[Where, str] = {}
    for where, line, _ in found:
        if where in places:
            raise RenderingError(f"{name}:{line + offset + 1}: {where[-1]}: stands twice; keep one.")
        places[where] = f"{name}:{line + offset + 1}"
    return Configuration(name, _derive_value(node), places, {where: kind for where, _, kind in found})


def read_front_matter(text: str, name: str) -> tuple[Configuration, int]:
    """Return what stands between the two lines of dashes that open a text, and how many lines that takes.

    Raises:
        RenderingError: the front matter has no end, or is no mapping; with file and line.
    """
    rows = text.splitlines()
    if not rows or rows[0].rstrip() != "---":
        return Configuration(name, {}, {}, {}), 0
    ends = [index for index, row in enumerate(rows) if index and row.rstrip() in ("---", "...")]
    if not ends:
        raise RenderingError(f"{name}:1: the front matter has no end; close it with a line of three dashes.")
    return read_configuration("\n".join(rows[1 : ends[0]]), name, offset=1), ends[0] + 1


def merge_configurations(first: Configuration, second: Configuration) -> Configuration:
    """Return the first mapping with the second's keys added, as Quarto adds those of `metadata-files`.

    Raises:
        RenderingError: a value stands in both; Quarto would take the second without a word.
    """
    value = _merge_values(first.value, second, ())
    return Configuration(first.name, value, {**second.places, **first.places}, {**second.types, **first.types})


def _merge_values(here: dict[str, Any], second: Configuration, where: Where) -> dict[str, Any]:
    merged = dict(here)
    for key, value in second.get_value(where, second.value).items():
        below = (*where, key)
        if key not in merged or below[0] in UNREAD:
            merged[key] = value
        elif isinstance(merged[key], dict) and isinstance(value, dict):
            merged[key] = _merge_values(merged[key], second, below)
        else:
            raise second.refuse(below, "stands in _quarto.yml too; keep one.")
    return merged


def _derive_value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _derive_value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_derive_value(item) for item in node.value]
    return str(node.value)


def _iterate_keys(node: yaml.Node, where: Where) -> Iterator[tuple[Where, int, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*where, str(key.value))
            yield below, key.start_mark.line, value.tag.rpartition(":")[2]
            yield from _iterate_keys(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*where, index), item.start_mark.line, item.tag.rpartition(":")[2]
            yield from _iterate_keys(item, (*where, index))
