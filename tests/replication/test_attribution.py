"""Attribution: parts add up to the shift, who is wrong gets the blame, what cannot be estimated is not."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attributed_study import ANALYSIS, DATED, HAZARD, attribute, pick, simulate_dated, write_dates
from probatio.compendium.opening import find_data_root
from probatio.protocol import read_protocol
from probatio.records import Records, read_records
from probatio.replication import derive_view, parts
from probatio.replication.attribution import _derive_shares
from probatio.replication.carrier_tables import derive_carriers
from probatio.results import Reason, Status, select_rows
from probatio.survival import compute_cox, prepare_cox
from survival_study import BY_STAGE, LABEL, build_patients, build_protocol, build_records, run, simulate

PROTOCOLS = Path(__file__).parents[2] / "protocol"
TERMS = {HAZARD: "", "rmst_difference:stage=late": "200", "rmst": "200"}


@pytest.fixture(scope="module")
def records() -> Records:
    """One study with errors everywhere and patients missing in either source."""
    return simulate_dated(11, missing=6)


@pytest.fixture(scope="module")
def rows(records: Records) -> pd.DataFrame:
    """Its attribution."""
    return attribute(records, build_protocol(ANALYSIS, endpoints=(DATED,)))


def read(rows: pd.DataFrame, metric: str, term: str = HAZARD) -> dict[str, float]:
    """Return a metric's estimate by variable."""
    found = select_rows(rows, metric=metric, term=term, stratum_by="")
    return dict(zip(found["variable"], found["estimate"], strict=True))


@pytest.mark.parametrize("term", TERMS)
def test_parts_add_up_to_the_shift(rows: pd.DataFrame, term: str) -> None:
    """Shares sum to the shift of the common patients; with `selection`, to that of each source's own."""
    same, own = pick(rows, "shift", term), pick(rows, "shift", term, stratum_by="patients")
    shares = read(rows, "shapley", term)
    assert set(shares) == {"start", "death", "last_news", "stage"}
    assert sum(shares.values()) == pytest.approx(same["estimate"], abs=1e-10)
    rest = pick(rows, "selection", term, variable="")["estimate"]
    by_variable = read(rows, "selection", term)
    by_variable.pop("")
    assert set(by_variable) == set(shares)
    assert sum(by_variable.values()) == pytest.approx(rest, abs=1e-10)
    assert same["estimate"] + rest == pytest.approx(own["estimate"], abs=1e-10)
    parts_of = [*read(rows, "shapley_share", term).values(), pick(rows, "selection_share", term)["estimate"]]
    assert sum(parts_of) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("term", "delta"),
    [
        (HAZARD, "delta_log_hazard_ratio"),
        ("rmst_difference:stage=late", "delta_rmst_difference"),
        ("rmst", "delta_rmst"),
    ],
)
def test_the_shift_is_that_of_replication(records: Records, rows: pd.DataFrame, term: str, delta: str) -> None:
    """What is shared out is the paired difference reported elsewhere, on the same and on own patients."""
    replicated, _ = run(records, build_protocol(ANALYSIS, endpoints=(DATED,)), replicates=60)
    label = term.partition("=")[2]
    for by in ("", "patients"):
        found = select_rows(replicated, metric=delta, term=label, stratum_by=by, method="paired_t", level=0.95).iloc[0]
        mine = pick(rows, "shift", term, stratum_by=by)
        for column in ("estimate", "lower", "upper", "n", "k"):
            assert mine[column] == pytest.approx(found[column], rel=1e-9), column


