"""Missing values of the page: centre by form, for each source, against the protocol's limit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from probatio.display.dashboard.cells import both, derive_cell
from probatio.display.dashboard.names import Names, count_centres
from probatio.display.dashboard.panel import Column, Panel
from probatio.results import Status, select_rows

_RATE = "missing_rate"


def derive_missing(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per centre, source and form with its share of missing values, and whether it is above the limit.

    Centres that may not be shown in any source are left out, and counted. In a study of a single form, which has no
    name, the rows are those of each variable.
    """
    cells = select_rows(rows, metric=_RATE, stratum_by="centre")
    by_form = cells[(cells["variable"] == "") & cells["term"].isin(list(names.forms))]
    named = by_form if len(by_form) else cells[cells["variable"] != ""]
    known = set(select_rows(named, status=Status.OK)["stratum"])
    limit = names.protocol.missing_limit
    body: list[list[Any]] = []
    for row in named[named["stratum"].isin(known)].to_dict("records"):
        above = None if row["status"] != Status.OK else "above" if row["estimate"] > limit else "within"
        over = names.forms[str(row["term"])] if len(by_form) else None
        variable = None if len(by_form) else names.number_variable(str(row["variable"]))
        body.append([names.number_centre(str(row["stratum"])), names.sources[str(row["source"])], over, variable,
                     derive_cell(row), above])  # fmt: skip
    body.sort(key=lambda line: (names.centres[line[0]], line[1], line[2] or 0, line[3] or 0))
    columns = [
        Column("centre", "centre", both("column", "centre")),
        Column("source", "source", both("column", "source")),
        Column("form", "form", both("dashboard", "form"), {"hidden": not len(by_form)}),
        Column("variable", "variable", both("column", "variable"), {"hidden": bool(len(by_form))}),
        Column(_RATE, "estimate", both("metric", _RATE), {"scale": [0, 100]}),
        Column("above", "limit", both("dashboard", "against_limit")),
    ]
    extra = {"limit": 100 * limit, **count_centres(named["stratum"], known)}
    return Panel("missing", "02_data_quality", [_RATE], columns, body, both("dashboard", "no_missing"), extra)
