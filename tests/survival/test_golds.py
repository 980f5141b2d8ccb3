"""Golden values that belong to no single estimator: sizes of the data sets, hazard ratios, differences between arms."""

from __future__ import annotations

import lifelines.datasets
import numpy as np
import pytest
from scipy import stats

from probatio.survival import compute_cox, compute_kaplan_meier, compute_rmst, prepare_cox
from survival_data import CONTROL, TREATED, read_lung, read_oracle, split


def compare_means(time, event, group, tau):
    """Return the difference of restricted means (group 1 less 0), its standard error, bounds and p-value."""
    arms = [compute_rmst(compute_kaplan_meier(time[group == code], event[group == code]), tau) for code in (1, 0)]
    gap, error = arms[0].estimate - arms[1].estimate, np.hypot(arms[0].standard_error, arms[1].standard_error)
    half = stats.norm.ppf(0.975) * error
    return gap, error, gap - half, gap + half, 2 * stats.norm.sf(abs(gap) / error)


def compute_ratio(time, event, covariate, **options):
    """Return a single covariate's hazard ratio with the 95 % bounds of Wald."""
    found = compute_cox(prepare_cox(time, event, np.asarray(covariate, dtype=float)[:, None], **options))
    z = stats.norm.ppf([0.5, 0.025, 0.975])
    return tuple(np.exp(found.coefficients[0] + z * found.standard_errors[0]))


def test_lung_size():
    """NCCTG: 228 patients and 165 deaths; 227 and 164 with ECOG; 226 with ECOG and institution."""
    lung = read_lung()
    known = lung.dropna(subset=["ph_ecog"])
    assert (len(lung), lung["event"].sum()) == (228, 165)
    assert (len(known), known["event"].sum()) == (227, 164)
    assert len(known.dropna(subset=["inst"])) == 226


def test_lung_hazard_ratio_of_sex():
    """NCCTG on sex: 0.588003 (0.423718 to 0.815985), standard error of the logarithm 0.16717858."""
    lung = read_lung()
    found = compute_ratio(lung["time"], lung["event"], lung["sex"])
    assert found == pytest.approx((0.588003, 0.423718, 0.815985), abs=5e-7)
    assert np.log(found[2] / found[1]) / (2 * stats.norm.ppf(0.975)) == pytest.approx(0.16717858, abs=5e-9)


@pytest.mark.parametrize(("tau", "gap", "error"), [(365, 55.970324, 14.958126), (500, 82.147723, 22.098135)])
def test_lung_restricted_mean_differences(tau, gap, error):
    """NCCTG, women less men: 55.970324 days (14.958126) at 365, 82.147723 (22.098135) at 500."""
    lung = read_lung()
    found = compare_means(lung["time"], lung["event"], lung["sex"] - 1, tau)
    assert found[:2] == pytest.approx((gap, error), abs=5e-6)


@pytest.mark.parametrize(("ties", "ratio"), [("efron", 4.816874), ("breslow", 4.523072)])
def test_six_mp_hazard_ratios(ties, ratio):
    """6-MP, control against treatment: 4.816874 by Efron's ties, 4.523072 by Breslow's."""
    (t1, e1), (t0, e0) = split(TREATED), split(CONTROL)
    group = np.r_[np.zeros(21), np.ones(21)]
    assert compute_ratio(np.r_[t1, t0], np.r_[e1, e0], group, ties=ties)[0] == pytest.approx(ratio, abs=5e-7)


def test_pbc_restricted_mean_difference():
    """PBC at 10 years, D-penicillamine less placebo: -0.136923 (0.408985), -0.938519 to 0.664674, p 0.737786."""
    pbc = read_oracle("pbc_first312")
    assert pbc["trt"].value_counts().to_dict() == {1: 158, 2: 154}
    found = compare_means(pbc["time"] / 365.25, pbc["status"] == 2, (pbc["trt"] == 1).astype(int), 10)
    assert found == pytest.approx((-0.136923, 0.408985, -0.938519, 0.664674, 0.737786), abs=1.5e-6)


def test_waltons_two_samples():
    """Waltons' flies at 10 days: variance 0.0152 and two-sample p 0.145, as survRM2 and lifelines' pull request 1526.

    The variance that lifelines reports without it gives a standard error of 0.7186 and p 0.81.
    """
    data = lifelines.datasets.load_waltons()
    arm = data[data["group"] == "miR-137"]
    variance = compute_rmst(compute_kaplan_meier(arm["T"], arm["E"]), 10).standard_error ** 2
    assert variance == pytest.approx(0.0152, abs=5e-5)
    found = compare_means(data["T"], data["E"], (data["group"] == "miR-137").astype(int), 10)
    assert found[4] == pytest.approx(0.145, abs=5e-4)


def test_veteran_size():
    """R's veteran: 137 patients, 128 deaths."""
    data = read_oracle("veteran")
    assert (len(data), data["status"].sum()) == (137, 128)


def test_gbsg_size_and_hazard_ratio():
    """R's gbsg: 686 patients, 299 recurrences or deaths; hormone therapy 0.694884."""
    data = read_oracle("gbsg")
    assert (len(data), data["status"].sum()) == (686, 299)
    assert compute_ratio(data["rfstime"], data["status"], data["hormon"])[0] == pytest.approx(0.694884, abs=5e-7)


def test_rotterdam_size():
    """R's rotterdam: 2,982 patients, 1,518 recurrences, 1,272 deaths."""
    data = read_oracle("rotterdam")
    assert (len(data), data["recur"].sum(), data["death"].sum()) == (2982, 1518, 1272)


def test_aml_hazard_ratio():
    """R's aml, not maintained against maintained: 2.498105."""
    data = read_oracle("aml")
    group = data["x"] == "Nonmaintained"
    assert compute_ratio(data["time"], data["status"], group)[0] == pytest.approx(2.498105, abs=5e-7)
