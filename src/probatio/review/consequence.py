"""What an error of a variable does for a use: the largest share of what the conclusions bear that one wrong value uses up.

Two answers, the larger of which counts:

- attribution: how far one wrong value of the source moves a log hazard ratio (or a difference in restricted means) on
  average (rows `consequence` of the replication), over the margin of the use; the largest over analyses and
  coefficients;
- tolerance: one over the number of wrong values that the conclusions bear, the smallest over kinds of error and their
  distributions (rows `tolerable_error_rate`: the cited share times the patients analysed). It speaks where no value
  differs yet, and of the worst distribution rather than of the one observed.

Numbers for which the protocol has no margin (a median, a cumulative incidence) say nothing. Only the cells that an
analysis reads are concerned: ECOG at access, not ECOG at a later visit. No consequence lies below the protocol's
`floor`, that of a variable that no analysis reads, nor above 1. Where neither ran, all errors count alike, as 1.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from probatio.protocol import Analysis, Protocol, Use
from probatio.replication.conclusion import MEANS, RATIOS
from probatio.replication.views import list_variables
from probatio.results import Reason, Status, build_row, select_rows
from probatio.tolerance import read_cited
from probatio.tolerance.carriers import list_carriers

Cell = tuple[str, str]
CONSEQUENCE_COLUMNS: Final = ("variable", "visit", "consequence", "origin", "analysis", "term", "n")
ATTRIBUTION, TOLERANCE, FLOOR, ALIKE = "attribution", "tolerance", "floor", "alike"


def derive_consequences(protocol: Protocol, source: str, use: Use, *, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the consequence of an error of each variable and visit, and what decided it.

    Args:
        protocol: analyses, their margins, those of the tolerance, and the floor of the review.
        source: whose errors were attributed.
        use: whose margins count.
        rows: result rows of the replication and of the tolerance, together; what they lack is passed over.

    Returns:
        One line per variable and visit: `consequence` in (0, 1]; `origin` attribution, tolerance, floor or alike;
        `analysis` and `term` that decided; `n` values or patients behind it.
    """
    floor = protocol.review.floor if protocol.review else 1.0
    found: dict[Cell, dict[str, Any]] = {}
    for cell, line in [*_list_attributed(rows, protocol, source, use), *_list_tolerated(rows, protocol, use)]:
        if line["consequence"] > found.get(cell, {"consequence": 0.0})["consequence"]:
            found[cell] = line
    other: dict[str, Any] = {"consequence": floor, "origin": FLOOR} if found else {"consequence": 1.0, "origin": ALIKE}
    other |= {"analysis": "", "term": "", "n": pd.NA}
    cells = [(variable.name, visit) for variable in protocol.variables for visit in variable.visits or [""]]
    lines = [{"variable": cell[0], "visit": cell[1]} | other | found.get(cell, {}) for cell in cells]
    table = pd.DataFrame(lines, columns=list(CONSEQUENCE_COLUMNS))
    return table.assign(consequence=table["consequence"].clip(other["consequence"], 1.0))


def list_read_cells(protocol: Protocol, analysis: Analysis) -> set[Cell]:
    """Return the variables, with their visit, that an analysis reads from its sources."""
    carriers = list_carriers(protocol, analysis)
    cells = {(each.variable, each.column.partition("@")[2]) for each in carriers}
    told = {variable for variable, _ in cells}
    others = [protocol.get_variable(name) for name in list_variables(protocol, analysis) if name not in told]
    return cells | {(variable.name, visit) for variable in others for visit in variable.visits or [""]}


def _list_attributed(
    rows: pd.DataFrame, protocol: Protocol, source: str, use: Use
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    kept = select_rows(rows, metric="consequence", source=source, status=Status.OK)
    for analysis in protocol.analyses:
        cells = list_read_cells(protocol, analysis)
        for row in select_rows(kept, analysis=analysis.name).to_dict("records"):
            margin = _find_margin(protocol, analysis, str(row["term"]).partition(":")[0], use)
            if margin is None:
                continue
            line = {"consequence": row["estimate"] / margin, "origin": ATTRIBUTION, "n": row["k"]}
            for cell in sorted(each for each in cells if each[0] == row["variable"]):
                yield cell, line | {"analysis": analysis.name, "term": row["term"]}


def _find_margin(protocol: Protocol, analysis: Analysis, metric: str, use: Use) -> float | None:
    """Return how far a number may move for a use; None where the protocol does not say."""
    if metric in RATIOS:
        own = protocol.tolerance.margins if protocol.tolerance else {}
        return float(np.log(own.get(use, analysis.margin)))
    return analysis.rmst_margin if metric in MEANS and (metric != "rmst" or not analysis.terms) else None


def _list_tolerated(rows: pd.DataFrame, protocol: Protocol, use: Use) -> Iterator[tuple[Cell, dict[str, Any]]]:
    kept = select_rows(rows, metric="tolerable_error_rate", use=use, status=Status.OK)
    read = {cell for analysis in protocol.analyses for cell in list_read_cells(protocol, analysis)}
    for row in ({str(name): value for name, value in each.items()} for each in kept.to_dict("records")):
        borne = read_cited(row) * row["n"]
        line = {"consequence": 1 / max(borne, 1.0), "origin": TOLERANCE, "n": row["n"]}
        for cell in sorted(each for each in read if each[0] == row["variable"]):
            yield cell, line | {"analysis": row["analysis"], "term": row["term"]}


def derive_consequence_rows(consequences: pd.DataFrame, source: str, use: Use) -> Iterator[dict[str, Any]]:
    """Yield a row `error_consequence` per variable and visit (`at`); `method` says what decided it."""
    for line in consequences.to_dict("records"):
        reason = Reason.NO_ATTRIBUTION if line["origin"] == ALIKE else Reason.NONE
        named = {name: line[name] for name in ("variable", "analysis", "term", "n")} | {"at": line["visit"]}
        yield build_row("error_consequence", line["consequence"], source=source, use=use, unit="proportion",
                        method=line["origin"], reason=reason, **named)  # fmt: skip
