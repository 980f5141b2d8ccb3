"""What a criterion asks of a variable at the planning alternative, as numbers to plan with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from probatio.planning.pairs import compute_paired_power, find_paired_size
from probatio.planning.proportions import Size, compute_exact_power, find_exact_size
from probatio.planning.several import compute_effective_values, compute_patients
from probatio.protocol import Alternative, Criterion, Planning, Protocol, Use, Variable
from probatio.protocol.criteria import WHERE_ABSENT
from probatio.resampling import Floats
from probatio.results import Reason

PROPORTIONS = (
    "error_rate", "error_rate_all", "omission_rate", "unsupported_rate", "unsupported_share",
    "non_conformant_rate", "missing_rate", "accuracy_documented",
)  # fmt: skip
Where = tuple[str | int, ...]
_JOINT_LIMIT = 40_000


class Profile(NamedTuple):
    """One criterion in numbers, as an error below a limit; equal profiles are computed once.

    `discordance` None: a rate; else a paired difference.
    """

    expected: float
    limit: float
    discordance: float | None
    values: int
    correlation: float
    missing: float

    def count_effective(self, patients: float) -> int:
        """Return how many independent values so many patients are worth."""
        return compute_effective_values(
            patients, values=self.values, correlation=self.correlation, missing=self.missing
        )

    def count_patients(self, size: int) -> int:
        """Return how many patients are worth so many independent values."""
        return compute_patients(size, values=self.values, correlation=self.correlation, missing=self.missing)


@dataclass(frozen=True)
class PlannedCriterion:
    """A criterion of one variable and use: its profile, or the reason why it cannot be planned."""

    variable: Variable
    use: Use
    criterion: Criterion
    profile: Profile | None
    reason: Reason = Reason.NONE


def select_criteria(protocol: Protocol, use: Use, variable: Variable) -> list[PlannedCriterion]:
    """Return a variable's criteria for a use, each with its profile at the planning alternative.

    Counts (failed checks, warnings) are of all records: there is no sample to plan.
    """
    if protocol.planning is None or protocol.acceptance is None or use not in variable.uses:
        return []
    found = find_alternative(protocol.planning, variable, use)
    alternative = found[1] if found else None
    out = []
    criteria = protocol.acceptance.select_criteria(variable.type, use)
    for criterion in (criterion for criterion in criteria if not criterion.is_counted):
        reason = _find_reason(protocol, variable, criterion, alternative)
        profile = (
            _derive_profile(protocol.planning, variable, criterion, alternative) if alternative and not reason else None
        )
        out.append(PlannedCriterion(variable, use, criterion, profile, reason))
    return out


def find_alternative(planning: Planning, variable: Variable, use: Use) -> tuple[int, Alternative] | None:
    """Return the place and the alternative of a variable for a use: its own before its type's."""
    fitting = [(i, a) for i, a in enumerate(planning.alternatives) if use in a.uses]
    own = [(i, a) for i, a in fitting if variable.name in a.variables]
    return next(iter([*own, *((i, a) for i, a in fitting if variable.type in a.types)]), None)


def _find_reason(
    protocol: Protocol, variable: Variable, criterion: Criterion, alternative: Alternative | None
) -> Reason:
    """Return why a criterion cannot be planned; none if it can."""
    paired = criterion.is_difference
    if criterion.is_cited:
        return Reason.CITED_THRESHOLD
    if not (criterion.metric in PROPORTIONS or (paired and criterion.bound == "upper")):
        return Reason.NO_FORMULA
    if paired and not protocol.select_sources("manual"):
        return Reason.NO_COMPARATOR
    if variable.required and criterion.metric in WHERE_ABSENT:
        return Reason.VALUE_ALWAYS_DUE
    if alternative is None or criterion.metric not in alternative.expected:
        return Reason.NO_ALTERNATIVE
    return Reason.NONE


