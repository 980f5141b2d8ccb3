"""What a cell says: tables a clinician can read, text of the cell -> what is kept."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probatio.protocol import Recode, UserError
from probatio.records.canonical import ValueRule, derive_canonical, derive_number, derive_number_text
from probatio.records.dates import AMBIGUOUS, derive_date

STAGE = ValueRule(
    type="ordinal",
    levels=("I", "II", "III", "IV"),
    missing=frozenset({"NA", "?"}),
    not_assessed=frozenset({"not due"}),
    recode=Recode(values={"1": "I", "x": ""}, pattern=r"stage (I{1,3}|IV)[ABC]?", to=r"\1"),
)
KARNOFSKY = ValueRule(type="ordinal", levels=("80", "90", "100"))
HB = ValueRule(type="number", missing=frozenset({"-1"}))
HB_FRENCH = ValueRule(type="number", decimal_marks=",")
HB_EXCEL = ValueRule(type="number", decimal_marks=",.")
SITES = ValueRule(
    type="set",
    levels=("bone", "brain", "liver"),
    negative=frozenset({"none"}),
    recode=Recode(values={"foie": "liver", "os": "bone", "tous": "bone|brain|liver"}),
)
DEATH = ValueRule(type="date", negative=frozenset({"alive"}), date_order="DMY")
TERM = ValueRule(type="text")
DRUGS = ValueRule(type="set", recode=Recode(values={"a": "b", "b": "c"}))

# rule, text of the cell, state, value, conforms, counted as recoded
CELLS = [
    (STAGE, "II", "value", "II", True, False),
    (STAGE, "  II ", "value", "II", True, False),
    (STAGE, "ii", "value", "II", True, True),
    (STAGE, "1", "value", "I", True, True),
    (STAGE, "Stage IIIB", "value", "III", True, True),
    (STAGE, "stage V", "value", "stage V", False, False),
    (STAGE, "V", "value", "V", False, False),
    (STAGE, " V", "value", " V", False, False),
    (STAGE, "", "not_documented", "", True, False),
    (STAGE, "   ", "not_documented", "", True, False),
    (STAGE, "NA", "not_documented", "", True, False),
    (STAGE, "na", "value", "na", False, False),
    (STAGE, "x", "not_documented", "", True, True),
    (STAGE, "not due", "not_assessed", "", True, False),
    (STAGE, "=1+1", "value", "=1+1", False, False),
    (STAGE, "<b>II</b>", "value", "<b>II</b>", False, False),
    (KARNOFSKY, "90.0", "value", "90", True, True),
    (KARNOFSKY, "90", "value", "90", True, False),
    (KARNOFSKY, "95", "value", "95", False, False),
    (HB, "12", "value", "12", True, False),
    (HB, "12.0", "value", "12", True, True),
    (HB, "12.50", "value", "12.5", True, True),
    (HB, "-0", "value", "0", True, True),
    (HB, "-1", "not_documented", "", True, False),
    (HB, "12,5", "value", "12,5", False, False),
    (HB, "1 200", "value", "1 200", False, False),
    (HB, "<1", "value", "<1", False, False),
    (HB, "12 g/dL", "value", "12 g/dL", False, False),
    (HB, "nan", "value", "nan", False, False),
    (HB, "inf", "value", "inf", False, False),
    (HB, "1e400", "value", "1e400", False, False),
    (HB, "١٢", "value", "١٢", False, False),
    (HB_FRENCH, "12,5", "value", "12.5", True, True),
    (HB_FRENCH, "1.234", "value", "1.234", False, False),
    (HB_FRENCH, "1.234,5", "value", "1.234,5", False, False),
    (HB_EXCEL, "12.5", "value", "12.5", True, False),
    (HB_EXCEL, "12,5", "value", "12.5", True, True),
    (SITES, "liver|bone", "value", "bone|liver", True, True),
    (SITES, "bone; liver", "value", "bone|liver", True, True),
    (SITES, "bone|bone", "value", "bone", True, True),
    (SITES, "os|foie", "value", "bone|liver", True, True),
    (SITES, "tous", "value", "bone|brain|liver", True, True),
    (SITES, "none", "negative", "", True, False),
    (SITES, "liver|spleen", "value", "liver|spleen", False, False),
    (SITES, "", "not_documented", "", True, False),
    (SITES, "|", "value", "|", False, False),
    (DRUGS, "a", "value", "b", True, True),
    (DRUGS, "a|b", "value", "b|c", True, True),
    (DRUGS, "gefitinib; AZD9291", "value", "AZD9291|gefitinib", True, True),
    (DEATH, "03/04/2024", "value", "2024-04-03", True, True),
    (DEATH, "2024-04-03", "value", "2024-04-03", True, False),
    (DEATH, "alive", "negative", "", True, False),
    (DEATH, "31/02/2024", "value", "31/02/2024", False, False),
    (DEATH, "spring", "value", "spring", False, False),
    (TERM, " Carboplatin AUC 5 ", "value", "Carboplatin AUC 5", True, False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "state", "value", "conformant", "recoded"), CELLS)
def test_a_cell_becomes(rule: ValueRule, text: str, state: str, value: str, conformant: bool, recoded: bool) -> None:
    """A cell's text becomes this state and value; what does not conform keeps its text."""
    assert derive_canonical(text, rule) == (state, value, conformant, recoded)


