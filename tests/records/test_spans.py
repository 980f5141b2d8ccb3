"""Spans within their documents pass, and texts are read only for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
import pytest

from probatio.protocol import UserError
from probatio.records.spans import TextLengths, check_spans


class Counted(Mapping[str, str]):
    """Texts that count how often each is read."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts, self.read = texts, [0]

    def __getitem__(self, key: str) -> str:
        self.read.append(1)
        return self.texts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)


def cite(*spans: tuple[str, int | None, int | None]) -> pd.DataFrame:
    table = pd.DataFrame(spans, columns=["document_id", "start", "end"])
    return table.astype({"start": "Int64", "end": "Int64"}).assign(file="m.csv", line=range(2, 2 + len(spans)))


def test_a_span_may_end_with_its_text_and_a_document_without_text_is_not_checked() -> None:
    """The last character is inside; half a span is checked by its half; no span, nothing to check."""
    texts = Counted({"D1": "Stade IV"})
    check_spans(
        cite(("D1", 0, 8), ("D1", None, 8), ("D1", 8, None), ("D9", 0, 999), ("", 3, 4), ("D1", None, None)),
        TextLengths(texts),
    )


def test_a_text_is_read_once_and_only_when_cited() -> None:
    """Ten spans in one document cost one reading, over several sources too; no span costs none."""
    texts = Counted({"D1": "x" * 50, "D2": "y"})
    lengths = TextLengths(texts)
    for _ in range(2):
        check_spans(cite(*[("D1", start, start + 1) for start in range(10)], ("D2", None, None)), lengths)
    assert sum(texts.read) == 1


@pytest.mark.parametrize("span", [(0, 9), (9, None), (None, 9), (9, 10)])
def test_beyond_the_text_is_refused_with_its_line_and_without_the_text(span: tuple[int | None, int | None]) -> None:
    """One sentence; the first such line; nothing of the document."""
    with pytest.raises(UserError, match=r"^m\.csv:3: 1 spans lie outside the text of the document they cite; ") as told:
        check_spans(cite(("D1", 0, 1), ("D1", *span)), TextLengths({"D1": "Stade IV"}))
    assert "Stade" not in str(told.value)
    assert "D1" not in str(told.value)
