"""Latent classes of three readings: exact recovery, priors, independence, undefined cases, label."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, build_protocol

from probatio.measures.latent_class import PRIORS, Prior, compute_latent_class, estimate_latent_class
from probatio.resampling import Draws
from probatio.results import select_rows

FLAT = Prior((1.0, 1.0), (1.0, 1.0))
SOURCES = ("registry", "manual", "ai")


def derive_counts(prevalence: float, se: list[float], sp: list[float], n: float = 1e6) -> np.ndarray:
    """Expected counts of the eight patterns, the first reading the lowest bit."""
    counts = np.zeros(8)
    for bits in product((0, 1), repeat=3):
        event = np.prod([p if bit else 1 - p for bit, p in zip(bits, se, strict=True)])
        none = np.prod([1 - p if bit else p for bit, p in zip(bits, sp, strict=True)])
        counts[sum(bit << place for place, bit in enumerate(bits))] = n * (prevalence * event + (1 - prevalence) * none)
    return counts[None, :]


def run(texts: dict[str, str], *, independent: bool = True) -> pd.DataFrame:
    """Latent rows of a binary variable; per patient `a` absent, `p` present, `.` nothing."""
    file = [{"path": "x.csv", "layout": "long"}]
    roles = dict(zip(SOURCES, ("reference", "manual", "ai"), strict=True))
    sources = [
        {"name": n, "label": LABEL, "role": roles[n], "files": file}
        | ({"independent_of": [other for other in SOURCES if other != n]} if independent else {})
        for n in SOURCES
    ]
    words = {"a": "absent", "p": "present"}
    lines = [
        {"patient_id": f"P{at:04d}", "source": source, "variable": "mutation", "visit": "", "state": "value",
         "value": words[letter], "conformant": True}
        for source, text in texts.items() for at, letter in enumerate(text) if letter != "."
    ]  # fmt: skip
    index = pd.Index([f"P{at:04d}" for at in range(len(texts["ai"]))], name="patient_id")
    patients = pd.DataFrame({"centre": "A", "development": False}, index=index)
    records = SimpleNamespace(records=pd.DataFrame(lines), patients=patients)
    return estimate_latent_class(records, build_protocol(sources=sources), draws=Draws(1, "all", "patient", 200))


@pytest.mark.parametrize(
    ("prevalence", "se", "sp"),
    [(0.3, [0.9, 0.8, 0.95], [0.95, 0.9, 0.85]), (0.6, [0.7, 0.9, 0.8], [0.8, 0.75, 0.95])],
)
def test_expected_counts_lead_back(prevalence: float, se: list[float], sp: list[float]) -> None:
    """Seven parameters from seven free counts: with flat priors the truth comes back exactly."""
    found = compute_latent_class(derive_counts(prevalence, se, sp), FLAT)
    assert found.prevalence[0] == pytest.approx(prevalence, abs=1e-4)
    assert found.sensitivity[0] == pytest.approx(se, abs=1e-4)
    assert found.specificity[0] == pytest.approx(sp, abs=1e-4)


def test_shared_errors_look_like_truth() -> None:
    """Two readings that err together are flattered: their estimated sensitivity exceeds the true 0.8."""
    alike = derive_counts(0.4, [0.8, 0.8, 0.9], [1.0, 1.0, 1.0])
    alike[0, [1, 2, 5, 6]] = 0  # the first two always say the same
    joint = {0b011: 0.4 * 0.8 * 0.1, 0b111: 0.4 * 0.8 * 0.9, 0b100: 0.4 * 0.2 * 0.9, 0b000: 0.6 + 0.4 * 0.2 * 0.1}
    for pattern, share in joint.items():
        alike[0, pattern] = 1e6 * share
    found = compute_latent_class(alike, PRIORS["weak"])
    assert found.sensitivity[0, 0] > 0.95


def test_priors_draw_small_samples() -> None:
    """On few values the strong prior pulls accuracy towards nine in ten; on many it says nothing."""
    truth = 0.3, [0.65, 0.9, 0.95], [0.95, 0.9, 0.85]
    gaps = []
    for n in (40, 1e7):
        weak, strong = (compute_latent_class(derive_counts(*truth, n=n), PRIORS[name]) for name in ("weak", "strong"))
        gaps.append(abs(float(weak.sensitivity[0, 0] - strong.sensitivity[0, 0])))
    assert gaps[0] > 0.05
    assert gaps[1] < 1e-3


def test_rows_are_labelled() -> None:
    """Every row says that it is a sensitivity analysis, by which prior, and holds its estimate in its interval."""
    rng = np.random.default_rng(2)
    true = rng.random(150) < 0.4
    texts = {s: "".join("p" if x else "a" for x in np.where(rng.random(150) < 0.9, true, ~true)) for s in SOURCES}
    rows = run(texts)
    assert set(rows["analysis"]) == {"sensitivity_analysis"}
    assert set(rows["method"]) == {"latent_class_bootstrap"}
    assert set(rows["at"]) == {"weak", "strong"}
    assert len(rows) == 2 * (1 + 2 * 3)
    assert (rows["lower"] <= rows["estimate"]).all()
    assert (rows["estimate"] <= rows["upper"]).all()
    prevalence = select_rows(rows, metric="latent_prevalence")
    assert set(prevalence["comparator"]) == {"registry+manual+ai"}
    assert ((prevalence["lower"] < 0.4) & (prevalence["upper"] > 0.4)).all()


def test_dependent_readings_have_none() -> None:
    """Readings not declared independent cannot stand for one another: not applicable."""
    rows = run(dict.fromkeys(SOURCES, "apap"), independent=False)
    assert set(rows["reason"]) == {"not_independent"}


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"registry": "ap..", "manual": "..ap", "ai": "apap"}, "no_pairs"),
        ({"registry": "aaaa", "manual": "apap", "ai": "apap"}, "one_class_only"),
    ],
)
def test_undefined_cases_say_why(texts: dict[str, str], reason: str) -> None:
    """No value read by all three, or a reading of one class only: not estimable."""
    rows = run(texts)
    assert set(rows["status"]) == {"not_estimable"}
    assert set(rows["reason"]) == {reason}