# text, value with no declared order, with DMY, with MDY, with YMD
DATES = [
    ("2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03"),
    ("2024-5-3", "2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03"),
    ("2024/05/03", "2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03"),
    ("20240503", "2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03"),
    ("2024-05-03T10:15:00", "2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03"),
    ("2024-05-03 00:00", "2024-05-03", "2024-05-03", "2024-05-03", "2024-05-03"),
    ("2024-05", "2024-05", "2024-05", "2024-05", "2024-05"),
    ("2024", "2024", "2024", "2024", "2024"),
    ("03/04/2024", AMBIGUOUS, "2024-04-03", "2024-03-04", None),
    ("03.04.2024", AMBIGUOUS, "2024-04-03", "2024-03-04", None),
    ("3-4-2024", AMBIGUOUS, "2024-04-03", "2024-03-04", None),
    ("03/04/2024 08:00", AMBIGUOUS, "2024-04-03", "2024-03-04", None),
    ("25/04/2024", AMBIGUOUS, "2024-04-25", None, None),
    ("05/2024", AMBIGUOUS, "2024-05", "2024-05", "2024-05"),
    ("03/04/24", AMBIGUOUS, None, None, None),
    ("03/04.2024", None, None, None, None),
    ("2023-02-29", None, None, None, None),
    ("2024-02-29", "2024-02-29", "2024-02-29", "2024-02-29", "2024-02-29"),
    ("2024-13", None, None, None, None),
    ("0000", None, None, None, None),
    ("2024-05-03-01", None, None, None, None),
    ("45415", None, None, None, None),
    ("3 mai 2024", None, None, None, None),
]


@pytest.mark.parametrize(("text", "none", "dmy", "mdy", "ymd"), DATES)
def test_a_date_is_read_in_the_declared_order_only(
    text: str, none: str | None, dmy: str | None, mdy: str | None, ymd: str | None
) -> None:
    """ISO needs no order, day and month do, and a date that does not exist is none."""
    assert [derive_date(text, order) for order in (None, "DMY", "MDY", "YMD")] == [none, dmy, mdy, ymd]


@given(st.dates(min_value=dt.date(1900, 1, 1)))
def test_every_written_form_of_a_day_reads_back(day: dt.date) -> None:
    """A day written in ISO, day-first and month-first form is read as that day."""
    assert derive_date(day.isoformat(), None) == day.isoformat()
    assert derive_date(day.strftime("%d/%m/") + str(day.year), "DMY") == day.isoformat()
    assert derive_date(day.strftime("%m.%d.") + str(day.year), "MDY") == day.isoformat()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_reads_back_exactly(number: float) -> None:
    """Canonical text loses nothing: it reads back as the very same number."""
    assert derive_number(derive_number_text(number)) == number


@pytest.mark.parametrize("rule", [STAGE, KARNOFSKY, HB, HB_FRENCH, SITES, DEATH, TERM], ids=lambda rule: rule.type)
@given(text=st.text())
def test_any_text_is_a_value_or_is_kept_as_it_is(rule: ValueRule, text: str) -> None:
    """No text makes reading crash, and one that does not conform is kept word for word."""
    state, value, conformant, recoded = derive_canonical(text, rule)
    assert conformant or (state, value, recoded) == ("value", text, False)
    assert state == "value" or value == ""


@pytest.mark.parametrize("rule", [STAGE, KARNOFSKY, HB, SITES, DEATH, TERM], ids=lambda rule: rule.type)
@given(text=st.one_of(st.sampled_from([cell[1] for cell in CELLS]), st.text(max_size=6)))
def test_a_canonical_value_is_its_own_canonical_form(rule: ValueRule, text: str) -> None:
    """Reading a canonical value again changes nothing: a written file can be read back."""
    plain = ValueRule(type=rule.type, levels=rule.levels)
    first = derive_canonical(text, rule)
    if first.state == "value" and first.conformant:
        assert derive_canonical(first.value, plain) == ("value", first.value, True, False)


def test_a_recoding_that_does_not_fit_its_pattern_is_a_mistake_of_the_user() -> None:
    """`to` naming a group that the pattern lacks is said in one sentence."""
    rule = ValueRule(type="text", recode=Recode(pattern="T([0-4])", to=r"\2"))
    with pytest.raises(UserError, match="does not fit the pattern"):
        derive_canonical("T1", rule)
