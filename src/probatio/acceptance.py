"""Result rows x criteria -> verdicts, by the rule written in the protocol before the data are seen.

Rule (per source, variable and use). A criterion is judged on the acceptance interval of its metric,
one bound at one-sided (1 - level)/2:

- *passed*: the bound lies on the right side of the threshold;
- *passed with review*: only on the right side of the laxer threshold `review`;
- *failed*: the whole interval lies on the wrong side of the laxest threshold, after Holm's (1979)
  correction over the applicable criteria of that variable and use;
- *open* otherwise, or when the metric is not estimable, suppressed or in error.

Accepted iff all pass; accepted with review iff all pass at least with review; not accepted iff one
fails; inconclusive otherwise. A criterion that is not applicable (non-inferiority to a manual
reading that saw the AI's own) is shown and left out; where none remains, so is the verdict.
Fitness of a source for a use is the intersection over the use's variables: one that the source was never
asked for leaves it inconclusive, for nothing is known of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import pandas as pd
from scipy import stats

from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Criterion, Protocol, Use, Variable
from probatio.results import Reason, Status, build_row, select_rows

NEAR = 1e-9
"""A bound nearer to its threshold than this may fall on the other side on another machine."""

_COPIED = ("lower", "upper", "level", "method", "n", "k", "clusters", "cluster_unit")
_Row = Mapping[str, Any]
_Key = Mapping[str, Any]


class Verdict(IntEnum):
    """What may be done with the values; the estimate of a `verdict` row, its word in `unit`."""

    NOT_ACCEPTED = 0
    INCONCLUSIVE = 1
    ACCEPTED_WITH_REVIEW = 2
    ACCEPTED = 3


class Decision(IntEnum):
    """How one criterion came out; the estimate of a `decision` row, its word in `unit`."""

    FAILED = 0
    OPEN = 1
    PASSED_WITH_REVIEW = 2
    PASSED = 3


def estimate_acceptance(rows: pd.DataFrame, protocol: Protocol) -> list[dict[str, Any]]:
    """Judge every source, variable and use of the protocol against its acceptance matrix.

    Args:
        rows: result rows of the agreement notebook, overall strata included.
        protocol: the study's protocol; without a matrix, or without a reference, nothing is judged.

    Returns:
        Result rows: `criterion` (the judged number with its acceptance interval; `term` the
        criterion's name, `at` its threshold), `decision` (same key, a `Decision`), `verdict` per
        variable and use (`term` the criterion that decided) and `verdict` per use (`variable` empty;
        `term` the variable that decided).

    Source: intersection-union test, Berger 1982, Technometrics 24:295; Holm 1979, Scand J Stat 6:65.
    """
    if protocol.acceptance is None:
        return []
    if protocol.reference is None:
        return [_derive_unjudged(source.name, use) for source in protocol.leading for use in protocol.uses]
    overall = select_rows(rows, stratum_by="")
    sources = [source.name for source in protocol.select_sources("ai", "manual")]
    out: list[dict[str, Any]] = []
    for source in sources:
        for use in protocol.uses:
            out += _estimate_use(overall, protocol, source, use)
    return out


def _derive_unjudged(source: str, use: Use) -> dict[str, Any]:
    return build_row("verdict", source=source, use=use, status=Status.NOT_APPLICABLE, reason=Reason.NO_REFERENCE)


def _estimate_use(rows: pd.DataFrame, protocol: Protocol, source: str, use: Use) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for variable in protocol.variables:
        if use in variable.uses:
            out += _estimate_variable(rows, protocol, source, variable, use)
    verdicts = [row for row in out if row["metric"] == "verdict"]
    return [*out, _derive_intersection(verdicts, source=source, use=use)] if verdicts else out


def _estimate_variable(
    rows: pd.DataFrame, protocol: Protocol, source: str, variable: Variable, use: Use
) -> list[dict[str, Any]]:
    key = {"source": source, "variable": variable.name, "use": use}
    matrix = protocol.acceptance
    criteria = matrix.select_criteria(variable.type, use) if matrix else []
    if protocol.get_source(source).role == "manual":
        criteria = [criterion for criterion in criteria if not criterion.metric.endswith("_difference")]
    judged = [find_judged_row(rows, source, variable.name, criterion) for criterion in criteria]
    decisions = compute_decisions(judged, criteria, level=protocol.level)
    out: list[dict[str, Any]] = []
    for row, criterion, decision in zip(judged, criteria, decisions, strict=True):
        out += _derive_criterion_rows(row, criterion, decision, key)
    return [*out, _derive_verdict(judged, criteria, decisions, key)]


def find_judged_row(rows: pd.DataFrame, source: str, variable: str, criterion: Criterion) -> _Row:
    """Return the row a criterion is judged on: its metric's acceptance interval, else its only interval.

    Against several comparators it is the one hardest to pass: the criterion holds for each of them.
    A missing row is returned as not applicable: `not_assessed` where the source was never asked for
    the variable (nothing at all is known of it), `no_comparator` for a difference without a manual
    source. Otherwise as not estimable (`missing_row`): it never passes silently.
    """
    known = select_rows(rows, source=source, variable=variable)
    found = select_rows(known, metric=criterion.metric, term="")
    if known.empty:
        return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.NOT_ASSESSED)
    if found.empty:
        if criterion.metric.endswith("_difference"):
            return build_row(criterion.metric, status=Status.NOT_APPLICABLE, reason=Reason.NO_COMPARATOR)
        return build_row(criterion.metric, status=Status.NOT_ESTIMABLE, reason=Reason.MISSING_ROW)
    exact = found[found["method"].isin(ACCEPTANCE_METHODS)]
    chosen = (exact if len(exact) else found).sort_values(["comparator", "method"], kind="stable")
    records = [{str(name): value for name, value in row.items()} for row in chosen.to_dict("records")]
    return min(records, key=lambda row: _rank(row, criterion))


def _rank(row: _Row, criterion: Criterion) -> tuple[int, float]:
    """Order the rows of several comparators, the hardest to pass first: no number, then the worst bound."""
    bound = row["upper"] if criterion.bound == "upper" else row["lower"]
    if row["status"] == Status.NOT_APPLICABLE:
        return 2, 0.0
    if row["status"] != Status.OK or math.isnan(bound):
        return 0, 0.0
    return 1, -bound if criterion.bound == "upper" else bound


def compute_decisions(judged: Sequence[_Row], criteria: Sequence[Criterion], *, level: float) -> list[Decision | None]:
    """Return each criterion's decision; None where it is not applicable."""
    alpha = (1 - level) / 2
    applicable = [row["status"] != Status.NOT_APPLICABLE for row in judged]
    kept = [pair for pair, known in zip(zip(judged, criteria, strict=True), applicable, strict=True) if known]
    fails = compute_holm([compute_failure_p(row, criterion) for row, criterion in kept])
    decided = iter([_decide(*pair, failed=p <= alpha) for pair, p in zip(kept, fails, strict=True)])
    return [next(decided) if known else None for known in applicable]


def _decide(row: _Row, criterion: Criterion, *, failed: bool) -> Decision:
    bound = row["upper"] if criterion.bound == "upper" else row["lower"]
    if row["status"] != Status.OK or math.isnan(bound):
        return Decision.OPEN
    if _is_right(bound, criterion.threshold, criterion.bound):
        return Decision.PASSED
    if criterion.review is not None and _is_right(bound, criterion.review, criterion.bound):
        return Decision.PASSED_WITH_REVIEW
    return Decision.FAILED if failed else Decision.OPEN


def _is_right(bound: float, threshold: float, side: str) -> bool:
    return bound < threshold if side == "upper" else bound > threshold


def compute_failure_p(row: _Row, criterion: Criterion) -> float:
    """Return the one-sided p-value of "the true value is on the right side of the laxest threshold".

    Exact binomial where the judged interval is Clopper-Pearson's; otherwise normal, with the standard
    error read from the interval's bound on the threshold's side (so that test and interval agree
    there). 1.0 where the row has no number.
    """
    limit = criterion.threshold if criterion.review is None else criterion.review
    if row["status"] != Status.OK or math.isnan(row["lower"]) or math.isnan(row["upper"]):
        return 1.0
    if row["method"] == "clopper_pearson":
        k, n = int(row["k"]), int(row["n"])
        return float(stats.binom.sf(k - 1, n, limit) if criterion.bound == "upper" else stats.binom.cdf(k, n, limit))
    near = row["lower"] if criterion.bound == "upper" else row["upper"]
    error = abs(row["estimate"] - near) / stats.norm.ppf(0.5 + row["level"] / 2)
    if error == 0:
        return 1.0
    z = (row["estimate"] - limit) / error
    return float(stats.norm.sf(z if criterion.bound == "upper" else -z))


def compute_holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _derive_criterion_rows(
    row: _Row, criterion: Criterion, decision: Decision | None, key: _Key
) -> list[dict[str, Any]]:
    shared = {**key, "term": criterion.name, "at": _derive_rule(criterion), "comparator": row["comparator"]}
    copied = {name: row[name] for name in _COPIED}
    estimate = row["estimate"] if row["status"] == Status.OK else None
    said = {"status": row["status"], "reason": row["reason"], "unit": criterion.metric}
    number = build_row("criterion", estimate, **said, **shared, **copied)
    if decision is None:
        return [number, build_row("decision", status=Status.NOT_APPLICABLE, reason=row["reason"], **shared)]
    reason = Reason.NEAR_THRESHOLD if _is_near(row, criterion) else row["reason"]
    return [number, build_row("decision", decision, unit=decision.name.lower(), reason=reason, **shared)]


def _derive_rule(criterion: Criterion) -> str:
    sign = "<" if criterion.bound == "upper" else ">"
    review = "" if criterion.review is None else f" (review {sign} {criterion.review:g})"
    return f"{sign} {criterion.threshold:g}{review}"


def _is_near(row: _Row, criterion: Criterion) -> bool:
    bound = row["upper"] if criterion.bound == "upper" else row["lower"]
    limits = [criterion.threshold] if criterion.review is None else [criterion.threshold, criterion.review]
    return any(abs(bound - limit) <= NEAR for limit in limits)


def _derive_verdict(
    judged: Sequence[_Row], criteria: Sequence[Criterion], decisions: Sequence[Decision | None], key: _Key
) -> dict[str, Any]:
    kept = [(d, c.name) for d, c in zip(decisions, criteria, strict=True) if d is not None]
    if not kept:
        reason = judged[0]["reason"] if judged else Reason.NOT_REQUIRED
        return build_row("verdict", status=Status.NOT_APPLICABLE, reason=reason, **key)
    worst, name = min(kept, key=lambda item: item[0])
    verdict = Verdict(int(worst))
    decided = "" if verdict is Verdict.ACCEPTED else name
    return build_row("verdict", verdict, unit=verdict.name.lower(), term=decided, n=len(kept), **key)


def _derive_intersection(verdicts: Iterable[_Row], **key: Any) -> dict[str, Any]:
    found = list(verdicts)
    if all(row["status"] != Status.OK for row in found):
        return build_row("verdict", status=Status.NOT_APPLICABLE, reason=Reason.NO_REFERENCE, **key)
    judged = [row for row in found if row["status"] == Status.OK or row["reason"] == Reason.NOT_ASSESSED]
    worst = min(judged, key=_read_verdict)
    verdict = _read_verdict(worst)
    decided = "" if verdict is Verdict.ACCEPTED else worst["variable"]
    passed = sum(_read_verdict(row) >= Verdict.ACCEPTED_WITH_REVIEW for row in judged)
    return build_row("verdict", verdict, unit=verdict.name.lower(), term=decided, n=len(judged), k=passed, **key)


def _read_verdict(row: _Row) -> Verdict:
    return Verdict(int(row["estimate"])) if row["status"] == Status.OK else Verdict.INCONCLUSIVE
