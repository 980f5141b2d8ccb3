"""In which order notebooks and studies run."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from probatio.compendium import repeating
from probatio.compendium.notebooks import read_notebook
from probatio.compendium.plan import compute_longest_ways
from probatio.compendium.repeating import Reproduction, reproduce_studies

PROJECT = Path(__file__).parents[2]


def make_notebooks(needs: Mapping[str, list[str]]) -> Any:
    return {name: SimpleNamespace(needs=needed) for name, needed in needs.items()}


def test_the_longest_way_counts_what_must_follow() -> None:
    """In a -> b -> d and a -> c: three from a, two from b, one from c, d and a notebook that stands alone."""
    made = make_notebooks({"a": [], "b": ["a"], "c": ["a"], "d": ["b"], "alone": []})
    assert compute_longest_ways(made) == {"a": 3, "b": 2, "c": 1, "d": 1, "alone": 1}


def test_review_and_acceptance_end_the_longest_ways_of_the_compendium() -> None:
    """The notebooks that others wait for come before those that nobody waits for."""
    paths = sorted((PROJECT / "notebooks").glob("*.ipynb"))
    longest = compute_longest_ways({path.stem: read_notebook(path) for path in paths})
    assert longest["00_protocol"] == max(longest.values())
    assert longest["08_review"] == longest["09_acceptance"] == 1


def test_a_report_is_drawn_while_the_next_study_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second study begins before the first one's report is done; both are told in order."""
    second = threading.Event()

    def run_study(protocol: Path, *_: object, **__: object) -> str:
        if protocol.stem == "second":
            second.set()
        return f"run of {protocol.stem}"

    def render(run: Path, _: Path) -> dict[str, Path]:
        assert second.wait(timeout=20), "the report waits for the next study, which never began"
        return {"html": run}

    monkeypatch.setattr(repeating, "run_study", run_study)
    monkeypatch.setattr(
        repeating, "_find_reason_to_leave", lambda protocol: "not here" if protocol.stem == "out" else ""
    )
    studies = ("first", "second", "out")
    told: list[Reproduction] = list(
        reproduce_studies(tmp_path, workers=2, listen=lambda _: None, render=render, studies=studies)
    )
    assert [made.study for made in told] == list(studies)
    assert [made.left_out for made in told] == ["", "", "not here"]
    assert told[0].summary == "run of first"
    assert told[0].reports == {"html": tmp_path / "runs" / "first"}


def test_a_report_that_fails_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the thread raises reaches the caller."""
    monkeypatch.setattr(repeating, "run_study", lambda *_, **__: "run")
    monkeypatch.setattr(repeating, "_find_reason_to_leave", lambda _: "")

    def render(*_: object) -> dict[str, Path]:
        raise ValueError("no page")

    with pytest.raises(ValueError, match="no page"):
        list(reproduce_studies(tmp_path, workers=1, listen=lambda _: None, render=render, studies=("only",)))
