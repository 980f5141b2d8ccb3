"""Scaled Schoenfeld residuals and their smooth against R's cox.zph, the score equations and known courses."""

from __future__ import annotations

import numpy as np
import pytest

from probatio.survival import (
    compute_cox,
    compute_hazard_test,
    compute_schoenfeld_residuals,
    compute_smooth,
    prepare_cox,
)
from survival_data import make_cohort, read_lung


def fit(time, event, covariates):
    return compute_cox(prepare_cox(time, event, np.asarray(covariates, dtype=float))).coefficients


def test_lung_residuals():
    """NCCTG: the first scaled residuals, three of them tied, and their variance are those of R's cox.zph."""
    lung = read_lung().dropna(subset=["ph_ecog"])
    data = (lung["time"], lung["event"], lung[["age", "sex", "ph_ecog"]])
    found = compute_schoenfeld_residuals(*data, fit(*data))
    np.testing.assert_array_equal(found.time[:5], [5, 11, 11, 11, 12])
    np.testing.assert_allclose(found.transformed[[0, 1, 4]], [0, 0.004405286344, 0.017621145374], atol=1e-11)
    tied = [[0.05812958302, -1.760556270, -0.02647827629], [0.12684908764, -1.908142917, 1.87995358797],
            [0.28519769776, -1.598126226, -2.56031387908]]  # fmt: skip
    rows = found.coefficient[1:4]
    np.testing.assert_allclose(rows[np.argsort(rows[:, 0])], tied, rtol=1e-7)
    np.testing.assert_allclose(found.coefficient[0], [0.05965525154, 3.005895004, -2.22926457186], rtol=1e-8)
    np.testing.assert_allclose(found.variance, [0.01408512473, 4.61436798713, 2.11556644377], rtol=1e-8)


def test_residuals_add_up_to_the_coefficients():
    """Without weights the scaled residuals average the fitted coefficients, the score equations in another dress."""
    cohort = make_cohort(np.random.default_rng(3), 90)
    beta = fit(**cohort)
    found = compute_schoenfeld_residuals(**cohort, coefficients=beta)
    np.testing.assert_allclose(found.coefficient.mean(axis=0), beta, atol=1e-9)
    assert found.coefficient.shape == (cohort["event"].sum(), 2)
    assert (np.diff(found.time) >= 0).all()


def test_smooth_finds_the_course():
    """A hazard ratio that falls from 4 to 1/4 at the middle is seen, and its bounds exclude 1 on both sides."""
    rng = np.random.default_rng(4)
    x = np.repeat([0.0, 1.0], 600)
    early, late = rng.exponential(1 / np.where(x == 1, 4.0, 1.0)), rng.exponential(1 / np.where(x == 1, 0.25, 1.0))
    time = np.where(early < 0.4, early, 0.4 + late)
    data = (time, time < 3, x[:, None])
    beta = fit(np.minimum(time, 3), time < 3, x[:, None])
    residuals = compute_schoenfeld_residuals(np.minimum(time, 3), *data[1:], beta, transform="identity")
    smooth = compute_smooth(residuals, 0, [0.05, 1.5])
    assert smooth.lower[0] > 0 > smooth.upper[1]
    assert compute_hazard_test(np.minimum(time, 3), *data[1:], beta).overall.p_value < 1e-6


def test_smooth_of_a_line_is_the_line():
    """A spline reproduces a straight course exactly, whatever its degrees of freedom."""
    cohort = make_cohort(np.random.default_rng(5), 60, ties=False)
    residuals = compute_schoenfeld_residuals(**cohort, coefficients=fit(**cohort))
    residuals.coefficient[:, 0] = 2 - 3 * residuals.transformed
    for degrees in (2, 4, 5):
        found = compute_smooth(residuals, 0, [0.1, 0.5, 0.8], degrees=degrees)
        np.testing.assert_allclose(found.value, [1.7, 0.5, -0.4], atol=1e-8)


def test_undefined_is_nan():
    """An undefined fit, or a constant covariate, has no residuals; one event has some but no spline."""
    x, time = np.array([[0.0], [1], [0], [1], [1], [0]]), np.array([1.0, 2, 3, 4, 5, 6])
    for covariates, beta in ((x, [np.nan]), (np.ones((6, 1)), [0.0])):
        found = compute_schoenfeld_residuals(time, time < 5, covariates, beta)
        assert np.isnan(found.coefficient).all()
        assert np.isnan(compute_smooth(found, 0, [0.5]).value).all()
    one = compute_schoenfeld_residuals(time, time == 1, x, [0.1])
    assert np.isfinite(one.coefficient).all()
    assert np.isnan(compute_smooth(one, 0, [0.5]).value).all()
    with pytest.raises(ValueError, match="logarithm"):
        compute_schoenfeld_residuals(time - 1, time < 9, x, [0.1], transform="log")
