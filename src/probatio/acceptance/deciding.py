"""One criterion, one number: passed, passed with review, failed, or open.

- *passed*: the bound of the acceptance interval lies on the right side of the threshold, one-sided (1 - level)/2;
- *passed with review*: only on the right side of the laxer threshold `review`;
- *failed*: the whole interval lies on the wrong side of the laxest threshold, after Holm's (1979) correction
  over the applicable criteria of that variable and use;
- *open* otherwise, or when the metric is not estimable, suppressed or in error.

A count (failed checks, warnings) looked at all records: it is a fact without an interval, and is judged as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from scipy import stats

from probatio.measures.homogeneity import compute_holm
from probatio.protocol import Criterion
from probatio.results import Status

NEAR = 1e-9
"""A bound nearer to its threshold than this may fall on the other side on another machine."""

Row = Mapping[str, Any]


class Decision(IntEnum):
    """How one criterion came out; the estimate of a `decision` row, its word in `unit`."""

    FAILED = 0
    OPEN = 1
    PASSED_WITH_REVIEW = 2
    PASSED = 3


def compute_decisions(judged: Sequence[Row], criteria: Sequence[Criterion], *, level: float) -> list[Decision | None]:
    """Return each criterion's decision; None where it is not applicable.

    Source: Holm 1979, Scand J Stat 6:65, over the applicable criteria.
    """
    alpha = (1 - level) / 2
    applicable = [row["status"] != Status.NOT_APPLICABLE for row in judged]
    kept = [pair for pair, known in zip(zip(judged, criteria, strict=True), applicable, strict=True) if known]
    fails = compute_holm(np.array([compute_failure_p(row, criterion) for row, criterion in kept]))
    decided = iter([_decide(*pair, failed=bool(p <= alpha)) for pair, p in zip(kept, fails, strict=True)])
    return [next(decided) if known else None for known in applicable]


def read_bound(row: Row, criterion: Criterion) -> float:
    """Return what is held against the threshold: the interval's bound, or a count; NaN without one."""
    if row["status"] != Status.OK:
        return math.nan
    if criterion.is_counted:
        return float(row["estimate"])
    return float(row["upper"] if criterion.bound == "upper" else row["lower"])


def is_near(row: Row, criterion: Criterion) -> bool:
    """Say whether another machine's last digit could change the decision."""
    limits = [criterion.limit] if criterion.review is None else [criterion.limit, criterion.review]
    return any(abs(read_bound(row, criterion) - limit) <= NEAR for limit in limits)


def _decide(row: Row, criterion: Criterion, *, failed: bool) -> Decision:
    bound = read_bound(row, criterion)
    if math.isnan(bound):
        return Decision.OPEN
    if _is_right(bound, criterion.limit, criterion.bound):
        return Decision.PASSED
    if criterion.review is not None and _is_right(bound, criterion.review, criterion.bound):
        return Decision.PASSED_WITH_REVIEW
    return Decision.FAILED if failed else Decision.OPEN


def _is_right(bound: float, threshold: float, side: str) -> bool:
    return bound < threshold if side == "upper" else bound > threshold


def compute_failure_p(row: Row, criterion: Criterion) -> float:
    """Return the one-sided p-value of "the true value is on the right side of the laxest threshold".

    Exact binomial where the judged interval is Clopper-Pearson's; otherwise normal, with the standard
    error read from the interval's bound on the threshold's side (so that test and interval agree
    there). 0 or 1 for a count; 1.0 where the row has no number.
    """
    limit = criterion.limit if criterion.review is None else criterion.review
    if criterion.is_counted and row["status"] == Status.OK:
        return float(_is_right(row["estimate"], limit, criterion.bound))
    if row["status"] != Status.OK or math.isnan(row["lower"]) or math.isnan(row["upper"]):
        return 1.0
    if row["method"] == "clopper_pearson":
        k, n = int(row["k"]), int(row["n"])
        return float(stats.binom.sf(k - 1, n, limit) if criterion.bound == "upper" else stats.binom.cdf(k, n, limit))
    near = row["lower"] if criterion.bound == "upper" else row["upper"]
    error = abs(row["estimate"] - near) / stats.norm.ppf(0.5 + row["level"] / 2)
    if error == 0:
        return 1.0
    z = (row["estimate"] - limit) / error
    return float(stats.norm.sf(z if criterion.bound == "upper" else -z))
