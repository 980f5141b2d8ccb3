"""The plan as result rows and power curves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from probatio.planning.centres import compute_prediction, compute_tau_interval, find_centres
from probatio.planning.profiles import (
    PlannedCriterion,
    Profile,
    compute_power,
    find_faults,
    find_joint_patients,
    find_size,
    select_criteria,
)
from probatio.planning.proportions import (
    compute_assurance,
    compute_critical,
    compute_half_width,
    find_precision_size,
)
from probatio.planning.several import compute_joint_power
from probatio.protocol import Planning, Protocol, UserError
from probatio.results import Reason, Status, build_row

_POINTS = 300
_Row = dict[str, Any]


def estimate_planning(protocol: Protocol) -> list[_Row]:
    """Plan every variable and use against the acceptance matrix at the protocol's planning alternative.

    Args:
        protocol: with `planning` and `acceptance`.

    Returns:
        Result rows, one-sided alpha (1 - level)/2. Per variable, use and criterion (`term`; `at` its
        rule): `planned_n` and `planned_n_first` (patients; `n` independent values or pairs),
        `planned_expected`, `planned_power` with the study's patients (`n` what they are worth, `k` the
        errors allowed), and for rates `planned_half_width`, `planned_n_precision`, `planned_assurance`. Per
        variable and use `planned_n` without `term` (`at` "binding:" and the criterion that asks for most),
        `planned_n_all` and `planned_power_all`, also per use over its variables (`variable` empty). Between
        centres `planned_centres`, `planned_prediction` and `planned_tau`.

    Raises:
        UserError: the plan is missing or impossible.
    """
    planning = _find_planning(protocol)
    out: list[_Row] = []
    for use in protocol.uses:
        planned = [select_criteria(protocol, use, variable) for variable in protocol.variables]
        for criteria in filter(None, planned):
            out += _estimate_variable(criteria, planning, protocol.level)
        out += _estimate_joint([item for criteria in planned for item in criteria], planning, protocol.level, use=use)
    return [*out, *_estimate_centres(planning, protocol.level)]


def estimate_plan(protocol: Protocol) -> list[_Row]:
    """Return the rows of `estimate_planning`; none where the study declares no plan.

    Raises:
        UserError: the plan is impossible.
    """
    return estimate_planning(protocol) if protocol.planning else []


def _find_planning(protocol: Protocol) -> Planning:
    for where, what in find_faults(protocol):
        raise UserError(f"protocol: {'.'.join(map(str, where))}: {what}.")
    if protocol.planning is None:
        raise UserError("protocol: planning: missing; add it.")
    return protocol.planning


def _estimate_variable(criteria: list[PlannedCriterion], planning: Planning, level: float) -> list[_Row]:
    out = [row for item in criteria for row in _estimate_criterion(item, planning, level)]
    key: _Row = {"variable": criteria[0].variable.name, "use": criteria[0].use}
    needed = [row for row in out if row["metric"] == "planned_n"]
    known = [row for row in needed if row["status"] == Status.OK]
    if known and not any(row["status"] == Status.NOT_ESTIMABLE for row in needed):
        most = max(known, key=lambda row: row["estimate"])
        at = f"binding: {most['term']}"
        out.append(build_row("planned_n", most["estimate"], at=at, unit="patients", level=level, n=most["n"], **key))
    return [*out, *_estimate_joint(criteria, planning, level, **key)]


def _estimate_criterion(item: PlannedCriterion, planning: Planning, level: float) -> list[_Row]:
    sign = "<" if item.criterion.bound == "upper" else ">"
    key: _Row = {"variable": item.variable.name, "use": item.use, "term": item.criterion.name,
           "at": f"{sign} {item.criterion.word_threshold()}", "level": level}  # fmt: skip
    if item.profile is None:
        return [build_row("planned_n", status=Status.NOT_APPLICABLE, reason=item.reason, unit="patients", **key)]
    flipped = item.criterion.bound == "lower"
    expected = 1 - item.profile.expected if flipped else item.profile.expected
    key |= {"method": "exact_binomial" if item.profile.discordance is None else "score_paired"}
    wanted = _Wanted(planning.patients, planning.power, planning.half_width, planning.prior_patients, level)
    return [
        build_row("planned_expected", expected, unit=item.criterion.metric, **key),
        *(build_row(metric, **fields, **key) for metric, fields in _compute_numbers(item.profile, wanted)),
    ]


class _Wanted(NamedTuple):
    patients: int
    power: float
    half_width: float | None
    prior: float | None
    level: float

    @property
    def alpha(self) -> float:
        return (1 - self.level) / 2


@lru_cache(maxsize=4096)
def _compute_numbers(profile: Profile, wanted: _Wanted) -> tuple[tuple[str, _Row], ...]:
    """Return metric and fields of a criterion's rows; variables with the same profile share them."""
    worth = profile.count_effective(wanted.patients)
    power = float(compute_power(profile, wanted.patients, wanted.alpha)[0])
    rate = profile.discordance is None
    allowed = int(compute_critical(worth, profile.limit, wanted.alpha)[0]) if rate else -1
    out = [
        *_compute_sizes(profile, wanted),
        ("planned_power", {"estimate": power, "n": worth, "k": allowed if allowed >= 0 else None}),
    ]
    return (*out, *(_compute_precision(profile, wanted, worth) if rate and worth else ()))