def test_shares_by_brute_force(records: Records, rows: pd.DataFrame) -> None:
    """Shares are mean gains over all 24 orders of reading variable after variable from the AI, on either patients."""
    protocol = build_protocol(ANALYSIS, endpoints=(DATED,))
    names = ["start", "death", "last_news", "stage"]
    views = {frozenset(chosen): derive_view(records, protocol, protocol.analyses[0], "registry",
                                            read_from=dict.fromkeys(chosen, "ai"))
             for size in range(5) for chosen in itertools.combinations(names, size)}  # fmt: skip
    common = views[frozenset()].complete & views[frozenset(names)].complete
    shares: dict[str, dict[str, float]] = {}
    for rule, allowed in (("same", common), ("own", np.ones(len(common), dtype=bool))):
        ratios = {}
        for chosen, view in views.items():
            kept = allowed & view.complete
            problem = prepare_cox(view.time[kept], view.event[kept], view.covariates[kept])
            ratios[chosen] = float(compute_cox(problem).coefficients[0])
        shares[rule] = dict.fromkeys(names, 0.0)
        for order in itertools.permutations(names):
            for at, name in enumerate(order):
                gain = ratios[frozenset(order[: at + 1])] - ratios[frozenset(order[:at])]
                shares[rule][name] += gain / math.factorial(4)
    assert read(rows, "shapley") == pytest.approx(shares["same"], abs=1e-9)
    selection = {name: shares["own"][name] - shares["same"][name] for name in names}
    assert {name: value for name, value in read(rows, "selection").items() if name} == pytest.approx(
        selection, abs=1e-9
    )


def test_swaps_are_the_first_and_last_step(records: Records, rows: pd.DataFrame) -> None:
    """`swap_in` starts from the registry's data, `swap_out` ends with the AI's; both on the common patients."""
    protocol = build_protocol(ANALYSIS, endpoints=(DATED,))
    analysis = protocol.analyses[0]
    views = {key: derive_view(records, protocol, analysis, source, read_from=read_from) for key, source, read_from in (
        ("registry", "registry", {}), ("in", "registry", {"stage": "ai"}), ("out", "ai", {"stage": "registry"}),
        ("ai", "ai", {}))}  # fmt: skip
    common = views["registry"].complete & views["ai"].complete
    ratio = {}
    for key, view in views.items():
        problem = prepare_cox(view.time[common], view.event[common], view.covariates[common])
        ratio[key] = compute_cox(problem).coefficients[0]
    assert pick(rows, "swap_in", variable="stage")["estimate"] == pytest.approx(ratio["in"] - ratio["registry"])
    assert pick(rows, "swap_out", variable="stage")["estimate"] == pytest.approx(ratio["ai"] - ratio["out"])
    assert pick(rows, "attribution_start")["estimate"] != pytest.approx(ratio["registry"])  # that of own patients


def test_counts_are_those_who_differ(records: Records, rows: pd.DataFrame) -> None:
    """A share's k counts the common patients whose data differ in its variable, that of `selection` the others."""
    table = records.records.pivot(index="patient_id", columns=["source", "variable"], values="value")
    whole = table["ai", "stage"].notna() & table["registry", "stage"].notna()
    differ = (table["ai", "stage"] == "III") != (table["registry", "stage"] == "III")
    assert pick(rows, "shapley", variable="stage")["k"] == (differ & whole).sum()
    assert (
        pick(rows, "shapley", variable="start")["k"]
        == ((table["ai", "start"] != table["registry", "start"]) & whole).sum()
    )
    assert pick(rows, "shift")["n"] == whole.sum() == 108
    assert pick(rows, "selection", variable="")["k"] == 12


@pytest.mark.parametrize("wrong", ["stage", "death", "start"])
def test_the_only_wrong_variable_gets_everything(wrong: str) -> None:
    """Errors in one variable: it carries the whole shift, exactly, and no other one any of it."""
    rows = attribute(simulate_dated(21, wrong=(wrong,)), build_protocol(ANALYSIS, endpoints=(DATED,)))
    for term in TERMS if wrong != "stage" else list(TERMS)[:2]:
        shares = read(rows, "shapley", term)
        total = pick(rows, "shift", term)
        assert total["estimate"] != 0
        assert shares.pop(wrong) == pytest.approx(total["estimate"], abs=1e-10)
        assert set(shares.values()) == {0.0}
        assert read(rows, "shapley_share", term)[wrong] == pytest.approx(1)
        mine = pick(rows, "shapley", term, variable=wrong)
        assert (mine["lower"], mine["upper"]) == pytest.approx((total["lower"], total["upper"]), nan_ok=True)
        assert term != HAZARD or mine["lower"] < mine["estimate"] < mine["upper"]
        others = select_rows(rows, metric="shapley", term=term)
        assert set(others[others["variable"] != wrong]["reason"]) == {Reason.NO_INTERVAL}
        assert set(others[others["variable"] != wrong]["k"]) == {0}


