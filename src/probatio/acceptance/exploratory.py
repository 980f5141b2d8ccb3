"""Criteria whose rule was changed after AI data had been seen: their verdicts explore, they do not confirm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probatio.digest import derive_canonical_json
from probatio.protocol import Change, Protocol, Revision
from probatio.protocol.worded import find_worded
from probatio.results import build_row

_HARMLESS = ("language", "version", "written", "downloads")
"""Keys that no number depends on, beside wordings."""
_ELIGIBILITY = (("written", "inclusion"), ("written", "exclusion"))
"""Sentences on which every number depends all the same: they say which patients the data are of."""
_WORDING = ("justification", "source")
_Rules = dict[tuple[str, str, str], bytes]


def estimate_exploratory(protocol: Protocol, revisions: Sequence[Revision]) -> list[dict[str, Any]]:
    """Mark every criterion whose rule an amendment changed after AI data had been seen.

    A criterion is marked where its own rule was added or changed (its justification aside), or another criterion of the
    same type and use was taken away; and all are where the amendment changed anything else that numbers depend on: a
    variable's tolerance moves the error that every criterion of that variable judges, and with another eligibility the
    data are of other patients.

    Args:
        protocol: the protocol as it stands.
        revisions: its amendments with the versions they amend and make.

    Returns:
        Rows `exploratory_criterion`, 1 each: variable, use, criterion (`term`), number of the first such amendment
        (`at`).
    """
    first: dict[tuple[str, str, str], int] = {}
    for revision in revisions:
        if "ai" in revision.amendment.seen:
            for key in _find_changed(revision):
                first.setdefault(key, revision.amendment.number)
    return list(_build_rows(protocol, first))


def _build_rows(protocol: Protocol, first: dict[tuple[str, str, str], int]) -> Iterator[dict[str, Any]]:
    matrix = protocol.acceptance
    for variable in protocol.variables:
        for use in protocol.uses:
            for criterion in matrix.select_criteria(variable.type, use) if matrix else []:
                number = first.get((variable.type, use, criterion.name))
                if number is not None:
                    key = {"variable": variable.name, "use": use, "term": criterion.name, "at": str(number)}
                    yield build_row("exploratory_criterion", 1, **key)


def _find_changed(revision: Revision) -> list[tuple[str, str, str]]:
    """Return type, use and name of the criteria of the version made whose verdict the amendment can have moved."""
    before, after = (_list_rules(version) for version in (revision.before, revision.after))
    if any(map(_moves_numbers, revision.changes)):
        return [*after]
    gone = {key[:2] for key in before if key not in after}
    return [key for key, rule in after.items() if before.get(key) != rule or key[:2] in gone]


def _moves_numbers(change: Change) -> bool:
    if change.way[:2] in _ELIGIBILITY:
        return True
    return change.way[0] not in ("acceptance", *_HARMLESS) and not find_worded(change.way)


def _list_rules(version: dict[str, Any]) -> _Rules:
    return {
        (kind, use, criterion["name"]): derive_canonical_json({k: v for k, v in criterion.items() if k not in _WORDING})
        for group in version.get("acceptance", {}).get("sets", [])
        for kind in group["types"]
        for use in group["uses"]
        for criterion in group["criteria"]
    }