def _derive_profile(planning: Planning, variable: Variable, criterion: Criterion, alternative: Alternative) -> Profile:
    expected, limit = alternative.expected[criterion.metric], criterion.limit
    if criterion.bound == "lower":
        expected, limit = 1 - expected, 1 - limit
    return Profile(
        expected=expected,
        limit=limit,
        discordance=alternative.discordance if criterion.is_difference else None,
        values=alternative.values_per_patient or max(len(variable.visits), 1),
        correlation=planning.intraclass_correlation,
        missing=planning.missing if alternative.missing is None else alternative.missing,
    )


def find_faults(protocol: Protocol) -> Iterator[tuple[Where, str]]:
    """Yield what makes a plan impossible: the key where it stands, and what is wrong with it."""
    if protocol.planning is None:
        yield ("planning",), "missing; add the patients, the power and the alternatives, as in protocol/demo.yaml"
    elif protocol.acceptance is None:
        yield ("planning",), "a plan needs the criteria it is to meet; add acceptance: and its matrix"
    else:
        for variable in protocol.variables:
            for use in variable.uses:
                yield from _find_wrong_sides(protocol, variable, use)


def _find_wrong_sides(protocol: Protocol, variable: Variable, use: Use) -> Iterator[tuple[Where, str]]:
    found = find_alternative(protocol.planning, variable, use) if protocol.planning else None
    for planned in select_criteria(protocol, use, variable):
        if found and planned.profile and planned.profile.expected >= planned.profile.limit:
            metric, threshold = planned.criterion.metric, planned.criterion.limit
            side = "below" if planned.criterion.bound == "upper" else "above"
            yield (
                ("planning", "alternatives", found[0], "expected", metric),
                f"{found[1].expected[metric]:g} does not lie {side} the threshold {threshold:g} of {variable.name} "
                f"for {use}; no sample is large enough: expect better, or leave the use out of this alternative",
            )


@lru_cache(maxsize=4096)
def find_size(profile: Profile, power: float, alpha: float) -> Size | None:
    """Return the independent values (or pairs) that a criterion needs; None when there are too many to count."""
    if profile.discordance is None:
        return find_exact_size(profile.expected, profile.limit, power, alpha)
    return find_paired_size(profile.expected, profile.discordance, profile.limit, power, alpha)


def compute_power(profile: Profile, patients: ArrayLike, alpha: float) -> Floats:
    """Return a criterion's power with each number of patients (one dimension)."""
    sizes = np.array([profile.count_effective(n) for n in np.atleast_1d(np.asarray(patients)).tolist()])
    distinct, back = np.unique(sizes, return_inverse=True)
    usable = np.maximum(distinct, 1)
    if profile.discordance is None:
        powers = compute_exact_power(usable, profile.expected, profile.limit, alpha)
    else:
        powers = compute_paired_power(usable, profile.expected, profile.discordance, profile.limit, alpha)
    return np.where(distinct > 0, powers, 0.0)[back]


@lru_cache(maxsize=4096)
def find_joint_patients(profiles: tuple[Profile, ...], power: float, alpha: float) -> int | None:
    """Return the fewest patients with which all criteria pass, were they independent, and for every larger number.

    "Every larger" is looked at up to half as many again; None when above 40,000 patients.

    Args:
        profiles: sorted; one that stands several times counts as often.
        power: wanted joint power.
        alpha: one-sided level of each criterion.
    """
    sizes = [find_size(profile, power, alpha) for profile in set(profiles)]
    if None in sizes:
        return None
    pairs = zip(set(profiles), sizes, strict=True)
    low = max(profile.count_patients(size.first) for profile, size in pairs if size)
    high = int(1.3 * low) + 20
    while high <= _JOINT_LIMIT:
        patients = np.arange(low, high + 1)
        each = [compute_power(one, patients, alpha) ** profiles.count(one) for one in sorted(set(profiles), key=repr)]
        short = np.flatnonzero(np.prod(each, axis=0) < power)
        found = low + int(short[-1]) + 1 if len(short) else low
        if found * 1.5 <= high:
            return found
        high = max(int(1.5 * found) + 2, int(1.3 * high)) if found <= high else int(1.5 * high)
    return None
