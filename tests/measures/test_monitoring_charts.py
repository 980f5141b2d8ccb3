"""Limits, scores and run lengths of the charts: by hand, by enumeration, by a simulation that shares no code."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.measures.monitoring.cusum import BOTH, CUSUM, P_CHART, Charts, Scheme, compute_run_length, design_scheme
from probatio.measures.monitoring.limits import compute_limits, compute_tails


def count(n: int, p: float, k: int) -> float:
    """Binomial probability by its definition."""
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def shift(rate: float, ratio: float) -> float:
    odds = ratio * rate / (1 - rate)
    return odds / (1 + odds)


@pytest.mark.parametrize("tail", [0.00135, 0.005, 0.05])
@pytest.mark.parametrize(("n", "p"), [(1, 0.05), (20, 0.05), (37, 0.3), (50, 0.5), (200, 0.01), (9, 0.97)])
def test_limits_are_the_narrowest_that_keep_their_probability(n: int, p: float, tail: float) -> None:
    """Direct enumeration: both tails hold the declared probability, and a limit one nearer would not."""
    (lower,), (upper,) = compute_limits(np.array([n]), p, tail)
    below, above = compute_tails(np.array([n]), p, (np.array([lower]), np.array([upper])))
    assert below == pytest.approx(sum(count(n, p, k) for k in range(lower)), abs=1e-12)
    assert above == pytest.approx(sum(count(n, p, k) for k in range(upper + 1, n + 1)), abs=1e-12)
    assert max(below, above) <= tail
    assert sum(count(n, p, k) for k in range(lower + 1)) > tail
    assert upper == 0 or sum(count(n, p, k) for k in range(upper, n + 1)) > tail


def test_three_standard_errors_are_useless_where_errors_are_few() -> None:
    """At 5 % and 20 values: a negative lower limit, and an alarm every 63 batches in place of every 741."""
    p, n, half = 0.05, 20, 3 * math.sqrt(0.05 * 0.95 / 20)
    assert p - half < 0
    crossed = sum(count(n, p, k) for k in range(n + 1) if k / n > p + half)
    assert 1 / crossed == pytest.approx(62.9, abs=0.05)
    limits = compute_limits(np.array([n]), p, 0.00135)
    assert 1 / compute_tails(np.array([n]), p, limits)[1] > 741


def test_batch_score_is_the_sum_of_steiners_patient_scores() -> None:
    """Steiner et al. 2000: log(R / (1 - p + R p)) per death, log(1 / (1 - p + R p)) per survivor, for R0 = 1."""
    p, ratio, n, deaths = 0.07, 2.0, 40, 5
    scheme = Scheme(p, ratio, 0.005, 2000, 10**6)
    by_patient = [math.log((ratio if place < deaths else 1) / (1 - p + ratio * p)) for place in range(n)]
    path, _ = scheme.compute_path(np.array([n]), np.array([float(deaths)]), np.zeros(1, dtype=np.int64))
    assert path[0] == pytest.approx(sum(by_patient), abs=scheme.unit / 2)


def test_cusum_of_five_batches_by_hand() -> None:
    """Twenty values a batch, 5 % in control, R = 2: each error adds ln 2 = 0.693, each batch takes 20 ln 1.05 = 0.976.

    1 error: 0; 3: 1.104; 2: 1.514; 4: 3.311, an alarm at h = 3; then from 0 again, 2: 0.411.
    """
    scheme = Scheme(0.05, 2.0, 0.001, 1000, math.ceil(3 / (math.log(2) / 1000)))
    errors = np.array([1.0, 3.0, 2.0, 4.0, 2.0])
    path, signals = scheme.compute_path(np.full(5, 20), errors, np.zeros(5, dtype=np.int64))
    assert path == pytest.approx([0.0, 1.104, 1.514, 3.311, 0.411], abs=0.002)
    assert signals.tolist() == [0, 0, 0, 1, 0]


def test_an_alarm_of_the_p_chart_starts_the_cusum_again() -> None:
    """Both charts are begun again after either's alarm."""
    scheme = Scheme(0.05, 2.0, 0.001, 1000, 10**6)
    path, _ = scheme.compute_path(np.full(2, 20), np.array([4.0, 2.0]), np.array([1, 0]))
    assert path[1] == pytest.approx(0.411, abs=0.002)


def test_run_length_of_a_chain_of_two_values_by_hand() -> None:
    """One step per event, limit 2, one value a batch: from 0 an error leads to 0 (+1 - 1), and never to an alarm.

    With two values a batch (penalty 1): 0 or 1 error stay at 0, 2 errors lead to 1; from 1, two more lead to 2.
    L0 = 1 + (1 - q) L0 + q L1, L1 = 1 + r L0 + s L1 with q = p^2, r = (1 - p)^2, s = 2 p (1 - p).
    """
    p = 0.3
    scheme = Scheme(p, 1.5, 1e-9, 1, 2)
    assert scheme.compute_penalties(np.array([2])).tolist() == [1]
    q, r, s = p**2, (1 - p) ** 2, 2 * p * (1 - p)
    first = (1 / q + 1 / (1 - s)) / (1 - r / (1 - s))
    assert compute_run_length(scheme, np.array([2]), p, CUSUM) == pytest.approx(first, rel=1e-12)
    assert math.isinf(compute_run_length(scheme, np.array([1]), p, CUSUM))


