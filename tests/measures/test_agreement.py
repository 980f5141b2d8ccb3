"""The whole table: the contract of rows, invariance to order, and what another variable may move."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from agreement_study import TYPES, build_outcomes, build_protocol, build_study, estimate
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.measures import ACCEPTANCE_METHODS, REPORTING_METHODS
from probatio.protocol.criteria import RateMetric
from probatio.results import COLUMNS, COUNTS, KEY, build_row, derive_csv, select_rows

SETTINGS = {"stratify_by": ["centre", "sex"], "min_stratum": 5}


def check_contract(rows: pd.DataFrame) -> None:
    """Every row passes the one gate of result rows; counts and bounds are in order."""
    assert tuple(rows.columns) == COLUMNS
    assert not rows.duplicated(list(KEY)).any()
    for row in rows.to_dict("records"):
        given_ = {name: None if name in COUNTS and pd.isna(value) else value for name, value in row.items()}
        metric, value = given_.pop("metric"), given_.pop("estimate")
        build_row(metric, None if np.isnan(value) else value, **given_)
    ok = rows[rows["status"] == "ok"]
    bounded = ok[ok["lower"].notna()]
    assert (ok["lower"].isna() == ok["upper"].isna()).all()
    assert (bounded["lower"] < bounded["upper"]).all()
    assert bounded["level"].notna().all()
    counts = ok["metric"].isin(["count", "weighted_count"])
    assert (ok["lower"].notna() | (ok["reason"] != "") | counts).all()
    assert (ok["k"] <= ok["n"]).all()
    assert (ok.loc[~counts, "clusters"] <= ok.loc[~counts, "n"]).all()
    assert set(rows["method"]) <= {"", *REPORTING_METHODS, *ACCEPTANCE_METHODS}


@pytest.mark.parametrize("unit", ["patient", "centre"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("visits", [("",), ("1", "2", "3")])
def test_every_design_keeps_the_contract(visits, weighted: bool, unit: str) -> None:
    """One or several values, weights or none, patients or centres: rows are complete, unique and in order."""
    pairs, patients = build_study(2, visits=visits, weighted=weighted)
    rows = estimate(pairs, build_protocol(**SETTINGS), patients=patients, unit=unit)
    check_contract(rows)
    assert set(rows["cluster_unit"]) == {unit}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.booleans())
def test_small_wild_studies_never_fail(seed: int, patients: int, weighted: bool) -> None:
    """Studies of one to twelve patients, any outcomes: no exception, no NaN in a row that is ok."""
    pairs, table = build_study(seed, patients=patients, visits=("1", "2"), weighted=weighted)
    check_contract(estimate(pairs, build_protocol(**SETTINGS), patients=table, replicates=50))


@pytest.mark.parametrize("weighted", [False, True])
def test_order_of_rows_moves_no_byte(weighted: bool) -> None:
    """Shuffled pairs and patients give the same bytes, replicates and float weights included."""
    pairs, patients = build_study(3, visits=("1", "2"), weighted=weighted)
    protocol = build_protocol(**SETTINGS)
    first = derive_csv(estimate(pairs, protocol, patients=patients))
    for state in (1, 2):
        shuffled, members = pairs.sample(frac=1, random_state=state), patients.sample(frac=1, random_state=state)
        assert derive_csv(estimate(shuffled, protocol, patients=members)) == first


@pytest.mark.parametrize("weighted", [False, True])
def test_another_variable_or_source_moves_no_other_number(weighted: bool) -> None:
    """Dropping a variable, a source or a stratification leaves every remaining row as it was, to the last bit.

    Rows pooled over variables aside: those are about all of them.
    """
    pairs, patients = build_study(3, visits=("1", "2"), weighted=weighted)
    whole = estimate(pairs, build_protocol(**SETTINGS), patients=patients)
    fewer = estimate(pairs[pairs["variable"] != "histology"], build_protocol(**SETTINGS), patients=patients)
    kept = [name for name in TYPES if name != "histology"]
    assert derive_csv(select_rows(fewer, variable=kept)) == derive_csv(select_rows(whole, variable=kept))
    alone = estimate(pairs[pairs["source"] == "ai"], build_protocol(**SETTINGS), patients=patients)
    assert derive_csv(alone) == derive_csv(whole[(whole["source"] == "ai") & (whole["comparator"] == "registry")])
    plain = estimate(pairs, build_protocol(), patients=patients)
    assert derive_csv(plain) == derive_csv(whole[whole["stratum_by"] == ""])


def test_copied_patients_halve_the_variance() -> None:
    """Each patient written twice: estimates stay, and intervals shrink by the root of two, t a little more."""
    pairs, patients = build_study(5, patients=200, visits=("1", "2"))
    twins = pairs.assign(patient_id=pairs["patient_id"] + "b")
    members = pd.concat([patients, patients.set_axis(patients.index + "b")])
    one = estimate(pairs, patients=patients)
    two = estimate(pd.concat([pairs, twins]), patients=members)
    for metric, method in (
        ("error_rate", "wilson_clustered"),
        ("error_difference", "clustered_t"),
        ("kappa", "clustered_log_t"),
    ):
        first, second = (select_rows(rows, metric=metric, method=method) for rows in (one, two))
        assert second["estimate"].tolist() == pytest.approx(first["estimate"].tolist(), abs=1e-12)
        ratio = (first["upper"] - first["lower"]).to_numpy() / (second["upper"] - second["lower"]).to_numpy()
        assert ratio == pytest.approx(np.sqrt(2) * 1.03, rel=0.05)


def test_what_a_criterion_judges_has_one_interval_to_report_and_one_to_accept() -> None:
    """Each rate that acceptance may name is two rows, told apart by method; any other rate is one."""
    rows = estimate(build_outcomes("CCCWOUB" * 4, variable="weight"))
    for metric, group in rows[rows["metric"] != "count"].groupby("metric"):
        judged = metric in (*get_args(RateMetric), "accuracy_documented")
        assert group["method"].isin(ACCEPTANCE_METHODS).sum() == int(judged)
        assert len(group) == 1 + int(judged)


def test_ordinal_variables_alone_have_weighted_kappa() -> None:
    """Kappa with weights goes with ordered levels only."""
    pairs, patients = build_study(2)
    rows = estimate(pairs, patients=patients)
    ordinal = [name for name, declared in TYPES.items() if declared["type"] == "ordinal"]
    assert set(select_rows(rows, metric=["kappa_linear", "kappa_quadratic"])["variable"]) == set(ordinal)


def test_the_level_is_the_protocols() -> None:
    """A lower level gives narrower intervals in every bounded row, and says its level."""
    pairs, patients = build_study(2, visits=("1", "2"))
    wide, narrow = (estimate(pairs, build_protocol(level=level), patients=patients) for level in (0.95, 0.8))
    assert set(narrow["level"].dropna()) == {0.8}
    width = [(rows["upper"] - rows["lower"]).to_numpy() for rows in (wide, narrow)]
    bounded = np.isfinite(width[0])
    assert bounded.sum() > 50
    assert (width[1][bounded] < width[0][bounded]).all()
