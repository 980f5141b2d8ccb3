"""No small count can be found out from what is released, whatever is added up and subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from release_attack import OUTCOMES, Attack
from release_study import derive_study

from probatio.provenance.release.disclosing import suppress_rows
from probatio.results import derive_table

MINIMUM = 10
SOURCES, STRATA = ("ai", "manual"), ("young", "old")
Cells = Mapping[tuple[str, str], Mapping[str, int]]

COUNT = st.one_of(st.just(0), st.integers(0, 14), st.integers(5, 40))
"""Counts about the minimum, where it matters."""


@st.composite
def draw_cells(draw: st.DrawFn) -> Cells:
    """Return outcomes by source and stratum: both sources read the same patients against the same reference."""
    cells = {}
    for stratum in STRATA:
        present, absent = draw(st.integers(0, 120)), draw(st.one_of(st.just(0), st.integers(0, 60)))
        for source in SOURCES:
            wrong, omitted, extra = (min(draw(COUNT), most) for most in (present, present, absent))
            omitted = min(omitted, present - wrong)
            cells[source, stratum] = {"C": present - wrong - omitted, "W": wrong, "O": omitted, "U": extra, "B": absent - extra}
    return cells


def derive_rows(studies: list[Cells]) -> pd.DataFrame:
    """Return the rows of several studies as so many variables of one: they have nothing in common."""
    tables = [derive_study({stratum: cells[source, stratum] for stratum in STRATA}, source=source, variable=f"v{place}")
              for place, cells in enumerate(studies) for source in SOURCES]  # fmt: skip
    return derive_table(pd.concat(tables, ignore_index=True))


def list_small(cells: Cells) -> list[tuple[str, str, str]]:
    """Return source, stratum ("" for all) and outcomes of every sum of outcomes between 1 and the minimum."""
    sums = ("C", "W", "O", "U", "B", "WOU", "OU", "WO", "CW", "CWO", "CB", "UB")
    found = []
    for source, stratum, outcomes in product(SOURCES, ("", *STRATA), sums):
        tables = [cells[source, name] for name in ([stratum] if stratum else STRATA)]
        if 0 < sum(table[name] for table in tables for name in outcomes) < MINIMUM:
            found.append((source, stratum, outcomes))
    return found


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(draw_cells(), min_size=6, max_size=6))
def test_no_small_count_can_be_found_to_less_than_the_minimum(studies: list[Cells]) -> None:
    """From all that is released of a study, a count of 1 to 9 may lie in a range at least 10 wide."""
    released = suppress_rows(derive_rows(studies), MINIMUM).rows
    for place, cells in enumerate(studies):
        attack = Attack(released[released["variable"] == f"v{place}"], SOURCES, STRATA)
        for source, stratum, outcomes in list_small(cells):
            low, high = attack.find_range(attack.sum(source, stratum, outcomes), most=500)
            assert high - low >= MINIMUM - 1e-6, (source, stratum, outcomes, cells)
