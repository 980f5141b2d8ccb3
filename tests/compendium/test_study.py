"""The handle of the notebooks gives what was declared, refuses what is stale, and writes once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from miniature import Miniature
from probatio.compendium import open_study
from probatio.compendium.study import Study
from probatio.compendium.tasks import begin_task
from probatio.protocol import UserError
from probatio.provenance import RunFolder
from probatio.results import ResultError, build_row, read_rows, read_series

STUDY = "../protocol/mini.yaml"


@pytest.fixture
def inside(copied: Miniature, monkeypatch: pytest.MonkeyPatch) -> Miniature:
    """Return a finished project; the test works in its folder of notebooks, as a notebook does."""
    monkeypatch.chdir(copied.notebooks)
    return copied


def open_first(made: Miniature, *, run: bool = True) -> Study:
    if run:
        begin_task(RunFolder(made.run), "01_first")
    return open_study(STUDY, run=str(made.run) if run else "", notebook="01_first")


def test_handle_gives_what_the_protocol_declares(inside: Miniature) -> None:
    """Protocol, digest, language, data folder, records, comparison and draws come from the protocol."""
    study = open_first(inside)
    assert (study.protocol.study, study.language, len(study.digest)) == ("mini", "en", 64)
    assert study.root == inside.data.resolve()
    assert list(study.records.patients.index) == ["P1", "P2", "P3"]
    assert study.draws().replicates == 100
    assert study.draws("centre").unit == "centre"
    assert (study.draws(), study.draws().frame) == (study.draws("patient"), "all")
    assert repr(study) == "Study('mini', notebook='01_first')"


def test_comparison_is_made_once(inside: Miniature) -> None:
    """The pairs of model and registry are those of the files, and asked twice they are the same object."""
    study = open_first(inside)
    pairs = study.comparison().pairs
    assert study.comparison().pairs is pairs
    assert dict(zip(pairs["patient_id"], pairs["outcome"], strict=True)) == {"P1": "C", "P2": "W", "P3": "C"}


@pytest.mark.parametrize(("study", "run", "notebook"), [(3, "", "01_first"), (STUDY, None, "01_first"), (STUDY, "", 1)])
def test_parameters_are_text(inside: Miniature, study: Any, run: Any, notebook: Any) -> None:
    """A parameter that is not text is refused before anything is read."""
    with pytest.raises(UserError, match="expected text, found"):
        open_study(study, run=run, notebook=notebook)


def test_unknown_names_are_refused(inside: Miniature) -> None:
    """A protocol or a notebook that does not exist is one sentence."""
    with pytest.raises(UserError, match="no such protocol"):
        open_study("../protocol/none.yaml", notebook="01_first")
    with pytest.raises(UserError, match="no such notebook"):
        open_study(STUDY, notebook="01_frist")


def test_missing_data_folder_names_protocol_and_folder(inside: Miniature) -> None:
    """Data that are not there are one sentence with the protocol's file and the folder's name."""
    inside.edit(inside.protocol, "data: ../data", "data: ../date")
    with pytest.raises(UserError, match=r"mini\.yaml: data: the folder \.\./date does not exist"):
        assert open_first(inside).root


def test_missing_download_names_the_command(inside: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study whose public files are absent names `probatio data fetch` with the study."""
    monkeypatch.delenv("PROBATIO_MIRROR", raising=False)
    listed = f"path,sha256,bytes\nx.csv,{'0' * 64},10\n"
    (inside.data / "files.csv").write_text(listed, encoding="utf-8")
    inside.edit(inside.protocol, "data: ../data", "data: ../data\ndownloads: ../data/files.csv")
    with pytest.raises(UserError, match="`probatio data fetch mini`"):
        assert open_first(inside).root


def test_upstream_rows_and_curves_are_read(inside: Miniature) -> None:
    """A notebook reads rows and curves of those it needs, with the types of result tables."""
    study = open_study(STUDY, run=str(inside.run), notebook="02_second")
    assert study.rows("01_first")["n"].tolist() == [3]
    assert study.series("01_first")["x"].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(UserError, match=r"reads 03_third without needing it; add it to metadata\.probatio\.needs"):
        study.rows("03_third")


