"""Which columns of several files are one variable: by their names, and where names differ by their values.

Exports of one form seldom share their headers. Two columns that say the same of the same patients, far beyond chance
(Cohen, 1960), are taken for one variable; the draft names every such pair, for people to check.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from probatio.compendium.drafting.exports import derive_name
from probatio.compendium.drafting.guesses import MISSING, guess_column, guess_order
from probatio.records.dates import derive_date

Values = Mapping[str, Mapping[str, str]]
"""By header, the text of each patient."""
Group = dict[int, str]
"""The columns that are one variable: by the file's place, its header."""
Column = tuple[int, str]
"""A file's place and a header."""


class _Read(NamedTuple):
    """The texts of a column in one form, by patient; `kind` is "date" or "other", "" for free text."""

    kind: str
    values: dict[str, str]


_FEWEST = 20
_KAPPA = 0.6
"""Substantial agreement by the scale of Landis and Koch (1977)."""
_UNIT = re.compile(r"\s*[(\[][^()\[\]]{1,12}[)\]]\s*$")
_CODES = {code.casefold() for code in MISSING}


def match_columns(files: Sequence[Values]) -> tuple[list[Group], list[Group]]:
    """Return the variables, each with its column in every file that has one, and those put together by values.

    Args:
        files: the values of each file.
    """
    groups = {(at, header): {at: header} for at, values in enumerate(files) for header in values}
    for derive in (str, derive_name, _squash):
        _join(groups, _pair_names(groups, derive))
    before = [group for group in _list_groups(groups) if len(group) > 1]
    open_columns = [(column, _read_values(files[column[0]][column[1]]))
                    for column, group in groups.items() if len(group) < len(files)]  # fmt: skip
    _join(groups, _pair_values([(column, read) for column, read in open_columns if read.kind]))
    merged = _list_groups(groups)
    return merged, [group for group in merged if len(group) > 1 and group not in before]


def _list_groups(groups: Mapping[Column, Group]) -> list[Group]:
    """Return each group once, in the order of its first column."""
    return [dict(sorted(group.items())) for column, group in groups.items() if min(group.items()) == column]


def _join(groups: dict[Column, Group], pairs: Iterable[tuple[Column, Column]]) -> None:
    """Make one group of those of each pair in turn, unless both have a column of the same file."""
    for one, two in pairs:
        first, second = groups[one], groups[two]
        if not set(first) & set(second):
            first |= second
            groups.update(dict.fromkeys(second.items(), first))


def _pair_names(groups: Mapping[Column, Group], derive: Callable[[str], str]) -> Iterator[tuple[Column, Column]]:
    named: dict[str, list[Column]] = {}
    for column in groups:
        named.setdefault(derive(column[1]), []).append(column)
    for columns in named.values():
        yield from combinations(columns, 2)


def _pair_values(columns: Sequence[tuple[Column, _Read]]) -> list[tuple[Column, Column]]:
    """Return the pairs of columns of two files that agree beyond chance, first those in which most patients do."""
    found = [(-score, one, two) for (one, first), (two, second) in combinations(columns, 2)
             if one[0] != two[0] and first.kind == second.kind
             and (score := _compute_agreement(first.values, second.values)) > 0]  # fmt: skip
    return [(one, two) for _, one, two in sorted(found)]


def _squash(header: str) -> str:
    """Return a header's name without its unit and marks: `PD-L1 (%)` and `pdl1` are one."""
    return derive_name(_UNIT.sub("", header)).replace("_", "")


def _read_values(cells: Mapping[str, str]) -> _Read:
    """Return what is documented, by patient: dates in ISO form, numbers as numbers, other texts without their case."""
    texts = {patient: text.strip() for patient, text in cells.items()}
    texts = {patient: text for patient, text in texts.items() if text and text.casefold() not in _CODES}
    kind, order = guess_column([*texts.values()]).type, guess_order([[*texts.values()]])
    if kind == "date":
        return _Read(kind, {patient: derive_date(text, order) or text for patient, text in texts.items()})
    return _Read("other" if kind else "", {patient: _read_number(text) for patient, text in texts.items()})


def _read_number(text: str) -> str:
    try:
        return repr(float(text.replace(",", ".")))
    except ValueError:
        return text.casefold()


def _compute_agreement(one: Mapping[str, str], two: Mapping[str, str]) -> float:
    """Return how many patients agree beyond chance, 0 where kappa is not substantial or patients are few."""
    both = [(one[patient], two[patient]) for patient in one if patient in two]
    if len(both) < _FEWEST:
        return 0.0
    first, second = (Counter(column) for column in zip(*both, strict=True))
    chance = sum(first[value] * second[value] for value in first) / len(both) ** 2
    agreed = sum(left == right for left, right in both) / len(both)
    if chance == 1 or (agreed - chance) / (1 - chance) < _KAPPA:
        return 0.0
    return len(both) * (agreed - chance)
