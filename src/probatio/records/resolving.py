"""What each reader made of a case, and what stands when two have read it: see `reviewed`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from probatio.protocol import Protocol, Recode, Source, TableFile, UserError
from probatio.records.canonical import Canonical, ValueRule, derive_canonical
from probatio.records.decisions import CASE
from probatio.records.event_text import derive_line_text, parse_line_text
from probatio.records.sheets import Sheet

_NOTHING: Final = Canonical("not_documented")
_FAILED: Final = Canonical("failed")
_DELIVERED = ("value", "negative")


def derive_readings(protocol: Protocol, source: Source, told: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return decisions with what the source delivered, what each reader made of it, and what stands.

    Args:
        protocol: variables.
        source: with `reviewed`.
        told: what the source reviewed delivered, one row per cell.
        decisions: of `read_decisions`, about cells that are there.

    Returns:
        The decisions with `before`, `after`, `changed`, `conformant`, `resolution` and `stands` as in `Records`, and
        `state`, that of `after`. A whole line of events is one text (`event_text`).

    Raises:
        UserError: a value that cannot be read, or one that is confirmed and no longer the source's.
    """
    case = _Reading(protocol, source, told)
    before = [case.find_own(row) for row in decisions.to_dict("records")]
    after = [case.derive_after(row, own) for row, own in zip(decisions.to_dict("records"), before, strict=True)]
    differs = [_get_said(one) != _get_said(two) for one, two in zip(before, after, strict=True)]
    return _derive_resolutions(decisions.assign(
        before=pd.Series([each.value for each in before], dtype=object),
        after=pd.Series([each.value for each in after], dtype=object),
        state=pd.Series([each.state for each in after], dtype=object),
        conformant=pd.Series([each.conformant for each in after], dtype=bool),
        changed=pd.Series(differs, dtype=bool),
    ))  # fmt: skip


def is_whole(row: Mapping[Hashable, Any]) -> bool:
    """Say whether a decision is about a whole line of repeated events."""
    return row["event"] != "" and "." not in row["variable"]


def _get_said(said: Canonical) -> tuple[str, str]:
    """Return what is delivered: nothing, whether absent or failed, an explicit none, or a text."""
    return (said.state, said.value) if said.state in _DELIVERED else ("", "")


@dataclass(frozen=True)
class _Reading:
    """The cells of the source reviewed, and the rules by which a typed value is read."""

    protocol: Protocol
    source: Source
    told: pd.DataFrame

    @cached_property
    def own(self) -> dict[tuple[str, ...], Canonical]:
        """What the source delivered, by case; lines of events as one text."""
        keys = self.told[["patient_id", "full_variable", "visit", "event"]].itertuples(index=False, name=None)
        said = self.told[["state", "value", "conformant"]].itertuples(index=False, name=None)
        cells = dict(zip(keys, (Canonical(state, value, bool(good)) for state, value, good in said), strict=True))
        return cells | dict(self._iterate_lines(cells))

    def _iterate_lines(self, cells: Mapping[tuple[str, ...], Canonical]) -> Iterator[tuple[tuple[str, ...], Canonical]]:
        lines = {(patient, name.partition(".")[0], visit, event) for patient, name, visit, event in cells if event}
        for patient, name, visit, event in sorted(lines):
            attributes = self.protocol.get_variable(name).attributes
            parts = {each: cells.get((patient, f"{name}.{each}", visit, event), _NOTHING) for each in attributes}
            text = derive_line_text({each: part.value for each, part in parts.items() if part.state == "value"})
            conformant = all(part.conformant for part in parts.values())
            yield (patient, name, visit, event), Canonical("value", text, conformant)

    def find_own(self, row: Mapping[Hashable, Any]) -> Canonical:
        """Return what the source delivered in a case."""
        return self.own.get(tuple(str(row[name]) for name in CASE), _NOTHING)

    def derive_after(self, row: Mapping[Hashable, Any], own: Canonical) -> Canonical:
        """Return what one decision makes of a case."""
        if row["decision"] in ("absent", "unreadable"):
            return _NOTHING if row["decision"] == "absent" else _FAILED
        if row["decision"] == "confirmed" and (not row["value"] or row["value"] == own.value):
            return own
        where = f"{row['file']}:{row['line']}"
        given = self._read_line(row, where) if is_whole(row) else self._read_value(row["variable"], row["value"], where)
        if row["decision"] == "confirmed" and _get_said(given) != _get_said(own):
            raise UserError(
                f"{where}: the value of {row['variable']} that is confirmed is not the one that the source delivers; "
                f"the source has changed since: review the case again, or drop the line."
            )
        return given

    def _read_line(self, row: Mapping[Hashable, Any], where: str) -> Canonical:
        name, values = str(row["variable"]), parse_line_text(row["value"])
        attributes = self.protocol.get_variable(name).attributes
        if values is None or set(values) - set(attributes):
            known = ", ".join(attributes)
            raise UserError(f"{where}: a line of {name} is written as `name: value; name: value`, of {known}; mend it.")
        found = {each: self._read_value(f"{name}.{each}", values[each], where) for each in attributes if each in values}
        text = derive_line_text({each: part.value for each, part in found.items()})
        return Canonical("value", text, all(part.conformant for part in found.values()))

    def _read_value(self, name: str, text: str, where: str) -> Canonical:
        """Read a typed value; one that conforms as it stands is canonical already, and is not recoded."""
        rule = self._rules.get(name) or self._rules.setdefault(name, self._derive_rule(name))
        try:
            plain = derive_canonical(text, replace(rule, recode=Recode()))
            given = plain if plain.conformant else derive_canonical(text, rule)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        if given.state == "ambiguous":
            raise UserError(f"{where}: the order of day and month of a date is not declared; write it as 2025-03-31.")
        if given.state not in _DELIVERED:
            raise UserError(f"{where}: the value given means that there is none; write the decision absent instead.")
        return given

    @cached_property
    def _rules(self) -> dict[str, ValueRule]:
        return {}

    def _derive_rule(self, name: str) -> ValueRule:
        base, _, attribute = name.partition(".")
        table = Sheet(TableFile(path=self.source.reviewed.path if self.source.reviewed else name), {})
        return ValueRule.from_protocol(self.protocol.get_variable(base), attribute, self.source.name, table)


def _derive_resolutions(readings: pd.DataFrame) -> pd.DataFrame:
    """Return readings with the `resolution` of their case, and whether theirs is what `stands`."""
    if readings.empty:
        return readings.assign(resolution="", stands=pd.Series(dtype=bool))
    said = [("", "") if state not in _DELIVERED else (state, text)
            for state, text in zip(readings["state"], readings["after"], strict=True)]  # fmt: skip
    codes = pd.factorize(pd.Series(said, index=readings.index, dtype=object))[0]
    cases = readings.assign(
        said=np.where(readings["role"] == "adjudicator", -1, codes), third=readings["role"] == "adjudicator"
    ).groupby(CASE, sort=False)
    size, third = cases["role"].transform("size"), cases["third"].transform("any")
    kinds = cases["said"].transform(lambda codes: len({*codes} - {-1}))
    resolution = np.select([third, size == 1, kinds == 1], ["adjudicated", "single", "agreed"], "unresolved")
    first = (readings["role"] == "first") & (resolution != "unresolved")
    stands = np.where(third, readings["role"] == "adjudicator", first)
    return readings.assign(resolution=resolution, stands=stands.astype(bool))
