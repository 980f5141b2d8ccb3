"""No number of patients leaves beside another one that shows, by subtraction, the few between them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_study import build_share

from probatio.provenance.release.disclosing import suppress_rows
from probatio.results import build_row, derive_table, select_rows

MINIMUM, STUDY = 10, 228
READ = build_row("patients", float(STUDY), term="evaluated", n=STUDY, unit="patients", section="01_cohort")


def release(*rows: dict[str, Any], **given: Any) -> pd.DataFrame:
    return suppress_rows(derive_table([READ, *rows], study="study"), MINIMUM, **given).rows


ROWS = {
    "median": lambda n: build_row("median", 1.0, n=n, variable="ecog", section="01_cohort", analysis="characteristics"),
    "tolerable_error": lambda n: build_row("tolerable_error", 0.0414286, n=n, k=n // 2, variable="ecog",
                                           section="06_tolerance", analysis="os"),
    "hazard_ratio": lambda n: build_row("hazard_ratio", 1.4, n=n, k=n // 2, section="04_replication", analysis="os"),
    "delay_known_rate": lambda n: build_share("delay_known_rate", 0, n, source="ai", section="02_data_quality"),
}  # fmt: skip


@pytest.mark.parametrize("metric", ROWS)
@pytest.mark.parametrize(("n", "told"), [(228, True), (227, False), (219, False), (218, True)])
def test_a_number_near_the_studys_patients_goes(metric: str, n: int, told: bool) -> None:
    """Of 228 patients 227 have a value: one has none, and no row says so, whether measured, fitted or simulated."""
    row = select_rows(release(ROWS[metric](n)), metric=metric).iloc[0]
    assert row["status"] == "ok"
    assert bool(pd.notna(row["n"])) is told
    assert pd.notna(row["estimate"])


def test_a_count_of_cells_near_the_studys_patients_is_withheld() -> None:
    """221 of 228 asked would show seven patients without the document: the number is the estimate, and goes."""
    cells = build_row("cells", 221.0, n=221, term="assessed", unit="cells", source="ai", variable="ecog",
                      section="01_cohort")  # fmt: skip
    assert select_rows(release(cells), metric="cells")["status"].tolist() == ["suppressed"]


def list_groups(sizes: dict[str, int], *, whole: int) -> list[dict[str, Any]]:
    """Return events and medians of an analysis and of its groups, half of each with an event."""
    key = {"section": "04_replication", "analysis": "os", "source": "ai"}
    rows = [build_row("events", whole // 2, n=whole, k=whole // 2, unit="patients", **key)]
    for term, n in sizes.items():
        named = key | {"variable": "karnofsky", "term": term, "n": n, "k": n // 2}
        rows += [build_row("events", n // 2, unit="patients", **named)]
        rows += [build_row("median_survival", 310.0, lower=285.0, upper=363.0, unit="days", **named)]
    return rows


@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 12))
def test_groups_of_an_analysis_show_nobody_outside_them(low: int, high: int, beside: int) -> None:
    """Groups that leave show, of the analysis and of the study, no group and no rest of 1 to 9 patients."""
    sizes = {"low": low, "high": high}
    out = release(*list_groups(sizes, whole=low + high + beside))
    shown = out[(out["variable"] == "karnofsky") & out["n"].notna()].groupby("term")["n"].first()
    whole = select_rows(out, variable="", metric="events")["n"].dropna().tolist()
    for total in [*whole, STUDY]:
        left = [total - n for n in shown] + ([total - shown.sum()] if len(shown) == 2 else [])
        assert not [each for each in left if 0 < each < MINIMUM], (sizes, beside, total)


def test_a_group_near_the_same_in_the_cohort_goes() -> None:
    """138 men in the cohort, 137 in the analysis: their events and number go, the median stays to the month."""
    men = build_share("share", 138, STUDY, variable="sex", term="male", section="01_cohort", analysis="characteristics")
    key = {"section": "04_replication", "analysis": "os", "variable": "sex", "term": "male", "n": 137, "k": 111}
    out = release(men, build_row("events", 111.0, unit="patients", **key),
                  build_row("median_survival", 270.0, unit="days", **key))  # fmt: skip
    assert select_rows(out, metric="events")["status"].tolist() == ["suppressed"]
    median = select_rows(out, metric="median_survival").iloc[0]
    assert (median["estimate"], pd.isna(median["n"])) == (274.0, True)


def test_a_median_survival_is_told_to_the_month() -> None:
    """310 days and the ends 285 and 363 are three days on which a patient died; months are what curves show too."""
    row = build_row("median_survival", 310.0, lower=285.0, upper=363.0, unit="days", n=100, k=60,
                    section="04_replication", analysis="os")  # fmt: skip
    shown = select_rows(release(row), metric="median_survival").iloc[0]
    assert shown[["estimate", "lower", "upper"]].tolist() == [304.0, 274.0, 365.0]


def test_what_an_estimate_rests_on_goes_where_it_is_small() -> None:
    """A simulated tolerance stays in three digits; that it rests on 5 events does not leave."""
    row = build_row("tolerable_error", 0.0414286, n=120, k=5, section="06_tolerance", analysis="os")
    shown = select_rows(release(row), metric="tolerable_error").iloc[0]
    assert shown["estimate"] == 0.0414
    assert shown[["n", "k"]].isna().all()


@settings(max_examples=2, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 30), min_size=2, max_size=5), min_size=30, max_size=30))
def test_a_forms_missing_values_show_no_variable_left_out(forms: list[list[int]]) -> None:
    """The sum over a form, less the variables that leave, is never what one variable alone lacks, nor few."""
    rows = []
    for source, missing in enumerate(forms):
        key = {"section": "02_data_quality", "source": f"s{source}"}
        rows += [build_share("missing_rate", k, 120, variable=f"v{place}", **key) for place, k in enumerate(missing)]
        rows.append(build_share("missing_rate", sum(missing), 120 * len(missing), term="staging", **key))
    out = release(*rows, forms={f"v{place}": "staging" for place in range(5)})
    for _, own in out[out["metric"] == "missing_rate"].groupby("source"):
        single, total = own[own["variable"] != ""], select_rows(own, term="staging")["k"].dropna().tolist()
        assert not [k for k in total if 0 < k - single["k"].sum() < MINIMUM]
        assert not total or single["k"].isna().sum() != 1


def test_the_form_that_gave_a_count_away() -> None:
    """50 values missing in a form, 48 in one variable: the 2 of the other were withheld and could be found."""
    key = {"section": "02_data_quality", "source": "ai"}
    rows = [build_share("missing_rate", k, 574, variable=name, **key) for name, k in (("grade", 48), ("type", 2))]
    rows.append(build_share("missing_rate", 50, 1148, term="histology", **key))
    forms = {"grade": "histology", "type": "histology"}
    out = release(*rows, forms=forms)
    assert select_rows(out, metric="missing_rate", status="ok")["variable"].tolist() == ["grade"]
    assert select_rows(release(*rows), term="histology")["k"].tolist() == [50]