def test_liver_is_all_t_category() -> None:
    """TCGA liver: one variable carries the whole shift but what four incomplete patients add."""
    if "PROBATIO_MIRROR" not in os.environ:
        pytest.skip("the TCGA files are not at hand; name their folder in PROBATIO_MIRROR")
    path = PROTOCOLS / "tcga.yaml"
    protocol = read_protocol(path)
    rows = attribute(read_records(protocol, find_data_root(path, protocol)), protocol)
    term = "log_hazard_ratio:t_category=T3-T4"
    share, rest = pick(rows, "shapley", term), pick(rows, "selection", term, variable="")
    assert (share["variable"], share["n"], share["k"]) == ("t_category", 314, 58)
    assert share["estimate"] == pytest.approx(-0.142, abs=5e-4)
    assert (rest["n"], rest["k"]) == (318, 4)
    assert rest["estimate"] == pytest.approx(0.0025, abs=5e-4)
    assert pick(rows, "shift", term, stratum_by="patients")["estimate"] == pytest.approx(
        share["estimate"] + rest["estimate"], abs=1e-12
    )


def test_sources_without_shift_have_no_share() -> None:
    """Where nothing differs the shift is 0, shares are 0 and no part of it is claimed."""
    rows = attribute(simulate_dated(31, wrong=()), build_protocol(ANALYSIS, endpoints=(DATED,)))
    assert set(read(rows, "shapley").values()) == {0.0}
    share = select_rows(rows, metric="shapley_share")
    assert set(share["status"]) == {Status.NOT_ESTIMABLE}
    assert set(share["reason"]) == {Reason.NO_SHIFT}
    assert pick(rows, "carriers", method="half")["reason"] == Reason.NO_SHIFT


def test_parts_that_cancel_are_no_shares() -> None:
    """Two sources whose errors undo each other: both parts are shown, neither is a percentage of next to nothing."""
    shown = parts.Totals(*(parts.Part(np.array([value]), 10, 10) for value in (0.5, 0.01, 0.01, 0.0)))
    pieces = {"stage": parts.Part(np.array([0.31]), 10, 5), "start": parts.Part(np.array([-0.30]), 10, 5)}
    found = list(_derive_shares(shown, pieces))
    assert {row["reason"] for row in found} == {Reason.NO_SHIFT}
    enough = shown._replace(own=parts.Part(np.array([0.4]), 10, 10))
    assert [row["estimate"] for row in _derive_shares(enough, pieces)] == pytest.approx([0, 0.775, -0.75])


def test_who_is_in_the_population_is_selection() -> None:
    """An error in a population variable moves patients in and out: no share of the common ones, all `selection`."""
    patients, values = simulate(41, 150, share_wrong=0)
    weight = np.where(np.arange(150) % 3 == 0, "1", "2")
    values |= {("registry", "weight"): weight, ("ai", "weight"): np.where(np.arange(150) % 10 == 0, "2", weight)}
    protocol = build_protocol(BY_STAGE | {"population": {"weight": ["2"]}, "landmarks": []})
    rows = attribute(build_records(patients, values), protocol)
    assert read(rows, "shapley") == {"weight": 0.0, "stage": 0.0}
    assert pick(rows, "selection_share")["estimate"] == 1
    whole = pick(rows, "selection", variable="")
    assert whole["k"] == 5
    assert whole["estimate"] != 0
    assert pick(rows, "selection", variable="weight")["estimate"] == pytest.approx(whole["estimate"], abs=1e-12)
    assert pick(rows, "selection", variable="stage")["estimate"] == 0


