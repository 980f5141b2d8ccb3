"""Read a protocol from YAML: errors name key path, file and line; includes; digest; JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from probatio.digest import compute_digest, derive_canonical_json
from probatio.protocol.criteria import AcceptanceMatrix
from probatio.protocol.errors import UserError
from probatio.protocol.reference import describe_keys
from probatio.protocol.study import Protocol

_INCLUDED = ("acceptance",)
_Where = tuple[str | int, ...]
_Lines = dict[_Where, int]
_BOOLEANS = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


class _Loader(yaml.SafeLoader):
    """YAML 1.2's few implicit types: `yes`, `no`, `on` and dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOLEANS, list("tTfF"))


def read_protocol(path: Path) -> Protocol:
    """Read, complete with its included files and validate a study's protocol.

    Raises:
        UserError: the file is missing, is not YAML, or breaks the model; the sentence gives
            file, line, key path, and what is wrong.
    """
    value, lines = _read_yaml(path)
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected keys and values, as in protocol/lung.yaml; it holds something else.")
    for key in _INCLUDED:
        if isinstance(value.get(key), str):
            value[key] = _read_included(path, value[key], lines[key,])
    try:
        return Protocol.model_validate(value)
    except ValidationError as error:
        raise UserError(_describe(error, path, lines)) from None


def derive_protocol_bytes(protocol: Protocol) -> bytes:
    """Return the canonical form of a protocol, complete with what it includes: JSON, without keys at their default.

    Comments, order of keys and layout do not count. What is left out at its default may as well be written: a later
    version of Probatio with further keys gives an old protocol the same bytes.
    """
    return derive_canonical_json(protocol.model_dump(mode="json", exclude_defaults=True))


def compute_protocol_digest(protocol: Protocol) -> str:
    """Return the SHA-256 of the protocol's canonical form, amendments included."""
    return compute_digest(derive_protocol_bytes(protocol))


def find_protocol_files(path: Path) -> list[Path]:
    """Return the protocol file and the files it includes.

    Raises:
        UserError: the file is missing or is not YAML.
    """
    value, _ = _read_yaml(path)
    included = [value[key] for key in _INCLUDED if isinstance(value, dict) and isinstance(value.get(key), str)]
    return [path, *(path.parent / name for name in included)]


def locate_key(path: Path, where: tuple[str | int, ...]) -> str:
    """Return `file:line: key path` of a key, as errors give it; the nearest key above it if it is not written.

    Raises:
        UserError: the file is missing or is not YAML.
    """
    _, lines = _read_yaml(path)
    return f"{path}:{_find_line(where, lines)}: {_derive_path(where)}"


def derive_json_schema() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas for editors, by file name under `protocol/`."""
    study = describe_keys(Protocol.model_json_schema())
    study["properties"]["acceptance"] = {
        "anyOf": [
            {"type": "string", "description": "file with the acceptance matrix"},
            {"$ref": "#/$defs/AcceptanceMatrix"},
        ]
    }
    return {"study.schema.json": study, "acceptance.schema.json": describe_keys(AcceptanceMatrix.model_json_schema())}


def _read_included(path: Path, name: str, line: int) -> dict[str, Any]:
    included = path.parent / name
    if not included.is_file():
        raise UserError(
            f"{path}:{line}: acceptance: the file {name} does not exist beside the protocol; correct the name."
        )
    value, lines = _read_yaml(included)
    try:
        return AcceptanceMatrix.model_validate(value).model_dump(mode="json")
    except ValidationError as error:
        raise UserError(_describe(error, included, lines)) from None


def _read_yaml(path: Path) -> tuple[Any, _Lines]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such protocol; name a file such as protocol/lung.yaml.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__}); check the file.") from None
    try:
        return _parse_yaml(text, path)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: not valid YAML: {error.problem}; check indentation and quotes.") from None
    except yaml.YAMLError:
        raise UserError(f"{path}: holds characters that YAML does not allow; save it again as plain text.") from None
    except RecursionError:
        raise UserError(f"{path}: nested without end (an alias inside its own anchor); remove the alias.") from None


def _parse_yaml(text: str, path: Path) -> tuple[Any, _Lines]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_find_lines(node, (), path)) if node else {}
        return (loader.construct_document(node) if node else None), lines
    finally:
        loader.dispose()


def _find_lines(node: yaml.Node, where: _Where, path: Path) -> Iterator[tuple[_Where, int]]:
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{path}:{line}: {_derive_path(where)}: a key must be one word, not a list; mend it.")
            if key.value in seen:
                raise UserError(f"{path}:{line}: {_derive_path((*where, key.value))}: stands twice; keep one.")
            seen.add(key.value)
            yield from _find_lines(value, (*where, key.value), path)
            yield (*where, key.value), line
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _find_lines(value, (*where, index), path)


def _describe(error: ValidationError, path: Path, lines: _Lines) -> str:
    # A mistyped key is missing under its right name too: the unknown one is what to mend.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    where = first["loc"]
    if first["type"] == "value_error":
        what = str(first["ctx"]["error"])
    elif first["type"] == "extra_forbidden":
        what = "unknown key; correct the spelling or remove it"
    elif first["type"] == "missing":
        what = "missing; add this key"
    else:
        what = f"{first['msg'][0].lower()}{first['msg'][1:]} (found {_derive_short(first['input'])})"
    more = error.error_count() - 1
    rest = f" ({more} more after this one)" if more else ""
    return f"{path}:{_find_line(where, lines)}: {_derive_path(where)}: {what}.{rest}".replace(": : ", ": ")


def _find_line(where: _Where, lines: _Lines) -> int:
    for depth in range(len(where), -1, -1):
        if where[:depth] in lines:
            return lines[where[:depth]]
    return 1


def _derive_path(where: _Where) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


def _derive_short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
