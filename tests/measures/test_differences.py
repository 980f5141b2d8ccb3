"""AI minus manual: which cells count, which interval, independence, events."""

import numpy as np
import pandas as pd
import pytest
from agreement_study import build_outcomes, build_pairs, build_patients, build_protocol, estimate, get_row
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from probatio.resampling import compute_clopper_pearson, compute_newcombe, compute_tango
from probatio.results import select_rows

DIFFERENCES = ("error_difference", "omission_difference", "unsupported_difference")
CELLS = ["CC", "CW", "CO", "WC", "WW", "WO", "OC", "OW", "OO", "UU", "UB", "BU", "BB"]


def build_both(ai: str, manual: str, **constants) -> pd.DataFrame:
    """The outcomes of both sources, patient by patient; `-` is a value not assessed."""
    constants = {"variable": "weight"} | constants
    pairs = [build_outcomes(text, **constants, source=name) for text, name in ((ai, "ai"), (manual, "manual"))]
    frame = pd.concat(pairs, ignore_index=True)
    return frame[frame["outcome"] != "-"]


def spread(pairs: pd.DataFrame, visits: int) -> pd.DataFrame:
    """The same values as several visits of fewer patients."""
    number = pairs["patient_id"].str[1:].astype(int)
    return pairs.assign(patient_id=[f"P{n // visits:04d}" for n in number], visit=[str(n % visits) for n in number])


def test_single_values_are_newcombe_and_tango() -> None:
    """12 errors of the AI alone, 2 of the manual source alone, 36 of both, 0 of none: the published intervals."""
    pairs = build_both("W" * 48 + "C" * 2, "W" * 36 + "C" * 12 + "W" * 2)
    rows = estimate(pairs)
    report = get_row(rows, "error_difference", method="newcombe")
    accept = get_row(rows, "error_difference", method="tango")
    assert (report.source, report.comparator) == ("ai", "manual")
    assert (report.n, report.k, report.estimate) == (50, 14, pytest.approx(0.2))
    assert (report.lower, report.upper) == pytest.approx((0.056930, 0.340428), abs=5.1e-7)
    assert (accept.lower, accept.upper) == pytest.approx((0.061112, 0.344709), abs=5.1e-7)


def test_each_difference_counts_its_cells() -> None:
    """Errors over cells not empty for both; omissions where the reference has a value; unsupported where not."""
    rows = estimate(build_both("COWCUBUB-C", "OOCCBBUU" + "C-"))
    expected = {
        "error_difference": (7, 4, 0 / 7),
        "omission_difference": (4, 1, -1 / 4),
        "unsupported_difference": (4, 2, 0),
    }
    for metric, (n, k, value) in expected.items():
        row = get_row(rows, metric, method="newcombe")
        assert (row.n, row.k) == (n, k)
        assert row.estimate == pytest.approx(value)


@pytest.mark.parametrize(("patients", "said"), [(14, "few_events_caution"), (15, "")])
def test_fewer_than_fifteen_patients_that_differ_are_said(patients: int, said: str) -> None:
    """Two visits of 60 patients: the linearised interval says its caution, the one to accept by none."""
    rows = estimate(spread(build_both("WC" * patients + "CC" * (60 - patients), "C" * 120), 2))
    report, accept = (get_row(rows, "error_difference", method=f"{name}_clustered") if name == "tango" else
                      get_row(rows, "error_difference", method="clustered_t") for name in ("t", "tango"))  # fmt: skip
    assert (report.status, report.reason, report.k) == ("ok", said, patients)
    assert accept.reason == ""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(CELLS), min_size=1, max_size=40), st.integers(1, 4))
def test_any_cells_give_numbers_or_reasons(cells: list[str], visits: int) -> None:
    """Wild outcomes: each difference is its formula with ordered bounds, or says why not."""
    rows = estimate(spread(build_both("".join(c[0] for c in cells), "".join(c[1] for c in cells)), visits))
    counted = [c for c in cells if c != "BB"]
    for row in select_rows(rows, metric="error_difference").itertuples():
        assert row.n == len(counted)
        if not counted:
            assert (row.status, row.reason) == ("not_estimable", "empty_denominator")
            continue
        gain = sum((c[0] in "WOU") - (c[1] in "WOU") for c in counted) / len(counted)
        assert row.estimate == pytest.approx(gain)
        assert (np.isnan(row.lower) and row.reason in {"no_interval", "too_few_clusters"}) or (
            -1 <= row.lower <= row.estimate + 1e-9 and row.estimate - 1e-9 <= row.upper <= 1
        )


