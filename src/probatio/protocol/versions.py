"""The versions of a protocol: the bytes that are kept of each, the chain of their digests, what changed between two.

Versions lie beside the protocol with their proofs in time, in `<study>.proofs/`, named by the first digits of their
digest. A kept version is the canonical form of a protocol, byte for byte: its SHA-256, which any tool computes, is the
digest printed on the paper that was signed. Each amendment names the digest of the version it changes, and that version
holds the amendments before it: whoever changes one changes every digest after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from probatio.digest import compute_digest
from probatio.protocol.amendments import Amendment
from probatio.protocol.errors import UserError
from probatio.protocol.reading import compute_protocol_digest, derive_protocol_bytes, locate_key
from probatio.protocol.study import Protocol

NAMED = 12
"""Digits of a digest that name its file."""
_ABSENT: Final = object()
"""A key that is not there, where null is a value."""


@dataclass(frozen=True)
class Change:
    """One key that differs between two versions, with both values as canonical JSON; "" where there is none.

    `way` holds the keys down to it, an item of a list by its name or place.
    """

    key: str
    before: str
    after: str
    way: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revision:
    """An amendment with the version that it amends and the one that it makes, as JSON values."""

    amendment: Amendment
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def changes(self) -> list[Change]:
        """The keys that differ, in the protocol's order; the list of amendments aside, which grows each time."""
        return [change for change in derive_changes(self.before, self.after) if _is_content(change.key)]


def _is_content(key: str) -> bool:
    return not key.startswith("amendments")


def find_version_file(path: Path, digest: str) -> Path:
    """Return where the version of a digest is kept, beside the protocol."""
    return path.with_name(f"{path.stem}.proofs") / f"{digest[:NAMED]}.json"


def find_version_files(path: Path, protocol: Protocol) -> list[Path]:
    """Return the kept versions that a protocol's amendments name, in the order of time."""
    return [find_version_file(path, each.previous) for each in protocol.amendments]


def read_revisions(path: Path, protocol: Protocol) -> list[Revision]:
    """Read the versions that the amendments name, and check the chain of digests.

    Raises:
        UserError: a version is not kept, or is not the one whose digest is named, or holds other amendments than
            those before; the sentence gives file, line and key.
    """
    kept = [_read_version(path, protocol, place) for place in range(len(protocol.amendments))]
    made = [*kept[1:], json.loads(derive_protocol_bytes(protocol))]
    return (
        [Revision(each, before, after) for each, before, after in zip(protocol.amendments, kept, made, strict=True)]
        if kept
        else []
    )


def _read_version(path: Path, protocol: Protocol, place: int) -> dict[str, Any]:
    amendment = protocol.amendments[place]
    file = find_version_file(path, amendment.previous)
    shown = f"{file.parent.name}/{file.name}"
    try:
        content = file.read_bytes()
    except OSError:
        raise _refuse(path, place, f"{shown} is not there; keep the amended version (`probatio amend`)") from None
    found = compute_digest(content)
    if found != amendment.previous:
        said = f"{shown} has the digest {found[:NAMED]}…; it was changed, put back the version that was signed"
        raise _refuse(path, place, said)
    version: dict[str, Any] = json.loads(content)
    before = json.loads(derive_protocol_bytes(protocol)).get("amendments", [])[:place]
    if version.get("amendments", []) != before:
        said = f"{shown} has other amendments than those before amendment {amendment.number}; put them back"
        raise _refuse(path, place, said)
    return version


def _refuse(path: Path, place: int, what: str) -> UserError:
    return UserError(f"{locate_key(path, ('amendments', place, 'previous'))}: {what}.")


def keep_version(path: Path, protocol: Protocol) -> tuple[Path, bytes]:
    """Return where the protocol as it stands is to be kept before it is amended, and the bytes."""
    return find_version_file(path, compute_protocol_digest(protocol)), derive_protocol_bytes(protocol)


def derive_changes(before: Any, after: Any, where: str = "", way: tuple[str, ...] = ()) -> Iterator[Change]:
    """Yield the keys that differ between two JSON values; true is not 1, and a key that is null is not one left out.

    Items of a list that all have a `name` are compared by name (`variables[ecog].tolerance`), others by their place.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            below = f"{where}.{key}" if where else str(key)
            yield from derive_changes(before.get(key, _ABSENT), after.get(key, _ABSENT), below, (*way, str(key)))
    elif isinstance(before, list) and isinstance(after, list) and _are_items([*before, *after]):
        yield from _derive_item_changes(before, after, where, way)
    elif _derive_text(before) != _derive_text(after):
        yield Change(where, _derive_text(before), _derive_text(after), way)


def _are_items(values: Sequence[Any]) -> bool:
    """Say whether a list holds things with keys of their own; plain values are compared as a whole."""
    return bool(values) and all(isinstance(value, dict) for value in values)


def _derive_item_changes(before: list[Any], after: list[Any], where: str, way: tuple[str, ...]) -> Iterator[Change]:
    one, other = _name_items(before), _name_items(after)
    if one is None or other is None:
        one, other = ({str(place): item for place, item in enumerate(items)} for items in (before, after))
    for name in dict.fromkeys([*one, *other]):
        yield from derive_changes(one.get(name, _ABSENT), other.get(name, _ABSENT), f"{where}[{name}]", (*way, name))
    kept, moved = [name for name in one if name in other], [name for name in other if name in one]
    if kept != moved:
        yield Change(f"{where} (order)", ", ".join(kept), ", ".join(moved), way)


def _name_items(items: Sequence[Any]) -> dict[str, Any] | None:
    """Return the items by name; None where one has none or two share it."""
    named = {str(item.get("name", "")): item for item in items}
    return None if "" in named or len(named) < len(items) else named


def _derive_text(value: Any) -> str:
    return "" if value is _ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)