def test_missing_values_are_selection() -> None:
    """Values that the AI leaves out, all others right: the whole shift is that variable's, through patients lost."""
    records = simulate_dated(43, wrong=())
    lines = records.records
    lost = (lines["source"] == "ai") & (lines["variable"] == "stage") & lines["patient_id"].isin(
        [f"P{row:04d}" for row in range(0, 120, 8)])  # fmt: skip
    rows = attribute(replace(records, records=lines[~lost]), build_protocol(ANALYSIS, endpoints=(DATED,)))
    whole = pick(rows, "shift", stratum_by="patients")
    mine = pick(rows, "selection", variable="stage")
    assert mine["estimate"] == pytest.approx(whole["estimate"], abs=1e-12)
    assert whole["estimate"] != 0
    assert (mine["k"], whole["k"]) == (15, 15)
    assert set(read(rows, "shapley").values()) == {0.0}
    assert {read(rows, "selection")[name] for name in ("start", "death", "last_news")} == {0.0}


def test_a_mixture_without_estimate_is_said() -> None:
    """Where one mixture separates, its shares are not estimable with that reason; whole-cohort numbers go on."""
    n = 40
    patients = build_patients(n)
    late = np.arange(n) % 2 == 0
    day = {("registry", "death"): np.arange(n) + 100.0, ("ai", "death"): np.arange(n) + 100.0}
    values = {(source, "start"): ["2024-01-01"] * n for source in ("registry", "ai")}
    values |= {(source, "last_news"): write_dates(np.arange(n) + 100.0) for source in ("registry", "ai")}
    dead = {"registry": np.arange(n) < 20, "ai": (np.arange(n) < 20) & late}
    for source in ("registry", "ai"):
        texts = write_dates(day[source, "death"])
        values[source, "death"] = [text if d else None for text, d in zip(texts, dead[source], strict=True)]
    values["registry", "stage"] = np.where(late, "III", "I")
    values["ai", "stage"] = np.where(late ^ (np.arange(n) % 7 == 0), "III", "I")
    protocol = build_protocol(ANALYSIS | {"horizons": [110]}, endpoints=(DATED,))
    rows = attribute(build_records(patients, values), protocol)
    shares = select_rows(rows, metric="shapley", term=HAZARD)
    assert set(shares["status"]) == {Status.NOT_ESTIMABLE}
    assert set(shares["reason"]) == {Reason.SEPARATION}
    assert pick(rows, "swap_in", variable="death")["reason"] == Reason.SEPARATION
    assert pick(rows, "swap_in", variable="stage")["status"] == Status.OK
    assert set(select_rows(rows, metric="shapley", term="rmst")["status"]) == {Status.OK}


def test_a_mixture_may_lose_a_patient() -> None:
    """Two readings that agree on the time but not on the dates: a death before the other's start leaves one mixture."""
    patients, values = simulate(51, 60, share_wrong=0.1)
    end = 10 * patients["days"].to_numpy() + 10
    shift = np.zeros(60)
    shift[[4, 9]] = 400
    dead = (patients["status"] == "dead").to_numpy()
    for source, moved in (("registry", 0 * shift), ("ai", shift)):
        ends = write_dates(end + moved)
        deaths = [day if died else None for day, died in zip(ends, dead, strict=True)]
        values |= {(source, "start"): write_dates(moved), (source, "last_news"): ends, (source, "death"): deaths}
    rows = attribute(build_records(patients, values), build_protocol(ANALYSIS, endpoints=(DATED,)))
    assert pick(rows, "shift")["n"] == 60
    shares = read(rows, "shapley")
    assert sum(shares.values()) == pytest.approx(pick(rows, "shift")["estimate"], abs=1e-10)
    assert pick(rows, "shapley", variable="start")["k"] == 2
    assert pick(rows, "shift")["k"] < pick(rows, "shapley", variable="stage")["k"] + 2 + 1