def test_swapping_the_sources_mirrors_the_difference() -> None:
    """What the AI gains the manual source loses: estimates and bounds change sign."""
    texts = ("CCWWOUBCCCOW" * 5, "CWCOCBUCWCCC" * 5)
    for visits in (1, 4):
        one, two = (estimate(spread(build_both(*pair), visits)) for pair in (texts, texts[::-1]))
        for metric in DIFFERENCES:
            for first, second in zip(
                select_rows(one, metric=metric).itertuples(), select_rows(two, metric=metric).itertuples(), strict=True
            ):
                mirrored = (-second.estimate, -second.upper, -second.lower)
                assert (first.estimate, first.lower, first.upper) == pytest.approx(mirrored, abs=1e-9, nan_ok=True)


def test_several_values_per_patient_are_clustered() -> None:
    """With visits the linearised t interval is reported, Tango on the effective size accepts; both are wider."""
    texts = ("CCCC" * 12 + "WWWC" * 5 + "CCCW" * 13, "CCCC" * 12 + "CCCC" * 5 + "CCCC" * 13)
    single, shared = (estimate(spread(build_both(*texts), visits)) for visits in (1, 4))
    report = get_row(shared, "error_difference", method="clustered_t")
    accept = get_row(shared, "error_difference", method="tango_clustered")
    tango = get_row(single, "error_difference", method="tango")
    assert (report.n, report.clusters, report.cluster_unit) == (120, 30, "patient")
    assert report.estimate == accept.estimate == pytest.approx(tango.estimate)
    assert accept.lower < tango.lower < tango.upper < accept.upper


def test_clustered_t_is_durkalski_and_yang_by_hand() -> None:
    """The interval is d -+ t(G - 1) sqrt(G / (G - 1) sum (D_c - d n_c)^2) / N, computed here patient by patient."""
    pairs = spread(build_both("CWCCWWCOCCCWCCCC", "CCWCCWCCCCOCCWCC"), 4)
    row = get_row(estimate(pairs), "error_difference", method="clustered_t")
    wrong = pairs.assign(wrong=pairs["outcome"].isin(list("WOU")))
    table = wrong.pivot_table(index=["patient_id", "visit"], columns="source", values="wrong", aggfunc="first").astype(
        int
    )
    sums = (table["ai"] - table["manual"]).groupby("patient_id").agg(["sum", "size"])
    d = sums["sum"].sum() / 16
    variance = 4 / 3 * ((sums["sum"] - d * sums["size"]) ** 2).sum() / 16**2
    half = stats.t.ppf(0.975, 3) * np.sqrt(variance)
    assert (row.estimate, row.lower, row.upper) == pytest.approx((d, d - half, d + half), abs=1e-12)


def test_no_difference_is_not_a_zero_width() -> None:
    """Two sources wrong in the same cells: clustered, the bound of a difference among patients; single, Newcombe's."""
    text = "CCCCCCWC" * 15
    shared = estimate(spread(build_both(text, text), 4))
    row = get_row(shared, "error_difference", method="discordance_clustered")
    widest = float(compute_clopper_pearson(0, 30, 0.95)[1])
    assert (row.estimate, row.lower, row.upper) == pytest.approx((0, -widest, widest))
    accept = get_row(shared, "error_difference", method="tango_clustered")
    assert accept.lower == pytest.approx(float(compute_tango(0, 0, 30, 0.95)[0]))
    single = get_row(estimate(build_both(text, text)), "error_difference", method="newcombe")
    assert single.upper == pytest.approx(float(compute_newcombe(15, 0, 0, 105, 0.95)[1]))
    assert single.upper > 0.01


