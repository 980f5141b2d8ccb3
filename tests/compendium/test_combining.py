"""Pooled counts give the rows one run on all patients would give, and nothing that was suppressed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demo_study import compare_demo, read_demo
from probatio.cli import run_command
from probatio.comparison import Comparison
from probatio.compendium.combining import combine_runs
from probatio.measures.cells import derive_cells
from probatio.measures.outcomes import estimate_outcomes, estimate_outcomes_by
from probatio.measures.paired import estimate_differences
from probatio.protocol import Protocol, UserError
from probatio.provenance import RunFolder
from probatio.resampling import compute_wilson
from probatio.results import (
    COLUMNS,
    build_row,
    derive_csv,
    derive_table,
    read_rows,
    select_rows,
    write_bytes,
)

VARIABLES = ("sex", "stage", "ecog", "creatinine", "adverse_events")
KEY = ["kind", "source", "comparator", "variable", "stratum_by", "stratum", "metric", "term", "role"]


@pytest.fixture(scope="module")
def study() -> tuple[Protocol, Comparison]:
    return read_demo()[0], compare_demo()


def estimate(study: tuple[Protocol, Comparison], centres: set[str], *, weighted: bool = False) -> pd.DataFrame:
    """Return the rows of the patients of some centres, as the agreement notebook would write them."""
    protocol, comparison = study
    patients = comparison.patients[comparison.patients["centre"].isin(centres)]
    pairs = select_rows(comparison.pairs, patient_id=list(patients.index), variable=VARIABLES).copy()
    pairs["weight"] = pairs["weight"] if weighted else 1.0
    cells = derive_cells(pairs, patients, protocol, unit="patient")
    frames = [
        *estimate_outcomes(cells, level=0.95, unit="patient"),
        *estimate_outcomes_by(cells, patients, "centre", level=0.95, unit="patient", min_stratum=10),
        *estimate_outcomes_by(cells, patients, "age_group", level=0.95, unit="patient", min_stratum=2),
        *estimate_differences(cells, protocol, level=0.95, unit="patient"),
    ]
    rows = pd.concat([frame[list(COLUMNS)] for frame in frames], ignore_index=True)
    return derive_table(rows, study="demo", section="03_agreement", protocol_digest="d" * 64)


@pytest.fixture(scope="module")
def hospitals(study: tuple[Protocol, Comparison], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three hospitals' rows, one of them in a run's folder; every third centre each."""
    centres = sorted(set(study[1].patients["centre"]))
    folder = tmp_path_factory.mktemp("hospitals")
    paths = [folder / "north.csv", folder / "south.csv", folder / "west"]
    for place, path in enumerate(paths):
        file = path if path.suffix else RunFolder(path).get_task("03_agreement").rows
        write_bytes(file, derive_csv(estimate(study, set(centres[place::3]))))
    return paths


@pytest.fixture(scope="module")
def both(study: tuple[Protocol, Comparison], hospitals: list[Path]) -> pd.DataFrame:
    """Pooled rows beside those of one run on everybody."""
    pooled = combine_runs(hospitals).rows
    whole = estimate(study, set(study[1].patients["centre"]))
    for frame in (pooled, whole):
        base = frame["method"].str.removesuffix("_clustered").replace({"exact": "wilson"})
        frame["role"] = base.where(frame["metric"] != "count", "")
        frame["kind"] = frame["comparator"]
    return pooled.merge(whole, on=KEY, suffixes=("", "_whole"), validate="one_to_one")


def test_counts_are_those_of_one_run(both: pd.DataFrame) -> None:
    """Over every variable, source and stratum disclosed by all, n, k, patients and estimate are equal."""
    known = both[both["status"] == "ok"]
    assert len(known) > 500
    for name in ("n", "k"):
        assert (known[name] == known[f"{name}_whole"]).all(), name
    rates = known[known["metric"] != "count"]
    assert (rates["clusters"] == rates["clusters_whole"]).all()
    np.testing.assert_allclose(known["estimate"], known["estimate_whole"], rtol=0, atol=1e-12)


