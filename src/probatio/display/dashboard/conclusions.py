"""Replication on the page, in a line per comparison: does the published conclusion hold with another source's data?"""

from __future__ import annotations

import pandas as pd

from probatio.display.analyses import word_term
from probatio.display.conclusions import iterate_conclusions, read_delta, word_decider, word_needed
from probatio.display.dashboard.cells import both, read_count
from probatio.display.dashboard.names import Names
from probatio.display.dashboard.panel import Column, Panel
from probatio.display.dashboard.verdicts import LANGUAGES
from probatio.results import Status


def derive_conclusions(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per analysis, term and source: patients, what decides, the paired difference, the conclusion."""
    protocol, body = names.protocol, []
    for analysis in protocol.analyses:
        for row in iterate_conclusions(rows, analysis):
            word = str(row["unit"]) if row["status"] == Status.OK else str(row["reason"])
            said = both("equivalence", word) if row["status"] == Status.OK else both("reason", word)
            body.append([
                [analysis.label.fr, analysis.label.en],
                [word_term(protocol, str(row["variable"]), str(row["term"]), language) for language in LANGUAGES],
                names.sources[str(row["source"])],
                read_count(row, "n"), read_count(row, "k"),
                [word_decider(row, analysis, language) for language in LANGUAGES],
                [read_delta(rows, analysis, row, language) for language in LANGUAGES],
                said,
                [word_needed(rows, analysis, row, language) for language in LANGUAGES],
                word,
            ])  # fmt: skip
    columns = [
        Column("analysis", "text", both("column", "analysis")),
        Column("term", "text", both("column", "term")),
        Column("source", "source", both("column", "source")),
        Column("n", "count", both("dashboard", "patients")),
        Column("k", "count", both("dashboard", "patients_differing")),
        Column("decides", "text", both("column", "decides")),
        Column("delta", "text", both("dashboard", "paired_delta")),
        Column("verdict", "text", both("column", "verdict")),
        Column("needed", "text", both("column", "patients_deciding")),
        Column("code", "key", both("column", "verdict"), {"hidden": True}),
    ]
    listed = ["conclusion", "delta_*", "patients_needed"]
    return Panel("conclusions", "04_replication", listed, columns, body, both("dashboard", "no_conclusions"))
