"""The patients that are needed are needed: with so many, and the risk that was seen, the rule passes."""

from __future__ import annotations

import numpy as np
import pytest

from guarantee_simulation import Scenario, flat
from probatio.confidence.needed import Bound, find_needed_patients
from probatio.confidence.selection import Method, Sample, compute_p
from probatio.planning.proportions import find_exact_size

BOUND = Bound(0.05, 0.05)


def make_errors(wrong: int, patients: int) -> Sample:
    """One value per patient, so many of them wrong."""
    error = (np.arange(patients) < wrong).astype(float)
    return Sample(np.full(patients, 0.9), error, np.arange(patients), np.ones(patients), patients)


def draw_again(sample: Sample, patients: int, rng: np.random.Generator) -> Sample:
    """Patients of a sample drawn with replacement, with their values."""
    drawn = rng.integers(0, sample.patients, patients)
    values = [np.flatnonzero(sample.patient == one) for one in range(sample.patients)]
    place = np.concatenate([values[one] for one in drawn])
    owner = np.repeat(np.arange(patients), [len(values[one]) for one in drawn])
    return Sample(sample.score[place], sample.error[place], owner, sample.weight[place], patients)


def test_one_value_per_patient_needs_the_exact_size() -> None:
    """4 wrong of 200: the size at which the exact test passes at 2 % with 80 % power, for every larger one too."""
    size = find_exact_size(0.02, 0.05, 0.8, 0.05)
    assert size is not None
    assert find_needed_patients(make_errors(4, 200), 0.5, BOUND, most=1, method="exact_binomial") == size.lasting


def test_values_accepted_of_few_patients_need_more() -> None:
    """Where one patient in two has an accepted value, twice as many patients are needed."""
    sample = make_errors(4, 200)
    half = Sample(sample.score, sample.error, sample.patient, sample.weight, 400)
    whole = find_needed_patients(sample, 0.5, BOUND, most=1, method="exact_binomial")
    assert find_needed_patients(half, 0.5, BOUND, most=1, method="exact_binomial") == 2 * (whole or 0)


@pytest.mark.parametrize("method", ["exact_binomial", "betting"])
def test_no_number_suffices_at_or_above_the_bound(method: Method) -> None:
    """10 of 200 are 5 %: not below the bound; nothing accepted: nothing known."""
    assert find_needed_patients(make_errors(10, 200), 0.5, BOUND, most=1, method=method) is None
    assert find_needed_patients(make_errors(0, 200), 0.95, BOUND, most=1, method=method) is None


def test_bets_pass_as_often_as_said() -> None:
    """Four values per patient that hang together: with the patients said, four studies in five pass, about."""
    rng = np.random.default_rng(8)
    seen, _ = Scenario("seen", flat(0.02), values=4, shared=0.4, centres=False).draw(rng, 150)
    needed = find_needed_patients(seen, 0.0, BOUND, most=4, method="betting")
    assert needed is not None

    def pass_rate(patients: int) -> float:
        passed = []
        for _ in range(150):
            tuning, selection = draw_again(seen, patients // 2, rng), draw_again(seen, patients, rng)
            p = compute_p(tuning, selection, np.zeros(1), alpha=0.05, most=np.array([4.0]), method="betting")
            passed.append(p[0] <= 0.05)
        return float(np.mean(passed))

    assert 0.65 <= pass_rate(needed) <= 0.95
    assert pass_rate(needed // 3) < 0.6