def test_one_value_per_patient_gives_the_very_interval(both: pd.DataFrame) -> None:
    """Wilson, Clopper-Pearson and Tango bounds are those of one run to twelve decimals."""
    simple = both[(both["status"] == "ok") & both["method_whole"].isin(["wilson", "clopper_pearson", "tango"])]
    assert set(simple["method"]) == {"wilson", "clopper_pearson", "tango"}
    for bound in ("lower", "upper"):
        np.testing.assert_allclose(simple[bound], simple[f"{bound}_whole"], rtol=0, atol=1e-12)


def test_several_values_per_patient_give_nearly_the_interval(both: pd.DataFrame) -> None:
    """Overall, the mean design effect makes intervals 0.9 to 1.7 times as wide, 1 to 1.1 in the median.

    The wide ones are of few events: in each hospital too few patients have one to tell values from whole patients.
    """
    near = both[(both["status"] == "ok") & both["method_whole"].str.endswith("_clustered") & (both["stratum_by"] == "")]
    ratio = (near["upper"] - near["lower"]) / (near["upper_whole"] - near["lower_whole"])
    assert len(near) > 100
    assert ratio.between(0.9, 1.7).all(), ratio.describe()
    plenty = ratio[np.minimum(near["k"], near["n"] - near["k"]) >= 20]
    assert len(plenty) > 50
    assert plenty.between(0.9, 1.45).all(), plenty.describe()
    assert 1.0 <= ratio.median() <= 1.1


def test_a_centre_keeps_its_own_rows(both: pd.DataFrame) -> None:
    """Centres stand in one hospital each: their strata come out as they went in, suppressed ones too."""
    centres = both[both["stratum_by"] == "centre"]
    assert (centres["status"] == centres["status_whole"]).all()
    assert (centres["status"] == "suppressed").any()
    assert centres.loc[centres["status"] == "suppressed", ["estimate", "k"]].isna().all(axis=None)


def test_one_suppressed_count_suppresses_the_sum(study: tuple[Protocol, Comparison], tmp_path: Path) -> None:
    """A sum with one hidden part would give the part away; it carries no number."""
    key = {"study": "s", "section": "x", "source": "a", "variable": "v", "unit": "proportion", "method": "wilson",
           "level": 0.95, "metric": "error_rate"}  # fmt: skip
    shown = build_row(estimate=0.1, n=50, k=5, clusters=50, lower=0.04, upper=0.2, **key)
    hidden = build_row(n=6, clusters=6, status="suppressed", reason="small_stratum", **key)
    for name, row in (("a.csv", shown), ("b.csv", hidden)):
        write_bytes(tmp_path / name, derive_csv(derive_table([row])))
    row = combine_runs([tmp_path / "a.csv", tmp_path / "b.csv"]).rows.iloc[0]
    assert (row["status"], row["reason"], row["n"]) == ("suppressed", "small_stratum", 56)
    assert pd.isna(row["k"])


@pytest.mark.parametrize(("events", "said"), [((1, 1), "few_events_caution"), ((1, 2), ""), ((0, 0), "")])
def test_a_sum_of_few_events_says_its_own_caution(events: tuple[int, int], said: str, tmp_path: Path) -> None:
    """Not the hospitals' cautions but the sum decides: two events of 81 have one, three do not."""
    key = {"study": "s", "section": "x", "source": "a", "variable": "v", "unit": "proportion", "method": "wilson",
           "level": 0.95, "metric": "error_rate"}  # fmt: skip
    for name, k, n in zip(("a.csv", "b.csv"), events, (40, 41), strict=True):
        lower, upper = (float(bound) for bound in compute_wilson(k, n, 0.95))
        reason = "few_events_caution" if k else ""
        row = build_row(estimate=k / n, n=n, k=k, clusters=n, lower=lower, upper=upper, reason=reason, **key)
        write_bytes(tmp_path / name, derive_csv(derive_table([row])))
    row = combine_runs([tmp_path / "a.csv", tmp_path / "b.csv"]).rows.iloc[0]
    assert (row["status"], row["reason"], row["k"], row["n"]) == ("ok", said, sum(events), 81)


@pytest.fixture(scope="module")
def sampled(study: tuple[Protocol, Comparison], tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, ...]:
    """Pooled and whole rows where the reference was sampled: one hospital with two probabilities, one with one."""
    centres, folder = sorted(set(study[1].patients["centre"])), tmp_path_factory.mktemp("sampled")
    paths = [folder / "a.csv", folder / "b.csv"]
    for path, chosen in zip(paths, (centres[:8], centres[8:]), strict=True):
        write_bytes(path, derive_csv(estimate(study, set(chosen), weighted=True)))
    return combine_runs(paths).rows, estimate(study, set(centres), weighted=True)


