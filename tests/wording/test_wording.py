"""Labels exist in both languages and numbers read as their language wants."""

from __future__ import annotations

import csv
import io
import math
from datetime import date
from importlib.resources import files
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probatio.acceptance import Decision, Verdict
from probatio.protocol.criteria import CriterionMetric
from probatio.results import Reason, Status
from probatio.wording import EMPTY, format_date, format_interval, format_number, format_percent, has_word, read_word

WORDS = list(
    csv.DictReader(io.StringIO(files("probatio.wording").joinpath("words.csv").read_text("utf-8"), newline=""))
)


def test_every_word_is_there_once_in_both_languages() -> None:
    """No key is empty in a language, and none stands twice."""
    assert all(row["en"].strip() and row["fr"].strip() for row in WORDS)
    keys = [(row["kind"], row["key"]) for row in WORDS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("status", list(Status)),
        ("reason", [reason for reason in Reason if reason]),
        ("verdict", [verdict.name.lower() for verdict in Verdict]),
        ("decision", [decision.name.lower() for decision in Decision]),
        ("metric", get_args(CriterionMetric)),
        ("outcome", list("CWOUB")),
    ],
)
def test_closed_codes_are_all_worded(kind: str, keys: list[str]) -> None:
    """A reader never sees a bare code."""
    assert [key for key in keys if not has_word(kind, key)] == []


def test_french_and_english_numbers() -> None:
    """French takes the decimal comma, no-break spaces and brackets with a semicolon."""
    assert format_number(1234.567, "fr", digits=1) == "1\u202f234,6"
    assert format_number(1234.567, "en", digits=1) == "1,234.6"
    assert format_percent(0.0657, "fr") == "6,6\u202f%"
    assert format_percent(0.0657, "en") == "6.6%"
    assert format_interval(-0.05, 0.1, "fr", percent=True, digits=1) == "[−5,0\u00a0; 10,0]"
    assert format_interval(0.5, math.inf, "en") == "(0.50 to ∞)"
    assert format_date(date(2024, 5, 3), "fr") == "3 mai 2024"
    assert read_word("verdict", "accepted", "fr") == "Accepté"


def test_undefined_stays_undefined() -> None:
    """A missing number is a dash, never a zero."""
    assert format_number(math.nan, "fr") == EMPTY
    assert format_interval(math.nan, math.nan, "en") == EMPTY
    assert format_percent(math.nan, "fr") == EMPTY


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_formatting_reads_back(value: float, digits: int) -> None:
    """A formatted number reads back within half a unit of its last digit, and never shows a negative zero."""
    text = format_number(value, "fr", digits=digits).replace("\u202f", "").replace(",", ".").replace("−", "-")
    assert float(text) == pytest.approx(value, abs=0.5000001 * 10**-digits, rel=1e-12)
    assert not (float(text) == 0 and text.startswith("-"))
