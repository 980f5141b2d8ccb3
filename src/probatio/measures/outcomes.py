"""Rates from the outcomes of values: C correct, W wrong, O omission, U unsupported, B both absent.

Against the reference standard (kind "error"):

| metric | formula |
|---|---|
| error_rate | (W + O + U) / (C + W + O + U) |
| error_rate_all | (W + O + U) / (C + W + O + U + B) |
| omission_rate | O / (C + W + O) |
| unsupported_rate | U / (U + B) |
| unsupported_share | U / (C + W + U) |
| wrong_rate | W / (C + W) |
| non_conformant_rate | non-conformant / (C + W + U) |
| accuracy_documented | C / (C + W) |

Between two readings of which neither is the truth (kind "agreement"):

| metric | formula |
|---|---|
| agreement_rate | C / (C + W) |
| presence_disagreement_rate | (O + U) / (C + W + O + U) |
| non_conformant_rate | non-conformant / (C + W + U) |

All lie in [0, 1]. An event is found, missed or spurious, never wrong, and absent events cannot be
counted: rates that need W, or B against U, are `not_applicable` to repeated events. `count` rows give
every outcome and the non-conformant values, `weighted_count` rows the population that each outcome stands for where
patients or values were sampled. Rates that a criterion may name carry two rows overall, one
to report and one to accept; within strata, and for agreement, one.

Pooled rows (`variable` empty) take the values of all variables of single values together, one value one vote,
with patients as clusters: the field error rate by which collections are usually described.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from probatio.measures.cells import Cells, Codes, Mask, count_clusters, derive_pooled
from probatio.measures.rates import (
    compute_acceptance_interval,
    compute_reporting_interval,
    derive_rate_rows,
    derive_rows,
    derive_silent,
)
from probatio.resampling import compute_clustered_mean
from probatio.results import Reason, Status

OUTCOMES = "CWOUB"


class Rate(NamedTuple):
    """A rate as two sets of outcomes; an empty numerator means the non-conformant values."""

    metric: str
    numerator: str
    denominator: str
    events: bool = True
    acceptance: bool = False


ERROR_RATES = (
    Rate("error_rate", "WOU", "CWOU", acceptance=True),
    Rate("error_rate_all", "WOU", "CWOUB", acceptance=True),
    Rate("omission_rate", "O", "CWO", acceptance=True),
    Rate("unsupported_rate", "U", "UB", events=False, acceptance=True),
    Rate("unsupported_share", "U", "CWU", acceptance=True),
    Rate("wrong_rate", "W", "CW", events=False),
    Rate("non_conformant_rate", "", "CWU", acceptance=True),
    Rate("accuracy_documented", "C", "CW", events=False, acceptance=True),
)
AGREEMENT_RATES = (
    Rate("agreement_rate", "C", "CW", events=False),
    Rate("presence_disagreement_rate", "OU", "CWOU"),
    Rate("non_conformant_rate", "", "CWU"),
)


def estimate_outcomes(cells: Cells, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return counts and rates of every source, comparator and variable, and rates pooled over variables."""
    pooled = derive_pooled(cells)
    rates = [_estimate_rates(each, each.groups, each.group, level=level, unit=unit) for each in (cells, pooled)]
    weighted = [_estimate_weighted_counts(each, unit) for each in (cells, pooled)]
    return [_estimate_counts(cells, unit), *weighted, *rates[0], *rates[1]]


