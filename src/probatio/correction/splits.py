"""Repeated parts of a finite population: how often does each interval hold what the reference says of all?

| metric (after the number's own, as `log_hazard_ratio_coverage`) | what |
|---|---|
| _coverage | share of splits whose interval holds the reference's estimate on all (Wilson interval over splits) |
| _mean, _spread, _width | mean and standard deviation of the estimates over splits, mean width of their intervals |

`n` is the number of splits with an interval, `k` of those that hold. The splits are independent draws from the same
patients, so that the coverage of a `_finite` interval should be the level; the others aim at patients in general and
hold this one population more often.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from probatio.correction.numbers import Found, Number
from probatio.correction.predicting import derive_readings, list_results
from probatio.correction.sample import Sample
from probatio.protocol import Analysis
from probatio.resampling import compute_wilson
from probatio.results import Reason, Status, build_row


class Held(NamedTuple):
    """One interval of one split beside what it should hold."""

    estimate: float
    lower: float
    upper: float


def list_split_rows(
    samples: Iterable[Sample], analysis: Analysis, whole: Found, truth: dict[Number, float], level: float
) -> Iterator[dict[str, Any]]:
    """Yield rows over all splits; the caller adds analysis, source and the correction's name.

    Args:
        samples: one per split.
        analysis: its terms, horizons and landmarks.
        whole: the source on all patients, the same in every split.
        truth: the reference's numbers on all.
        level: two-sided confidence.
    """
    found: dict[tuple[Number, str], list[Held]] = {}
    for sample in samples:
        readings = derive_readings(sample, analysis, whole=whole)
        for result, _ in list_results(readings, level, sampled=sample.nested):
            if result.method != "naive" and result.number in truth:
                held = found.setdefault((result.number, result.method), [])
                held.append(Held(*result.interval[:1], *result.interval[2:4]))
    for (number, method), held in found.items():
        yield from _summarise(number, method, held, truth[number], level)


def _summarise(number: Number, method: str, held: list[Held], truth: float, level: float) -> Iterator[dict[str, Any]]:
    fields: dict[str, Any] = {"variable": number.label.variable, "term": number.label.term, "at": number.at,
                              "method": method, "level": level}  # fmt: skip
    table = np.array(held)
    known = table[~np.isnan(table).any(axis=1)]
    n, names = len(known), ("coverage", "mean", "spread", "width")
    if n < 2 or np.isnan(truth):
        silent: dict[str, Any] = {"status": Status.NOT_ESTIMABLE, "reason": Reason.NO_INTERVAL}
        yield from (build_row(f"{number.metric}_{name}", n=n, **fields, **silent) for name in names)
        return
    k = int(((known[:, 1] <= truth) & (truth <= known[:, 2])).sum())
    lower, upper = (float(bound) for bound in compute_wilson(k, n, level))
    yield build_row(f"{number.metric}_coverage", k / n, lower=lower, upper=upper, n=n, k=k, **fields)
    values = (known[:, 0].mean(), known[:, 0].std(ddof=1), (known[:, 2] - known[:, 1]).mean())
    for name, value in zip(names[1:], values, strict=True):
        yield build_row(f"{number.metric}_{name}", float(value), n=n, unit=number.unit, **fields)
