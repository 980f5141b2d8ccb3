"""What paired differences say of the conclusion: equivalence, and RCT-DUPLICATE's agreement.

Rows (n: patients analysed in either; k: those whose endpoint, group or covariates differ
between the two, or whom only one has):

| metric | method | estimate |
|---|---|---|
| paired_standard_error | bootstrap; bootstrap_weighted: of the weighted ratio, here and below | that of delta_log_hazard_ratio |
| equivalence (`at` the margin) | paired_t | 1 equivalent: the 90 % interval of delta_log_hazard_ratio lies within +-log margin; -1 not equivalent: wholly outside; 0 inconclusive. The word stands in `unit`, the interval in `lower` and `upper` |
| equivalence_rmst (`at` the margin, days) | paired_t | the same of delta_rmst_difference at the last horizon (delta_rmst in an analysis without terms); `not_declared` without `rmst_margin` |
| equivalence_weighted (`at` the margin) | paired_t | the same of delta_weighted_log_hazard_ratio |
| regulatory_agreement | that of the log hazard ratio: wald_efron, wald_robust; percentile_bootstrap where weighted | 1 when both hazard ratios are significant in the same direction, or neither is |
| estimate_agreement | the same | 1 when the source's log hazard ratio lies in the comparator's interval |
| standardised_difference | bootstrap | delta_log_hazard_ratio / paired_standard_error |
| standardised_difference_agreement | bootstrap | 1 when its size is below the normal quantile of the level |

Where no replicate differs the bootstrap knows no interval: equivalence is then 1 with reason `no_interval`, for the
two are equal on these patients and more is not shown.

Source: RCT-DUPLICATE: Franklin 2021, Circulation 143:1002; Wang 2023, JAMA 329:1376 (here with the paired
standard error); equivalence by interval inclusion: Schuirmann 1987; Efron and Tibshirani 1993, chapter 13.
"""  # noqa: E501

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import stats

from probatio.records.canonical import derive_number_text
from probatio.replication.differences import (
    Difference,
    Row,
    compute_difference,
    compute_interval,
    derive_test_level,
    describe_label,
    state_number,
)
from probatio.replication.estimate import Estimate
from probatio.results import Reason, Status, build_row

VERDICTS = {1: "equivalent", 0: "inconclusive", -1: "not_equivalent"}


def derive_agreement_rows(
    one: Estimate, other: Estimate, level: float, *, independent: bool, **key: Any
) -> Iterator[Row]:
    """Yield standard error and agreement of one coefficient.

    Args:
        one: the source's log hazard ratio.
        other: the comparator's.
        level: two-sided confidence of the protocol.
        independent: whether the two worked without seeing each other; agreement needs it.
        key: identifying columns and n, k.
    """
    found = compute_difference(one, other, key["k"])
    shared = key | describe_label(one) | {"replicates": len(found.replicates)}
    yield state_number(
        "paired_standard_error", found.standard_error, found.reason, shared | {"method": _name_bootstrap(one)}
    )
    for row in _derive_agreement(one, other, found, level, shared):
        yield row if independent else withhold_row(row)


def derive_equivalence_row(
    metric: str, found: Difference, margin: float, level: float, *, limit: float, **key: Any
) -> Row:
    """Return the verdict on one difference.

    Args:
        metric: name of the row.
        found: the difference.
        margin: as the protocol states it; names the row.
        level: two-sided confidence of the protocol.
        limit: the margin on the difference's own scale.
        key: identifying columns and n, k.
    """
    narrow = derive_test_level(level)
    fields = key | {"method": "paired_t", "level": narrow, "at": derive_number_text(float(margin)),
                    "replicates": len(found.replicates)}  # fmt: skip
    if not found.has_interval and not found.is_same:
        return state_number(metric, np.nan, found.reason, fields)
    lower, upper = compute_interval(found, "paired_t", narrow)
    verdict = 1 if found.is_same else compute_verdict_within(lower, upper, limit)
    bounds = {"lower": lower, "upper": upper, "unit": VERDICTS[verdict], "reason": found.reason}
    return build_row(metric, verdict, **fields, **bounds)


def compute_verdict(lower: float, upper: float, margin: float) -> int:
    """Return 1 when an interval lies within +-log margin, -1 when wholly outside, else 0."""
    return compute_verdict_within(lower, upper, math.log(margin))


def compute_verdict_within(lower: float, upper: float, limit: float) -> int:
    """Return 1 when an interval lies within +-limit, -1 when wholly outside, else 0."""
    if -limit < lower and upper < limit:
        return 1
    return -1 if lower >= limit or upper <= -limit else 0


def withhold_row(row: Row) -> Row:
    """Return the row of a judgement that two readings which saw each other do not allow."""
    empty = {"estimate": np.nan, "lower": np.nan, "upper": np.nan, "unit": ""}
    return row | empty | {"status": str(Status.NOT_APPLICABLE), "reason": str(Reason.NOT_INDEPENDENT)}


def _derive_agreement(one: Estimate, other: Estimate, found: Difference, level: float, shared: Row) -> Iterator[Row]:
    shared = shared | {"level": level}
    wald = shared | {"method": one.fields["method"]}
    paired = shared | {"method": _name_bootstrap(one)}
    bounded = all("lower" in each.fields for each in (one, other))
    reason = found.reason if np.isnan(found.value) or bounded else Reason.NO_INTERVAL
    if np.isnan(found.value) or not bounded:
        for metric in ("regulatory_agreement", "estimate_agreement"):
            yield state_number(metric, np.nan, reason, wald)
    else:
        yield build_row("regulatory_agreement", _find_side(one) == _find_side(other), **wald)
        inside = other.fields["lower"] <= one.value <= other.fields["upper"]
        yield build_row("estimate_agreement", inside, **wald)
    score = found.value / found.standard_error
    agrees = abs(score) < stats.norm.ppf(0.5 + level / 2) if found.has_interval else np.nan
    yield state_number("standardised_difference", score, found.reason, paired)
    yield state_number("standardised_difference_agreement", float(agrees), found.reason, paired)


def _name_bootstrap(one: Estimate) -> str:
    return "bootstrap_weighted" if one.metric.startswith("weighted") else "bootstrap"


def _find_side(one: Estimate) -> int:
    """Return the direction of a significant effect, 0 for none."""
    return int(one.fields["lower"] > 0) - int(one.fields["upper"] < 0)
