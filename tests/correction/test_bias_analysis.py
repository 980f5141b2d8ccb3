"""Probabilistic bias analysis: published corrections as its expectation, and priors that the data refuse."""

from __future__ import annotations

import numpy as np
import pytest

from probatio.correction import Sample
from probatio.correction.bias_analysis import Patients, compute_true_chance, derive_prior, list_bias_analysis
from probatio.protocol import BetaPrior, BiasAnalysis
from probatio.replication import derive_view
from probatio.results import Reason
from probatio.survival import compute_cox, prepare_cox
from survival_study import BY_STAGE, build_protocol, build_records, simulate


def build_sample(seed: int = 1, n: int = 400, *, share_wrong: float = 0.1) -> Sample:
    """Return patients of whom half are labelled."""
    protocol = build_protocol(BY_STAGE)
    records = build_records(*simulate(seed, n, log_ratio=0.8, share_wrong=share_wrong))
    gold, proxy = (derive_view(records, protocol, protocol.analyses[0], name) for name in ("registry", "ai"))
    return Sample(gold, proxy, np.arange(n) % 2 == 0, np.full(n, 0.5), np.full(n, "", dtype=np.str_))


def analyse(sample: Sample, options: BiasAnalysis) -> list:
    return list(list_bias_analysis(sample, options, 0.95, generator=np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("cases", "controls", "se", "sp", "ratio"),
    [((126, 92), (71, 224), 0.94, 0.97, 5.024508), ((215, 1449), (668, 4296), 0.78, 0.99, 0.949069)],
)
def test_reclassified_counts_are_the_published_ones(cases, controls, se: float, sp: float, ratio: float) -> None:
    """Chu 2006; Fink and Lash 2003 (episensr): expected true exposures among cases and controls, as an odds ratio."""
    read = np.repeat([True, False, True, False], [*cases, *controls])
    group = np.repeat([1, 0], [sum(cases), sum(controls)])
    chance = compute_true_chance(Patients(read, group, np.empty((len(read), 0))), np.full(2, se), np.full(2, sp))
    assert chance is not None
    exposed = [chance[group == each].sum() for each in (1, 0)]
    odds = [count / (total - count) for count, total in zip(exposed, (sum(cases), sum(controls)), strict=True)]
    assert odds[0] / odds[1] == pytest.approx(ratio, abs=5e-7)


def test_impossible_accuracy_is_refused() -> None:
    """A specificity that leaves fewer positives than none, or a reading worse than chance, has no true share."""
    read, one = np.arange(100) < 5, np.zeros(100, dtype=np.intp)
    patients = Patients(read, one, np.empty((100, 0)))
    assert compute_true_chance(patients, np.array([0.9]), np.array([0.8])) is None
    assert compute_true_chance(patients, np.array([0.4]), np.array([0.5])) is None


def test_known_accuracy_of_one_gives_the_naive_estimate() -> None:
    """Nothing is reclassified: median and interval are those of the conventional analysis."""
    sample, sure = build_sample(), BetaPrior(a=1e9, b=1e-3)
    (found,) = analyse(sample, BiasAnalysis(iterations=500, sensitivity=sure, specificity=sure))
    fit = compute_cox(prepare_cox(sample.proxy.time, sample.proxy.event, sample.proxy.covariates))
    assert found.method == "bias_analysis_declared"
    assert found.interval.value == pytest.approx(fit.coefficients[0], abs=4 * fit.standard_errors[0] / np.sqrt(500))
    assert found.interval.error == pytest.approx(fit.standard_errors[0], rel=0.12)


def test_error_of_the_labelled_is_undone() -> None:
    """With 15 % of the values wrong, the interval is wider than the naive one and its median nearer to the truth."""
    sample = build_sample(2, 1500, share_wrong=0.15)
    naive = compute_cox(prepare_cox(sample.proxy.time, sample.proxy.event, sample.proxy.covariates))
    (found,) = analyse(sample, BiasAnalysis(iterations=200, by_event=False))
    assert abs(found.interval.value - 0.8) < abs(naive.coefficients[0] - 0.8) / 2
    assert found.interval.error > float(naive.standard_errors[0])
    assert found.interval.lower < 0.8 < found.interval.upper


def test_priors_are_the_labelled_counts() -> None:
    """Jeffreys' Beta of what was read right, by event; equal weights leave the counts as they are."""
    sample = build_sample(3)
    prior = derive_prior(sample, BiasAnalysis())
    assert prior is not None
    mine = sample.labelled & (sample.gold.group == 1) & sample.gold.event
    right = (sample.proxy.group[mine] == 1).sum()
    np.testing.assert_allclose(prior.sensitivity[1], [right + 0.5, mine.sum() - right + 0.5])


def test_priors_that_contradict_the_data() -> None:
    """When most draws are impossible there is no estimate; without a labelled case there is no prior."""
    sample = build_sample(4)
    (found,) = analyse(sample, BiasAnalysis(iterations=100, sensitivity=BetaPrior(a=50, b=50),
                                            specificity=BetaPrior(a=40, b=60)))  # fmt: skip
    assert found.interval.reason == Reason.UNINFORMATIVE
    alone = Sample(
        sample.gold, sample.proxy, sample.labelled & (sample.gold.group == 0), sample.probability, sample.stratum
    )
    (found,) = analyse(alone, BiasAnalysis(iterations=100))
    assert found.interval.reason == Reason.ONE_CLASS_ONLY