def _compute_sizes(profile: Profile, wanted: _Wanted) -> list[tuple[str, _Row]]:
    size = find_size(profile, wanted.power, wanted.alpha)
    if size is None:
        lost = {"status": Status.NOT_ESTIMABLE, "reason": Reason.NOT_REACHED, "unit": "patients"}
        return [("planned_n", lost)]
    return [
        (metric, {"estimate": profile.count_patients(n), "unit": "patients", "n": n})
        for metric, n in (("planned_n", size.lasting), ("planned_n_first", size.first))
    ]


def _compute_precision(profile: Profile, wanted: _Wanted, worth: int) -> Iterator[tuple[str, _Row]]:
    half = compute_half_width(worth, profile.expected, wanted.level)
    yield "planned_half_width", {"estimate": float(half), "n": worth}
    if wanted.half_width is not None:
        n = find_precision_size(profile.expected, wanted.half_width, wanted.level)
        yield "planned_n_precision", {"estimate": profile.count_patients(n), "unit": "patients", "n": n}
    if wanted.prior is not None:
        mean = compute_assurance(worth, profile.expected, profile.limit, wanted.alpha, weight=wanted.prior)
        yield "planned_assurance", {"estimate": float(mean[0]), "n": worth}


def _estimate_joint(criteria: list[PlannedCriterion], planning: Planning, level: float, **key: Any) -> list[_Row]:
    """Return the patients and the power with which all of some criteria pass."""
    profiles = tuple(sorted((item.profile for item in criteria if item.profile), key=repr))
    if not profiles:
        return []
    shared = {**key, "level": level, "k": len(profiles)}
    found = find_joint_patients(profiles, planning.power, (1 - level) / 2)
    said: _Row = {"status": Status.NOT_ESTIMABLE, "reason": Reason.NOT_REACHED} if found is None else {}
    out = [build_row("planned_n_all", found, at="independent", unit="patients", **said, **shared)]
    powers = [float(compute_power(one, planning.patients, (1 - level) / 2)[0]) for one in profiles]
    rhos = {"independent": 0.0, "correlated": planning.correlation}
    return [
        *out,
        *(build_row("planned_power_all", compute_joint_power(powers, rho), at=at, n=planning.patients, **shared)
          for at, rho in rhos.items() if at == "independent" or rho > 0),
    ]  # fmt: skip


def _estimate_centres(planning: Planning, level: float) -> list[_Row]:
    """Return how many centres the prediction interval needs, and what the study's centres give."""
    plan = planning.centres
    if plan is None:
        return []
    each = planning.patients * (1 - planning.missing) / plan.number
    found = find_centres(plan.error_rate, plan.tau, plan.limit, patients=each, level=level)
    said: _Row = {"status": Status.NOT_ESTIMABLE, "reason": Reason.NOT_REACHED} if found is None else {}
    given: dict[str, Any] = {"centres": plan.number, "patients": each, "level": level}
    prediction = compute_prediction(plan.error_rate, plan.tau, **given)
    tau = compute_tau_interval(plan.error_rate, plan.tau, **given)
    key: _Row = {"level": level, "n": planning.patients, "clusters": plan.number, "cluster_unit": "centre"}
    return [
        build_row("planned_centres", found, unit="centres", at=f"< {plan.limit:g}", **said, **key),
        build_row("planned_prediction", plan.error_rate, lower=prediction[0], upper=prediction[1], **key),
        build_row("planned_tau", plan.tau, lower=tau[0], upper=tau[1], method="q_profile", **key),
    ]


def derive_power_curves(protocol: Protocol) -> list[_Row]:
    """Return the power against the patients, per variable, use and criterion, as series points.

    `metric` is `planned_power`, `x` patients, `y` power, `term` the criterion's name. `x` runs to
    twice the study's patients. Of variables that share a curve the first in the protocol stands for all.

    Raises:
        UserError: the plan is missing or impossible.
    """
    planning = _find_planning(protocol)
    patients = tuple(np.unique(np.linspace(1, 2 * planning.patients, _POINTS).astype(int)).tolist())
    curves: dict[tuple[str, str, Profile], str] = {}
    for use in protocol.uses:
        for variable in protocol.variables:
            for item in select_criteria(protocol, use, variable):
                if item.profile:
                    curves.setdefault((use, item.criterion.name, item.profile), variable.name)
    return [
        {"variable": variable, "use": use, "term": term, "metric": "planned_power", "x": x, "y": y}
        for (use, term, profile), variable in curves.items()
        for x, y in zip(patients, compute_power(profile, patients, (1 - protocol.level) / 2).tolist(), strict=True)
    ]
