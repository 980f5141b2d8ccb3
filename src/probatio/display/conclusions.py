"""The conclusion of each paired comparison: which difference decides, what it says, how many patients would decide."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from probatio.display.analyses import derive_analysis_table, name_analysis, word_term
from probatio.display.rows import read_estimate, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.table import Table
from probatio.protocol import Analysis, Language, Protocol
from probatio.replication import derive_test_level
from probatio.results import Reason, Status, select_rows
from probatio.wording import BETWEEN, EMPTY, format_level, format_number, read_word

_Row = Mapping[Hashable, Any]
_POWERS = ("0.8", "0.9")
_RATIOS = ("log_hazard_ratio", "weighted_log_hazard_ratio")


def render_replication_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per term and source: what decides, its paired difference and margin, the verdict, patients needed."""
    body = []
    for analysis in protocol.analyses:
        for row in iterate_conclusions(rows, analysis):
            names = [*name_analysis(analysis, protocol, language),
                     word_term(protocol, row["variable"], row["term"], language),
                     source_label(protocol, row["source"], language)]  # fmt: skip
            body.append([*names, f"{row['n']} ({row['k']})", word_decider(row, analysis, language),
                         read_delta(rows, analysis, row, language), _word_verdict(row, language),
                         word_needed(rows, analysis, row, language)])  # fmt: skip
    tested = format_level(derive_test_level(protocol.level), language)
    columns = ("term", "source", "n_differing", "decides", "paired_delta", "verdict", "patients_deciding")
    head = [read_word("column", name, language).replace("90 %", tested) for name in columns]
    widths = (18, 12, 11, 22, 21, 14, 16)
    return derive_analysis_table(head, body, "llrllll", widths, protocol=protocol, language=language)


def iterate_conclusions(rows: pd.DataFrame, analysis: Analysis) -> list[dict[Hashable, Any]]:
    """Return the conclusions of an analysis, by variable and term, its sources in their order."""
    found = select_rows(rows, analysis=analysis.name, metric="conclusion", stratum_by="")
    ranks = {source: index for index, source in enumerate(analysis.sources)}
    ordered = found.assign(rank=found["source"].map(ranks))
    return ordered.sort_values(["variable", "term", "rank"], kind="stable").to_dict("records")


def word_decider(row: _Row, analysis: Analysis, language: Language) -> str:
    """Return which difference decides, with its margin on its own scale."""
    text = read_word("decider", str(row["method"]), language)
    if row["method"] in _RATIOS:
        return f"{text}, ± {format_number(math.log(analysis.margin), language, digits=3)}"
    text = text.format(at=_find_time(row, analysis))
    if analysis.rmst_margin is None or row["method"] == "cumulative_incidence":
        return text
    return f"{text}, ± {format_number(analysis.rmst_margin, language, digits=0)}"


def _find_time(row: _Row, analysis: Analysis) -> str:
    """Return the last landmark of an incidence, the last horizon of a restricted mean; tau where there is none."""
    times = analysis.landmarks if row["method"] == "cumulative_incidence" else analysis.horizons
    return f"{max(times):g}" if times else "τ"


def read_delta(rows: pd.DataFrame, analysis: Analysis, row: _Row, language: Language) -> str:
    """Return the paired difference that decides with the interval of the test."""
    key: dict[str, Any] = {name: row[name] for name in ("source", "comparator", "variable", "term")}
    metric = f"delta_{row['method']}"
    found = select_rows(rows, analysis=analysis.name, metric=metric, stratum_by="", method="paired_t", **key)
    if row["method"] not in _RATIOS:
        found = select_rows(found, at=_find_time(row, analysis))
    narrow = found[found["level"].fillna(0) == found["level"].min()] if len(found) else found
    percent = row["method"] == "cumulative_incidence"
    return read_interval(narrow, metric, language, digits=3 if row["method"] in _RATIOS else 1, percent=percent)


def _word_verdict(row: _Row, language: Language) -> str:
    if row["status"] != Status.OK:
        return read_word("reason", str(row["reason"]), language)
    return read_word("equivalence", str(row["unit"]), language)


def word_needed(rows: pd.DataFrame, analysis: Analysis, row: _Row, language: Language) -> str:
    """Return the patients that would decide with either power where the comparison is open, else a dash."""
    return (
        EMPTY if row["unit"] != "inconclusive" else BETWEEN[language].join(_list_needed(rows, analysis, row, language))
    )


def _list_needed(rows: pd.DataFrame, analysis: Analysis, row: _Row, language: Language) -> list[str]:
    key: dict[str, Any] = {name: row[name] for name in ("source", "comparator", "variable", "term")}
    found = select_rows(rows, analysis=analysis.name, metric="patients_needed", stratum_by="",
                        method=f"tost_{row['method']}", **key)  # fmt: skip
    return [_word_number(select_rows(found, at=power), language) for power in _POWERS]


def _word_number(found: pd.DataFrame, language: Language) -> str:
    if found.empty:
        return EMPTY
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    return format_number(row["estimate"], language, digits=0)


def describe_replication(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per analysis, term and source, both hazard ratios, what decides, the verdict, and who is missing."""
    out = []
    for analysis in protocol.analyses:
        out += _describe_patients(rows, analysis, language)
        for row in iterate_conclusions(rows, analysis):
            if analysis.terms:
                out.append(_describe_conclusion(rows, row, analysis, protocol, language))
    return out


def _describe_patients(rows: pd.DataFrame, analysis: Analysis, language: Language) -> list[str]:
    counts = select_rows(rows, analysis=analysis.name, metric="count", stratum_by="", comparator="")
    own = select_rows(counts, source=analysis.comparator or "")
    shown = {name: read_estimate(select_rows(own, term=name), "count") for name in ("analysed", "population")}
    key = "same_patients" if len(analysis.sources) > 1 else "complete_patients"
    return [say(key, language, analysis=analysis.label.read(language), **shown)]


def _describe_conclusion(
    rows: pd.DataFrame, row: _Row, analysis: Analysis, protocol: Protocol, language: Language
) -> str:
    metric = "weighted_hazard_ratio" if analysis.weighting != "none" else "hazard_ratio"
    key = {"analysis": analysis.name, "variable": row["variable"], "term": row["term"], "stratum_by": ""}
    ratios = [read_interval(select_rows(rows, source=name, comparator="", **key), metric, language)
              for name in (row["comparator"], row["source"])]  # fmt: skip
    names = {"analysis": analysis.label.read(language),
             "term": word_term(protocol, row["variable"], row["term"], language),
             "comparator": source_label(protocol, row["comparator"], language),
             "source": source_label(protocol, row["source"], language)}  # fmt: skip
    text = say("hazard", language, reference=ratios[0], estimate=ratios[1], **names,
               decider=word_decider(row, analysis, language), delta=read_delta(rows, analysis, row, language),
               verdict=_word_verdict(row, language).lower())  # fmt: skip
    if row["reason"] == Reason.NON_PROPORTIONAL_HAZARDS:
        text += " " + say("not_proportional", language)
    if row["unit"] == "inconclusive":
        first, second = _list_needed(rows, analysis, row, language)
        text += " " + say("patients_needed", language, first=first, second=second)
    return text