def test_sampled_orders_agree_with_exact_ones(
    records: Records, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the limit orders are sampled: shares still sum up, lie within their stated error, and say so."""
    monkeypatch.setattr(parts, "EXACT", 2)
    protocol = build_protocol(ANALYSIS, endpoints=(DATED,))
    sampled = attribute(records, protocol)
    exact = read(rows, "shapley")
    assert sum(read(sampled, "shapley").values()) == pytest.approx(pick(sampled, "shift")["estimate"], abs=1e-10)
    for variable, error in read(sampled, "monte_carlo_error").items():
        found = pick(sampled, "shapley", variable=variable)
        assert found["method"] == "sampled_paired_t"
        assert error > 0
        assert abs(found["estimate"] - exact[variable]) < 5 * error
    again = attribute(records, build_protocol(ANALYSIS, BY_STAGE | {"name": "two"}, endpoints=(DATED,)))
    pd.testing.assert_frame_equal(select_rows(again, analysis="by_stage").reset_index(drop=True), sampled)


def test_analyses_without_sources_have_no_attribution() -> None:
    """A study that compares no source has no rows, and no weights are drawn for it."""
    terms = [{"variable": "sex", "groups": {"M": ["M"], "F": ["F"]}}]
    analysis = BY_STAGE | {"terms": terms, "sources": [], "comparator": None}
    assert attribute(build_records(build_patients(20), {}), build_protocol(analysis)).empty


def declare(*names: str) -> list[dict[str, object]]:
    """Return the variables of the small study, and binary ones of these names."""
    more = [{"name": name, "label": LABEL, "type": "binary", "levels": ["0", "1"]} for name in names]
    return [*build_protocol().model_dump(exclude_unset=True)["variables"], *more]


def simulate_weighted(seed: int) -> Records:
    """Return a study of 150 patients whose stage and weight the AI misreads now and then."""
    patients, values = simulate(seed, 150, share_wrong=0.1)
    rng = np.random.default_rng(seed)
    weight = rng.normal(70, 10, 150).round()
    values["registry", "weight"] = [f"{number:g}" for number in weight]
    values["ai", "weight"] = [f"{number + 20 * (rng.random() < 0.1):g}" for number in weight]
    return build_records(patients, values)


def test_weighted_comparison_is_attributed() -> None:
    """Propensity weights are made again in every mixture: shares sum to the weighted difference of replication."""
    terms = [*BY_STAGE["terms"], {"variable": "weight", "per": 10}]
    protocol = build_protocol(BY_STAGE | {"terms": terms, "weighting": "overlap"})
    records = simulate_weighted(91)
    rows, term = attribute(records, protocol), "weighted_log_hazard_ratio:stage=late"
    replicated, _ = run(records, protocol, replicates=60)
    found = select_rows(replicated, metric="delta_weighted_log_hazard_ratio", stratum_by="", method="paired_t").iloc[0]
    shares = read(rows, "shapley", term)
    assert set(shares) == {"stage", "weight"}
    assert all(shares.values())
    assert sum(shares.values()) == pytest.approx(found["estimate"], abs=1e-9)
    assert pick(rows, "shift", term)["estimate"] == pytest.approx(found["estimate"], abs=1e-9)


def test_strata_and_terms_share_the_shift() -> None:
    """A stratum read from the source is a variable like another: its errors move the stratified hazard ratio."""
    patients, values = simulate(92, 150, share_wrong=0.1)
    half = np.where(np.arange(150) % 2 == 0, "1", "0")
    values |= {("registry", "x"): half, ("ai", "x"): np.where(np.arange(150) % 9 == 0, "0", half)}
    protocol = build_protocol(BY_STAGE | {"strata": ["x"]}, variables=declare("x"))
    rows = attribute(build_records(patients, values), protocol)
    shares = read(rows, "shapley")
    assert set(shares) == {"stage", "x"}
    assert all(shares.values())
    assert sum(shares.values()) == pytest.approx(pick(rows, "shift")["estimate"], abs=1e-10)
    assert pick(rows, "shapley", variable="x")["k"] == 9


def test_competing_events_leave_the_hazard_only() -> None:
    """With a competing event no mean is read off a curve; the hazard of the event itself is attributed."""
    patients, values = simulate(93, 120, share_wrong=0.1)
    other = patients.assign(status=np.where(np.arange(120) % 11 == 0, "other", patients["status"]))
    endpoint = {"name": "os", "label": LABEL, "time": "days", "event": "status", "event_values": ["dead"],
                "competing_values": ["other"]}  # fmt: skip
    records = build_records(other, values)
    rows = attribute(records, build_protocol(BY_STAGE, endpoints=(endpoint,)))
    assert set(rows["term"]) == {HAZARD}
    assert pick(rows, "shapley", variable="stage")["estimate"] == pick(rows, "shift")["estimate"] != 0


def test_competing_events_without_terms_leave_the_incidence() -> None:
    """The whole cohort with a competing event: its incidence at the last landmark is attributed, or nothing."""
    records = simulate_dated(97, missing=4)
    endpoint = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "competing": ["relapse"],
                "censoring": ["last_news"]}  # fmt: skip
    analysis = ANALYSIS | {"terms": [], "landmarks": [100, 200]}
    rows = attribute(records, build_protocol(analysis, endpoints=(endpoint,)))
    assert set(zip(rows["term"], rows["at"], strict=True)) == {("cumulative_incidence", "200")}
    shares = read(rows, "shapley", "cumulative_incidence")
    assert any(shares.values())
    assert sum(shares.values()) == pytest.approx(pick(rows, "shift", "cumulative_incidence")["estimate"], abs=1e-10)
    silent = build_protocol(analysis | {"landmarks": []}, endpoints=(endpoint,))
    assert attribute(records, silent).empty
    (table,) = derive_carriers(records, silent)
    assert table.quantities == ()
    assert table.table["share"].isna().all()


def test_without_terms_the_mean_is_attributed() -> None:
    """The whole cohort's curve: dates share the shift of its restricted mean, or of its median without a horizon."""
    records = simulate_dated(94)
    for horizons, term in (([200], "rmst"), ([], "median_survival")):
        analysis = ANALYSIS | {"terms": [], "horizons": horizons}
        rows = attribute(records, build_protocol(analysis, endpoints=(DATED,)))
        assert set(rows["term"]) == {term}
        shares = read(rows, "shapley", term)
        assert set(shares) == {"start", "death", "last_news"}
        assert sum(shares.values()) == pytest.approx(pick(rows, "shift", term)["estimate"], abs=1e-9)


def test_one_source_for_all_is_no_variable() -> None:
    """A term that one source gives for all carries no share: nothing of it is read from the others."""
    terms = [*BY_STAGE["terms"], {"variable": "weight", "per": 10, "source": "registry"}]
    rows = attribute(simulate_weighted(95), build_protocol(BY_STAGE | {"terms": terms}))
    assert set(read(rows, "shapley")) == {"stage"}


def test_nine_variables_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above eight variables that differ orders are sampled; shares still sum to the shift, and errors are stated."""
    monkeypatch.setattr(parts, "BLOCKS", 2)
    patients, values = simulate(96, 100, share_wrong=0.1)
    rng = np.random.default_rng(96)
    names = [f"x{at}" for at in range(8)]
    for name in names:
        right = rng.random(100) < 0.5
        wrong = right ^ (rng.random(100) < 0.1)
        values |= {("registry", name): np.where(right, "1", "0"), ("ai", name): np.where(wrong, "1", "0")}
    terms = [*BY_STAGE["terms"], *({"variable": name, "groups": {"no": ["0"], "yes": ["1"]}} for name in names)]
    analysis = BY_STAGE | {"terms": terms, "horizons": [], "landmarks": []}
    protocol = build_protocol(analysis, variables=declare(*names))
    rows = attribute(build_records(patients, values), protocol, replicates=20)
    shares = read(rows, "shapley")
    assert len(shares) == 9
    assert sum(shares.values()) == pytest.approx(pick(rows, "shift")["estimate"], abs=1e-10)
    errors = read(rows, "monte_carlo_error")
    assert set(errors) == set(shares)
    assert 0 < max(errors.values()) < max(abs(share) for share in shares.values())
