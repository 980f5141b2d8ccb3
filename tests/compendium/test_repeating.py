"""The bundled studies are reproduced in order, each report while the next study runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from probatio.compendium import RunSummary, repeating
from probatio.compendium.repeating import Reproduction, reproduce_studies
from probatio.protocol import UserError

STUDIES = ("first", "second", "third")
"""Of which the third one's public files are not here."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that stands for a project of three studies."""
    return tmp_path


def reproduce(project: Path, render: Any, monkeypatch: pytest.MonkeyPatch, started: Any) -> list[Reproduction]:
    def run(protocol: Path, folder: Path, **_: Any) -> RunSummary:
        started(protocol.stem)
        return RunSummary(folder, {}, (), {}, 1.0)

    monkeypatch.setattr(repeating, "run_study", run)
    monkeypatch.setattr(repeating, "find_reason_to_leave", lambda path: "away" if path.stem == "third" else "")
    return list(reproduce_studies(project, workers=1, listen=print, render=render, studies=STUDIES))


def test_a_report_is_rendered_while_the_next_study_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first study's report ends only once the second study is at work, and all come in their order."""
    second = threading.Event()

    def render(run: Path, _: Path) -> Mapping[str, Path]:
        assert run.name == "second" or second.wait(20)
        return {"html": run / "report.html"}

    made = reproduce(project, render, monkeypatch, lambda name: name == "second" and second.set())
    assert [one.study for one in made] == [*STUDIES]
    assert [one.left_out for one in made] == ["", "", "away"]
    assert [(one.reports or {}).get("html") for one in made[:2]] == [
        project / "runs" / name / "report.html" for name in STUDIES[:2]
    ]


def test_a_report_that_cannot_be_rendered_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sentence reaches the caller although another study was at work."""

    def render(run: Path, _: Path) -> Mapping[str, Path]:
        raise UserError(f"{run.name}: no")

    with pytest.raises(UserError, match="first: no"):
        reproduce(project, render, monkeypatch, lambda _: None)
