"""Which row a criterion is judged on: its metric's acceptance interval, the hardest to pass of several."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from probatio.acceptance.deciding import Row
from probatio.checks.catalogue import read_catalogue
from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Criterion, Protocol
from probatio.protocol.binding import bind_rule
from probatio.protocol.criteria import NEW_CENTRE, WORST_STRATUM
from probatio.results import Reason, Status, build_row, select_rows

_PRIMARY_MODEL = "binomial_normal"
_BESIDE_MANUAL = ("shared_error_rate", "two_phase_error_rate")
_RULE = "rule"


def find_judged_row(rows: pd.DataFrame, protocol: Protocol, source: str, variable: str, criterion: Criterion) -> Row:
    """Return the row a criterion is judged on.

    Where a metric has an interval to accept by, it is that one, else its only interval; for a new centre the
    primary model's. Against several manual collections, and over several attributes of strata, it is the row hardest
    to pass: the criterion holds for each of them. Without a row the answer is one that never passes silently:

    - not applicable, `not_assessed`: the source was never asked for the variable;
    - not applicable, `no_comparator`: a difference, or shared error, without a manual source;
    - not applicable, `not_declared`: the protocol asks for no such thing (monitoring, strata);
    - not estimable, `no_pairs`: nothing was compared with the reference;
    - not estimable, `missing_row`: otherwise.

    Args:
        rows: result rows of the data-quality and agreement notebooks, strata included.
        protocol: the study's protocol.
        source: the source judged.
        variable: the variable judged.
        criterion: the criterion.
    """
    known = select_rows(rows, source=source)
    if not (known["variable"] == variable).any():
        return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.NOT_ASSESSED)
    if criterion.metric == "failed_checks":
        return _count_failed_checks(known, protocol, variable, criterion)
    found = _select(select_rows(known, variable=variable, metric=criterion.metric), protocol, criterion)
    if found.empty:
        return _derive_missing(select_rows(known, variable=variable), rows, protocol, criterion)
    exact = found[found["method"].isin(ACCEPTANCE_METHODS)]
    chosen = (exact if len(exact) else found).sort_values(["comparator", "stratum_by", "method"], kind="stable")
    records = [{str(name): value for name, value in row.items()} for row in chosen.to_dict("records")]
    return min(records, key=lambda row: _rank(row, criterion))


def _select(found: pd.DataFrame, protocol: Protocol, criterion: Criterion) -> pd.DataFrame:
    """Return the rows of a metric that the criterion speaks of: overall, or over its strata, against whom it says."""
    if not criterion.is_difference and criterion.metric not in _BESIDE_MANUAL:
        reference = protocol.reference.name if protocol.reference else ""
        found = select_rows(found, comparator=["", reference])
    if criterion.metric in WORST_STRATUM:
        return select_rows(found, stratum_by=_list_strata(protocol, criterion))
    found = select_rows(found, stratum_by="")
    if criterion.metric in NEW_CENTRE:
        return found[found["method"].str.startswith(_PRIMARY_MODEL) | (found["method"] == "")]
    if criterion.at:
        return select_rows(found, at=criterion.at)
    return found if criterion.metric in _BESIDE_MANUAL else select_rows(found, term="")


def _list_strata(protocol: Protocol, criterion: Criterion) -> list[str]:
    return criterion.strata or [name for name in protocol.stratify_by if name != "centre"]


def _derive_missing(known: pd.DataFrame, rows: pd.DataFrame, protocol: Protocol, criterion: Criterion) -> Row:
    metric = criterion.metric
    if (criterion.is_difference or metric in _BESIDE_MANUAL) and not (rows["metric"] == metric).any():
        return build_row(metric, status=Status.NOT_APPLICABLE, reason=Reason.NO_COMPARATOR)
    undeclared = metric == "monitoring_signal" and not (rows["metric"] == metric).any()
    if undeclared or (metric in WORST_STRATUM and not _list_strata(protocol, criterion)):
        return build_row(metric, status=Status.NOT_APPLICABLE, reason=Reason.NOT_DECLARED)
    compared = (known["metric"] == "error_rate").any()
    return build_row(metric, status=Status.NOT_ESTIMABLE, reason=Reason.MISSING_ROW if compared else Reason.NO_PAIRS)


def _rank(row: Row, criterion: Criterion) -> tuple[int, float]:
    """Order several rows, the hardest to pass first: no number, then the worst bound."""
    side = "estimate" if criterion.is_counted else criterion.bound
    if row["status"] == Status.NOT_APPLICABLE:
        return 2, 0.0
    if row["status"] != Status.OK or math.isnan(row[side]):
        return 0, 0.0
    return 1, -row[side] if criterion.bound == "upper" else row[side]


def _count_failed_checks(rows: pd.DataFrame, protocol: Protocol, variable: str, criterion: Criterion) -> Row:
    """Return how many of the checks and rules about a variable fail; one in error leaves the count unknown."""
    checks = select_rows(rows, metric="check", stratum_by="")
    names = set(_list_rules(protocol, variable, criterion))
    own = (checks["variable"] == variable) | checks["variable"].str.startswith(f"{variable}.")
    own &= checks["term"].isin(_list_catalogue(criterion))
    about = checks[own | ((checks["analysis"] == _RULE) & checks["term"].isin(names))]
    done = about[about["status"] == Status.OK]
    fields: dict[str, Any] = {"unit": "checks", "n": len(done)}
    if (about["status"] == Status.ERROR).any():
        return build_row(criterion.metric, status=Status.ERROR, reason=Reason.CHECK_ERROR, **fields)
    if done.empty:
        return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.EMPTY_DENOMINATOR, **fields)
    failed = int((done["unit"] == "failed").sum())
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
