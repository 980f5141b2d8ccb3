"""A repeated run is identical, equal within tolerance, or different, row by row and with both values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from miniature import Miniature
from probatio.provenance import Outcome, RunFolder, Verification, read_manifest, verify_run, write_manifest
from probatio.results import derive_csv, derive_table, read_rows, read_series

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def pair(finished: Miniature, tmp_path: Path) -> tuple[Path, Path]:
    """Return two copies of one run."""
    for name in ("stored", "again"):
        shutil.copytree(finished.run, tmp_path / name)
    return tmp_path / "stored", tmp_path / "again"


def change_rows(run: Path, task: str, change: Change) -> None:
    path = RunFolder(run).get_task(task).rows
    path.write_bytes(derive_csv(derive_table(change(read_rows(path)))))


def compare(pair: tuple[Path, Path], change: Change, task: str = "01_first") -> Verification:
    change_rows(pair[1], task, change)
    return verify_run(*pair)


def test_identical_runs(pair: tuple[Path, Path]) -> None:
    """Two runs with the same bytes: every row and every point of a curve is identical, and nothing else is said."""
    found = verify_run(*pair)
    assert found.outcome == Outcome.IDENTICAL
    assert (len(found.differences), found.inputs, found.notes) == (0, [], [])
    counts = {(line["task"], line["table"]): line["identical"] for line in found.counts.to_dict("records")}
    expected = {
        ("01_first", "rows"): 1,
        ("01_first", "series/curve"): 3,
        ("02_second", "rows"): 1,
        ("03_third", "rows"): 1,
    }
    assert counts == expected


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(1 + 5e-10, Outcome.WITHIN), (1 + 2e-9, Outcome.DIFFERENT), (0.0, Outcome.DIFFERENT), (-1.0, Outcome.DIFFERENT)],
)
def test_floats_have_a_tolerance(pair: tuple[Path, Path], factor: float, outcome: Outcome) -> None:
    """A relative change below 1e-9 is within tolerance, one above is different; both values are told."""
    found = compare(pair, lambda rows: rows.assign(estimate=rows["estimate"] * factor))
    assert found.outcome == outcome
    (line,) = found.differences.to_dict("records")
    assert (line["stored"], line["again"], line["column"]) == ("1.0", repr(1.0 * factor), "estimate")
    assert (line["task"], line["key"]) == ("01_first", "metric=first")


def test_values_near_zero_have_an_absolute_tolerance(pair: tuple[Path, Path]) -> None:
    """Two estimates that differ by less than 1e-12 are equal within tolerance whatever their ratio."""
    for run, value in zip(pair, (1e-13, -4e-13), strict=True):
        change_rows(run, "01_first", lambda rows, value=value: rows.assign(estimate=value))  # type: ignore[misc]
    assert set(verify_run(*pair).differences["outcome"]) == {Outcome.WITHIN}


@pytest.mark.parametrize("column", ["n", "k", "status", "unit"])
def test_integers_and_text_are_exact(pair: tuple[Path, Path], column: str) -> None:
    """A count, a status or a word that differs is different, an empty one against a value too."""
    value = {"n": 4, "k": 0, "status": "suppressed", "unit": "days"}[column]
    found = compare(pair, lambda rows: rows.assign(**{column: value}))
    assert found.outcome == Outcome.DIFFERENT
    assert found.differences[["column", "again"]].to_numpy().tolist() == [[column, str(value)]]


def test_missing_and_extra_rows(pair: tuple[Path, Path]) -> None:
    """A row that only one run has is missing or extra, named by its key, and counts as a difference."""
    found = compare(pair, lambda rows: pd.concat([rows, rows.assign(metric="more")]))
    assert found.differences[["key", "outcome"]].to_numpy().tolist() == [["metric=more", Outcome.EXTRA]]
    back = verify_run(pair[1], pair[0])
    assert (back.outcome, set(back.differences["outcome"])) == (Outcome.DIFFERENT, {Outcome.MISSING})
    assert back.counts.set_index(["task", "table"]).loc[("01_first", "rows"), "missing"] == 1


def test_curves_are_compared_point_by_point(pair: tuple[Path, Path]) -> None:
    """A point that moved is told with its rank, a curve that lost its last point misses it."""
    path = RunFolder(pair[1]).get_task("01_first").series / "curve.csv"
    points = read_series(path)
    path.write_bytes(derive_csv(points.assign(y=[0.0, 0.5, 2 / 3])))
    found = verify_run(*pair)
    (line,) = found.differences.to_dict("records")
    assert (line["key"], line["stored"], line["again"]) == ("metric=curve point=1", repr(1 / 3), "0.5")
    path.write_bytes(derive_csv(points[:2]))
    assert verify_run(*pair).differences["key"].tolist() == ["metric=curve point=2"]
    path.unlink()
    assert verify_run(*pair).differences["outcome"].tolist() == [Outcome.MISSING] * 3


def test_altered_rows_are_told(pair: tuple[Path, Path]) -> None:
    """Stored rows that are no longer those of the manifest are told as altered, even if the repetition agrees."""
    for run in pair:
        change_rows(run, "01_first", lambda rows: rows.assign(estimate=0.5))
    found = verify_run(*pair)
    assert found.inputs == ["01_first/rows.csv: no longer what the manifest recorded; altered after the run"]
    assert found.outcome == Outcome.DIFFERENT


def test_other_inputs_are_told(pair: tuple[Path, Path]) -> None:
    """Another protocol, data file or notebook is named and makes the run different; another Python is a note."""
    manifest = read_manifest(pair[1])
    manifest.protocol.digest = "0"
    manifest.data["model.csv"] = "0"
    manifest.tasks["02_second"].notebook = "0"
    manifest.environment |= {"python": "3.99.0", "packages": {}}
    write_manifest(pair[1], manifest)
    found = verify_run(*pair)
    assert [sentence.split(":")[0] for sentence in found.inputs] == [
        "protocol protocol/mini.yaml", "data model.csv", "notebook 02_second"]  # fmt: skip
    assert found.outcome == Outcome.DIFFERENT
    assert any(note.startswith("python: ") and note.endswith("3.99.0 now") for note in found.notes)


def test_protocol_digest_alone_marks_no_row(pair: tuple[Path, Path]) -> None:
    """The digest in the rows' own column is not compared: a protocol is told once, not at every row."""
    assert compare(pair, lambda rows: rows.assign(protocol_digest="0")).outcome == Outcome.IDENTICAL


def test_manifest_is_plain_json(finished: Miniature) -> None:
    """The manifest names no path of this machine and keeps what changes between runs in one block."""
    text = RunFolder(finished.run).manifest.read_text(encoding="utf-8")
    value = json.loads(text)
    assert list(value) == sorted(value)
    assert str(finished.path) not in text
    assert set(value["recorded"]) == {"machine", "seconds", "time", "total"}
    assert set(value["data"]) == {"model.csv", "patients.csv", "registry.csv"}
    assert value["tasks"]["01_first"]["confidential"].keys() == {"cases.csv"}
