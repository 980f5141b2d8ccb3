"""In which order notebooks run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from probatio.compendium.notebooks import read_notebook
from probatio.compendium.plan import compute_longest_ways

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
