"""MC-SIMEX: powers of matrices, the simulation step's expectation, the extrapolation, and what it recovers."""

from __future__ import annotations

import numpy as np
import pytest

from probatio.correction import Sample
from probatio.correction.simex import compute_matrices, compute_power, derive_expanded, extrapolate, list_simex
from probatio.protocol import Simex
from probatio.replication import derive_view
from probatio.results import Reason
from probatio.survival import compute_cox, compute_cox_replicates, prepare_cox
from survival_study import BY_STAGE, build_protocol, build_records, simulate


def build_sample(seed: int, n: int, *, share_wrong: float, labelled: float = 0.5, log_ratio: float = 0.8) -> Sample:
    """Return patients of whom a share is labelled; errors do not depend on the outcome."""
    protocol = build_protocol(BY_STAGE)
    records = build_records(*simulate(seed, n, log_ratio=log_ratio, share_wrong=share_wrong))
    gold, proxy = (derive_view(records, protocol, protocol.analyses[0], name) for name in ("registry", "ai"))
    mine = np.random.default_rng([seed, 1]).random(n) < labelled
    return Sample(gold, proxy, mine, np.full(n, labelled), np.full(n, "", dtype=np.str_))


def test_powers_multiply() -> None:
    """P^a P^b = P^(a + b), P^1 = P, P^0 is no error; each row adds up to 1."""
    matrix = np.array([[[0.9, 0.1], [0.2, 0.8]], [[1.0, 0.0], [0.0, 1.0]]])
    half, whole = compute_power(matrix, 0.5), compute_power(matrix, 1.0)
    np.testing.assert_allclose(half @ half, matrix, atol=1e-12)
    np.testing.assert_allclose(whole, matrix, atol=1e-12)
    np.testing.assert_allclose(compute_power(matrix, 0.0), np.broadcast_to(np.eye(2), (2, 2, 2)), atol=1e-12)
    three = np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
    np.testing.assert_allclose(compute_power(three, 2.0), three @ three, atol=1e-12)


def test_no_power_of_a_reading_worse_than_chance() -> None:
    """Se + Sp below 1, or a class never seen: undefined, not a matrix with negative entries."""
    worse, unknown = np.array([[0.3, 0.7], [0.6, 0.4]]), np.array([[np.nan, np.nan], [0.1, 0.9]])
    assert np.isnan(compute_power(np.stack([worse, unknown]), 0.5)).all()


def test_expectation_of_the_simulation_step() -> None:
    """The weighted regression gives the mean over simulated data sets, up to their scatter."""
    sample = build_sample(2, 800, share_wrong=0.1)
    expanded = derive_expanded(sample.proxy, sample.proxy_kept, differential=False)
    matrix = np.array([[0.85, 0.15], [0.2, 0.8]])
    shares = matrix[expanded.read].reshape(1, -1)
    found = compute_cox_replicates(expanded.problem, shares, np.zeros(1))[0, 0]
    rng, drawn = np.random.default_rng(1), []
    for _ in range(150):
        read = rng.random(800) < matrix[sample.proxy.group, 1]
        problem = prepare_cox(sample.proxy.time, sample.proxy.event, read[:, None].astype(float), ties="breslow")
        drawn.append(compute_cox(problem).coefficients[0])
    assert found == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(150) + 0.005)


def test_extrapolation_is_exact_on_its_own_curve() -> None:
    """A parabola and an exponential are continued to lambda = -1; a curve that changes sign has no logarithm."""
    lambdas = [0.5, 1.0, 1.5, 2.0]
    x = np.array([0.0, *lambdas])
    parabola = (1 - 0.4 * x + 0.05 * x**2)[None, :, None]
    assert extrapolate(parabola, lambdas, "quadratic")[0, 0] == pytest.approx(1.45)
    assert extrapolate(-np.exp(0.2 - 0.3 * x)[None, :, None], lambdas, "log_linear")[0, 0] == pytest.approx(
        -np.exp(0.5)
    )
    assert np.isnan(extrapolate((0.1 - 0.2 * x)[None, :, None], lambdas, "log_linear")).all()


def test_matrices_are_those_of_the_labelled() -> None:
    """Row i says how a true i is read, in labelled patients, weighted; by event where error may depend on it."""
    sample = build_sample(3, 400, share_wrong=0.2)
    one = compute_matrices(sample, np.ones((1, 400)), differential=False)[0, 0]
    mine = sample.labelled & (sample.gold.group == 1)
    assert one[1, 1] == pytest.approx((sample.proxy.group[mine] == 1).mean())
    two = compute_matrices(sample, np.ones((1, 400)), differential=True)[0]
    dead = mine & sample.gold.event
    assert two[1, 1, 1] == pytest.approx((sample.proxy.group[dead] == 1).mean())
    np.testing.assert_allclose(two.sum(axis=2), 1.0)


def test_nondifferential_error_is_undone() -> None:
    """With a fifth of the values wrong, the naive log hazard ratio loses half, and most of it is given back."""
    sample = build_sample(4, 4000, share_wrong=0.2)
    naive = compute_cox(prepare_cox(sample.proxy.time, sample.proxy.event, sample.proxy.covariates)).coefficients[0]
    weights = np.random.default_rng(1).multinomial(4000, np.full(4000, 1 / 4000), 60).astype(float)
    found = {each.method: each.interval for each in list_simex(sample, Simex(replicates=60), weights, 0.95)}
    assert naive < 0.55
    for method in ("mc_simex_nondifferential_quadratic", "mc_simex_nondifferential_log_linear"):
        assert abs(found[method].value - 0.8) < abs(naive - 0.8) / 2
        assert found[method].lower < found[method].value < found[method].upper


def test_without_error_nothing_moves() -> None:
    """A source that equals the reference keeps its own estimate, whatever the extrapolation."""
    sample = build_sample(6, 200, share_wrong=0.0)
    naive = compute_cox(prepare_cox(sample.proxy.time, sample.proxy.event, sample.proxy.covariates)).coefficients[0]
    weights = np.random.default_rng(1).multinomial(200, np.full(200, 1 / 200), 50).astype(float)
    for each in list_simex(sample, Simex(replicates=50), weights, 0.95):
        assert each.interval.value == pytest.approx(naive, abs=1e-9)


def test_a_class_that_no_labelled_patient_has() -> None:
    """The matrix has an empty row: no estimate, with the reason."""
    sample = build_sample(7, 200, share_wrong=0.1)
    alone = Sample(
        sample.gold, sample.proxy, sample.labelled & (sample.gold.group == 0), sample.probability, sample.stratum
    )
    weights = np.ones((50, 200))
    assert {each.interval.reason for each in list_simex(alone, Simex(replicates=50), weights, 0.95)} == {
        Reason.ONE_CLASS_ONLY
    }