def estimate_outcomes_by(
    cells: Cells, patients: pd.DataFrame, attribute: str, *, level: float, unit: str, min_stratum: int
) -> list[pd.DataFrame]:
    """Return the rates within each stratum of a patient attribute.

    A stratum of a variable with fewer than `min_stratum` patients keeps its rows and its `n`, `suppressed`.
    Patients without the attribute form the stratum "missing".
    """
    labels = patients.sort_index()[attribute].astype(object).where(lambda x: x.notna() & (x != ""), "missing")
    strata, codes = np.unique(labels.astype(str), return_inverse=True)
    crossed = cells.group * len(strata) + codes[cells.patient]
    kept, group = np.unique(crossed, return_inverse=True)
    identity = cells.groups.iloc[kept // len(strata)].reset_index(drop=True)
    identity = identity.assign(stratum_by=attribute, stratum=strata[kept % len(strata)])
    small = count_clusters(group, cells.patient, len(kept)) < min_stratum
    return _estimate_rates(cells, identity, group, level=level, unit=unit, small=small)


def _estimate_counts(cells: Cells, unit: str) -> pd.DataFrame:
    size = len(cells.groups)
    masks: dict[str, Mask] = {name: cells.select(name) for name in OUTCOMES}
    masks["non_conformant"] = cells.select("CWU") & ~cells.conformant
    n = np.bincount(cells.group, minlength=size)
    frames = []
    for term, mask in masks.items():
        k = np.bincount(cells.group[mask], minlength=size)
        frames.append(derive_rows(cells.groups, metric="count", term=term, unit="values", estimate=k.astype(float),
                                  n=n, k=k, cluster_unit=unit, status=str(Status.OK)))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def _estimate_weighted_counts(cells: Cells, unit: str) -> pd.DataFrame:
    """Return how many values of the population each outcome stands for, where weights are not all 1.

    With these sums several hospitals' weighted rates can be pooled without a patient's weight.
    """
    size = len(cells.groups)
    chosen = np.bincount(cells.group[cells.weight != 1], minlength=size) > 0
    frames = []
    for outcome in OUTCOMES:
        mask = cells.select(outcome)
        total = np.bincount(cells.group[mask], cells.weight[mask], size)
        n, k = (np.bincount(group, minlength=size) for group in (cells.group, cells.group[mask]))
        rows = derive_rows(cells.groups, metric="weighted_count", term=outcome, unit="values", estimate=total, n=n, k=k,
                           cluster_unit=unit, status=str(Status.OK))  # fmt: skip
        frames.append(rows[chosen & (cells.groups["kind"] == "error").to_numpy()])
    return pd.concat(frames, ignore_index=True)


def _estimate_rates(
    cells: Cells, identity: pd.DataFrame, group: Codes, *, level: float, unit: str, small: Mask | None = None
) -> list[pd.DataFrame]:
    frames = []
    for kind, rates in (("error", ERROR_RATES), ("agreement", AGREEMENT_RATES)):
        wanted = (identity["kind"] == kind).to_numpy()
        if not wanted.any():
            continue
        for rate in rates:
            judged = rate if small is None else rate._replace(acceptance=False)
            rows = estimate_rate(cells, identity, group, judged, level=level, unit=unit)
            times = len(rows) // len(identity)
            if small is not None:
                rows = derive_silent(rows, np.tile(small, times), Status.SUPPRESSED, Reason.SMALL_STRATUM)
            frames.append(rows[np.tile(wanted, times)])
    return frames


def estimate_rate(
    cells: Cells, identity: pd.DataFrame, group: Codes, rate: Rate, *, level: float, unit: str
) -> pd.DataFrame:
    """Return one rate of each group: the interval to report, then the one to accept by where the rate has one.

    Args:
        cells: compared values.
        identity: one line per group, with the variable's `type`.
        group: place of each value's group in `identity`.
        rate: which outcomes count.
        level: two-sided confidence.
        unit: what is independent: "patient" or "centre".
    """
    base = cells.select(rate.denominator)
    hit = cells.select(rate.numerator) if rate.numerator else ~cells.conformant
    score = hit[base].astype(np.int8)
    mean = compute_clustered_mean(score, group[base], cells.cluster[base], cells.weight[base], len(identity))
    intervals = [compute_reporting_interval(mean, level)]
    intervals += [compute_acceptance_interval(mean, level)] if rate.acceptance else []
    frames = [derive_rate_rows(identity, rate.metric, mean, it, level=level, unit=unit) for it in intervals]
    rows = pd.concat(frames, ignore_index=True)
    if rate.events:
        return rows
    beside = np.tile((identity["type"] == "events").to_numpy(), len(frames))
    return derive_silent(rows, beside, Status.NOT_APPLICABLE, Reason.TYPE_WITHOUT_METRIC)