def test_p_chart_run_length_is_geometric() -> None:
    """The mean number of batches is one over the mean probability of a batch above its own limit."""
    sizes = np.array([10, 25, 60])
    scheme = Scheme(0.08, 2.0, 0.01, 25, 50)
    above = []
    for n in sizes:
        (upper,) = compute_limits(np.array([n]), 0.08, 0.01)[1]
        above.append(sum(count(n, 0.08, k) for k in range(upper + 1, n + 1)))
    assert compute_run_length(scheme, sizes, 0.08, P_CHART) == pytest.approx(3 / sum(above), rel=1e-10)


def simulate(scheme: Scheme, sizes: np.ndarray, rate: float, charts: Charts, runs: int, seed: int) -> np.ndarray:
    """Run lengths of charts, one at a time, value by value, with limits found by counting."""
    rng, lengths = np.random.default_rng(seed), []
    tops = {}
    for n in set(sizes.tolist()):
        tail = [sum(count(n, scheme.rate, k) for k in range(u + 1, n + 1)) for u in range(n + 1)]
        tops[n] = next(u for u, share in enumerate(tail) if share <= scheme.tail)
    for _ in range(runs):
        value, length, alarm = 0.0, 0, False
        while not alarm:
            n = int(rng.choice(sizes))
            errors = int((rng.random(n) < rate).sum())
            taken = round(n * math.log(1 + scheme.rate * (scheme.ratio - 1)) / scheme.unit)
            value, length = max(0.0, value + scheme.steps * errors - taken), length + 1
            alarm = (charts != P_CHART and value >= scheme.limit) or (charts != CUSUM and errors > tops[n])
        lengths.append(length)
    return np.array(lengths)


@pytest.mark.parametrize("charts", [CUSUM, P_CHART, BOTH])
@pytest.mark.parametrize(
    ("sizes", "rate", "ratio"), [([20], 0.05, 2.0), ([8, 20, 45, 45], 0.1, 1.5), ([30, 60], 0.02, 3.0)]
)
def test_run_lengths_are_those_of_charts_run_one_by_one(
    sizes: list[int], rate: float, ratio: float, charts: Charts
) -> None:
    """Equal and unequal sizes, in and out of control: the stated length lies within 4 standard errors of the mean."""
    scheme = design_scheme(rate, ratio, np.array(sizes), 30.0)
    for seed, true in enumerate((rate, shift(rate, ratio))):
        seen = simulate(scheme, np.array(sizes), true, charts, 400, seed)
        stated = compute_run_length(scheme, np.array(sizes), true, charts)
        assert abs(seen.mean() - stated) < 4 * seen.std() / math.sqrt(len(seen))


@given(
    st.floats(0.001, 0.6), st.floats(1.1, 5), st.lists(st.integers(1, 300), min_size=1, max_size=6), st.floats(2, 500)
)
@settings(max_examples=20, deadline=None)
def test_a_design_holds_its_run_length_and_no_lower_limit_would(
    rate: float, ratio: float, sizes: list[int], wanted: float
) -> None:
    """Whatever the sizes: both charts together reach the length, each alone is longer, one step less falls short."""
    batches = np.array(sizes)
    scheme = design_scheme(rate, ratio, batches, wanted)
    both = compute_run_length(scheme, batches, rate, BOTH)
    assert both >= wanted
    assert min(compute_run_length(scheme, batches, rate, chart) for chart in (CUSUM, P_CHART)) >= both * (1 - 1e-9)
    assert (
        scheme.limit == 1
        or compute_run_length(Scheme(rate, ratio, scheme.tail, scheme.steps, scheme.limit - 1), batches, rate, BOTH)
        < wanted
    )
    assert compute_run_length(scheme, batches, shift(rate, ratio), BOTH) <= both * (1 + 1e-9)


def test_run_length_falls_as_the_rate_rises() -> None:
    """What carries a baseline's interval over to the run length: a monotone function of the rate."""
    scheme = design_scheme(0.05, 2.0, np.array([20, 35]), 100.0)
    lengths = [compute_run_length(scheme, np.array([20, 35]), rate, BOTH) for rate in (0, 0.02, 0.05, 0.08, 0.2, 1)]
    assert math.isinf(lengths[0])
    assert lengths[1:] == sorted(lengths[1:], reverse=True)
    assert lengths[-1] == 1.0


@pytest.mark.parametrize("ratio", [1.05, 1.2, 2.0, 10.0])
@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5, 0.95])
def test_the_cusum_never_drifts_upwards_in_control(rate: float, ratio: float) -> None:
    """Rounded to steps of any width, what a batch takes away exceeds what its errors bring on average."""
    sizes = np.arange(1, 400)
    for steps in (1, 7, 25, 200):
        penalties = Scheme(rate, ratio, 0.005, steps).compute_penalties(sizes)
        assert (penalties > steps * rate * sizes).all()


def test_finer_steps_change_little() -> None:
    """The lattice is fine enough: 25 steps an event and 500 give run lengths within 5 % at the same limit."""
    sizes, rate = np.array([20]), 0.05
    scheme = design_scheme(rate, 2.0, sizes, 100.0)
    fine = Scheme(rate, 2.0, scheme.tail, 500, round(scheme.limit * scheme.unit / (math.log(2) / 500)))
    near = [compute_run_length(each, sizes, rate, CUSUM) for each in (scheme, fine)]
    assert near[0] == pytest.approx(near[1], rel=0.05)
