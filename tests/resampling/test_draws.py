"""Replicate weights: designs, seeds, moments."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.resampling import Draws
from probatio.resampling.draws import SMALL_CENTRE

FROZEN = [
    [1, 1, 1, 0, 0, 3, 1, 0, 0, 1, 2, 2, 0, 2, 0, 2, 1, 0, 3, 1, 0, 1],
    [1, 2, 0, 1, 0, 2, 1, 1, 1, 1, 1, 1, 1, 3, 0, 0, 0, 2, 0, 1, 1, 2],
    [1, 0, 3, 1, 1, 2, 2, 0, 0, 0, 0, 2, 0, 0, 0, 3, 1, 3, 0, 0, 0, 3],
]


def build_patients(sizes: dict[str, int]) -> pd.DataFrame:
    centres = [centre for centre, size in sizes.items() for _ in range(size)]
    return pd.DataFrame({"centre": centres}, index=[f"P{i:04d}" for i in range(len(centres))])


def test_patients_are_drawn_within_their_centre() -> None:
    """Every replicate keeps the size of every large centre, and of the small ones together."""
    patients = build_patients({"A": 40, "B": 12, "C": 3, "D": 8})
    weights = Draws(7, "all", "patient", 200).weights(patients)
    assert weights.shape == (200, 63)
    assert weights.dtype == np.uint16
    assert (weights[:, :40].sum(axis=1) == 40).all()
    assert (weights[:, 40:52].sum(axis=1) == 12).all()
    assert (weights[:, 52:].sum(axis=1) == 11).all()


def test_a_lone_patient_of_a_small_centre_varies() -> None:
    """A centre of one patient joins the smallest other centre instead of standing still."""
    weights = Draws(7, "all", "patient", 200).weights(build_patients({"A": 40, "B": 12, "C": 1}))
    assert weights[:, -1].std() > 0
    assert (weights[:, :40].sum(axis=1) == 40).all()


def test_whole_centres_are_drawn_for_a_new_centre() -> None:
    """With unit "centre" the patients of a centre share one weight, and the number of centres is kept."""
    patients = build_patients({"A": 4, "B": 2, "C": 3})
    weights = Draws(7, "all", "centre", 300).weights(patients)
    first = weights[:, [0, 4, 6]]
    assert (weights[:, :4] == first[:, :1]).all()
    assert (first.sum(axis=1) == 3).all()


def test_moments_are_those_of_the_multinomial() -> None:
    """Weights have mean 1, variance 1 - 1/n and covariance -1/n, as n draws with replacement do."""
    n, replicates = 20, 40_000
    weights = Draws(1, "all", "patient", replicates).weights(build_patients({"A": n})).astype(float)
    covariance = np.cov(weights, rowvar=False)
    assert weights.mean() == pytest.approx(1.0, abs=1e-12)
    assert np.abs(weights.mean(axis=0) - 1).max() < 4.5 / np.sqrt(replicates)
    assert np.diag(covariance).mean() == pytest.approx(1 - 1 / n, rel=0.01)
    assert covariance[~np.eye(n, dtype=bool)].mean() == pytest.approx(-1 / n, rel=0.05)


@settings(deadline=None)
@given(st.permutations(range(30)))
def test_order_of_patients_changes_nothing(order: list[int]) -> None:
    """Replicates belong to the sorted patients, whatever the order of the rows."""
    patients = build_patients({"A": 18, "B": 12})
    draws = Draws(3, "all", "patient", 50)
    assert (draws.weights(patients) == draws.weights(patients.iloc[order])).all()


def test_seed_depends_on_the_whole_design_and_on_nothing_else() -> None:
    """Another seed, frame or number of replicates gives other draws; the same design the same ones."""
    patients = build_patients({"A": 50})
    first = Draws(3, "all", "patient", 50).weights(patients)
    assert (first == Draws(3, "all", "patient", 50).weights(patients)).all()
    for other in (Draws(4, "all", "patient", 50), Draws(3, "liver", "patient", 50), Draws(3, "all", "patient", 51)):
        assert (first != other.weights(patients)[:50]).any()


def test_draws_never_change_between_machines_or_versions() -> None:
    """Frozen values of one design: a change of generator, seed or arithmetic would move published numbers."""
    weights = Draws(20240503, "all", "patient", 3).weights(build_patients({"A": 12, "B": SMALL_CENTRE}))
    assert weights.tolist() == FROZEN


def test_chunks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing in chunks gives the very weights of one draw."""
    patients = build_patients({"A": 30})
    whole = Draws(3, "all", "patient", 100).weights(patients)
    monkeypatch.setattr("probatio.resampling.draws._CHUNK", 7 * 30)
    assert (whole == Draws(3, "all", "patient", 100).weights(patients)).all()


def test_a_design_that_cannot_be_drawn_is_refused() -> None:
    """An unknown unit, no replicate, or a patient twice is an error, not a silent choice."""
    with pytest.raises(ValueError, match="unit"):
        Draws(1, "all", "hospital", 10)
    with pytest.raises(ValueError, match="replicates"):
        Draws(1, "all", "patient", 0)
    patients = build_patients({"A": 3}).iloc[[0, 1, 1]]
    with pytest.raises(ValueError, match="twice"):
        Draws(1, "all", "patient", 10).weights(patients)


def test_no_patient_gives_no_column() -> None:
    """An empty cohort has replicates without columns."""
    assert Draws(1, "all", "patient", 5).weights(build_patients({})).shape == (5, 0)
    assert Draws(1, "all", "centre", 5).weights(build_patients({})).shape == (5, 0)
