"""A source after review: what it may be, and how independent it may claim to be."""

# ruff: noqa: E501 -- a table is read by its lines

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probatio.protocol import Protocol, UserError, read_protocol

Write = Callable[..., Path]

OTHERS = """\
  - name: rival
    label: {en: Rival, fr: Rivale}
    role: ai
    independent_of: [registry, model]
    files:
      - path: rival.csv
        columns: {stage: st}
  - name: forms
    label: {en: Forms, fr: Formulaires}
    role: manual
    independent_of: [registry, model, rival]
    files:
      - path: forms.csv
        columns: {stage: st}
  - name: checked
    label: {en: "Model, reviewed", fr: "Modèle, relu"}
    role: ai
    independent_of: [registry, forms]
    reviewed: {of: model, path: decisions.csv}
variables:
"""
REVIEW = """\
review:
  source: model
  budget: {share: 0.3}
  competing: [rival]
  justification: {en: why, fr: pourquoi}
"""


@pytest.fixture
def reviewed(valid: str) -> str:
    """A protocol with a technology, its rival, forms, and the technology after review."""
    return valid.replace("variables:\n", OTHERS, 1)


def read(write: Write, text: str, old: str = "", new: str = "") -> Protocol:
    """Read the protocol with one place changed."""
    assert old in text
    return read_protocol(write(text.replace(old, new) if old else text))


def test_a_reviewed_source_leads_itself_and_is_no_technology(write: Write, reviewed: str) -> None:
    """It is among the AI sources, and neither a technology nor a further run of one."""
    protocol = read(write, reviewed)
    assert protocol.is_leading("checked")
    assert [source.name for source in protocol.select_sources("ai")] == ["model", "rival", "checked"]
    assert [source.name for source in protocol.technologies] == ["model", "rival"]
    assert not protocol.is_independent("checked", "model")
    assert protocol.is_independent("checked", "forms")


# what is changed in the declaration, and what the sentence says
SPOILED = [
    ("reviewed: {of: model, path: decisions.csv}", "limits: []", "give exactly one of files"),
    ("of: model, path", "of: nobody, path", r"sources\[4\].reviewed.of: nobody is not an AI source with files; known: \['model', 'rival'\]"),
    ("of: model, path", "of: registry, path", "registry is not an AI source with files"),
    ("of: model, path", "of: checked, path", "checked is not an AI source with files"),
    ("reviewed: {of", "technology: own\n    reviewed: {of", "technology goes with files; drop it"),
    ("reviewed: {of", "primary: yes\n    reviewed: {of", "primary goes with files; drop it"),
    ("reviewed: {of", "assessed: rows\n    reviewed: {of", "assessed goes with files; drop it"),
    ("role: ai\n    independent_of: [registry, forms]", "role: manual", "reviewed goes with role ai"),
    ("[registry, forms]", "[registry, model]", r"independent_of: checked is not independent of model: checked holds values of model; drop it"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), SPOILED)
def test_a_source_that_cannot_be_after_review_is_refused(
    write: Write, reviewed: str, old: str, new: str, said: str
) -> None:
    """One sentence with the line of the key."""
    with pytest.raises(UserError, match=said):
        read(write, reviewed, old, new)


def test_who_was_shown_to_reviewers_is_no_longer_independent(write: Write, reviewed: str) -> None:
    """A claim that held without the review's `competing` is refused with it, whichever source makes it."""
    for old, new in (("[registry, forms]", "[registry, forms, rival]"),
                     ("rival\n    label: {en: Rival, fr: Rivale}\n    role: ai\n    independent_of: [registry, model]",
                      "rival\n    label: {en: Rival, fr: Rivale}\n    role: ai\n    independent_of: [registry, model, checked]")):  # fmt: skip
        assert read(write, reviewed, old, new).is_independent("checked", "rival")
        with pytest.raises(UserError, match=r"is not independent of .*: checked holds values of rival; drop it"):
            read(write, reviewed + REVIEW, old, new)
    assert not read(write, reviewed + REVIEW).is_independent("checked", "rival")


def test_it_is_no_more_independent_than_what_it_comes_from(write: Write, reviewed: str) -> None:
    """Forms that saw the technology's values cannot be independent of the same values after review."""
    seen = "fr: Formulaires}\n    role: manual\n    independent_of: [registry, model, rival]"
    with pytest.raises(UserError, match="checked is not independent of forms: checked holds values of model; drop it"):
        read(write, reviewed, seen, seen.replace(", model,", ","))


def test_two_reviews_of_one_source_are_not_independent_of_each_other(write: Write, reviewed: str) -> None:
    """Both hold the values that nobody changed."""
    second = "  - {name: twice, label: {en: b, fr: b}, role: ai, independent_of: [checked], reviewed: {of: model, path: b.csv}}\n"
    with pytest.raises(UserError, match=r"twice is not independent of checked: .* holds values of model"):
        read(write, reviewed, "variables:\n", f"{second}variables:\n")


def test_a_reviewed_source_is_not_reviewed_again(write: Write, reviewed: str) -> None:
    """The review is of a source with files, and what is shown beside it too."""
    with pytest.raises(UserError, match=r"review\.source: checked is not an AI source"):
        read(write, reviewed + REVIEW.replace("source: model", "source: checked"))
    with pytest.raises(UserError, match="checked cannot be shown beside model"):
        read(write, reviewed + REVIEW.replace("[rival]", "[checked]"))
