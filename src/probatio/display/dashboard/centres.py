"""Centres of the page: what to expect of a new one, and each one's error, observed and shrunken."""

from __future__ import annotations

from typing import Any

import pandas as pd

from probatio.display.centres import list_lines, select_primary
from probatio.display.dashboard.cells import Row, both, derive_cell, index_by, read_count
from probatio.display.dashboard.errors import NOTEBOOK, derive_scale
from probatio.display.dashboard.names import Names, count_centres
from probatio.display.dashboard.panel import Column, Panel
from probatio.results import Status, select_rows

_RATE = "error_rate"
_POOLED = (f"centre_median_{_RATE}", f"centre_sd_{_RATE}", f"prediction_{_RATE}")
_WORST, _SHRUNKEN = f"worst_stratum_{_RATE}", f"shrunken_{_RATE}"


def derive_new_centre(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per variable, source and stratum of nested centres: median centre, spread, new centre, worst."""
    primary = select_primary(select_rows(rows, metric=list(_POOLED)))
    found = index_by(primary, "variable", "source", "stratum", "metric")
    worst = index_by(select_rows(rows, metric=_WORST, stratum_by="centre"), "variable", "source")
    body = [_derive_line(found, worst, key, names) for key in list_lines(primary, names.protocol, _RATE)]
    scale = {"scale": derive_scale([cell for row in body for cell in (row[4], row[6])])}
    columns = [
        Column("variable", "variable", both("column", "variable")),
        Column("source", "source", both("column", "source")),
        Column("stratum", "text", both("column", "group"), {"hidden": all(row[2] is None for row in body)}),
        Column("centres", "count", both("dashboard", "centres_count")),
        Column(_POOLED[0], "estimate", both("metric", _POOLED[0]), dict(scale)),
        Column(_POOLED[1], "estimate", both("metric", _POOLED[1]), {"plain": True, "as": "coefficient"}),
        Column(_POOLED[2], "estimate", both("metric", _POOLED[2]), dict(scale)),
        Column("worst", "centre", both("dashboard", "worst_centre")),
        Column(_WORST, "estimate", both("dashboard", "worst_error"), dict(scale)),
    ]
    return Panel("new_centre", NOTEBOOK, [*_POOLED, _WORST], columns, body, both("dashboard", "no_centres"))


def _derive_line(
    found: dict[tuple[str, ...], Row], worst: dict[tuple[str, ...], Row], key: tuple[str, str, str], names: Names
) -> list[Any]:
    variable, source, stratum = key
    rows = [found.get((*key, metric)) for metric in _POOLED]
    first = rows[0] or {}
    level = names.label_level(str(first["stratum_by"]), stratum) if stratum else None
    cells = [derive_cell(rows[0]), derive_cell(rows[1], percent=False, digits=2), derive_cell(rows[2])]
    last = worst.get((variable, source))
    named = last is not None and last["status"] == Status.OK and last["term"]
    centre = names.number_centre(str(last["term"])) if named and last is not None else None
    clusters = read_count(first, "clusters") if first else None
    return [names.number_variable(variable), names.sources[source], level, clusters, *cells, centre, derive_cell(last)]


def derive_by_centre(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per variable, source and centre: error observed and shrunken.

    Centres that may not be shown are left out; `left_out` says how many of how many.
    """
    reference = names.protocol.reference
    known = select_rows(rows, metric=[_RATE, _SHRUNKEN], stratum_by="centre")
    known = known[known["comparator"] == (reference.name if reference else "")]
    shown = select_rows(known, status=Status.OK)
    found = index_by(shown, "variable", "source", "stratum", "metric")
    body = []
    for variable, source, centre in sorted({key[:3] for key in found}, key=lambda key: _rank(key, names)):
        cells = [derive_cell(found.get((variable, source, centre, metric))) for metric in (_RATE, _SHRUNKEN)]
        body.append([names.number_variable(variable), names.sources[source], names.number_centre(centre), *cells])
    scale = {"scale": derive_scale([cell for row in body for cell in row[3:]])}
    columns = [
        Column("variable", "variable", both("column", "variable")),
        Column("source", "source", both("column", "source")),
        Column("centre", "centre", both("column", "centre")),
        Column(_RATE, "estimate", both("dashboard", "observed_error"), dict(scale)),
        Column(_SHRUNKEN, "estimate", both("metric", _SHRUNKEN), dict(scale)),
    ]
    extra = {**count_centres(known["stratum"], shown["stratum"]), "start": _find_most_varied(rows, names)}
    return Panel("by_centre", NOTEBOOK, [_RATE, _SHRUNKEN], columns, body, both("dashboard", "no_centres"), extra)


def _rank(key: tuple[str, ...], names: Names) -> tuple[int, int, str]:
    variable, source, centre = key
    return names.number_variable(variable), names.sources[source], names.name_centre(centre)


def _find_most_varied(rows: pd.DataFrame, names: Names) -> int:
    """Return the variable whose centres differ most: largest lower bound of the standard deviation, then estimate."""
    spread = select_rows(rows, metric=_POOLED[1], status=Status.OK)
    if spread.empty:
        return 0
    ordered = spread.sort_values(["lower", "estimate", "variable"], ascending=[False, False, True], kind="stable")
    return names.number_variable(str(ordered["variable"].iloc[0]))
