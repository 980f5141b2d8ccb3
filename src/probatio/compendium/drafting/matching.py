"""Which columns of several files are one variable: by their names, and where names differ by their values.

Exports of one form seldom share their headers. Two columns that say the same of the same patients, far beyond chance
(Cohen, 1960), are taken for one variable; the draft names every such pair, for people to check.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations, product

from probatio.compendium.drafting.exports import derive_name
from probatio.compendium.drafting.guesses import MISSING, guess_column, guess_order
from probatio.records.dates import derive_date

Values = Mapping[str, Mapping[str, str]]
"""By header, the text of each patient."""
Group = dict[int, str]
"""The columns that are one variable: by the file's place, its header."""

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
    groups = [{at: header} for at, values in enumerate(files) for header in values]
    for derive in (str, derive_name, _squash):
        groups = _merge(groups, partial(_compare_names, derive))
    read = [{header: _read_values(cells) for header, cells in values.items()} for values in files]
    known: dict[tuple[tuple[int, str], tuple[int, str]], float] = {}

    def score(one: Group, two: Group) -> float:
        pairs = list(product(one.items(), two.items()))
        for pair in pairs:
            if pair not in known:
                known[pair] = _compute_agreement(*(read[at][header] for at, header in pair))
        return max(known[pair] for pair in pairs)

    merged = _merge(groups, score)
    return merged, [group for group in merged if group not in groups]


def _merge(groups: Sequence[Group], score: Callable[[Group, Group], float]) -> list[Group]:
    """Return the groups after the two that belong together most have become one, as often as any do."""
    left = [dict(group) for group in groups]
    while True:
        pairs = [(value, -at, -other) for (at, one), (other, two) in combinations(enumerate(left), 2)
                 if not set(one) & set(two) and (value := score(one, two)) > 0]  # fmt: skip
        if not pairs:
            return [dict(sorted(group.items())) for group in left]
        _, at, other = max(pairs)
        left[-at] |= left.pop(-other)


def _compare_names(derive: Callable[[str], str], one: Group, two: Group) -> float:
    return float(bool({derive(header) for header in one.values()} & {derive(header) for header in two.values()}))


def _squash(header: str) -> str:
    """Return a header's name without its unit and marks: `PD-L1 (%)` and `pdl1` are one."""
    return derive_name(_UNIT.sub("", header)).replace("_", "")


def _read_values(cells: Mapping[str, str]) -> dict[str, str]:
    """Return what is documented, by patient: dates in ISO form, numbers as numbers, other texts without their case."""
    texts = {patient: text.strip() for patient, text in cells.items()}
    texts = {patient: text for patient, text in texts.items() if text and text.casefold() not in _CODES}
    kind, order = guess_column([*texts.values()]).type, guess_order([[*texts.values()]])
    if kind == "date":
        return {patient: derive_date(text, order) or text for patient, text in texts.items()}
    return {patient: _read_number(text) for patient, text in texts.items()}


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
