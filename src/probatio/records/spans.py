"""Where in its document a value stands: refused when the document's text does not reach that far."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from probatio.protocol import UserError


class TextLengths:
    """The number of characters of each document's text; a text is read once, and only if a span cites it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._known: dict[str, int | None] = {}

    def find(self, document_id: str) -> int | None:
        """Return the length, None where the document has no text."""
        if document_id not in self._known:
            text = self._texts.get(document_id)  # `in` would read it once more
            self._known[document_id] = None if text is None else len(text)
        return self._known[document_id]


def check_spans(values: pd.DataFrame, lengths: TextLengths) -> None:
    """Refuse values whose span is none: beginning at or after its end, or beyond the text of the cited document.

    Positions count characters from 0, `end` the first one after the span. Documents without a text are not checked.

    Args:
        values: `file, line, document_id, start, end`; missing positions are passed over.
        lengths: of the study's texts.

    Raises:
        UserError: with file and line of the first such value.
    """
    cited = values[values["start"].notna() | values["end"].notna()]
    turned = cited[(cited["start"] >= cited["end"]).fillna(value=False).astype(bool)]
    if len(turned):
        raise UserError(
            f"{_locate(turned)}: {len(turned)} spans do not begin before they end; give start and end as characters "
            f"of the document's text, counted from 0, end after the last one."
        )
    length = pd.Series([lengths.find(name) for name in cited["document_id"]], index=cited.index, dtype="Int64")
    beyond = cited[(cited[["start", "end"]].max(axis=1) > length).fillna(value=False).astype(bool)]
    if len(beyond):
        raise UserError(
            f"{_locate(beyond)}: {len(beyond)} spans lie outside the text of the document they cite; count characters "
            f"of the text as it is stored, from 0, or correct document_id."
        )


def _locate(rows: pd.DataFrame) -> str:
    return f"{rows['file'].iloc[0]}:{rows['line'].iloc[0]}"
