"""Where the effect of misreading is known in closed form, injections find it."""

from __future__ import annotations

import numpy as np
import pytest

from probatio.tolerance.carriers import list_carriers
from probatio.tolerance.estimating import estimate_path
from probatio.tolerance.settings import Setting, derive_injections
from survival_study import BY_STAGE, build_patients, build_records
from tolerance_study import build_setting, build_tolerant


def build_rare(n: int, *, ratio: float, prevalence: float, seed: int) -> object:
    """Return patients of whom few die in a follow-up of one: the hazard ratio is a ratio of risks."""
    rng = np.random.default_rng(seed)
    late = rng.random(n) < prevalence
    life = rng.exponential(1 / (0.02 * np.where(late, ratio, 1.0)))
    patients = build_patients(n, days=np.minimum(life, 1.0), status=np.where(life < 1, "dead", "alive"))
    return build_records(patients, {("registry", "stage"): np.where(late, "III", "I")})


def compute_misread(ratio: float, prevalence: float, sensitivity: float, specificity: float) -> float:
    """Return the log hazard ratio of groups read with this sensitivity and specificity, few events.

    Among those read exposed a share `ppv` is, among the others a share `miss`; each group's risk is the mean of its
    members' (Greenland 1996, equation for risk ratios).
    """
    exposed, unexposed = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    ppv = exposed / (exposed + unexposed)
    miss = (1 - sensitivity) * prevalence / ((1 - sensitivity) * prevalence + specificity * (1 - prevalence))
    return float(np.log((ppv * ratio + 1 - ppv) / (miss * ratio + 1 - miss)))


@pytest.fixture(scope="module")
def setting() -> Setting:
    records = build_rare(12000, ratio=3.0, prevalence=0.3, seed=2)
    return build_setting(records, build_tolerant(tolerance={"draws": 60}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.8, 1.0), (1.0, 0.9), (0.85, 0.9)])
def test_the_shift_is_that_of_the_formula(setting: Setting, sensitivity: float, specificity: float) -> None:
    """The mean shift over injections is the attenuation of a misread exposure at this sensitivity and specificity."""
    carrier = list_carriers(setting.protocol, setting.analysis)[0]
    paths = {path.name: path for path in setting.list_paths(carrier)}
    exposed = setting.base.view.group == 1
    rates = np.where(exposed, 1 - sensitivity, 1 - specificity)
    cell = derive_injections(setting, carrier).compute_cell(paths["wrong"], 0.0, rates)
    estimate = float(np.exp(setting.base.coefficients[0]))
    expected = compute_misread(estimate, float(exposed.mean()), sensitivity, specificity) - np.log(estimate)
    assert expected < -0.05
    assert cell.shifts.mean() == pytest.approx(expected, abs=4 * cell.shifts.std() / np.sqrt(60) + 0.015)


def test_the_error_borne_is_where_the_formula_crosses_the_margin() -> None:
    """In a large study the false positives borne are those whose attenuation equals the margin, less chance."""
    records = build_rare(12000, ratio=3.0, prevalence=0.3, seed=2)
    grid = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.2]
    by_stage = BY_STAGE | {"margin": 1.25}
    protocol = build_tolerant(by_stage, tolerance={"draws": 60, "errors": grid}, uses=["research"])
    setting = build_setting(records, protocol)  # type: ignore[arg-type]
    carrier = list_carriers(protocol, setting.analysis)[0]
    path = next(path for path in setting.list_paths(carrier) if path.name == "false_positive")
    found = estimate_path(derive_injections(setting, carrier), path, {"analysis": "by_stage"})[0][0]
    assert (found["metric"], found["at"]) == ("tolerable_error", "non_differential")
    errors = np.linspace(0, 0.2, 2001)
    shifts = [compute_misread(3.0, 0.3, 1.0, 1 - error) - np.log(3.0) for error in errors]
    crossing = float(errors[np.argmax(np.abs(shifts) > np.log(1.25))])
    assert 0.6 * crossing < found["estimate"] < 1.05 * crossing
    assert found["lower"] <= found["estimate"] <= found["upper"]
