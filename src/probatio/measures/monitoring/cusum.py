"""The CUSUM of batches, its limit, and the run lengths of CUSUM and p-chart, alone and together.

The CUSUM (Page 1954, Biometrika 41:100) sums the log likelihood ratio of a rate whose odds are R times those
in control against the rate p in control, and never falls below 0. A batch of n values with x errors adds

    x log R - n log(1 - p + R p)

(Steiner, Cook, Farewell and Treasure 2000, Biostatistics 1:441, equation 2 summed over a batch; for batches
Reynolds and Stoumbos 1999, J Qual Technol 31:87). It raises an alarm at the limit h, and starts again at 0.

Both terms are rounded to whole `steps` of an event's score, so that the CUSUM walks on a lattice and its run
length, the mean number of batches to an alarm, is the exact solution of a finite linear system: the Markov
chain of Brook and Evans (1972, Biometrika 59:539) without their error of grouping. A batch of another size
has its own transitions; the next one is taken to have any of the sizes seen, with equal probability. Run
lengths start at 0 (a chart just begun, or begun again).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import binom

from probatio.measures.monitoring.limits import Sizes, compute_geometric_length, compute_limits, compute_tails
from probatio.resampling import Floats

Charts = Literal["cusum", "p_chart", "cusum_p_chart"]
P_CHART: Charts = "p_chart"
CUSUM: Charts = "cusum"
BOTH: Charts = "cusum_p_chart"
LONGEST = 1e6
"""Batches; a longer run length is said to be without end (the linear system cannot tell it to nine digits)."""
_FINEST, _COARSEST, _STATES = 2000, 25, 1500


@dataclass(frozen=True)
class Scheme:
    """A CUSUM and a p-chart's upper limit, run side by side on the same batches.

    Attributes:
        rate: in control.
        ratio: odds ratio that is to be detected.
        tail: largest probability of a batch above the p-chart's upper limit, and of one below its lower.
        steps: lattice steps in the score of one event.
        limit: of the CUSUM, in lattice steps.
    """

    rate: float
    ratio: float
    tail: float
    steps: int
    limit: int = 1

    @property
    def unit(self) -> float:
        """One lattice step, as a log likelihood ratio."""
        return math.log(self.ratio) / self.steps

    def compute_penalties(self, sizes: Sizes) -> Sizes:
        """Return what each batch takes away from the CUSUM, in lattice steps.

        Rounded, and never so low that the CUSUM would drift upwards in control.
        """
        exact = sizes * math.log1p(self.rate * (self.ratio - 1)) / self.unit
        least = np.floor(self.steps * self.rate * sizes) + 1
        return np.asarray(np.maximum(np.rint(exact), least), dtype=np.int64)

    def compute_path(self, sizes: Sizes, events: Floats, control: Sizes) -> tuple[Floats, Sizes]:
        """Return the CUSUM after each batch, and whether it is at its limit.

        It starts again at 0 after its own alarm, and after one of the p-chart.

        Args:
            sizes: values of each batch.
            events: errors of each batch; need not be whole (effective counts).
            control: 1 for a batch above the p-chart's upper limit.
        """
        gains = np.rint(self.steps * events).astype(np.int64) - self.compute_penalties(sizes)
        path, signals, value = np.empty(len(sizes)), np.zeros(len(sizes), dtype=np.int64), 0
        for place, gain in enumerate(gains):
            value = max(0, value + int(gain))
            path[place], signals[place] = value * self.unit, value >= self.limit
            if signals[place] or control[place] > 0:
                value = 0
        return path, signals


def design_scheme(rate: float, ratio: float, sizes: Sizes, run_length: float) -> Scheme:
    """Return the scheme whose alarms of either chart come, in control, `run_length` batches apart or more.

    The p-chart may spend half of the alarms; the CUSUM has the lowest limit that keeps to the rest.

    Args:
        rate: in control, between 0 and 1.
        ratio: odds ratio to detect, above 1.
        sizes: of the batches seen, each at least 1.
        run_length: mean number of batches to a false alarm, at least.
    """
    scheme = Scheme(rate, ratio, 1 / (2 * run_length), _choose_steps(rate, ratio, sizes, run_length))
    low, high = 0, 1 + math.ceil(math.log(run_length) / scheme.unit)
    # The transitions under a lower limit are the first rows and columns of those under a higher one.
    whole = _derive_transitions(replace(scheme, limit=high), sizes, rate, limited=True)
    while _solve(whole) < run_length:
        low, high = high, 2 * high
        whole = _derive_transitions(replace(scheme, limit=high), sizes, rate, limited=True)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _solve(whole[:middle, :middle]) >= run_length else (middle, high)
    return replace(scheme, limit=high)


def _choose_steps(rate: float, ratio: float, sizes: Sizes, run_length: float) -> int:
    """Return a lattice fine enough for the smallest batch's penalty, coarse enough to solve quickly.

    The limit never exceeds log(run_length), for the run length is at least exp(h) (Lorden 1971,
    Ann Math Stat 42:1897).
    """
    event, least = math.log(ratio), int(sizes.min()) * math.log1p(rate * (ratio - 1))
    wanted = max(_COARSEST, math.ceil(10 * event / least))
    affordable = math.floor(_STATES * event / math.log(2 * run_length))
    return max(1, min(wanted, affordable, _FINEST))


def compute_run_length(scheme: Scheme, sizes: Sizes, rate: float, charts: Charts) -> float:
    """Return the mean number of batches to an alarm at a true rate; infinite above `LONGEST`.

    Args:
        scheme: as run, whatever the true rate.
        sizes: of the batches seen.
        rate: the true rate.
        charts: whose alarms count.
    """
    if not 0 < rate < 1:
        return math.inf if rate <= 0 else 1.0
    if charts == P_CHART:
        length = compute_geometric_length(compute_tails(sizes, rate, _find_limits(scheme, sizes))[1])
        return length if length <= LONGEST else math.inf
    return _solve(_derive_transitions(scheme, sizes, rate, limited=charts == BOTH))


def _solve(transitions: Floats) -> float:
    """Return the mean number of steps to absorption from the first state; infinite above `LONGEST`."""
    many = len(transitions)
    try:
        length = float(np.linalg.solve(np.eye(many) - transitions, np.ones(many))[0])
    except np.linalg.LinAlgError:
        return math.inf
    return length if 1 - 1e-9 <= length <= LONGEST else math.inf


def _find_limits(scheme: Scheme, sizes: Sizes) -> tuple[Sizes, Sizes]:
    return compute_limits(sizes, scheme.rate, scheme.tail)


def _derive_transitions(scheme: Scheme, sizes: Sizes, rate: float, *, limited: bool) -> Floats:
    """Return the probabilities from each value of the CUSUM to each other, without those of an alarm."""
    many, (kinds, times) = scheme.limit, np.unique(sizes, return_counts=True)
    penalties, highest = scheme.compute_penalties(kinds), _find_limits(scheme, kinds)[1] if limited else kinds
    # More errors than these raise an alarm from any value.
    most = np.minimum(highest, (many + penalties) // scheme.steps + 1)
    events = np.arange(int(most.max()) + 1)
    mass = binom.pmf(events, kinds[:, None], rate) * (times / len(sizes))[:, None]
    total, start = np.zeros(many * many), np.arange(many)[:, None]
    for penalty, own, shares in zip(penalties, most, mass, strict=True):
        target = np.maximum(start + scheme.steps * events[: own + 1] - penalty, 0)
        inside = target < many
        weights = np.broadcast_to(shares[: own + 1], target.shape)[inside]
        total += np.bincount((start * many + target)[inside], weights, many * many)
    return total.reshape(many, many)
