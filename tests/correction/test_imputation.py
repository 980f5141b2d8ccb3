"""Multiple imputation: Rubin's rules by hand, and what it recovers where error depends on the outcome."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probatio.correction import Sample
from probatio.correction.imputation import (
    compute_nelson_aalen,
    compute_rubin,
    list_imputed,
)
from probatio.protocol import Imputation
from probatio.replication import derive_view
from probatio.results import Reason
from probatio.survival import compute_cox, prepare_cox
from survival_study import BY_STAGE, build_protocol, build_records, simulate

PROTOCOL = build_protocol(BY_STAGE)


def build_sample(seed: int, n: int, *, differential: float = 0.0, labelled: float = 0.4) -> Sample:
    """Return patients of whom a share is labelled; `differential`: share of late stages in the dead read as early."""
    patients, values = simulate(seed, n, log_ratio=0.8, share_wrong=0.0)
    rng = np.random.default_rng([seed, 1])
    late, dead = values["registry", "stage"] == "III", (patients["status"] == "dead").to_numpy()
    missed = late & dead & (rng.random(n) < differential)
    values["ai", "stage"] = np.where(late & ~missed, "III", "I")
    records = build_records(patients, values)
    gold, proxy = (derive_view(records, PROTOCOL, PROTOCOL.analyses[0], name) for name in ("registry", "ai"))
    return Sample(gold, proxy, rng.random(n) < labelled, np.full(n, labelled), np.full(n, "", dtype=np.str_))


def impute(sample: Sample, imputations: int = 20) -> dict:
    """Return intervals by metric, for the late stage."""
    found = list_imputed(sample, PROTOCOL.analyses[0], PROTOCOL, Imputation(imputations=imputations),
                         generator=np.random.default_rng(1))  # fmt: skip
    return {(each.number.metric, each.method): each.interval for each in found if each.number.label.term == "late"}


def fit(view) -> float:
    return float(compute_cox(prepare_cox(view.time, view.event, view.covariates)).coefficients[0])


def test_rubins_rules_by_hand() -> None:
    """Five estimates 1 to 5 with variance 2: T = 2 + 1.2 x 2.5 = 5; nu by Barnard and Rubin's three formulas."""
    found = compute_rubin(np.arange(1.0, 6.0), np.full(5, 2.0), degrees=30, level=0.95)
    share = 3 / 5
    old, observed = 4 / share**2, 31 / 33 * 30 * (1 - share)
    freedom = 1 / (1 / old + 1 / observed)
    assert (found.value, found.error) == (3.0, pytest.approx(np.sqrt(5)))
    assert found.upper - 3 == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(5))
    finite = compute_rubin(np.arange(1.0, 6.0), np.full(5, 2.0), degrees=30, level=0.95, finite=True)
    assert finite.upper - 3 == pytest.approx(stats.t.ppf(0.975, 4) * np.sqrt(3))


def test_rubin_with_undefined_data_sets() -> None:
    """One in ten completed data sets may be undefined, not one in five; no scatter at all is no interval."""
    values = np.r_[np.nan, np.arange(9.0)]
    assert np.isfinite(compute_rubin(values, np.ones(10), degrees=30, level=0.95).lower)
    values[1] = np.nan
    assert compute_rubin(values, np.ones(10), degrees=30, level=0.95).reason == Reason.NOT_CONVERGED
    still = compute_rubin(np.ones(10), np.ones(10), degrees=30, level=0.95, finite=True)
    assert still.reason == Reason.ZERO_VARIANCE


def test_cumulative_hazard_by_hand() -> None:
    """Deaths at 1 and 3 of four patients: 1/4, then 1/4 + 1/2."""
    hazard = compute_nelson_aalen(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False]))
    np.testing.assert_allclose(hazard, [0.25, 0.25, 0.75, 0.75])


def test_differential_error_is_undone() -> None:
    """Half of the late stages of the dead read as early: the naive ratio is far off, the imputed one is not."""
    sample = build_sample(1, 2000, differential=0.5)
    found = impute(sample)["log_hazard_ratio", "multiple_imputation"]
    assert fit(sample.proxy) < 0.5
    assert found.value == pytest.approx(fit(sample.gold), abs=0.12)
    assert found.lower < 0.8 < found.upper


def test_a_source_that_never_errs_does_not_break_the_fit() -> None:
    """Perfect separation: the imputed estimates lie close to the reference's on all, with a finite interval."""
    sample = build_sample(2, 300)
    found = impute(sample)
    assert found["log_hazard_ratio", "multiple_imputation"].value == pytest.approx(fit(sample.gold), abs=0.1)
    assert found["prevalence", "multiple_imputation"].value == pytest.approx((sample.gold.group == 1).mean(), abs=0.03)
    assert all(np.isfinite([each.lower, each.upper]).all() for each in found.values())


def test_more_is_known_than_from_the_labelled_alone() -> None:
    """With a good source the interval is narrower than that of the labelled patients."""
    sample = build_sample(3, 600, differential=0.1)
    mine = sample.labelled
    alone = compute_cox(prepare_cox(sample.gold.time[mine], sample.gold.event[mine], sample.gold.covariates[mine]))
    found = impute(sample)["log_hazard_ratio", "multiple_imputation"]
    assert found.error < 0.85 * float(alone.standard_errors[0])


def test_the_same_seed_gives_the_same_imputations() -> None:
    """Draws come from the generator alone."""
    sample = build_sample(4, 200, differential=0.2)
    assert impute(sample) == impute(sample)


def test_a_group_with_too_few_labelled_patients() -> None:
    """Nobody, or three patients, of a group among the labelled: no imputation, with the reason."""
    sample = build_sample(5, 300)
    late = np.flatnonzero(sample.labelled & (sample.gold.group == 1))
    for kept, reason in ((0, Reason.ONE_CLASS_ONLY), (3, Reason.TOO_FEW_EVENTS)):
        labelled = sample.labelled.copy()
        labelled[late[kept:]] = False
        few = Sample(sample.gold, sample.proxy, labelled, sample.probability, sample.stratum)
        assert {each.reason for each in impute(few).values()} == {reason}
