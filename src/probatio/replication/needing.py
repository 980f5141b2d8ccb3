"""How many patients would decide whether two sources are equivalent, were they so.

| metric | method | estimate |
|---|---|---|
| patients_needed (`at` the power) | tost_log_hazard_ratio, tost_rmst_difference | patients with which the paired interval lies within the margin with that power, when the true difference is 0; `n`: analysed, `k`: how many are missing; `lower` and `upper`: the same number at the bounds of the standard error |
| needed_assurance (`at` the power) | the same | that power, averaged over what is not known of the standard error |

The alternative is written before the data are seen: no difference. At the observed difference a power only says
again that the result is open. From the data comes the spread alone: the paired standard error times the root of the
number of patients. The test is the one that judges: two one-sided tests (Schuirmann 1987) by the t interval on as
many degrees of freedom as patients differ, and they grow with the sample. With a standard error known, power is
2 Phi(m sqrt(n) / s - z) - 1, hence n = (s (z + z_power) / m)^2 with z_power the normal quantile of (1 + power) / 2 (Chow, Shao and Wang
2008, section 3.1.3); here it is averaged over the standard error's own chi-squared law.

A new study is as the old: the same share of patients who differ, the same follow-up.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from probatio.records.canonical import derive_number_text
from probatio.replication.differences import Difference, derive_test_level
from probatio.replication.estimate import describe_undefined
from probatio.resampling import Floats
from probatio.results import Reason, build_row

POWERS = (0.8, 0.9)
LARGEST = 10_000_000
_QUANTILES = (np.arange(200) + 0.5) / 200


class Spread(NamedTuple):
    """What a study tells of the next: paired standard error, patients it comes from, patients who differ."""

    error: float
    patients: int
    differing: int

    @property
    def per_root(self) -> float:
        """Standard error of a single patient's study: it falls with the root of their number."""
        return self.error * float(np.sqrt(self.patients))


def compute_power(spread: Spread, patients: float, limit: float, level: float) -> float:
    """Return the probability that the paired t interval lies within +-limit when the true difference is 0.

    Args:
        spread: of the study at hand.
        patients: of the study planned.
        limit: margin on the scale of the difference.
        level: two-sided confidence of the interval that tests, 0.90.
    """
    degrees = spread.differing * patients / spread.patients
    ratios = np.sqrt(_draw_squares(degrees) / degrees)
    reach = limit * np.sqrt(patients) / spread.per_root - special.stdtrit(degrees, 0.5 + level / 2) * ratios
    return float(np.mean(np.maximum(2 * special.ndtr(reach) - 1, 0)))


def find_patients(spread: Spread, power: float, limit: float, level: float) -> int | None:
    """Return the fewest patients that reach a power; None when above `LARGEST`."""
    low, high = 1, LARGEST
    if compute_power(spread, high, limit, level) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if compute_power(spread, middle, limit, level) >= power else (middle + 1, high)
    return low


def compute_assurance(spread: Spread, patients: float, limit: float, level: float) -> float:
    """Return the power averaged over the standard errors that the one observed leaves possible."""
    errors = _list_errors(spread, _QUANTILES[::8])
    powers = [compute_power(spread._replace(error=error), patients, limit, level) for error in errors]
    return float(np.mean(powers))


def derive_need_rows(
    found: Difference, limit: float, level: float, *, method: str, **key: Any
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one paired difference, per power of `POWERS`.

    Args:
        found: the difference.
        limit: its margin, on its own scale.
        level: two-sided confidence of the protocol.
        method: which difference decides.
        key: identifying columns, and n, the patients analysed.
    """
    fields = key | {"method": method, "unit": "patients"}
    narrow = derive_test_level(level)
    for power in POWERS:
        at = {"at": derive_number_text(power)}
        if not found.has_interval:
            empty = fields | at | {"k": None} | describe_undefined(found.reason)
            yield from (build_row(metric, None, **empty) for metric in ("patients_needed", "needed_assurance"))
            continue
        spread = Spread(found.standard_error, key["n"], found.differing)
        yield from _derive_rows(spread, power, limit, narrow, fields | at)


def _derive_rows(
    spread: Spread, power: float, limit: float, narrow: float, fields: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    needed = find_patients(spread, power, limit, narrow)
    if needed is None:
        empty = fields | {"k": None} | describe_undefined(Reason.NOT_REACHED)
        yield from (build_row(metric, None, **empty) for metric in ("patients_needed", "needed_assurance"))
        return
    bounds = [find_patients(spread._replace(error=error), power, limit, narrow) or np.inf
              for error in _list_errors(spread, np.array([0.025, 0.975]))]  # fmt: skip
    missing = max(needed - spread.patients, 0)
    yield build_row(
        "patients_needed", needed, lower=bounds[0], upper=bounds[1], level=0.95, **(fields | {"k": missing})
    )
    mean = compute_assurance(spread, needed, limit, narrow)
    yield build_row("needed_assurance", mean, **(fields | {"unit": "proportion", "k": None}))


def _list_errors(spread: Spread, shares: Floats) -> list[float]:
    """Return quantiles of the true standard error, given the one observed on so many degrees of freedom."""
    squares = special.chdtri(spread.differing, shares)
    return [spread.error * float(np.sqrt(spread.differing / square)) for square in squares]


def _draw_squares(degrees: float) -> Floats:
    return np.asarray(special.chdtri(degrees, _QUANTILES))
