"""Which row a criterion is judged on: its metric's acceptance interval, the hardest to pass of several."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pandas as pd

from probatio.acceptance.deciding import Row
from probatio.checks.catalogue import read_catalogue
from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Criterion, Protocol
from probatio.protocol.binding import bind_rule
from probatio.protocol.criteria import CITED, NEW_CENTRE, WHERE_ABSENT, WORST_STRATUM, CriterionMetric
from probatio.results import Reason, Status, build_row

_PRIMARY_MODEL = "binomial_normal"
_BESIDE_MANUAL = ("shared_error_rate", "two_phase_error_rate")
_RULE = "rule"


_Rows = list[Row]


@dataclass(frozen=True)
class Evidence:
    """The rows that criteria are judged on, as records, found without a search.

    Attributes:
        protocol: the study's protocol.
        by_cell: by source and variable, then by metric: the rows, strata included.
        checks: the rows of checks and rules of each source.
        metrics: every metric that has a row.
        tolerable: rows of the tolerance that criteria cite, by metric, variable and use.
    """

    protocol: Protocol
    by_cell: Mapping[tuple[str, str], Mapping[str, _Rows]]
    checks: Mapping[str, _Rows]
    metrics: frozenset[str]
    tolerable: Mapping[tuple[str, str, str], Row] = field(default_factory=dict)


def derive_evidence(rows: pd.DataFrame, protocol: Protocol) -> Evidence:
    """Return the rows of the data-quality, agreement and tolerance notebooks, ready to be judged."""
    judged = {*get_args(CriterionMetric), "check"}
    kept = rows[rows["metric"].isin(judged) & ((rows["stratum_by"] == "") | rows["metric"].isin(WORST_STRATUM))]
    by_cell: dict[tuple[str, str], dict[str, _Rows]] = defaultdict(lambda: defaultdict(list))
    checks: dict[str, _Rows] = defaultdict(list)
    for record in kept.sort_values(["comparator", "stratum_by", "method"], kind="stable").to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        by_cell[row["source"], row["variable"]][row["metric"]].append(row)
        if row["metric"] == "check":
            checks[row["source"]].append(row)
    return Evidence(protocol, dict(by_cell), dict(checks), frozenset(rows["metric"]), _derive_tolerable(rows))


def _derive_tolerable(rows: pd.DataFrame) -> dict[tuple[str, str, str], Row]:
    records = rows[rows["metric"].isin(CITED.values())].to_dict("records")
    return {(row["metric"], row["variable"], row["use"]): {str(n): v for n, v in row.items()} for row in records}


def find_judged_row(evidence: Evidence, source: str, variable: str, criterion: Criterion) -> Row:
    """Return the row a criterion is judged on.

    Where a metric has an interval to accept by, it is that one, else its only interval; for a new centre the
    primary model's. Against several manual collections, and over several attributes of strata, it is the row hardest
    to pass: the criterion holds for each of them. Without a row the answer is one that never passes silently:

    - not applicable, `not_assessed`: the source was never asked for the variable;
    - not applicable, `value_always_due`: unsupported values, where the reference holds one for every patient;
    - not applicable, `no_comparator`: a difference, or shared error, without a manual source;
    - not applicable, `not_declared`: the protocol asks for no such thing (monitoring, strata);
    - not estimable, `no_pairs`: nothing was compared with the reference;
    - not estimable, `missing_row`: otherwise.

    Args:
        evidence: the study's rows.
        source: the source judged.
        variable: the variable judged.
        criterion: the criterion.
    """
    known = evidence.by_cell.get((source, variable))
    if known is None:
        return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.NOT_ASSESSED)
    if criterion.metric in WHERE_ABSENT and evidence.protocol.get_variable(variable).required:
        return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.VALUE_ALWAYS_DUE)
    if criterion.metric == "failed_checks":
        return _count_failed_checks(evidence, source, variable, criterion)
    found = list(_select(known.get(criterion.metric, []), evidence.protocol, criterion))
    if not found:
        return _derive_missing(known, evidence, criterion)
    exact = [row for row in found if row["method"] in ACCEPTANCE_METHODS]
    return min(exact or found, key=lambda row: _rank(row, criterion))


def _select(rows: _Rows, protocol: Protocol, criterion: Criterion) -> Iterator[Row]:
    """Yield the rows of a metric that the criterion speaks of: overall, or over its strata, against whom it says."""
    metric, reference = criterion.metric, protocol.reference.name if protocol.reference else ""
    beside = criterion.is_difference or metric in _BESIDE_MANUAL
    strata = _list_strata(protocol, criterion) if metric in WORST_STRATUM else [""]
    for row in rows:
        if row["stratum_by"] not in strata or not (beside or row["comparator"] in ("", reference)):
            continue
        if metric in NEW_CENTRE:
            fits = row["method"] == "" or row["method"].startswith(_PRIMARY_MODEL)
        elif criterion.at:
            fits = row["at"] == criterion.at
        else:
            fits = row["term"] == "" or metric in (*WORST_STRATUM, *_BESIDE_MANUAL)
        if fits:
            yield row


def _list_strata(protocol: Protocol, criterion: Criterion) -> list[str]:
    return criterion.strata or [name for name in protocol.stratify_by if name != "centre"]


def _derive_missing(known: Mapping[str, _Rows], evidence: Evidence, criterion: Criterion) -> Row:
    metric = criterion.metric
    absent = metric not in evidence.metrics
    if absent and (criterion.is_difference or metric in _BESIDE_MANUAL):
        return build_row(metric, status=Status.NOT_APPLICABLE, reason=Reason.NO_COMPARATOR)
    without_strata = metric in WORST_STRATUM and not _list_strata(evidence.protocol, criterion)
    if without_strata or (absent and metric == "monitoring_signal"):
        return build_row(metric, status=Status.NOT_APPLICABLE, reason=Reason.NOT_DECLARED)
    reason = Reason.MISSING_ROW if "error_rate" in known else Reason.NO_PAIRS
    return build_row(metric, status=Status.NOT_ESTIMABLE, reason=reason)


def _rank(row: Row, criterion: Criterion) -> tuple[int, float]:
    """Order several rows, the hardest to pass first: no number, then the worst bound."""
    side = "estimate" if criterion.is_counted else criterion.bound
    if row["status"] == Status.NOT_APPLICABLE:
        return 2, 0.0
    if row["status"] != Status.OK or math.isnan(row[side]):
        return 0, 0.0
    return 1, -row[side] if criterion.bound == "upper" else row[side]


def _count_failed_checks(evidence: Evidence, source: str, variable: str, criterion: Criterion) -> Row:
    """Return how many of the checks and rules about a variable fail; one in error leaves the count unknown."""
    catalogue, rules = _list_catalogue(criterion), set(_list_rules(evidence.protocol, variable, criterion))
    about = [
        row
        for row in evidence.checks.get(source, [])
        if (row["analysis"] == _RULE and row["term"] in rules)
        or (row["variable"].partition(".")[0] == variable and row["term"] in catalogue)
    ]
    done = [row for row in about if row["status"] == Status.OK]
    fields: dict[str, Any] = {"unit": "checks", "n": len(done)}
    if any(row["status"] == Status.ERROR for row in about):
        return build_row(criterion.metric, status=Status.ERROR, reason=Reason.CHECK_ERROR, **fields)
    if not done:
        return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.EMPTY_DENOMINATOR, **fields)
    failed = sum(row["unit"] == "failed" for row in done)
    return build_row(criterion.metric, failed, k=failed, **fields)


def _list_catalogue(criterion: Criterion) -> list[str]:
    return [name for name, check in read_catalogue().items() if _counts(check.severity, criterion)]


def _list_rules(protocol: Protocol, variable: str, criterion: Criterion) -> Iterator[str]:
    variables = {declared.name: declared for declared in protocol.variables}
    for rule in protocol.rules:
        read = {reference.name for reference in bind_rule(rule.expression, variables).references}
        if variable in read and _counts(rule.severity, criterion):
            yield rule.name


def _counts(severity: str, criterion: Criterion) -> bool:
    return not criterion.severity or severity in criterion.severity
