"""What a notebook writes by hand counts as done only when it was executed whole, as it stands in its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from miniature import Miniature
from probatio.compendium import open_study
from probatio.compendium.notebooks import read_notebook
from probatio.compendium.temporary import WHOLE, is_executed_as_written
from probatio.results import build_row, read_rows

STUDY = "../protocol/mini.yaml"


@pytest.fixture
def inside(copied: Miniature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Miniature:
    """Return a project whose temporary runs lie in a folder of the test's own."""
    monkeypatch.chdir(copied.notebooks)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return copied


def _list_written(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]


def test_whole_means_every_cell_in_order(inside: Miniature) -> None:
    """A cell left out, changed, added or repeated, or a file edited since, and the notebook was not executed whole."""
    path = inside.notebooks / "01_first.ipynb"
    notebook, cells = read_notebook(path), _list_written(path)
    assert is_executed_as_written(notebook, cells)
    assert is_executed_as_written(notebook, cells[:2])
    for executed in (
        [],
        cells[1:],
        [*cells, "1"],
        [cells[0], cells[0], *cells[1:]],
        [cells[0], cells[1] + "#", cells[2]],
    ):
        assert not is_executed_as_written(notebook, executed)
    inside.edit(path, "0", "9")
    assert not is_executed_as_written(notebook, cells)


def _write_first(value: float) -> None:
    open_study(STUDY, notebook="01_first").write([build_row("first", value, n=3)], series={"curve": []})


def test_the_next_notebook_finds_it_done(inside: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was executed whole is read by the next one; the pipeline would have written 1, not 7."""
    monkeypatch.setenv(WHOLE, "1")
    _write_first(7.0)
    assert open_study(STUDY, notebook="02_second").rows("01_first")["estimate"].tolist() == [7.0]


def test_what_was_played_with_is_not_used(inside: Miniature) -> None:
    """Rows written from a kernel whose cells nobody knows stay apart: the needed notebook runs again."""
    _write_first(7.0)
    assert open_study(STUDY, notebook="02_second").rows("01_first")["estimate"].tolist() == [1.0]


def test_data_changed_meanwhile_are_not_what_it_read(
    inside: Miniature, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Data edited between the first cell and the last: the stamp would lie, so there is none."""
    monkeypatch.setenv(WHOLE, "1")
    study = open_study(STUDY, notebook="01_first")
    inside.edit(inside.data / "model.csv", "P3,I", "P3,II")
    study.write([build_row("first", 7.0, n=3)])
    assert not list(tmp_path.glob("probatio-*/*/tasks/01_first/stamp.json"))
    (rows,) = tmp_path.glob("probatio-*/*-by-hand/01_first/rows.csv")
    assert read_rows(rows)["estimate"].tolist() == [7.0]