def test_a_sampled_reference_is_pooled_by_the_population(sampled: tuple[pd.DataFrame, ...]) -> None:
    """Overall rates are those of one run on everybody, their intervals 0.95 to 1.6 times as wide, 1 in the median.

    The wide ones are of several values per patient and few events, as without weights.
    """
    pooled, whole = (frame[(frame["stratum_by"] == "") & (frame["metric"] != "count")] for frame in sampled)
    key = ["source", "comparator", "variable", "metric", "term"]
    kinds = {"wilson_weighted": "report", "exact_weighted": "report", "clopper_pearson_weighted": "accept"}
    tables = [frame.assign(role=frame["method"].map(kinds)).dropna(subset=["role"]) for frame in (pooled, whole)]
    both = tables[0].merge(tables[1], on=[*key, "role"], suffixes=("", "_whole"), validate="one_to_one")
    both = both[(both["status"] == "ok") & (both["status_whole"] == "ok")]
    assert len(both) > 150
    np.testing.assert_allclose(both["estimate"], both["estimate_whole"], rtol=0, atol=1e-12)
    ratio = (both["upper"] - both["lower"]) / (both["upper_whole"] - both["lower_whole"])
    assert ratio.between(0.95, 1.6).all(), ratio.describe()
    assert 1.0 <= ratio.median() <= 1.05


def test_populations_add_up(sampled: tuple[pd.DataFrame, ...]) -> None:
    """The hospital with weights of 1 discloses none; the others' sums are kept, so that sums can be pooled again."""
    pooled, whole = (select_rows(frame, metric="weighted_count", source="manual", variable="sex") for frame in sampled)
    assert set(pooled["term"]) == set(whole["term"]) == set("CWOUB")
    assert 0 < pooled["estimate"].sum() < whole["estimate"].sum()


def test_other_weighted_rows_are_not_pooled(sampled: tuple[pd.DataFrame, ...]) -> None:
    """Differences and strata have no disclosed weights: no number, and the reason."""
    rows = select_rows(sampled[0], source="ai_a", comparator="manual", variable="sex", metric="error_difference")
    assert set(rows["reason"]) == {"weights_not_shared"}
    strata = select_rows(sampled[0], source="ai_a", variable="sex", metric="error_rate", stratum_by="age_group")
    assert set(strata["reason"]) == {"weights_not_shared"}


def test_order_of_runs_moves_nothing(hospitals: list[Path]) -> None:
    """The same bytes come out in whatever order the runs are named."""
    assert derive_csv(combine_runs(hospitals).rows) == derive_csv(combine_runs(hospitals[::-1]).rows)


def test_the_command_writes_rows(hospitals: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`probatio combine` writes a table of result rows and says how many."""
    target = tmp_path / "pooled.csv"
    assert run_command(["combine", *map(str, hospitals), "--csv", str(target)]) == 0
    assert "pooled from 3 runs" in capsys.readouterr().out
    assert len(read_rows(target)) == len(combine_runs(hospitals).rows)


def test_what_cannot_be_pooled_is_refused(hospitals: list[Path], tmp_path: Path) -> None:
    """One run, the same twice, a shared centre, another protocol, no rows: one sentence each."""
    north, south, west = hospitals
    table = read_rows(north)
    other, fewer, empty = (tmp_path / f"{name}.csv" for name in ("other", "fewer", "empty"))
    write_bytes(other, derive_csv(table.assign(protocol_digest="e" * 64)))
    write_bytes(fewer, derive_csv(table.iloc[:-1]))
    write_bytes(empty, b"a,b\n1,2\n")
    for paths, said in (
        ([north], "at least two"),
        ([north, south, north], "the same rows as"),
        ([north, fewer], "would count twice"),
        ([south, other], "run both with one protocol"),
        ([west, tmp_path], "holds no rows of 03_agreement"),
        ([west, tmp_path / "none.csv"], "holds no rows of 03_agreement"),
        ([west, empty], "not a table of result rows"),
    ):
        with pytest.raises(UserError, match=said):
            combine_runs(paths)
