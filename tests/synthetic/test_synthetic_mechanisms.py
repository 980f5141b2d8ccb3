"""The error mechanisms, one by one."""

from __future__ import annotations

import csv
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probatio.synthetic.design import CELLS, EVENTS, READERS, VARIABLES
from probatio.synthetic.mechanisms import MECHANISMS, Rule, derive_errors, read_mechanisms

GRADES = ("0", "1", "2", "3", "4")
SITES = ("bone", "brain", "liver")
CASES = [
    # code, detail, levels, value, chance, other, expected
    ("O", "", (), "12", 0.3, "", ""),
    ("O", "item", SITES, "bone|liver", 0.6, "", "bone"),
    ("O", "item", SITES, "bone", 0.6, "", ""),
    ("U", "item", SITES, "bone|liver", 0.9, "", "bone|brain|liver"),
    ("U", "item", SITES, "bone|brain|liver", 0.9, "", "bone|brain|liver"),
    ("U", "5:60", (), "", 0.5, "", "30"),
    ("U", "5:60", (), "80", 0.5, "", "80"),
    ("U", "start_date+40:250", (), "", 0.0, "2023-01-01", "2023-02-10"),
    ("U", "not_tested>present", (), "not_tested", 0.5, "", "present"),
    ("N", "", GRADES, "2", 0.2, "", "3"),
    ("N", "", GRADES, "2", 0.7, "", "1"),
    ("N", "", GRADES, "0", 0.7, "", "1"),
    ("N", "", GRADES, "4", 0.2, "", "3"),
    ("N", "", (), "3", 0.2, "", "4"),
    ("N", "", (), "0", 0.9, "", "0"),
    ("N", "0>1", (), "0", 0.9, "", "1"),
    ("N", "@dose", (), "120", 0.9, "", "60"),
    ("G", "no>yes", (), "no", 0.5, "", "yes"),
    ("G", "no>yes", (), "yes", 0.5, "", "yes"),
    ("X", "*0.1131", (), "84", 0.5, "", "9.5"),
    ("X", "*10", (), "11.2", 0.5, "", "112"),
    ("X", "*10", (), "", 0.5, "", ""),
    ("S", "", (), "2023-05-03", 0.5, "", "2023-03-05"),
    ("S", "", (), "2023-05-13", 0.5, "", "2023-05-13"),
    ("S", "", (), "1956-04", 0.99, "", "1956-12"),
    ("L", "1:10", (), "2023-12-31", 0.0, "", "2024-01-01"),
    ("L", "-14:-2", (), "2023-01-01", 0.999, "", "2022-12-30"),
    ("L", "20:20", (), "2023-01", 0.0, "", "2023-02"),
    ("C", "IVB>IVA", (), "IVB", 0.5, "", "IVA"),
    ("C", "@previous", (), "70", 0.5, "72.5", "72.5"),
    ("C", "@previous", (), "70", 0.5, "", "70"),
    ("C", "@previous", (), "", 0.5, "72.5", ""),
    ("T", "@next", (), "1", 0.5, "2", "2"),
    ("T", "yes>no", (), "yes", 0.5, "", "no"),
    ("T", "150:600", (), "2022-01-01", 0.0, "", "2022-05-31"),
    ("F", "0>0-1;1>0-1", (), "1", 0.5, "", "0-1"),
    ("F", "0><1", (), "0", 0.5, "", "<1"),
    ("F", "comma", (), "12", 0.5, "", "12,0"),
    ("F", "comma", (), "11.2", 0.5, "", "11,2"),
    ("F", "about", (), "70", 0.5, "", "environ 70"),
    ("F", "", (), "2023-05-03", 0.2, "", "courant 2023"),
    ("F", "", (), "2023-05-03", 0.8, "", "?/05/2023"),
]


@pytest.mark.parametrize(("code", "detail", "levels", "value", "chance", "other", "expected"), CASES)
def test_a_mechanism_gives_the_wrong_value_its_code_says(code, detail, levels, value, chance, other, expected):
    """Each code turns a true text into the wrong text it describes, or leaves it where it does not apply."""
    assert MECHANISMS[code](value, chance, other, Rule(code, detail, levels)) == expected


@given(day=st.dates(), chance=st.floats(0, 1, exclude_max=True))
def test_exchanging_day_and_month_twice_gives_the_date_back(day, chance):
    """S is an involution wherever it changes a full date."""
    rule = Rule("S")
    once = MECHANISMS["S"](day.isoformat(), chance, "", rule)
    if once != day.isoformat():
        assert MECHANISMS["S"](once, chance, "", rule) == day.isoformat()


@given(chance=st.floats(0, 1, exclude_max=True))
def test_an_unsupported_number_lies_in_its_range(chance):
    """U draws within the range of its detail, ends included, whatever the chance."""
    assert 5 <= int(MECHANISMS["U"]("", chance, "", Rule("U", "5:60"))) <= 60


def test_errors_change_only_the_rows_hit_and_never_the_input():
    """derive_errors returns rows that it really changed, and leaves read-only truth alone."""
    values = np.array(["no", "yes", "no", "no"], dtype=object)
    values.setflags(write=False)
    hit = np.array([True, True, False, True])
    rows, wrong = derive_errors(values, hit, np.zeros(4), None, Rule("G", "no>yes"))
    assert rows.tolist() == [0, 3]
    assert wrong.tolist() == ["yes", "yes"]
    assert values.tolist() == ["no", "yes", "no", "no"]


def _read_rows():
    text = resources.files("probatio.synthetic").joinpath("mechanisms.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_the_table_names_known_variables_codes_and_probabilities():
    """Every line of the mechanism table is about a declared variable, with a known code, probabilities in [0, 1)."""
    known = {v.name for v in (*VARIABLES, *EVENTS)} | {f"{v.name}.{a}" for v in EVENTS for a in v.attributes}
    for row in _read_rows():
        assert row["variable"] in known
        assert row["code"] in {*MECHANISMS, "R"}
        assert row["why"]
        assert all(0 <= float(row[name]) < 0.5 for name in (*READERS, "shared"))


def test_every_variable_can_go_wrong_in_every_source_that_collects_it():
    """No variable is error-free by omission from the table; the questionnaire is manual only."""
    for variable in (*VARIABLES, *EVENTS):
        table = read_mechanisms(variable.name)
        for source in READERS:
            struck = sum(mechanism.probability[source] for mechanism in table)
            assert (struck > 0) == (variable.name != "qol_global" or source == "manual")


def test_the_table_is_where_the_codes_of_every_mechanism_are_used():
    """Every code of the registry occurs in the table, so that none is dead code."""
    assert {row["code"] for row in _read_rows()} == {*MECHANISMS, "R"}
    assert len(CELLS) == 38
