"""What may leave of result rows: no small count, alone or by subtraction."""

from __future__ import annotations

import numpy as np
import pytest
from release_study import build_share, derive_study

from probatio.provenance.release.disclosing import suppress_rows
from probatio.results import build_row, derive_table, select_rows

MINIMUM = 10


def test_a_share_of_few_is_withheld_with_all_that_gives_it_away() -> None:
    """Estimate, interval, n and k of 3 among 200 go; names, unit and status of the row stay."""
    found = suppress_rows(derive_table([build_share("repeat_agreement_rate", 3, 200, source="ai")]), MINIMUM)
    row = found.rows.iloc[0]
    assert (row["status"], row["reason"], row["metric"]) == ("suppressed", "disclosure", "repeat_agreement_rate")
    assert row[["estimate", "lower", "upper", "n", "k", "clusters"]].isna().all()


@pytest.mark.parametrize(("k", "kept"), [(0, True), (1, False), (9, False), (10, True), (190, True), (191, False),
                                         (199, False), (200, True)])  # fmt: skip
def test_none_and_all_may_be_said_and_a_few_more_or_fewer_may_not(k: int, kept: bool) -> None:
    """Of 200: 0, 10 to 190 and 200 leave; 1 to 9 and 191 to 199 stay, as the others would be 1 to 9."""
    found = suppress_rows(derive_table([build_share("repeat_agreement_rate", k, 200, source="ai")]), MINIMUM)
    assert bool(found.kept[0]) is kept


def test_a_metric_that_nobody_has_judged_does_not_leave() -> None:
    """The list is closed: an unknown metric is withheld, large as its counts may be, and says so."""
    found = suppress_rows(derive_table([build_row("new_measure", 0.5, n=1000, k=500)]), MINIMUM)
    assert found.rows.loc[0, ["status", "reason"]].tolist() == ["suppressed", "not_released"]


def test_errors_leave_without_their_kinds_where_a_kind_is_small() -> None:
    """W = 6 and O = 12: the error rate 18/130 leaves, omission stays, as 18 - 12 would show W."""
    rows = derive_study({"all": {"C": 112, "W": 6, "O": 12, "U": 0, "B": 0}})
    found = suppress_rows(rows[rows["stratum_by"] == ""], MINIMUM).rows
    assert select_rows(found, metric="error_rate")["k"].tolist() == [18]
    left = set(select_rows(found, status="ok")["metric"])
    assert left == {"error_rate", "error_rate_all"}


def test_a_margin_leaves_whole_or_not_at_all() -> None:
    """One stratum with 4 errors takes the other along: 30 - 26 would show them; the total stays."""
    rows = derive_study({"old": {"C": 90, "W": 26, "O": 0, "U": 0, "B": 0},
                         "young": {"C": 80, "W": 4, "O": 0, "U": 0, "B": 0}})  # fmt: skip
    found = suppress_rows(rows, MINIMUM).rows
    assert set(select_rows(found, stratum_by="age_group")["status"]) <= {"suppressed"}
    assert select_rows(found, metric="error_rate", stratum_by="")["k"].tolist() == [30]


def test_a_continuous_estimate_stays_where_only_its_counts_must_go() -> None:
    """A bias over C + W values keeps its number and loses n, where n would show 4 omissions."""
    rows = derive_study({"all": {"C": 100, "W": 20, "O": 4, "U": 0, "B": 0}})
    bias = build_row("bias", 0.51234, n=120, clusters=120, cluster_unit="patient", unit="kg", source="ai",
                     comparator="reference", variable="stage", section="03_agreement", study="study")  # fmt: skip
    found = suppress_rows(derive_table([*rows[rows["stratum_by"] == ""].to_dict("records"), bias]), MINIMUM).rows
    row = select_rows(found, metric="bias").iloc[0]
    assert row["estimate"] == 0.512
    assert row[["n", "clusters"]].isna().all()
    assert np.isnan(row["lower"])
