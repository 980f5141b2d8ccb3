"""What people type is read as they mean it, and passages are cut where they stand."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probatio.review.page.passages import AROUND, cut_excerpt, cut_text
from probatio.review.tables import Candidate
from probatio.review.typed import read_date, read_number


@pytest.mark.parametrize(
    ("typed", "iso"),
    [
        ("03/05/2024", "2024-05-03"),
        ("3/5/2024", "2024-05-03"),
        ("03.05.2024", "2024-05-03"),
        ("2024-05-03", "2024-05-03"),
        ("3 mai 2024", "2024-05-03"),
        ("1er août 2023", "2023-08-01"),
        ("1ER AOUT 2023", "2023-08-01"),
        ("12 févr. 2022", "2022-02-12"),
        ("juin 2021", "2021-06"),
        ("3 May 2024", "2024-05-03"),
        ("3rd december 2024", "2024-12-03"),
        ("05/2024", "2024-05"),
        ("2024", "2024"),
    ],
)
def test_dates_are_read_with_the_day_first(typed: str, iso: str) -> None:
    """French and English words, accents or none, a month or a year alone."""
    assert read_date(typed) == iso


@pytest.mark.parametrize("typed", ["31/02/2024", "3 jui 2024", "03/05/24", "mai", "32 mai 2024", "3 ma 2024", ""])
def test_what_is_no_date_stays(typed: str) -> None:
    """A day that does not exist, a month that could be two, a year of two digits: left for the refusal."""
    assert read_date(typed) in (typed, "32/5/2024")


@given(st.dates(min_value=dt.date(1900, 1, 1)))
def test_every_date_is_read_as_french_writes_it(day: dt.date) -> None:
    """Day, month and year in figures give the date back."""
    assert read_date(f"{day:%d/%m/%Y}") == f"{day:%Y-%m-%d}"


@pytest.mark.parametrize(
    ("typed", "unit", "number"),
    [
        ("61,5", "", "61.5"),
        ("61.50", "", "61.5"),
        ("1 250", "", "1250"),
        ("1\u202f250,5", "", "1250.5"),
        ("−3", "", "-3"),
        ("80 %", "%", "80"),
        ("56 µmol/L", "µmol/L", "56"),
        ("12 kg", "g", "12 kg"),
        ("1,234.5", "", "1,234.5"),
        ("12 34", "", "12 34"),
        ("<1", "", "<1"),
        ("", "", ""),
    ],
)
def test_numbers(typed: str, unit: str, number: str) -> None:
    """A decimal comma, thousands, a typographer's minus, the unit; what could be two numbers is none."""
    assert read_number(typed, unit) == number


@given(st.integers(-(10**9), 10**9), st.integers(0, 3))
def test_french_numbers_are_read_back(units: int, decimals: int) -> None:
    """A number written with a decimal comma is the number."""
    number = units / 10**decimals
    assert float(read_number(f"{number:.{decimals}f}".replace(".", ","))) == number


def span(letter: str, start: int | None, end: int | None, snippet: str = "") -> Candidate:
    return Candidate(letter, "x", ("s",), "D1", start, end, snippet)


TEXTS = st.text(st.sampled_from("ab é𝄞\n<"), min_size=1, max_size=40)


@given(TEXTS, st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45)), max_size=4))
def test_pieces_are_the_text_and_mark_the_spans(text: str, spans: list[tuple[int, int]]) -> None:
    """Joined, the pieces are the text; those that bear a letter are that letter's span, overlapping or not."""
    candidates = [span(letter, start, end) for letter, (start, end) in zip("ABCD", spans, strict=False)]
    pieces = cut_text(text, candidates)
    assert "".join(piece.text for piece in pieces) == text
    for candidate in candidates:
        marked = "".join(piece.text for piece in pieces if candidate.letter in piece.letters)
        start, end = candidate.start or 0, candidate.end or 0
        inside = 0 <= start < end <= len(text)
        assert marked == (text[start:end] if inside else "")
        assert sum(candidate.letter in piece.first for piece in pieces) == inside


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_an_excerpt_is_of_the_text(text: str, start: int, end: int) -> None:
    """The span is whole, the words around it stand in the text, cut at blanks."""
    excerpt = cut_excerpt(span("A", start, end, "snippet"), text * 5)
    if not start < end <= len(text * 5):
        assert excerpt == ("", "snippet", "")
        return
    assert excerpt is not None
    assert excerpt.span == (text * 5)[start:end]
    assert excerpt.before.removeprefix("… ") + excerpt.span + excerpt.after.removesuffix(" …") in text * 5
    assert len(excerpt.before) <= AROUND + 2


def test_no_place_and_no_snippet_is_no_excerpt() -> None:
    """A value without evidence shows none."""
    assert cut_excerpt(span("A", None, None), "text") is None
