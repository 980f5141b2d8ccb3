"""Error profile and AI − manual differences of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from probatio.display.dashboard.cells import Both, Row, both, derive_cell, index_by, round_shown
from probatio.display.dashboard.names import Names
from probatio.display.dashboard.panel import Column, Panel
from probatio.display.dashboard.verdicts import iterate_decisions
from probatio.display.rows import list_pairs, select_reporting
from probatio.display.verdicts import read_rule
from probatio.results import Status, select_rows

NOTEBOOK = "03_agreement"
OUTCOMES = ("C", "W", "O", "U", "B")
_ERRORS = ("error_rate", "wrong_rate", "omission_rate", "unsupported_share")
_READINGS = ("agreement_rate", "presence_disagreement_rate")
_DIFFERENCES = ("error_difference", "omission_difference", "unsupported_difference")
_STEP = 5
_HELD = 0.95


def derive_errors(rows: pd.DataFrame, names: Names) -> Panel:
    """Return a row per variable and source: shares of the outcomes, then error, wrong, omission, unsupported.

    Without a reference standard: agreement of two readings, and how often only one of them says something.
    """
    protocol = names.protocol
    metrics = _ERRORS if protocol.reference else _READINGS
    overall = select_reporting(select_rows(rows, metric=[*metrics, "count"]))
    if protocol.reference:
        overall = overall[overall["comparator"] == protocol.reference.name]
    found = index_by(overall, "source", "comparator", "variable", "metric", "term")
    body = []
    for source, comparator, variable in list_pairs(overall, metrics[0], protocol):
        key = (source, comparator, variable)
        cells = [derive_cell(found.get((*key, metric, ""))) for metric in metrics]
        counts = [found.get((*key, "count", outcome)) for outcome in OUTCOMES]
        named = [names.number_variable(variable), names.sources[source]]
        body.append([*named, *([] if protocol.reference else [names.sources[comparator]]), _share(counts), *cells])
    pooled_first = sorted(body, key=lambda row: (row[0] != 0, row[0]))
    columns = [
        *_name_columns(protocol.reference is None),
        Column("outcomes", "outcomes", both("dashboard", "outcomes")),
    ]
    columns += _measure(metrics, [row[-len(metrics) :] for row in pooled_first])
    kind = "outcome" if protocol.reference else "agreement"
    extra = {"outcomes": [both(kind, outcome) for outcome in OUTCOMES]}
    listed = [*metrics, "count"]
    return Panel("errors", NOTEBOOK, listed, columns, pooled_first, both("dashboard", "no_errors"), extra)


def _name_columns(compared: bool) -> list[Column]:
    named = [
        Column("variable", "variable", both("column", "variable")),
        Column("source", "source", both("column", "source")),
    ]
    return [*named, *([Column("comparator", "comparator", both("column", "comparator"))] if compared else [])]


def _share(counts: Sequence[Row | None]) -> list[Any] | None:
    """Return the share of each outcome in percent, of those counted; None where none was, or where one is withheld."""
    if any(row is not None and row["status"] == Status.SUPPRESSED for row in counts):
        return None
    known = [float(row["estimate"]) if row is not None and row["status"] == Status.OK else 0.0 for row in counts]
    total = sum(known)
    return [round_shown(100 * value / total, 1) for value in known] if total else None


def _measure(metrics: Sequence[str], cells: Sequence[Sequence[Any]], *, sign: bool = False) -> list[Column]:
    """Return the columns of some rates, all drawn on one scale."""
    bounds = derive_scale([cell for row in cells for cell in row], sign=sign)
    options: dict[str, Any] = {"scale": bounds, **({"sign": True} if sign else {})}
    return [Column(metric, "estimate", both("metric", metric), dict(options)) for metric in metrics]


def derive_scale(cells: Iterable[Any], *, sign: bool = False) -> list[float]:
    """Return the ends of an axis in percent that hold nineteen estimates in twenty; the page draws an arrow beyond."""
    known = sorted(abs(float(cell[0])) for cell in cells if cell and isinstance(cell[0], int | float))
    reach = known[math.ceil(_HELD * len(known)) - 1] if known else _STEP
    top = min(100, max(_STEP, _STEP * math.ceil(1.15 * reach / _STEP)))
    return [-top if sign else 0, top]


def derive_differences(rows: pd.DataFrame, verdicts: pd.DataFrame | None, names: Names) -> Panel:
    """Return a row per variable, source and manual source: three differences, and what each use decides on them.

    Args:
        rows: of the agreement notebook.
        verdicts: of the acceptance notebook; None where it did not run.
        names: of the page.
    """
    protocol = names.protocol
    overall = select_reporting(select_rows(rows, metric=list(_DIFFERENCES)))
    found = index_by(overall, "source", "comparator", "variable", "metric")
    rules = _list_rules(verdicts, names) if verdicts is not None else {}
    body = []
    for source, comparator, variable in list_pairs(overall, _DIFFERENCES[0], protocol):
        cells = [derive_cell(found.get((source, comparator, variable, metric))) for metric in _DIFFERENCES]
        judged = [rules.get((source, comparator, variable, metric)) for metric in _DIFFERENCES]
        named = [names.number_variable(variable), names.sources[source], names.sources[comparator]]
        body.append([*named, *cells, *judged])
    pooled_first = sorted(body, key=lambda row: (row[0] != 0, row[0]))
    measured = _measure(_DIFFERENCES, [row[3:6] for row in pooled_first], sign=True)
    columns = [*_name_columns(compared=True), *(_with_rules(column) for column in measured)]
    columns += [Column(f"{metric}_rules", "rules", both("column", "rule"), {"hidden": True}) for metric in _DIFFERENCES]
    listed = [*_DIFFERENCES, "criterion", "decision"]
    return Panel("differences", NOTEBOOK, listed, columns, pooled_first, both("dashboard", "no_differences"))


def _with_rules(column: Column) -> Column:
    return Column(column.key, column.kind, column.title, {**column.options, "rules": f"{column.key}_rules"})


def _list_rules(verdicts: pd.DataFrame, names: Names) -> Mapping[tuple[str, str, str, str], list[Any]]:
    """Return, per source, comparator, variable and difference: use, decision, rule in words, margin in percent."""
    out: dict[tuple[str, str, str, str], list[Any]] = {}
    for (source, variable, use, metric), row in iterate_decisions(verdicts, _DIFFERENCES):
        said = row["said"]
        decision = str(said["unit"]) if said["status"] == Status.OK else ""
        words: Both = [read_rule(str(row["at"]), metric, language) for language in ("fr", "en")]
        key = (source, str(row["comparator"]), variable, metric)
        out.setdefault(key, []).append([names.uses[use], decision, words, find_limit(str(row["at"]))])
    return out


def find_limit(rule: str) -> float | str | None:
    """Return the first number of a rule such as `< 0.05 (review < 0.1)`, in percent; None where it holds none."""
    try:
        return round_shown(100 * float(rule.split()[1]), 1)
    except (IndexError, ValueError):
        return None
