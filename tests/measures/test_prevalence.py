"""Apparent and corrected prevalence of a class."""

from types import SimpleNamespace

import pandas as pd
import pytest
from agreement_study import build_pairs, build_patients, build_protocol

from probatio.measures.misclassification import Accuracy, compute_rogan_gladen
from probatio.measures.prevalence import estimate_prevalence
from probatio.resampling import compute_wilson
from probatio.results import select_rows

WORDS = {"a": "absent", "p": "present"}


def run(validated: list[tuple[str, int]], more: str = "", **options) -> pd.DataFrame:
    """Rows of the AI's mutation: validated (true and read letter, how many), then values without reference."""
    cells = [pair for pair, times in validated for _ in range(times)]
    values = [(f"P{at:04d}", WORDS[t], WORDS[g], "C" if t == g else "W") for at, (t, g) in enumerate(cells)] or [
        ("P0000", "absent", "", "O")
    ]
    pairs = build_pairs(values, variable="mutation", **options)
    read = [g for _, g in cells] + list(more)
    names = [f"P{at:04d}" for at in range(max(len(read), 1))]
    frame = pd.DataFrame({"patient_id": names[: len(read)], "value": [WORDS[g] for g in read]})
    frame = frame.assign(source="ai", variable="mutation", state="value", conformant=True)
    patients = pd.DataFrame({"development": False}, index=pd.Index(names, name="patient_id"))
    records = SimpleNamespace(records=frame, patients=patients)
    comparison = SimpleNamespace(pairs=pairs, patients=build_patients(pairs))
    rows = estimate_prevalence(comparison, records, build_protocol())
    return select_rows(rows, source="ai", variable="mutation", term="present")


def pick(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The one row of a metric."""
    found = select_rows(rows, metric=metric)
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize(("read", "said"), [(0, ""), (2, "few_events_caution"), (3, "")])
def test_a_class_read_once_or_twice_says_so(read: int, said: str) -> None:
    """Wilson's interval around one or two values falls short; around none it does not."""
    row = pick(run([("aa", 30)], "p" * read + "a" * 10), "apparent_prevalence")
    assert (row["status"], row["reason"], row["k"]) == ("ok", said, read)


def test_correction_by_hand() -> None:
    """Se 18 of 20, Sp 38 of 40, 20 of 60 validated and 30 of 140 others read present: 50 of 200 is 0.235294."""
    validated = [("pp", 18), ("pa", 2), ("aa", 38), ("ap", 2)]
    rows = run(validated, "p" * 30 + "a" * 110)
    apparent = pick(rows, "apparent_prevalence")
    assert (apparent.n, apparent.k, apparent.estimate) == (200, 50, 0.25)
    assert (apparent.lower, apparent.upper) == pytest.approx(tuple(float(x) for x in compute_wilson(50, 200, 0.95)))
    corrected = pick(rows, "corrected_prevalence")
    assert corrected.estimate == pytest.approx(0.235294, abs=5.1e-7)
    expected = compute_rogan_gladen(50, 200, Accuracy(0.9, 0.95, 20, 40), 0.95)
    assert (corrected.lower, corrected.upper) == pytest.approx((expected.lower, expected.upper))
    assert corrected.upper - corrected.lower > apparent.upper - apparent.lower


def test_everything_validated_is_the_true_prevalence() -> None:
    """With a reference for every value the correction gives the reference's own share."""
    rows = run([("pp", 15), ("pa", 5), ("aa", 70), ("ap", 10)])
    assert pick(rows, "corrected_prevalence").estimate == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("validated", "reason"),
    [([], "no_values"), ([("aa", 5)], "one_class_only"), ([("pa", 5), ("ap", 5)], "uninformative")],
)
def test_undefined_corrections_say_why(validated: list[tuple[str, int]], reason: str) -> None:
    """Nothing read, one class in the reference, or a reading worse than chance: not estimable."""
    row = pick(run(validated), "corrected_prevalence")
    assert (row.status, row.reason) == ("not_estimable", reason)


def test_without_a_reference_there_is_nothing_to_correct_by() -> None:
    """A study of readings has no rows."""
    protocol = build_protocol()
    sources = [source for source in protocol.sources if source.role != "reference"]
    assert estimate_prevalence(None, None, protocol.model_copy(update={"sources": sources})).empty
