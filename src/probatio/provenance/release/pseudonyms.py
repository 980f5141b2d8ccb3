"""Pseudonyms of centres and sources: stable within a study, found by nobody without its secret.

A pseudonym is taken from HMAC-SHA-256 (RFC 2104) of kind and name, under a random key that stays in `confidential/`
and the protocol's digest. Hashing the names of known hospitals finds nothing; the same key gives the same pseudonyms
again. Everything released is sorted by pseudonym, so that no order betrays a name.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from probatio.protocol import Protocol, Source

_LETTERS: Final = "abcdefghjkmnpqrstvwxyz23456789"
"""No letter that is read as another one."""
_LENGTH: Final = 5
_BY_CENTRE: Final = ("leave_one_out_", "worst_stratum_", "shrunken_")
_NAMED: Final = ("term", "at", "analysis")


@dataclass(frozen=True)
class Pseudonyms:
    """What stands for each centre and each source."""

    centres: Mapping[str, str]
    sources: Mapping[str, str]

    def derive_table(self) -> pd.DataFrame:
        """Return kind, name, pseudonym: confidential, for those who must find a centre again."""
        lines = [("centre", *item) for item in sorted(self.centres.items())]
        lines += [("source", *item) for item in sorted(self.sources.items())]
        return pd.DataFrame(lines, columns=["kind", "name", "pseudonym"])


def make_key() -> str:
    """Return a new random secret, 64 hexadecimal digits."""
    return secrets.token_hex(32)


def derive_pseudonyms(protocol: Protocol, centres: Iterable[str], *, key: str, digest: str) -> Pseudonyms:
    """Return the pseudonyms of a study.

    Args:
        protocol: its sources. The reference and the manual collection are called by their role.
        centres: names of its centres.
        key: the secret.
        digest: of the protocol.
    """
    secret = bytes.fromhex(key) + digest.encode()
    named = {"missing": "missing", **_draw(secret, "centre", sorted(set(centres) - {"", "missing"}))}
    return Pseudonyms(named, _name_sources(protocol, secret))


def _draw(secret: bytes, kind: str, names: Iterable[str]) -> dict[str, str]:
    """Return a pseudonym for each name, longer ones where two would be alike."""
    names = list(names)
    for length in range(_LENGTH, 33):
        found = {name: f"{kind}-{_spell(secret, kind, name)[:length]}" for name in names}
        if len(set(found.values())) == len(names):
            return found
    raise AssertionError("two different names have one digest")


def _spell(secret: bytes, kind: str, name: str) -> str:
    code = hmac.new(secret, f"{kind}\x1f{name}".encode(), hashlib.sha256).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in code)


def _name_sources(protocol: Protocol, secret: bytes) -> dict[str, str]:
    technologies = [source for source in protocol.select_sources("ai", runs=True) if source.reviewed is None]
    makers = _draw(secret, "technology", sorted({_find_maker(source) for source in technologies}))
    out: dict[str, str] = {}
    for role in sorted({source.role for source in protocol.sources} - {"ai"}):
        same = sorted(source.name for source in protocol.sources if source.role == role)
        own = _draw(secret, role, same)
        out |= {name: role if len(same) == 1 else own[name] for name in same}
    for source in technologies:
        tail = "" if protocol.is_leading(source.name) else f"-run-{_spell(secret, 'run', source.name)[:_LENGTH]}"
        out[source.name] = makers[_find_maker(source)] + tail
    for source in protocol.sources:
        if source.reviewed is not None:
            out[source.name] = f"{out[source.reviewed.of]}-reviewed"
    return out


def _find_maker(source: Source) -> str:
    return source.technology or source.name


def replace_names(frame: pd.DataFrame, names: Pseudonyms) -> pd.DataFrame:
    """Return rows or points with every centre and source under its pseudonym.

    Raises:
        KeyError: a centre or source that has none.
    """
    out = frame.copy()
    for column in ("source", "comparator"):
        known = {text: _replace_joined(text, names.sources) for text in frame[column].unique()}
        out[column] = frame[column].map(known)
    for column in _NAMED:
        out[column] = _replace_within(frame[column], names.sources)
    centred = frame["stratum_by"].str.startswith("centre")
    out.loc[centred, "stratum"] = _replace_within(frame.loc[centred, "stratum"], names.centres)
    by_centre = frame["metric"].str.startswith(_BY_CENTRE[0]) | (centred & frame["metric"].str.startswith(_BY_CENTRE))
    out.loc[by_centre, "term"] = _replace_within(frame.loc[by_centre, "term"], names.centres)
    return out


def _replace_joined(text: str, names: Mapping[str, str]) -> str:
    """Return a source's pseudonym, or those of several sources joined by `+`."""
    return "+".join(names[part] for part in text.split("+")) if text else ""


def _replace_within(texts: pd.Series, names: Mapping[str, str]) -> pd.Series:
    """Return texts with each name replaced where it stands as a whole word, longer names first."""
    if texts.empty or not names:
        return texts
    ordered = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, ordered))})(?![^\W_])")
    known = {text: pattern.sub(lambda found: names[found[0]], text) for text in texts.unique()}
    return texts.map(known)
