"""Carriers: single changes are exact refits, few patients are counted rightly, small numbers stay silent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attributed_study import ANALYSIS, DATED, HAZARD, attribute, pick, simulate_dated
from probatio.protocol import Protocol
from probatio.records import Records
from probatio.replication import compute_consequence, derive_view
from probatio.replication.carrier_tables import CarrierTable, derive_carriers
from probatio.replication.carriers import compute_changes, compute_gini, count_carriers, find_carriers, list_swaps
from probatio.results import Reason, Status
from probatio.survival import compute_cox, compute_kaplan_meier, compute_rmst, prepare_cox
from survival_study import BY_STAGE, build_patients, build_protocol, build_records, simulate

SIZES = arrays(float, st.integers(1, 30), elements=st.floats(0, 100, allow_subnormal=False))


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    """Survival by stage, from dates."""
    return build_protocol(ANALYSIS, endpoints=(DATED,))


@pytest.fixture(scope="module")
def records() -> Records:
    """A study with errors everywhere and patients missing in either source."""
    return simulate_dated(61, n=90, missing=5)


@pytest.fixture(scope="module")
def table(records: Records, protocol: Protocol) -> CarrierTable:
    """Its carriers, one by one."""
    (found,) = derive_carriers(records, protocol)
    return found


def replace_patient(records: Records, patient: str) -> Records:
    """Return a study in which the registry says of one patient what the AI says."""
    lines = records.records
    own = lines["patient_id"] == patient
    taken = lines[own & (lines["source"] == "ai")].assign(source="registry")
    return replace(records, records=pd.concat([lines[~(own & (lines["source"] == "registry"))], taken]))


def test_changes_are_exact_refits(records: Records, protocol: Protocol) -> None:
    """Each patient's change equals that of a study rewritten with this patient's data of the AI, fitted anew."""
    (swaps,) = list_swaps(records, protocol)
    changes = compute_changes(swaps.setting, swaps.reference, swaps.other)
    names = records.patients.index[changes.patients]
    assert len(names) > 30

    def fit(study: Records) -> tuple[float, float]:
        view = derive_view(study, protocol, protocol.analyses[0], "registry")
        kept = view.complete
        cox = compute_cox(prepare_cox(view.time[kept], view.event[kept], view.covariates[kept]))
        return float(cox.coefficients[0]), compute_rmst(compute_kaplan_meier(view.time[kept], view.event[kept]), 200)[0]

    whole = fit(records)
    moves = {quantity.term: values for quantity, values in changes.moves.items()}
    for at, name in enumerate(names):
        hazard, mean = fit(replace_patient(records, str(name)))
        assert moves[HAZARD][at] == pytest.approx(hazard - whole[0], abs=1e-8)
        assert moves["rmst"][at] == pytest.approx(mean - whole[1], abs=1e-8)


def test_carriers_include_those_whom_one_source_lacks(records: Records, protocol: Protocol) -> None:
    """Who differs and who is complete in one source only carry the shift; nobody else does."""
    views = [derive_view(records, protocol, protocol.analyses[0], source) for source in ("registry", "ai")]
    found = find_carriers(*views)
    assert found[views[0].complete != views[1].complete].all()
    assert not found[~views[0].complete & ~views[1].complete].any()


def test_consequence_is_the_mean_of_single_errors(records: Records, protocol: Protocol) -> None:
    """A variable's consequence: mean absolute change over its wrong values, each one alone in the registry's data."""
    found = compute_consequence(records, protocol, protocol.analyses[0], "ai")
    number = {(name, quantity.term): value for (name, quantity), value in found.items()}
    wrong, mean = number["stage", HAZARD]
    (swaps,) = list_swaps(records, protocol)
    moves = compute_changes(swaps.setting, swaps.reference, swaps.get_view(("stage",))).moves
    (values,) = [values for quantity, values in moves.items() if quantity.term == HAZARD]
    assert wrong == len(values) == 10 + find_wrong_stages(records)
    assert mean == pytest.approx(np.abs(values).mean())
    assert mean > number["start", HAZARD][1]


def test_some_of_many_changes_are_the_same_changes(records: Records, protocol: Protocol) -> None:
    """Of more patients than wanted, as many are taken from first to last; their changes are those of all."""
    (swaps,) = list_swaps(records, protocol)
    whole, some = (compute_changes(swaps.setting, swaps.reference, swaps.other, most=most) for most in (None, 7))
    assert len(some.patients) == 7
    at = np.searchsorted(whole.patients, some.patients)
    assert at[0] == 0
    assert (np.diff(at) >= len(whole.patients) // 7).all()
    for quantity, values in some.moves.items():
        np.testing.assert_allclose(values, whole.moves[quantity][at], atol=1e-9)


def find_wrong_stages(records: Records) -> int:
    """Return how many patients with a stage in both sources have another group in the AI's."""
    stages = records.records[records.records["variable"] == "stage"]
    wide = stages.pivot(index="patient_id", columns="source", values="value").dropna()
    return int(((wide["ai"] == "III") != (wide["registry"] == "III")).sum())