@pytest.mark.parametrize("what", ["data", "rows", "notebook", "protocol", "none"])
def test_stale_upstream_is_refused(inside: Miniature, what: str) -> None:
    """Upstream rows whose data, notebook or protocol changed, that were altered, or never made, are never used."""
    task = RunFolder(inside.run).get_task("01_first")
    if what == "data":
        inside.edit(inside.data / "model.csv", "P3,I\n", "")
    elif what == "rows":
        inside.edit(task.rows, "1.0", "0.5")
    elif what == "notebook":
        inside.edit(inside.notebooks / "01_first.ipynb", "len(lines) / 3", "len(lines) / 4")
    elif what == "protocol":
        inside.edit(inside.protocol, "seed: 1", "seed: 2")
    else:
        shutil.rmtree(task.path)
    study = open_study(STUDY, run=str(inside.run), notebook="02_second")
    with pytest.raises(UserError, match=r"rows of 01_first are not fresh .*; run `probatio run` again"):
        study.rows("01_first")


def test_write_fills_sorts_and_separates(inside: Miniature) -> None:
    """Rows get study, section and digest and are sorted; curves, figures and row-level files go to their folders."""
    study, figure = open_first(inside), Figure()
    figure.subplots().plot([1, 2])
    curve = pd.DataFrame({"metric": "m", "x": [2.0, 1.0], "y": [0.2, 0.1]})
    study.write(
        [build_row("b", 1.5), build_row("a", 0.1, lower=0.0, upper=0.2)],
        series={"curve": curve},
        figures={"line": figure},
        confidential={"cases.csv": b"P1"},
    )
    task = RunFolder(inside.run).get_partial("01_first")
    rows = read_rows(task.rows)
    assert rows["metric"].tolist() == ["a", "b"]
    assert set(zip(rows["study"], rows["section"], rows["protocol_digest"], strict=True)) == {
        ("mini", "01_first", study.digest)
    }
    assert read_series(task.series / "curve.csv")["x"].tolist() == [1.0, 2.0]
    assert sorted(path.name for path in task.figures.iterdir()) == ["line.png", "line.svg"]
    assert (task.confidential / "cases.csv").read_bytes() == b"P1"


def test_second_write_is_refused(inside: Miniature) -> None:
    """A notebook writes once."""
    study = open_first(inside)
    study.write([build_row("a", 1.0)])
    with pytest.raises(UserError, match="called twice"):
        study.write([build_row("b", 1.0)])


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"estimate": float("nan")}, "status ok without a number"),
        ({"status": "not_estimable", "reason": "no_events"}, "a number in spite of its status"),
        ({"status": "not_estimable", "estimate": float("nan")}, "no reason for its status"),
        ({"status": "fine"}, "an unknown status"),
        ({"reason": "bad luck"}, "an unknown reason"),
    ],
)
def test_broken_rows_are_not_written(inside: Miniature, broken: dict[str, Any], sentence: str) -> None:
    """A frame that was changed after its rows were built is checked again, and nothing of it is written."""
    study = open_first(inside)
    frame = study.derive([build_row("a", 1.0), build_row("b", 2.0)])
    for name, value in broken.items():
        frame.loc[0, name] = value
    with pytest.raises(ResultError, match=f"1 rows have {sentence}, first: a of"):
        study.write(frame)
    assert not RunFolder(inside.run).get_partial("01_first").rows.exists()


@pytest.mark.parametrize(
    "names", [{"series": {"../up": []}}, {"figures": {"A b": Figure()}}, {"confidential": {"x": b""}}]
)
def test_names_of_files_stay_in_their_folder(inside: Miniature, names: dict[str, Any]) -> None:
    """A file's name that could leave its folder, or that another system refuses, is refused."""
    with pytest.raises(ResultError, match="lower-case letters"):
        open_first(inside).write([build_row("a", 1.0)], **names)


def test_only_the_pipeline_writes_into_a_run(inside: Miniature) -> None:
    """A notebook opened by hand on a run cannot overwrite its rows."""
    study = open_study(STUDY, run=str(inside.run), notebook="01_first")
    with pytest.raises(UserError, match="leave run empty to work by hand"):
        study.write([build_row("a", 1.0)])


def test_work_by_hand_runs_what_it_needs_once(
    inside: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With run empty the needed notebooks run unheard into a private temporary run, where the next one finds them."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = sorted(path.name for path in inside.run.rglob("*"))
    first = open_study(STUDY, notebook="02_second").rows("01_first")
    assert first["n"].tolist() == [3]
    (stamp,) = tmp_path.glob("probatio-*/*/tasks/01_first/stamp.json")
    written = stamp.stat().st_mtime_ns
    again = open_study(STUDY, notebook="02_second")
    pd.testing.assert_frame_equal(again.rows("01_first"), first)
    again.write([build_row("a", 1.0)])
    assert len(list(tmp_path.glob("probatio-*/*-by-hand/02_second/rows.csv"))) == 1
    assert stamp.stat().st_mtime_ns == written
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in inside.run.rglob("*")) == before
    assert next(tmp_path.glob("probatio-*")).stat().st_mode & 0o077 == 0
