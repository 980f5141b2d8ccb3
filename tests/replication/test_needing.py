"""How many patients would decide: by formula, by limits, and in studies drawn with so many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from probatio.replication import Difference, Estimate, Label, compute_difference, compute_verdict
from probatio.replication.differences import compute_interval
from probatio.replication.needing import (
    Spread,
    compute_assurance,
    compute_power,
    derive_need_rows,
    find_patients,
)
from probatio.results import Reason, select_rows
from probatio.survival import compute_cox, compute_cox_replicates, prepare_cox
from survival_study import BY_STAGE, build_protocol, build_records, run, simulate

LIMIT = math.log(1.15)


@pytest.mark.parametrize("power", [0.8, 0.9])
def test_many_differing_patients_need_the_textbook_number(power):
    """With the standard error known, n = (s (z + z_(1 + power)/2) / m)^2 (Chow, Shao and Wang 2008, section 3.1.3)."""
    spread = Spread(0.25, 314, 10**7)
    z = stats.norm.ppf(0.95) + stats.norm.ppf((1 + power) / 2)
    assert find_patients(spread, power, LIMIT, 0.9) == pytest.approx((spread.per_root * z / LIMIT) ** 2, rel=1e-3)


def test_power_by_simulation_of_the_t_interval():
    """Power with 12 differing patients equals the share of drawn t intervals within the margin."""
    spread, rng = Spread(0.1, 100, 12), np.random.default_rng(1)
    patients = 200
    error = spread.per_root / math.sqrt(patients)
    drawn = error * np.sqrt(rng.chisquare(24, 200_000) / 24)
    inside = abs(rng.normal(0, error, 200_000)) + stats.t.ppf(0.95, 24) * drawn < 0.2
    assert compute_power(spread, patients, 0.2, 0.9) == pytest.approx(inside.mean(), abs=0.004)


def test_power_rises_with_patients():
    """From four differing patients on power never falls with more patients, and the number found is the first."""
    spread = Spread(0.1, 150, 8)
    powers = [compute_power(spread, n, LIMIT, 0.9) for n in range(80, 1500, 20)]
    assert (np.diff(powers) >= -1e-12).all()
    needed = find_patients(spread, 0.8, LIMIT, 0.9)
    assert compute_power(spread, needed - 1, LIMIT, 0.9) < 0.8 <= compute_power(spread, needed, LIMIT, 0.9)


def test_assurance_lies_below_power():
    """Averaged over what is not known of the standard error, the power is less; nearly the same with many patients."""
    few, many = Spread(0.1, 150, 8), Spread(0.1, 150, 5000)
    for spread, short in ((few, 0.02), (many, -0.003)):
        needed = find_patients(spread, 0.8, LIMIT, 0.9)
        assert short <= 0.8 - compute_assurance(spread, needed, LIMIT, 0.9) < 0.15


def test_no_number_is_enough():
    """A margin that no study would reach is said to be out of reach."""
    assert find_patients(Spread(5.0, 100, 50), 0.8, 1e-4, 0.9) is None
    found = Difference(0.0, 5 * np.random.default_rng(1).normal(size=200), 50, has_interval=True, reason=Reason.NONE)
    rows = list(derive_need_rows(found, 1e-4, 0.95, method="x", n=100, k=50))
    assert {(row["status"], row["reason"]) for row in rows} == {("not_estimable", "not_reached")}


def draw_study(rng: np.random.Generator, n: int, replicates: int) -> Difference:
    """Return the difference of a study without effect, one exposure in ten read wrong: the true difference is 0."""
    late = rng.random(n) < 0.4
    life, follow_up = rng.exponential(size=n), rng.exponential(size=n)
    read = np.where(rng.random(n) < 0.1, ~late, late)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
    found = []
    for x in (read, late):
        problem = prepare_cox(np.minimum(life, follow_up), life <= follow_up, x[:, None])
        fit = compute_cox(problem)
        drawn = compute_cox_replicates(problem, weights, fit.coefficients)[:, 0]
        found.append(Estimate("log_hazard_ratio", Label(), float(fit.coefficients[0]), {}, drawn))
    return compute_difference(found[0], found[1], int((read != late).sum()))


def test_so_many_patients_decide():
    """Of studies with the number named for 80 % after a first study of 400, about as many are decided (margin 1.4)."""
    rng = np.random.default_rng(5)
    errors, differing = zip(
        *((f.standard_error, f.differing) for f in (draw_study(rng, 400, 150) for _ in range(8))), strict=True
    )
    spread = Spread(float(np.sqrt(np.mean(np.square(errors)))), 400, round(np.mean(differing)))
    needed = find_patients(spread, 0.8, math.log(1.4), 0.9)
    studies, decided = 150, 0
    for _ in range(studies):
        lower, upper = compute_interval(draw_study(rng, needed, 150), "paired_t", 0.9)
        decided += compute_verdict(lower, upper, 1.4) == 1
    assert stats.binom.ppf(0.001, studies, 0.75) <= decided <= stats.binom.ppf(0.999, studies, 0.85)


def test_rows_say_how_many_are_missing():
    """An open comparison has the number for 80 and 90 %, its interval, how many are missing, and the assurance."""
    patients, values = simulate(3, 120)
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE))
    found = select_rows(rows, metric="patients_needed", stratum_by="").set_index("at")
    assert list(found.index) == ["0.8", "0.9"]
    for row in found.to_dict("records"):
        assert row["lower"] < row["estimate"] < row["upper"]
        assert row["k"] == row["estimate"] - row["n"] > 0
    assert found.loc["0.8", "estimate"] < found.loc["0.9", "estimate"]
    assert set(select_rows(rows, metric="needed_assurance", stratum_by="")["status"]) == {"ok"}


def test_equal_sources_need_none():
    """Where no patient differs there is no spread to plan with: the rows say so."""
    patients, values = simulate(5, 80, share_wrong=0.0)
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE))
    found = select_rows(rows, metric=["patients_needed", "needed_assurance"])
    assert set(found["reason"]) == {Reason.NO_INTERVAL}
