"""What few patients move says how many they are: means of differences, and intervals that give n."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from release_study import derive_study
from scipy.stats import t

from probatio.provenance.release.disclosing import suppress_rows
from probatio.results import build_row, derive_table, select_rows

MINIMUM, PAIRS = 10, 150
KEY = {"source": "ai", "comparator": "reference", "variable": "stage", "section": "03_agreement"}


def build_moments(wrong: int, *, size: float = 1.0) -> list[dict[str, Any]]:
    """Return the bias and spread of `wrong` differences alike among the pairs, as Student's interval has them."""
    differences = np.r_[np.full(wrong, size), np.zeros(PAIRS - wrong)]
    mean, sd = differences.mean(), differences.std(ddof=1)
    half = t.ppf(0.975, PAIRS - 1) * sd / np.sqrt(PAIRS)
    given: dict[str, Any] = {"n": PAIRS, "clusters": PAIRS, "cluster_unit": "patient", **KEY}
    return [build_row("bias", mean, lower=mean - half, upper=mean + half, level=0.95, method="student", **given),
            build_row("sd_difference", sd, **given)]  # fmt: skip


def release(wrong: int, omitted: int = 0) -> pd.DataFrame:
    table = derive_study({"all": {"C": PAIRS - wrong, "W": wrong, "O": omitted, "U": 0, "B": 0}})
    rows = table[table["stratum_by"] == ""].to_dict("records")
    return suppress_rows(derive_table([*rows, *build_moments(wrong)], study="study"), MINIMUM).rows


@pytest.mark.parametrize("wrong", [1, 3, 9])
def test_a_mean_difference_tells_how_few_are_wrong(wrong: int) -> None:
    """The ratio of a mean to its standard error is near the root of how many differ: below ten it does not leave."""
    bias = build_moments(wrong)[0]
    error = (bias["upper"] - bias["lower"]) / 2 / t.ppf(0.975, PAIRS - 1)
    assert (bias["estimate"] / error) ** 2 == pytest.approx(wrong, rel=0.1)
    assert set(select_rows(release(wrong), metric="bias")["status"]) == {"suppressed"}
    assert set(select_rows(release(wrong), metric="sd_difference")["status"]) == {"suppressed"}


@pytest.mark.parametrize("wrong", [0, 10, 40])
def test_of_none_or_many_it_leaves_with_its_interval(wrong: int) -> None:
    """No difference, or ten and more: bias, interval and number leave."""
    (row,) = select_rows(release(wrong), metric="bias").to_dict("records")
    assert (row["status"], row["n"]) == ("ok", PAIRS)
    assert np.isfinite(row["lower"])


def test_an_interval_goes_with_the_number_that_it_gives_away() -> None:
    """Four omissions forbid n: with the standard deviation Student's interval is n, and goes with it."""
    released = release(20, omitted=4)
    bias, sd = (select_rows(released, metric=name).iloc[0] for name in ("bias", "sd_difference"))
    assert (bias["status"], sd["status"]) == ("ok", "ok")
    assert bias[["lower", "upper", "n"]].isna().all()
    given = build_moments(20)
    half = (given[0]["upper"] - given[0]["lower"]) / 2
    assert round((1.976 * given[1]["estimate"] / half) ** 2) == PAIRS


@pytest.mark.parametrize(("changed", "kept"), [(0, True), (4, False), (12, True)])
def test_differences_go_where_few_patients_changed(changed: int, kept: bool) -> None:
    """A difference between two sources moved by four patients is withheld, and what it is standardised to as well."""
    key = {"section": "04_replication", "analysis": "baseline", "source": "ai", "comparator": "manual",
           "variable": "stage"}  # fmt: skip
    rows = [build_row("changed_rate", changed / 200, n=200, k=changed, **key),
            build_row("delta_mean", 0.02, lower=0.0, upper=0.04, **key), build_row("smd", 0.01, **key)]  # fmt: skip
    out = suppress_rows(derive_table(rows), MINIMUM).rows
    assert (out["status"] == "ok").tolist() == [kept] * 3


def test_a_difference_of_curves_is_no_finer_than_the_curves() -> None:
    """0.000231 between two curves in three decimals is one patient more at risk: it is 0 in three decimals."""
    row = build_row("delta_survival", -0.000231, lower=-0.00094, upper=0.0, at="91", section="04_replication",
                    analysis="os", source="ai", comparator="manual")  # fmt: skip
    out = suppress_rows(derive_table([row]), MINIMUM).rows
    assert out.loc[0, ["estimate", "lower", "upper"]].tolist() == [0.0, -0.001, 0.0]


def test_an_uncorrected_prevalence_is_a_share_of_patients() -> None:
    """57 of 223 in three digits fits few n; beside 226 patients, where n must go, it leaves in whole percent."""
    key = {"section": "05_correction", "analysis": "os", "unit": "proportion", "method": "naive", "source": "ai"}
    rows = [
        build_row("prevalence", k / n, n=n, variable=name, **key) for name, k, n in (("a", 90, 226), ("b", 57, 223))
    ]
    shown = select_rows(suppress_rows(derive_table(rows), MINIMUM).rows, variable="b").iloc[0]
    assert (shown["estimate"], pd.isna(shown["n"])) == (0.26, True)


@pytest.mark.parametrize(("alone", "kept"), [((0, 0), True), ((2, 1), False), ((1, 8), False), ((9, 6), True)])
def test_a_difference_of_shares_tells_how_few_count_otherwise(alone: tuple[int, int], kept: bool) -> None:
    """From a resampled interval b + c follows: below ten patients who count with one source alone it does not leave."""
    differences = np.repeat([1.0, -1.0, 0.0], [*alone, 280 - sum(alone)])
    mean, half = differences.mean(), 1.959964 * differences.std() / np.sqrt(280)
    key = {
        "section": "04_replication",
        "analysis": "events",
        "source": "ai",
        "comparator": "manual",
        "method": "paired_t",
    }
    row = build_row("delta_incidence", mean, lower=mean - half, upper=mean + half, level=0.95, n=280, k=55, **key)
    assert (suppress_rows(derive_table([row]), MINIMUM).rows.loc[0, "status"] == "ok") is kept


COUNTS_IN_DISGUISE = ["effective_patients", "saved_minutes", "minutes_per_correct_value", "euros_per_correct_value"]


@pytest.mark.parametrize("metric", COUNTS_IN_DISGUISE)
def test_a_count_under_another_unit_goes_with_the_count(metric: str) -> None:
    """Minutes saved are accepted values times minutes: beside 228 asked, 224 would show four, and both are withheld."""
    asked = build_row("patients", 228.0, term="evaluated", n=228, unit="patients", section="01_cohort")
    row = build_row(metric, 179.2, n=224, k=120, section="07_confidence", source="ai", variable="stage")
    out = suppress_rows(derive_table([asked, row]), MINIMUM).rows
    assert select_rows(out, metric=metric)["status"].tolist() == ["suppressed"]


@pytest.mark.parametrize("metric", ["largest_share", "largest_weight_share"])
def test_one_patients_share_never_leaves(metric: str) -> None:
    """The part of a difference, or of all weights, that one patient carries is a number of that patient."""
    row = build_row(metric, 0.08, n=228, k=59, section="04_replication", analysis="os")
    assert suppress_rows(derive_table([row]), MINIMUM).rows["status"].tolist() == ["suppressed"]
