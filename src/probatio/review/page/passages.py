"""Where in its documents a case's values stand: texts cut at the spans, and the words around each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple

from probatio.review.tables import Candidate

AROUND: Final = 60
"""Characters shown on either side of a span beside its value."""


class Piece(NamedTuple):
    """A piece of a text and the letters of the candidates whose span covers it; `first`: those that begin here."""

    text: str
    letters: tuple[str, ...]
    first: tuple[str, ...] = ()


class Excerpt(NamedTuple):
    """A span with the words around it."""

    before: str
    span: str
    after: str


def cut_text(text: str, candidates: Iterable[Candidate]) -> list[Piece]:
    """Return a document's text in pieces, cut where a span begins or ends; spans may overlap.

    Args:
        text: the document.
        candidates: those that cite it; one without a span marks nothing.
    """
    spans = [(each.start, each.end, each.letter) for each in candidates if each.start is not None]
    inside = [(start, end, letter) for start, end, letter in spans if end is not None and 0 <= start < end <= len(text)]
    cuts = sorted({0, len(text), *(cut for start, end, _ in inside for cut in (start, end))})
    pieces = []
    for start, end in pairwise(cuts):
        letters = tuple(letter for left, right, letter in inside if left <= start and end <= right)
        first = tuple(letter for left, _, letter in inside if left == start)
        pieces.append(Piece(text[start:end], letters, first))
    return pieces


def cut_excerpt(candidate: Candidate, text: str) -> Excerpt | None:
    """Return a candidate's span with some words on either side; its snippet alone where its place is unknown."""
    start, end = candidate.start, candidate.end
    if start is None or end is None or not 0 <= start < end <= len(text):
        return Excerpt("", candidate.snippet, "") if candidate.snippet else None
    left, right = max(0, start - AROUND), min(len(text), end + AROUND)
    before = text[left:start].partition(" ")[2] if left else text[:start]
    after = text[end:right].rpartition(" ")[0] if right < len(text) else text[end:]
    return Excerpt(f"… {before}" if left else before, text[start:end], f"{after} …" if right < len(text) else after)
