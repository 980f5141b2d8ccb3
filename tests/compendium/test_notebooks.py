"""The notebooks' declarations are checked before anything runs."""

from __future__ import annotations

import json

import pytest

from miniature import Miniature
from probatio.compendium.notebooks import check_parameters, read_notebook, read_notebooks, select_notebooks
from probatio.protocol import UserError


def test_reads_what_notebooks_declare(miniature: Miniature) -> None:
    """Needs, reads and parameters are those of metadata and parameters cell; files without a number are left out."""
    (miniature.notebooks / "Untitled.ipynb").write_text("{}", encoding="utf-8")
    found = read_notebooks(miniature.notebooks)
    assert list(found) == ["01_first", "02_second", "03_third"]
    assert found["02_second"].needs == ("01_first",)
    assert (found["01_first"].reads, found["02_second"].reads) == (("protocol", "data"), ("protocol",))
    assert found["03_third"].parameters == {"study": "../protocol/mini.yaml", "run": "", "word": "none"}


def test_selection_brings_what_is_needed(miniature: Miniature) -> None:
    """Choosing a notebook chooses what it needs, and nothing else."""
    found = read_notebooks(miniature.notebooks)
    assert list(select_notebooks(found, ["02_second"])) == ["01_first", "02_second"]
    assert list(select_notebooks(found, [])) == list(found)
    with pytest.raises(UserError, match="04_none: no such notebook"):
        select_notebooks(found, ["04_none"])


@pytest.mark.parametrize(
    ("needs", "sentence"),
    [(("09_absent",), "needs 09_absent, which is not in the folder"), (("02_second",), "in a circle")],
)
def test_refuses_needs_that_cannot_be_met(miniature: Miniature, needs: tuple[str, ...], sentence: str) -> None:
    """An unknown or a circular need is one sentence."""
    miniature.write_notebook("01_first", "pass", needs=needs)
    with pytest.raises(UserError, match=sentence):
        read_notebooks(miniature.notebooks)


@pytest.mark.parametrize("line", ["word = 3", "word = open('x')", "import os", "a, b = 'x', 'y'", "word ="])
def test_parameters_are_text_only(miniature: Miniature, line: str) -> None:
    """A parameters cell with anything but texts is refused."""
    miniature.write_notebook("04_more", "pass", parameters=line)
    with pytest.raises(UserError, match="holds only lines such as"):
        read_notebook(miniature.notebooks / "04_more.ipynb")


def test_refuses_what_is_no_notebook(miniature: Miniature) -> None:
    """A broken file, a missing parameters cell and bad metadata are one sentence each."""
    path = miniature.notebooks / "01_first.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="not a Jupyter notebook"):
        read_notebook(path)
    content["cells"][0]["metadata"] = {}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="0 cells are tagged parameters"):
        read_notebook(path)
    content["metadata"]["probatio"] = {"reads": ["dta"]}
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=r"metadata\.probatio"):
        read_notebook(path)
    with pytest.raises(UserError, match="no notebook such as"):
        read_notebooks(miniature.data)


@pytest.mark.parametrize("cell", ["study = 'a'", "run = ''"])
def test_study_and_run_are_required(miniature: Miniature, cell: str) -> None:
    """A notebook that does not declare study and run cannot be part of a run."""
    path = miniature.notebooks / "01_first.ipynb"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"][0]["source"] = [cell]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="does not declare"):
        read_notebook(path)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"wrod": "x"}, r"parameter wrod: no notebook declares it \(declared are word\)"),
        ({"run": "x"}, "parameter run: set by the run itself"),
    ],
)
def test_unknown_parameter_is_refused(miniature: Miniature, given: dict[str, str], sentence: str) -> None:
    """A mistyped parameter is an error, never a run with the default."""
    with pytest.raises(UserError, match=sentence):
        check_parameters(read_notebooks(miniature.notebooks), given)
    check_parameters(read_notebooks(miniature.notebooks), {"word": "x"})
