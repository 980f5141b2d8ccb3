"""What awaits adjudication, and between which numbers each source will end."""

from __future__ import annotations

import pandas as pd

from probatio.display.rows import label_of, list_pairs, source_label
from probatio.display.table import Table
from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word

_RATES = ("interim_error_rate", "interim_omission_rate")
_DIFFERENCE = "interim_error_difference"


def render_interim_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and source: values pending of those due, then what best and worst cases leave open.

    The brackets hold the lower acceptance bound of the best case and the upper one of the worst: whatever the
    adjudicators find, the final interval is not expected to reach beyond.
    """
    body = []
    for source, comparator, variable in list_pairs(rows, "pending_values", protocol):
        own = select_rows(rows, source=source, variable=variable)
        count = select_rows(own, metric="pending_values", comparator=comparator).iloc[0]
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        cells = [_read_range(select_rows(own, metric=metric), language) for metric in _RATES]
        cells.append(_read_range(select_rows(own, metric=_DIFFERENCE), language, sign=True))
        body.append([*names, f"{count['k']}/{count['n']}", *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "pending")]
    head += [read_word("metric", metric, language) for metric in (*_RATES, _DIFFERENCE)]
    return Table(head, body, "llrlll", widths=(20, 14, 9, 19, 19, 19))


def _read_range(rows: pd.DataFrame, language: Language, *, sign: bool = False) -> str:
    """Return `best – worst [bound; bound]`, or the reason why there is none."""
    accepted = rows[rows["method"].isin(ACCEPTANCE_METHODS)]
    cases = {str(row["term"]): row for row in (accepted if len(accepted) else rows).to_dict("records")}
    if set(cases) != {"best", "worst"}:
        return EMPTY
    best, worst = cases["best"], cases["worst"]
    for row in (best, worst):
        if row["status"] != Status.OK:
            return read_word("reason", row["reason"], language)
    numbers = [best["estimate"], worst["estimate"], best["lower"], worst["upper"]]
    texts = [format_percent(value, language, sign=sign) for value in numbers]
    return read_word("figure", "from_to", language).format(*texts)
