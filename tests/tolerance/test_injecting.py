"""An injection on arrays is the one on texts, errors are nested and independent between copies of a patient."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from probatio.replication import Texts, derive_view_of_texts
from probatio.survival import compute_cox, compute_kaplan_meier, compute_rmst, prepare_cox
from probatio.tolerance.carriers import Carrier
from probatio.tolerance.injecting import (
    Copies,
    compute_base,
    compute_numbers,
    compute_weights,
    derive_copies,
    derive_stack,
)
from probatio.tolerance.paths import Path
from probatio.tolerance.probabilities import compute_probability
from probatio.tolerance.settings import Setting
from survival_study import BY_STAGE
from tolerance_study import DATED, build_dated, build_setting, build_study, build_tolerant

SIDE = {"variable": "side", "groups": {"left": ["left"], "right": ["right"]}}
BOTH = [*BY_STAGE["terms"], SIDE, {"variable": "weight", "per": 10}]
BY_DATES = BY_STAGE | {"horizons": [365], "landmarks": [365]}


def list_all_paths(setting: Setting) -> list[tuple[Carrier, Path]]:
    return [(carrier, path) for carrier in setting.carriers for path in setting.list_paths(carrier)]


def build_once(setting: Setting, seed: int) -> Copies:
    """Return one draw in which every patient stands once."""
    n, rng = len(setting.base.view.complete), np.random.default_rng(seed)
    return derive_copies(np.ones((1, n), dtype=int), rng.random((1, n)), rng.random((1, n)))


def inject_texts(setting: Setting, path: Path, error: float, copies: Copies, rate: float) -> Texts:
    """Write the errors of one draw into the texts, patient by patient."""
    altered = path.alter(error)
    tables = [table.copy() for table in setting.texts]
    for patient, (wrong, choice) in enumerate(zip(copies.error, copies.choice, strict=True)):
        if path.at_risk[patient] and wrong < rate:
            for table, other in zip(tables, altered[int(choice * len(altered))], strict=True):
                table.iloc[patient] = other.iloc[patient]
    return Texts(*tables)


@pytest.mark.parametrize(
    ("more", "dated"), [({}, {}), ({"strata": ["sex"], "terms": BOTH}, {"entry": "relapse"})], ids=["plain", "strata"]
)
def test_an_injection_on_arrays_is_the_one_on_texts(more: dict[str, Any], dated: dict[str, Any]) -> None:
    """For every cell and way of being wrong, both give the same coefficient, though texts are read anew."""
    protocol = build_tolerant(BY_DATES | more, endpoints=(DATED | dated,))
    setting = build_setting(build_dated(), protocol)
    compared = list_all_paths(setting)
    assert {path.name for _, path in compared} == {
        "wrong", "false_negative", "false_positive", "neighbour", "omission", "late", "early", "spread", "unsupported",
        *(["together"] if more else []),
    }  # fmt: skip
    for place, (carrier, path) in enumerate(compared):
        copies, error, rate = build_once(setting, place), path.grid[-1], 0.3
        view = derive_view_of_texts(inject_texts(setting, path, error, copies, rate), protocol,
                                    setting.analysis, "registry")  # fmt: skip
        kept = view.complete
        fit = compute_cox(
            prepare_cox(view.time[kept], view.event[kept], view.covariates[kept], strata=view.strata[kept],
                        entry=view.entry[kept])
        )  # fmt: skip
        stack = derive_stack(setting.base.view, setting.derive_views(path.alter(error)))
        weights = compute_weights(stack, copies, np.where(path.at_risk, rate, 0.0))
        assert weights.sum() == kept.sum(), (carrier.column, path.name)
        found = compute_numbers(stack, weights, setting.base.coefficients)[0]
        assert found == pytest.approx(fit.coefficients, abs=1e-8), (carrier.column, path.name)


def test_every_error_of_six_patients_by_hand() -> None:
    """The share of draws within the margin agrees with the sum over all 64 ways to misread six patients."""
    setting = build_setting(build_study(6, seed=8), build_tolerant())
    path = next(path for _, path in list_all_paths(setting) if path.name == "wrong")
    view, rate, margin, draws = setting.base.view, 0.2, 1.8, 4000
    kept = view.complete
    exact = 0.0
    for pattern in product([0, 1], repeat=6):
        wrong = np.array(pattern, dtype=bool)
        x = np.where(wrong[:, None], 1 - view.covariates, view.covariates)
        fit = compute_cox(prepare_cox(view.time[kept], view.event[kept], x[kept]))
        within = abs(fit.coefficients[0] - setting.base.coefficients[0]) <= np.log(margin)
        exact += within * rate ** wrong.sum() * (1 - rate) ** (~wrong).sum()
    rng = np.random.default_rng(1)
    copies = derive_copies(np.ones((draws, 6), dtype=int), rng.random((draws, 6)), rng.random((draws, 6)))
    base = compute_base(view, copies)
    stack = derive_stack(view, setting.derive_views(path.alter(0.0)))
    shifts = compute_numbers(stack, compute_weights(stack, copies, np.full(6, rate)), base.coefficients)
    found = compute_probability(shifts - base.replicates, np.log([margin]), 0.999)
    assert 0.05 < exact < 0.95
    assert found.lower < exact < found.upper


def test_errors_are_nested() -> None:
    """Whoever is in error at 5 % is so at 20 %: weight moves on, and none moves back."""
    setting = build_setting(build_study(), build_tolerant())
    path = next(path for _, path in list_all_paths(setting) if path.name == "wrong")
    stack, copies = derive_stack(setting.base.view, setting.derive_views(path.alter(0.0))), setting.draw_copies("stage")
    few, many = (compute_weights(stack, copies, np.full(120, rate)) for rate in (0.05, 0.2))
    own = setting.base.view.complete.sum()
    assert (many[:, own:] >= few[:, own:]).all()
    assert many[:, own:].sum() > few[:, own:].sum()


def test_copies_of_a_patient_are_in_error_independently() -> None:
    """The number of errors over a bootstrap sample has the binomial's variance, not that of errors shared by copies."""
    setting = build_setting(build_study(), build_tolerant(tolerance={"draws": 1000}, resampling={
        "seed": 1, "replicates": 1000}), replicates=1000)  # fmt: skip
    copies = setting.draw_copies("stage")
    wrong = np.bincount(copies.draw[copies.error < 0.2], minlength=1000)
    expected = 120 * 0.2 * 0.8
    low, high = stats.chi2.ppf([0.0005, 0.9995], 999) / 999
    assert low * expected < wrong.var(ddof=1) < high * expected
    shared = sum(float((copies.patient[copies.draw == draw] >= 0).sum()) for draw in range(3)) / 3
    assert shared == 120


