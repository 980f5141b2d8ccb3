"""A panel of the page: a question, columns, rows, and the notebook and rows that it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from probatio.display.dashboard.cells import Both


@dataclass(frozen=True)
class Column:
    """A column: its key, what its cells are, its title in both languages, and how they are shown.

    `kind`: variable, source, use, form, centre (numbers of `Names`), verdict, decision, reason (keys of words), text
    (both languages), count, estimate (cells), outcomes (five shares), rules (uses with their decision and margin).
    """

    key: str
    kind: str
    title: Both
    options: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the column as the page reads it."""
        return {"key": self.key, "kind": self.kind, "title": self.title, **self.options}


@dataclass(frozen=True)
class Panel:
    """A table and what it comes from; without rows, `why` says in both languages why there is nothing to show."""

    name: str
    notebook: str
    metrics: Sequence[str]
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Any]] = ()
    why: Both = field(default_factory=lambda: ["", ""])
    extra: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the panel as the page reads it."""
        return {
            "notebook": self.notebook,
            "metrics": list(self.metrics),
            "columns": [column.describe() for column in self.columns],
            "rows": [list(row) for row in self.rows],
            "why": self.why,
            **self.extra,
        }
