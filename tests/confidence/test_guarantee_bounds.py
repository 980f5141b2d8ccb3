"""p-values of a share of errors above alpha: golden values, enumeration, and what they must never do."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from probatio.confidence import bounds
from probatio.confidence.bounds import (
    compute_betting_p,
    compute_binomial_p,
    compute_hoeffding_bentkus_p,
    find_fewest,
)
from probatio.planning.proportions import compute_critical


@pytest.mark.parametrize(
    ("alpha", "n", "most"),
    [(0.05, 100, 1), (0.05, 200, 4), (0.05, 500, 16), (0.05, 1000, 38),
     (0.02, 100, -1), (0.02, 200, 0), (0.02, 500, 4), (0.02, 1000, 12)],
)  # fmt: skip
def test_most_errors_among_accepted_are_those_of_the_golden_values(alpha: float, n: int, most: int) -> None:
    """golds.md section 9: with one error more the p-value passes 5 %, and so does the Clopper-Pearson upper bound."""
    assert int(compute_critical(n, alpha, 0.05)[0]) == most
    assert compute_binomial_p(most + 1, n, alpha) > 0.05
    if most >= 0:
        assert compute_binomial_p(most, n, alpha) <= 0.05
        assert stats.beta.ppf(0.95, most + 1, n - most) <= alpha < stats.beta.ppf(0.95, most + 2, n - most - 1)


@pytest.mark.parametrize(("alpha", "n"), [(0.01, 299), (0.02, 149), (0.05, 59)])
def test_zero_error_rule(alpha: float, n: int) -> None:
    """golds.md section 9: so many values without an error, and not one fewer, show a share below alpha."""
    assert find_fewest(alpha, 0.05) == n
    assert compute_binomial_p(0, n, alpha) <= 0.05 < compute_binomial_p(0, n - 1, alpha)


@given(n=st.integers(0, 400), share=st.floats(0, 1), alpha=st.floats(0.005, 0.5))
def test_binomial_p_is_scipy_s_distribution_function(n: int, share: float, alpha: float) -> None:
    """An unrelated implementation agrees; without a value nothing is shown."""
    k = round(share * n)
    expected = stats.binom.cdf(k, n, alpha) if n else 1.0
    assert float(compute_binomial_p(k, n, alpha)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def _enumerate(patients: int, values: int, law: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Every outcome of so many patients, as errors per patient, and its probability."""
    outcomes = np.array(list(itertools.product(law, repeat=patients)), dtype=float)
    return outcomes, np.prod(np.vectorize(law.get)(outcomes.astype(int)), axis=1)


@pytest.mark.parametrize(
    ("alpha", "values", "law"),
    [
        (0.4, 1, {0: 0.6, 1: 0.4}),
        (0.5, 2, {0: 0.5, 2: 0.5}),  # both values of a patient alike
        (0.5, 2, {0: 0.4, 1: 0.2, 2: 0.4}),
        (0.6, 3, {0: 0.4, 3: 0.6}),
    ],
)
@pytest.mark.parametrize("imagined", [bounds.IMAGINED, 0.01])
def test_p_values_are_valid_over_every_outcome(
    alpha: float, values: int, law: dict[int, float], imagined: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a share of exactly alpha, P(p <= x) <= x for every x, however the values of a patient hang together.

    Also for a gambler who imagines next to nothing, whose stakes follow each patient: one who knew the patient before
    betting would grow rich here.
    """
    monkeypatch.setattr(bounds, "IMAGINED", imagined)
    errors, chance = _enumerate(11 if len(law) == 2 else 8, values, law)
    assert chance.sum() == pytest.approx(1)
    sums, most = errors - alpha * values, np.full(len(errors), float(values))
    n = np.full(len(errors), errors.shape[1])
    taught = np.full((len(errors), 3), -alpha * values)  # tuning patients without an error: the boldest gambler
    for p in (
        compute_betting_p(sums, most, alpha),
        compute_betting_p(sums, most, alpha, before=taught),
        compute_hoeffding_bentkus_p(sums, most, alpha, n),
    ):
        for x in (0.01, 0.05, 0.1, 0.2, 0.4):
            assert chance[p <= x].sum() <= x + 1e-12
        assert ((p >= 0) & (p <= 1)).all()


def test_enumeration_would_find_the_binomial_on_clustered_values() -> None:
    """The same enumeration shows what is wrong with taking values for patients: the test above can fail."""
    errors, chance = _enumerate(11, 2, {0: 0.5, 2: 0.5})
    p = compute_binomial_p(errors.sum(axis=1), 22, 0.5)
    assert chance[p <= 0.05].sum() > 0.1


def test_first_stake_is_that_of_half_the_risk() -> None:
    """Before any patient the gambler believes in alpha / 2, and stakes 1 - (alpha / 2) / alpha = 0.5 (Kelly)."""
    p = compute_betting_p(np.array([[-0.05]]), 1.0, 0.05)
    assert float(p[0]) == pytest.approx(1 / (1 + 0.5 * 0.05 / 0.95), rel=1e-12)


def test_betting_by_hand() -> None:
    """Without an error capital grows by the largest stake at each patient: (1 + 0.95 alpha / (1 - alpha))^n."""
    alpha, n = 0.05, 100
    sums = np.full((1, n), -alpha)
    p = compute_betting_p(sums, 1.0, alpha, before=np.full((1, 300), -alpha))
    assert float(p[0]) == pytest.approx((1 + 0.95 * alpha / (1 - alpha)) ** -n, rel=1e-9)


def test_betting_takes_the_highest_capital_on_the_way() -> None:
    """What was won counts, even when errors come later; errors first cannot be made good by the same number."""
    good, bad = np.full(80, -0.05), np.full(6, 0.95)
    late = compute_betting_p(np.concatenate([good, bad])[None], 1.0, 0.05)
    early = compute_betting_p(np.concatenate([bad, good])[None], 1.0, 0.05)
    assert late[0] < 0.05 < early[0]


def test_hoeffding_bentkus_by_hand() -> None:
    """One value per patient: e times the binomial, or exp(-n KL), whichever is smaller (Bates et al. 2021)."""
    n, k, alpha = 200, 2, 0.05
    sums = (np.arange(n) < k) - alpha
    mean = k / n
    kl = mean * math.log(mean / alpha) + (1 - mean) * math.log((1 - mean) / (1 - alpha))
    expected = min(math.exp(-n * kl), math.e * stats.binom.cdf(k, n, alpha))
    found = compute_hoeffding_bentkus_p(sums[None], 1.0, alpha, np.array([n]))
    assert float(found[0]) == pytest.approx(expected, rel=1e-9)


def test_patients_without_an_accepted_value_change_nothing() -> None:
    """They stake nothing: the betting p-value is the same with and without them."""
    rng = np.random.default_rng(4)
    sums = (rng.random(150) < 0.01) - 0.05
    padded = np.zeros(300)
    padded[::2] = sums
    both = [compute_betting_p(each[None], 1.0, 0.05)[0] for each in (sums, padded)]
    assert both[0] == pytest.approx(both[1], rel=1e-12)