def test_a_patient_in_two_equal_views_stands_once() -> None:
    """Late death dates change the dead alone: the living add no row to the regression."""
    setting = build_setting(build_dated(), build_tolerant(BY_DATES, endpoints=(DATED,)))
    carrier, path = next((c, p) for c, p in list_all_paths(setting) if (c.variable, p.name) == ("death", "late"))
    stack = derive_stack(setting.base.view, setting.derive_views(path.alter(10.0)))
    assert stack.size == setting.base.view.complete.sum() + setting.base.view.event.sum()
    assert carrier.is_event


def test_a_time_below_zero_leaves_the_analysis() -> None:
    """Starts so late that they come after death put patients out, and the share of them is counted."""
    setting = build_setting(build_dated(), build_tolerant(BY_DATES, endpoints=(DATED,), tolerance={
        "lag_days": [3000]}))  # fmt: skip
    path = next(p for c, p in list_all_paths(setting) if (c.variable, p.name) == ("start", "late"))
    stack = derive_stack(setting.base.view, setting.derive_views(path.alter(3000.0)))
    weights = compute_weights(stack, setting.draw_copies("start"), path.at_risk.astype(float))
    assert weights.sum() == 0


def test_restricted_means_on_arrays_are_those_on_texts() -> None:
    """With a margin in days the groups' restricted means are compared too: as on texts, and they can decide."""
    protocol = build_tolerant(BY_DATES | {"horizons": [200, 365], "rmst_margin": 5.0}, endpoints=(DATED,))
    setting = build_setting(build_dated(), protocol)
    assert setting.horizon == 365
    assert setting.limits["research"].tolist() == [np.log(1.15), 5.0]
    path = next(p for c, p in list_all_paths(setting) if (c.variable, p.name) == ("death", "omission"))
    copies = build_once(setting, 3)
    view = derive_view_of_texts(inject_texts(setting, path, 0.3, copies, 0.3), protocol, setting.analysis, "x")
    stack = derive_stack(setting.base.view, setting.derive_views(path.alter(0.3)), horizon=365)
    weights = compute_weights(stack, copies, np.where(path.at_risk, 0.3, 0.0))
    means = [
        compute_rmst(compute_kaplan_meier(view.time[kept], view.event[kept], level=0.95), 365).estimate
        for kept in (view.complete & (view.group == code) for code in (0, 1))
    ]
    found = compute_numbers(stack, weights, setting.base.coefficients)[0]
    assert found[1] == pytest.approx(means[1] - means[0], abs=1e-9)


def test_a_horizon_beyond_follow_up_is_a_status() -> None:
    """Where the comparator's own restricted means are undefined in the draws, nothing can be said to stay."""
    protocol = build_tolerant(BY_DATES | {"horizons": [5000], "rmst_margin": 5.0}, endpoints=(DATED,))
    assert str(build_setting(build_dated(), protocol).base.reason) == "beyond_follow_up"


def test_a_copy_read_right_and_one_read_wrong_move_nothing_by_themselves() -> None:
    """Where the wrong reading says the same, splitting a patient's weight over two rows shifts the estimate by hardly
    a hundredth: Efron's correction for the tie of the two rows.
    """
    setting = build_setting(build_study(), build_tolerant())
    view = setting.base.view
    twin = replace(view, covariates=view.covariates + 1e-9)
    copies = setting.draw_copies("stage")
    stack = derive_stack(view, [twin])
    assert stack.size == 2 * view.complete.sum()
    weights = compute_weights(stack, copies, np.full(len(view.complete), 0.3))
    shifts = compute_numbers(stack, weights, setting.base.coefficients) - setting.base.replicates
    assert np.abs(shifts).max() < 0.02
    assert abs(shifts.mean()) < 0.005