def test_rows_count_the_fewest_patients(records: Records, protocol: Protocol, table: CarrierTable) -> None:
    """The rows' counts are those of the ranked table: the first rank at which the cumulative share is reached."""
    rows = attribute(records, protocol)
    for method, part in (("half", 0.5), ("nine_tenths", 0.9)):
        expected = int(np.searchsorted(table.table["cumulative"], part - 1e-12)) + 1
        assert pick(rows, "carriers", method=method)["estimate"] == expected
    assert pick(rows, "largest_share")["estimate"] == pytest.approx(table.table["share"].iloc[0])
    assert pick(rows, "carried")["estimate"] == pytest.approx(table.table["change:0"].sum())
    assert pick(rows, "carriers", method="half")["k"] == len(table.table)


def test_table_shows_both_sides(records: Records, table: CarrierTable) -> None:
    """The confidential table ranks patients, names what differs and holds both sources' values of every variable."""
    frame = table.table
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    assert frame["share"].is_monotonic_decreasing
    assert frame["cumulative"].iloc[-1] == pytest.approx(1)
    texts = records.records.set_index(["source", "variable", "patient_id"])["value"]
    for line in frame.to_dict("records"):
        for variable in ("start", "death", "last_news", "stage"):
            read = [line[f"{variable}:{source}:value"] for source in ("registry", "ai")]
            assert read == [texts.get((source, variable, line["patient_id"])) for source in ("registry", "ai")]
            assert (variable in line["differs"].split(", ")) == (read[0] != read[1])
    missing = frame[frame["stage:ai:value"].isna()]
    assert len(missing) == 5
    assert not missing["in:ai"].any()
    assert missing["in:registry"].all()


def test_few_carriers_are_not_told() -> None:
    """With fewer patients who move the estimate than the smallest stratum, nothing is said of them in the rows."""
    patients, values = simulate(71, 80, share_wrong=0)
    wrong = values["ai", "stage"].copy()
    wrong[:4] = np.where(wrong[:4] == "III", "II", "III")
    rows = attribute(build_records(patients, values | {("ai", "stage"): wrong}), build_protocol(BY_STAGE))
    for metric in ("carried", "largest_share", "carrier_gini"):
        row = pick(rows, metric)
        assert (row["status"], row["reason"]) == (Status.SUPPRESSED, Reason.SMALL_COUNT)
        assert np.isnan(row["estimate"])
    assert pick(rows, "consequence", variable="stage")["status"] == Status.SUPPRESSED


def test_sources_that_agree_have_no_carriers() -> None:
    """Equal sources: an empty table, and no consequence."""
    patients, values = simulate(81, 60, share_wrong=0)
    records = build_records(patients, values)
    (found,) = derive_carriers(records, build_protocol(BY_STAGE))
    assert found.table.empty
    protocol = build_protocol(BY_STAGE)
    consequence = compute_consequence(records, protocol, protocol.analyses[0], "ai")
    assert all(wrong == 0 and np.isnan(mean) for wrong, mean in consequence.values())


def test_a_study_without_sources_has_no_carriers() -> None:
    """Nothing compared, nobody carries."""
    terms = [{"variable": "sex", "groups": {"M": ["M"], "F": ["F"]}}]
    analysis = BY_STAGE | {"terms": terms, "sources": [], "comparator": None}
    assert derive_carriers(build_records(build_patients(20), {}), build_protocol(analysis)) == []


@given(SIZES, st.floats(0.01, 1))
def test_fewest_numbers_reach_the_part(sizes: np.ndarray, part: float) -> None:
    """The count reaches the part of the whole, one fewer does not."""
    count = count_carriers(sizes, part)
    ordered, total = np.sort(sizes)[::-1], sizes.sum()
    assert (count == 0) == (total == 0)
    if count:
        assert ordered[:count].sum() >= part * total * (1 - 1e-9)
        assert ordered[: count - 1].sum() < part * total


@given(SIZES)
def test_gini_is_half_the_relative_mean_difference(sizes: np.ndarray) -> None:
    """Gini's coefficient by its definition over all pairs; 0 for equal numbers."""
    if sizes.sum() == 0:
        assert np.isnan(compute_gini(sizes))
        return
    expected = np.abs(sizes[:, None] - sizes).mean() / (2 * sizes.mean())
    assert compute_gini(sizes) == pytest.approx(expected, abs=1e-9)
    assert compute_gini(np.full(7, 3.0)) == pytest.approx(0, abs=1e-12)