def test_patients_who_all_differ_alike_have_no_interval() -> None:
    """Variance 0 with a difference: the reported row keeps its estimate and says that it has no interval."""
    rows = estimate(spread(build_both("WC" * 20, "CC" * 20), 2))
    row = get_row(rows, "error_difference", method="clustered_t")
    assert (row.status, row.reason, row.estimate) == ("ok", "no_interval", 0.5)
    accept = get_row(rows, "error_difference", method="tango_clustered")
    assert accept.lower < 0.5 < accept.upper


def test_one_patient_has_no_interval() -> None:
    """Many values of one patient say nothing of other patients."""
    rows = select_rows(estimate(spread(build_both("WCCC", "CCWC"), 4)), metric="error_difference")
    assert set(rows["status"]) == {"ok"}
    assert set(rows["reason"]) == {"too_few_clusters"}
    assert rows["lower"].isna().all()


def test_weights_reach_the_difference() -> None:
    """With sampling weights the difference is Hajek's, and both methods say so."""
    pairs = build_both("WWCC" * 10, "CWWC" * 10)
    weight = pairs["patient_id"].str[1:].astype(int) % 4 == 0
    rows = estimate(pairs.assign(weight=np.where(weight, 3.0, 1.0)))
    found = select_rows(rows, metric="error_difference")
    assert set(found["method"]) == {"weighted_t", "tango_weighted"}
    assert found["estimate"].tolist() == pytest.approx([(3 - 1) / 6] * 2)
    assert set(found["n"]) == {40}


def test_a_comparator_that_saw_the_ai_proves_nothing() -> None:
    """Without declared independence every difference is one row, not applicable, with its reason."""
    pairs = build_both("CCWO" * 5, "CCCC" * 5)
    rows = select_rows(estimate(pairs, build_protocol(independent=False)), metric=DIFFERENCES)
    assert len(rows) == 3
    assert set(rows["status"]) == {"not_applicable"}
    assert set(rows["reason"]) == {"not_independent"}
    assert rows[["estimate", "lower", "upper", "k"]].isna().all(axis=None)


def test_without_manual_collection_there_is_no_difference() -> None:
    """No manual source, no row; two readings without a reference neither."""
    pairs = build_outcomes("CCWO" * 5, variable="weight")
    assert not set(estimate(pairs, build_protocol(manual=False))["metric"]) & set(DIFFERENCES)
    reading = build_both("CCWO" * 5, "CCCC" * 5).assign(kind="agreement")
    assert select_rows(estimate(reading), metric=DIFFERENCES).empty


def test_no_cell_in_common_is_said() -> None:
    """Sources that never assessed the same cell have rows without a number: no pairs."""
    rows = select_rows(estimate(build_both("CCC----", "----CCC")), metric=DIFFERENCES)
    assert set(rows["reason"]) == {"no_pairs"}


def test_events_are_paired_on_the_reference_only() -> None:
    """Spurious events of two sources are not the same event: only omissions are compared, over true events."""
    ai = build_pairs([("P1", "", "", "C"), ("P1", "", "", "O"), ("P2", "", "", "C"), ("P2", "", "", "U")],
                     variable="adverse_events").assign(event=["1", "2", "1", "9"])  # fmt: skip
    manual = build_pairs([("P1", "", "", "C"), ("P1", "", "", "C"), ("P2", "", "", "O"), ("P2", "", "", "U")],
                         variable="adverse_events", source="manual").assign(event=["1", "2", "1", "9"])  # fmt: skip
    rows = estimate(pd.concat([ai, manual]))
    row = get_row(rows, "omission_difference", method="clustered_t")
    assert (row.n, row.k, row.estimate) == (3, 2, 0.0)
    for metric in ("error_difference", "unsupported_difference"):
        found = select_rows(rows, metric=metric)
        assert set(found["status"]) == {"not_applicable"}
        assert set(found["reason"]) == {"type_without_metric"}


def test_a_cell_with_two_values_is_refused() -> None:
    """A source with two values for one cell is an error that names no patient."""
    pairs = build_both("CC", "CC")
    with pytest.raises(ValueError, match="two values for one cell") as error:
        estimate(pd.concat([pairs, pairs.iloc[:1]]), patients=build_patients(pairs))
    assert "P0" not in str(error.value)
