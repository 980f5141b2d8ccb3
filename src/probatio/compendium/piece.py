"""What a piece of a report is, and the usual ways to make one from a run's rows and series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from probatio.display.sheets import Sheets
from probatio.display.statement import Signatures, Statement
from probatio.display.style import Size
from probatio.display.table import Passage, Table
from probatio.protocol import Language, Protocol, Revision
from probatio.results import select_rows

Made = Figure | Table | Sheets | Passage | Statement | Signatures | list[str]


@dataclass(frozen=True)
class Sources:
    """What pieces are made from: the protocol with its amendments, and a notebook's rows and series.

    `size` is that of the page; `labels` are those of the document, known to the pieces that refer to others; `facts`
    are what the manifest tells of the run, as prose quotes it; `printed` names the figures that also go out as files.
    """

    protocol: Protocol
    rows: Mapping[str, pd.DataFrame]
    series: Mapping[str, pd.DataFrame]
    language: Language
    revisions: Sequence[Revision] = ()
    size: Size = "thesis"
    labels: frozenset[str] = frozenset()
    facts: Mapping[str, str] = field(default_factory=dict)
    printed: frozenset[str] = frozenset()


Make = Callable[[Sources], Made | None]


@dataclass(frozen=True)
class Piece:
    """One figure, table or paragraph: its name, its notebook, and how it is made (None: nothing to show).

    One that `refers` to other pieces is made after them.
    """

    name: str
    kind: Literal["fig", "tbl", "txt"]
    notebook: str
    make: Make
    caption: str = field(default="")
    refers: bool = False

    @property
    def identifier(self) -> str:
        """Return the cross-reference identifier, `fig-curves` or `tbl-outcomes`."""
        return f"{self.kind}-{self.name.replace('_', '-')}"


def from_protocol(render: Callable[..., Made]) -> Make:
    """Return what makes a piece from the protocol alone."""
    return lambda given: _leave_empty(render(given.protocol, language=given.language))


def from_rows(notebook: str, render: Callable[..., Made], *, metric: str = "", **options: str) -> Make:
    """Return what makes a piece from a notebook's rows; without rows of `metric` it has no content."""

    def make(given: Sources) -> Made | None:
        rows = given.rows.get(notebook)
        if rows is None or (metric and select_rows(rows, metric=metric, status="ok").empty):
            return None
        return _leave_empty(render(rows, given.protocol, language=given.language, **options))

    return make


def _leave_empty(made: Made) -> Made | None:
    if isinstance(made, Table) and not made.rows:
        return None
    return None if made == [] else made


def from_series(notebook: str, render: Callable[..., Figure], *, metric: str = "", **options: str) -> Make:
    """Return what makes a figure from a notebook's rows and curves; without curves of `metric` it has no content."""

    def make(given: Sources) -> Figure | None:
        rows, series = given.rows.get(notebook), given.series.get(notebook)
        if rows is None or series is None or series.empty:
            return None
        if metric and select_rows(series, metric=metric, variable="").empty:
            return None
        return render(rows, series, given.protocol, language=given.language, **options)

    return make
