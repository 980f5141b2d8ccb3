"""Tables between centres for the appendix: without one centre, the secondary model, two sources centre by centre."""

from __future__ import annotations

import pandas as pd

from probatio.display.centres import list_lines, read_cautious, read_centres, select_primary
from probatio.display.rows import label_of, level_label, list_pairs, read_interval, source_label
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_percent, read_word


def render_leave_one_out_table(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, metric: str = "error_rate"
) -> Table:
    """Return per variable and source: the median centre, then the lowest and highest without one centre, and which."""
    primary, body = select_primary(rows), []
    for variable, source, stratum in list_lines(primary, protocol, metric):
        own = select_rows(primary, variable=variable, source=source, stratum=stratum)
        left = select_rows(own, metric=f"leave_one_out_{metric}", status=Status.OK)
        if left.empty:
            continue
        ordered = left.sort_values(["estimate", "term"], kind="stable")
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        names.append(level_label(protocol, own["stratum_by"].iloc[0], stratum, language) if stratum else EMPTY)
        ends = [f"{format_percent(row['estimate'], language)} ({row['term']})"
                for row in (ordered.iloc[0], ordered.iloc[-1])]  # fmt: skip
        centre = read_cautious(own, f"centre_median_{metric}", language, percent=True)
        body.append([*names, str(len(left)), centre, *ends])
    head = [read_word("column", name, language) for name in ("variable", "source", "group", "centre")]
    head.append(read_word("metric", f"centre_median_{metric}", language))
    head += [read_word("column", name, language) for name in ("lowest_without", "highest_without")]
    return Table(head, body, "lllrlll", widths=(20, 13, 10, 7, 20, 15, 15))


def render_secondary_table(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, metric: str = "error_rate"
) -> Table:
    """Return the secondary model where its conditions hold: REML with Hartung-Knapp, I2 by Q-profile, Cochran's Q."""
    second = rows[rows["method"].str.startswith("reml_hartung_knapp") & (rows["status"] == Status.OK)]
    body = []
    for variable, source, stratum in list_lines(second, protocol, metric):
        own = select_rows(second, variable=variable, source=source, stratum=stratum)
        names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
        names.append(level_label(protocol, own["stratum_by"].iloc[0], stratum, language) if stratum else EMPTY)
        cells = [read_interval(own, f"{name}_{metric}", language, percent=percent)
                 for name, percent in (("centre_median", True), ("centre_i2", True), ("centre_q", False),
                                       ("prediction", True))]  # fmt: skip
        body.append([*names, read_centres(own, metric), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "group", "centre")]
    head += [read_word("metric", f"{name}_{metric}", language)
             for name in ("centre_median", "centre_i2", "centre_q", "prediction")]  # fmt: skip
    return Table(head, body, "lllrllll", widths=(17, 12, 9, 7, 15, 15, 9, 16))


def render_technology_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable and pair of sources: their odds ratio of error over centres, and the extreme centres."""
    metric, body = "source_odds_ratio_error_rate", []
    for source, comparator, variable in list_pairs(rows, metric, protocol):
        own = select_rows(rows, source=source, comparator=comparator, variable=variable)
        by_centre = select_rows(own, metric="centre_difference_error_rate", status=Status.OK)
        if by_centre.empty and not (select_rows(own, metric=metric)["status"] == Status.OK).any():
            continue
        ordered = by_centre.sort_values(["estimate", "stratum"], kind="stable")
        ends = [f"{format_percent(row['estimate'], language, sign=True)} ({row['stratum']})"
                for row in (ordered.head(1).to_dict("records") + ordered.tail(1).to_dict("records"))]  # fmt: skip
        names = [source_label(protocol, name, language) for name in (source, comparator)]
        odds = read_interval(own, metric, language)
        body.append([label_of(protocol, variable, language), *names, str(len(by_centre)), odds,
                     *(ends or [EMPTY, EMPTY])])  # fmt: skip
    head = [read_word("column", name, language) for name in ("variable", "source", "comparator", "centre")]
    head.append(read_word("metric", metric, language))
    head += [read_word("column", name, language) for name in ("lowest_difference", "highest_difference")]
    return Table(head, body, "lllrlll", widths=(20, 12, 12, 7, 20, 15, 15))
