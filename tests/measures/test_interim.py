"""Pending values: whatever is found, the final number lies between best and worst, and both are reached."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from agreement_study import build_pairs, build_patients, build_protocol, get_row
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.measures import ACCEPTANCE_METHODS
from probatio.measures.interim import estimate_interim
from probatio.results import select_rows

LEVELS = ["adeno", "squamous", "other"]
ANSWERS = [*LEVELS, ""]
Cell = tuple[str, str]


def judge(reference: str, value: str) -> str:
    if reference and value:
        return "C" if reference == value else "W"
    return "O" if reference else "U" if value else "B"


def build_case(known: list[tuple[str, str, str]], pending: list[Cell]) -> tuple[Any, Any]:
    """Known cells (reference, AI, manual), one a patient, and pending ones (AI, manual)."""
    cells = [*known, *(("?", *cell) for cell in pending)]
    names = [f"P{i:02d}" for i in range(len(cells))]
    rows = []
    for place, source in ((1, "ai"), (2, "manual")):
        judged = [(name, c[0], c[place], judge(c[0], c[place])) for name, c in zip(names, cells, strict=True)]
        rows.append(build_pairs([j for j in judged if j[1] != "?"], source=source))
    same = [(name, c[2], c[1], judge(c[2], c[1])) for name, c in zip(names, cells, strict=True)]
    rows.append(build_pairs(same, source="ai", comparator="manual", kind="agreement"))
    pairs = pd.concat(rows, ignore_index=True)
    members = build_pairs([(name, "", "", "B") for name in names])
    table = pd.DataFrame({"variable": "histology", "visit": "", "patient_id": names})
    asked = pd.concat([table.assign(source=source) for source in ("ai", "manual")])
    told = [
        {"source": source, "variable": "histology", "visit": "", "patient_id": name, "state": "value"}
        for place, source in ((1, "ai"), (2, "manual"))
        for name, cell in zip(names, cells, strict=True)
        if cell[place]
    ]
    records = SimpleNamespace(
        assessments=asked,
        records=pd.DataFrame(told, columns=["source", "variable", "visit", "patient_id", "state"]),
        pending=table[len(known) :].assign(source="registry"),
    )
    return SimpleNamespace(pairs=pairs, patients=build_patients(members)), records


def enumerate_rates(known: list[tuple[str, str, str]], pending: list[Cell], metric: str) -> list[float]:
    """Every value that the AI's rate, or its difference to manual, could take once all is adjudicated."""
    found = []
    for answers in product(ANSWERS, repeat=len(pending)):
        cells = [*known, *((r, a, m) for r, (a, m) in zip(answers, pending, strict=True))]
        ai, manual = ([judge(c[0], c[place]) for c in cells] for place in (1, 2))
        if metric == "error_difference":
            counted = [(a, m) for a, m in zip(ai, manual, strict=True) if (a, m) != ("B", "B")]
            value = [(a in "WOU") - (m in "WOU") for a, m in counted]
        else:
            above, below = {"error_rate": ("WOU", "CWOU"), "omission_rate": ("O", "CWO"),
                            "unsupported_share": ("U", "CWU")}[metric]  # fmt: skip
            value = [a in above for a in ai if a in below]
        if value:
            found.append(sum(value) / len(value))
    return found


KNOWN = [("adeno", "adeno", "adeno"), ("adeno", "other", "adeno"), ("other", "", "other"), ("", "other", "")]
CELLS = st.tuples(st.sampled_from(ANSWERS), st.sampled_from(ANSWERS))


@settings(max_examples=25, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=4))
def test_best_and_worst_are_the_ends_of_all_adjudications(pending: list[Cell]) -> None:
    """By brute force over every answer to every pending cell: bounds of each metric hold, and each is reached."""
    rows = estimate_interim(*build_case(KNOWN, pending), build_protocol())
    for metric in ("error_rate", "omission_rate", "unsupported_share", "error_difference"):
        ends = enumerate_rates(KNOWN, pending, metric)
        for term, end in (("best", min(ends)), ("worst", max(ends))):
            row = get_row(rows, f"interim_{metric}", term=term, source="ai")
            assert row.estimate == pytest.approx(end)


def test_a_difference_cannot_come_from_cells_that_agree() -> None:
    """Where AI and manual say the same, both are right or both are wrong: no cell more differs, at most one dilutes."""
    rows = estimate_interim(*build_case(KNOWN, [("other", "other"), ("", "")]), build_protocol())
    best, worst = (get_row(rows, "interim_error_difference", term=term) for term in ("best", "worst"))
    assert (best.k, worst.k) == (3, 3)
    assert (best.estimate, worst.estimate) == pytest.approx((3 / 6, 3 / 5))


def test_pending_values_are_counted_by_source() -> None:
    """All that will be compared in the end are counted, and those that wait."""
    rows = estimate_interim(*build_case(KNOWN, [("other", "adeno")] * 3), build_protocol())
    row = get_row(rows, "pending_values", source="ai")
    assert (row.estimate, row.n, row.k, row.comparator) == (3, 7, 3, "registry")


def test_bounds_carry_an_interval_to_report_and_one_to_accept() -> None:
    """Each case has both, the worst case's upper bound above the best case's."""
    rows = estimate_interim(*build_case(KNOWN * 5, [("other", "adeno")] * 3), build_protocol())
    mine = select_rows(rows, metric="interim_error_rate", source="ai")
    assert mine.groupby("term")["method"].apply(lambda m: m.isin(ACCEPTANCE_METHODS).sum()).tolist() == [1, 1]
    upper = mine.groupby("term")["upper"].max()
    assert upper["worst"] > upper["best"]


def test_nothing_pending_gives_no_rows() -> None:
    """A frozen study has no interim."""
    comparison, records = build_case(KNOWN, [])
    assert estimate_interim(comparison, records, build_protocol()).empty


def test_pending_events_are_counted_without_bounds() -> None:
    """How many events an awaited patient has is unknown: the count stands, the bounds say why not."""
    comparison, records = build_case(KNOWN, [("other", "adeno")])
    for table in (records.assessments, records.pending):
        table["variable"] = "adverse_events"
    found = build_pairs([("P00", "E1", "E1", "C")], variable="adverse_events", event="E1")
    comparison.pairs = pd.concat([comparison.pairs, found], ignore_index=True)
    rows = estimate_interim(comparison, records, build_protocol())
    assert get_row(rows, "pending_values", source="ai").estimate == 1
    bounds = select_rows(rows, metric="interim_error_rate", source="ai")
    assert set(zip(bounds["status"], bounds["reason"], strict=True)) == {("not_applicable", "type_without_metric")}
