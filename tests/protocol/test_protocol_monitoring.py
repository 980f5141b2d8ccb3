"""What a protocol may declare of routine use, and the sentence that answers a mistake in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probatio.protocol import UserError, read_protocol

Write = Callable[..., Path]

WATCH = """\
monitoring:
  by: sex
  metrics: [error_rate, omission_rate]
  baseline: 3
  out_of_control: 2
  run_length: 100
  source: someone
  justification: {en: why, fr: pourquoi}
"""
RATES = "{error_rate: 0.05, omission_rate: 0.02}"

MISTAKES = [
    ("by: sex", "by: quarter", ": monitoring.by", "quarter is not an attribute of the patients; known: ['sex']"),
    ("by: sex", "by: centre", ": monitoring.by", "centre is not an attribute"),
    ("column: sex", "column: sex\n      type: date", ": monitoring.by", "is a date without classes; give it cut"),
    ("role: reference", "role: manual", ": monitoring.by", "no source has that role"),
    ("  baseline: 3\n", "", ": monitoring", "give baseline (a number of first batches) or in_control"),
    ("baseline: 3", f"baseline: 3\n  in_control: {RATES}", ": monitoring", "one of them"),
    ("baseline: 3", "in_control: {error_rate: 0.05}", ": monitoring", "in_control needs a rate for each of"),
    ("baseline: 3", "in_control: {error_rate: 0, omission_rate: 0.1}", "in_control.error_rate", "greater than 0"),
    ("baseline: 3", f"assurance: 0.9\n  in_control: {RATES}", ": monitoring", "assurance goes with baseline"),
    ("baseline: 3", "baseline: 3\n  assurance: 0.4", "monitoring.assurance", "greater than 0.5"),
    ("baseline: 3", "baseline: 0", "monitoring.baseline", "greater than or equal to 1"),
    ("omission_rate]", "error_rate]", ": monitoring", "metrics names one metric twice"),
    ("omission_rate]", "kappa]", "monitoring.metrics[1]", "'kappa'"),
    ("[error_rate, omission_rate]", "[]", "monitoring.metrics", "at least 1"),
    ("out_of_control: 2", "out_of_control: 1", "monitoring.out_of_control", "greater than 1"),
    ("run_length: 100", "run_length: 1", "monitoring.run_length", "greater than or equal to 2"),
    ("  source: someone\n", "", "monitoring.source", "missing"),
    ("run_length: 100", "arl: 100", "monitoring.arl", "unknown key"),
]


def test_routine_use_is_read(write: Write, valid: str) -> None:
    """A declaration is read whole; a protocol without one has none."""
    declared = read_protocol(write(valid + WATCH)).monitoring
    assert declared is not None
    assert (declared.by, declared.metrics, declared.baseline) == ("sex", ["error_rate", "omission_rate"], 3)
    assert read_protocol(write(valid)).monitoring is None


def test_error_is_watched_unless_told_otherwise(write: Write, valid: str) -> None:
    """`metrics` may be left out, and a rate declared in place of a baseline."""
    text = WATCH.replace("  metrics: [error_rate, omission_rate]\n", "")
    declared = read_protocol(write(valid + text.replace("baseline: 3", "in_control: {error_rate: 0.05}"))).monitoring
    assert declared is not None
    assert declared.metrics == ["error_rate"]
    assert declared.in_control == {"error_rate": 0.05}


@pytest.mark.parametrize(
    "cut", ["type: number\n      cut: [60]\n      labels: [a, b]", "type: date\n      period: month"]
)
def test_numbers_and_dates_in_classes_may_name_the_batches(write: Write, valid: str, cut: str) -> None:
    """A number that is cut and a date by period have classes."""
    text = (valid + WATCH).replace("      column: sex", f"      column: sex\n      {cut}", 1)
    assert read_protocol(write(text)).monitoring is not None


@pytest.mark.parametrize(("correct", "mistaken", "where", "what"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    write: Write, valid: str, correct: str, mistaken: str, where: str, what: str
) -> None:
    """Each mistake gives one sentence that holds its place and what is wrong."""
    text = valid + WATCH
    assert correct in text
    with pytest.raises(UserError) as error:
        read_protocol(write(text.replace(correct, mistaken, 1)))
    message = str(error.value)
    assert where in message
    assert what in message
    assert "\n" not in message
