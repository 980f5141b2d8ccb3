"""A tolerance that cannot mean what it says is refused, with the key where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probatio.protocol import Protocol, UserError, read_protocol

WHY = "source: x, justification: {en: x, fr: x}"


Write = Callable[..., Path]


def read(write: Write, text: str, tolerance: str) -> Protocol:
    return read_protocol(write(f"{text}tolerance: {{{tolerance}, {WHY}}}\n"))


def test_defaults(write: Write, valid: str) -> None:
    """Without grids or margins the declared defaults hold, and the margin is the analysis' own."""
    found = read(write, valid, "draws: 100").tolerance
    assert found is not None
    assert (found.probability, found.margins, found.conclusion, found.ratio) == (0.9, {}, "every_term", 2.0)


@pytest.mark.parametrize(
    ("tolerance", "said"),
    [
        ("analyses: [other]", "other is not an analysis"),
        ("draws: 5000", "5000 draws, and resampling has 2000 replicates"),
        ("margins: {research: 0.9}", "0.9 is no hazard ratio above 1"),
        ("errors: [0.2, 0.1]", "does not rise"),
        ("ratio: 1", "a ratio of 1 is no error more frequent"),
        ("draw: 100", "draw"),
        ("errors: [1.5]", "errors"),
    ],
)
def test_refused(write: Write, valid: str, tolerance: str, said: str) -> None:
    """Each mistake is one sentence with the file and the key."""
    with pytest.raises(UserError, match="tolerance") as caught:
        read(write, valid, tolerance)
    assert said in str(caught.value)
    assert "study.yaml" in str(caught.value)


def test_an_ai_source_is_no_comparator(write: Write, valid: str) -> None:
    """A tolerance computed on the data under judgement would be circular."""
    with pytest.raises(UserError, match="before AI data are read"):
        read(write, valid.replace("comparator: registry", "comparator: model"), "draws: 100")


def test_attributes_alone_bear_no_error(write: Write, valid: str) -> None:
    """An analysis without sources has nothing that anybody extracts."""
    text = valid.replace("    sources: [registry, model]\n    comparator: registry\n", "")
    with pytest.raises(UserError, match="nothing to inject errors into"):
        read(write, text, "draws: 100")
    with pytest.raises(UserError, match="no source or no term"):
        read(write, text, "analyses: [cox]")
