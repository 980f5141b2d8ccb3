"""Every verdict of a study: criteria judged, variables and uses.

Accepted iff all criteria pass; accepted with review iff all pass at least with review; not accepted iff one
fails; inconclusive otherwise. A criterion that is not applicable (non-inferiority to a manual
reading that saw the AI's own) is shown and left out; where none remains, so is the verdict.
Fitness of a source for a use is the intersection over the use's variables: one that the source was never
asked for leaves it inconclusive, for nothing is known of it.

Before the freeze, while the reference of some values is still being adjudicated, there is no verdict: looking
early and stopping when it suits would accept bad sources more often than the level says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import pandas as pd

from probatio.acceptance.citing import derive_cited_criterion, find_cited, judge_cited
from probatio.acceptance.deciding import Decision, Row, compute_decisions, is_near
from probatio.acceptance.judging import Evidence, derive_evidence, find_judged_row
from probatio.acceptance.needing import estimate_needs
from probatio.acceptance.reviewing import estimate_review
from probatio.protocol import Criterion, Protocol, Source, Use, Variable
from probatio.results import Reason, Status, build_row, select_rows

_COPIED = ("lower", "upper", "level", "method", "n", "k", "clusters", "cluster_unit")
_Key = Mapping[str, Any]
_Rows = list[dict[str, Any]]


class Verdict(IntEnum):
    """What may be done with the values; the estimate of a `verdict` row, its word in `unit`."""

    NOT_ACCEPTED = 0
    INCONCLUSIVE = 1
    ACCEPTED_WITH_REVIEW = 2
    ACCEPTED = 3


def estimate_acceptance(rows: pd.DataFrame, protocol: Protocol) -> _Rows:
    """Judge every source, variable and use of the protocol against its acceptance matrix.

    Args:
        rows: result rows of the data-quality, agreement, tolerance and confidence notebooks, strata included.
        protocol: the study's protocol; without a matrix, or without a reference, nothing is judged.

    Returns:
        Result rows: `criterion` (the judged number with its acceptance interval; `term` the
        criterion's name, `at` its threshold), `decision` (same key, a `Decision`), `verdict` per
        variable and use (`term` the criterion that decided) and `verdict` per use (`variable` empty;
        `term` the variable that decided). For criteria left open `needed_patients` and `needed_assurance`; beside
        a verdict *accepted with review* `review_share` and `guaranteed_error` (see `reviewing`). While
        values await adjudication only `verdict` rows, not applicable: `adjudication_pending`.

    Source: intersection-union test, Berger 1982, Technometrics 24:295; Holm 1979, Scand J Stat 6:65.
    """
    if protocol.acceptance is None:
        return []
    if protocol.reference is None:
        return [
            _derive_unjudged(Reason.NO_REFERENCE, source=source.name, use=use)
            for source in protocol.leading
            for use in protocol.uses
        ]
    evidence, judge = derive_evidence(rows, protocol), _derive_pending if is_interim(rows) else _estimate_use
    out = [
        row
        for source in protocol.select_sources("ai", "manual")
        for use in protocol.uses
        for row in judge(evidence, source, use)
    ]
    return [*out, *estimate_review([row for row in out if row["metric"] == "verdict"], rows)]


def is_interim(rows: pd.DataFrame) -> bool:
    """Say whether the reference of some value is still being adjudicated."""
    return bool((select_rows(rows, metric="pending_values", status=Status.OK)["estimate"] > 0).any())


def _derive_unjudged(reason: Reason, **key: Any) -> dict[str, Any]:
    return build_row("verdict", status=Status.NOT_APPLICABLE, reason=reason, **key)


def _derive_pending(evidence: Evidence, source: Source, use: Use) -> _Rows:
    """Return silent verdicts: of each variable of a use, and of the use."""
    names = [variable.name for variable in evidence.protocol.variables if use in variable.uses]
    asked = {name for name in names if (source.name, name) in evidence.by_cell}
    reasons = {name: Reason.ADJUDICATION_PENDING if name in asked else Reason.NOT_ASSESSED for name in names}
    key: dict[str, Any] = {"source": source.name, "use": use}
    out = [_derive_unjudged(reason, variable=name, **key) for name, reason in reasons.items()]
    return [*out, _derive_unjudged(Reason.ADJUDICATION_PENDING, **key)] if names else out


def _estimate_use(evidence: Evidence, source: Source, use: Use) -> _Rows:
    out: _Rows = []
    for variable in evidence.protocol.variables:
        if use in variable.uses:
            out += _estimate_variable(evidence, source, variable, use)
    verdicts = [row for row in out if row["metric"] == "verdict"]
    return [*out, _derive_intersection(verdicts, source=source.name, use=use)] if verdicts else out


def _estimate_variable(evidence: Evidence, source: Source, variable: Variable, use: Use) -> _Rows:
    key: dict[str, Any] = {"source": source.name, "variable": variable.name, "use": use}
    protocol, matrix = evidence.protocol, evidence.protocol.acceptance
    criteria = matrix.select_criteria(variable.type, use) if matrix else []
    if source.role == "manual":
        criteria = [criterion for criterion in criteria if not criterion.is_difference]
    cited = [find_cited(evidence, variable.name, use, criterion) for criterion in criteria]
    rules = [derive_cited_criterion(criterion, row) for criterion, row in zip(criteria, cited, strict=True)]
    judged = [
        judge_cited(find_judged_row(evidence, source.name, variable.name, criterion), row)
        for criterion, row in zip(criteria, cited, strict=True)
    ]
    decisions = compute_decisions(judged, rules, level=protocol.level)
    out: _Rows = []
    for row, criterion, rule, decision in zip(judged, criteria, rules, decisions, strict=True):
        own = key | {"term": criterion.name, "at": describe_rule(rule, cited=criterion.is_cited)}
        out += _derive_criterion_rows(row, rule, decision, own)
        if decision is Decision.OPEN:
            out += estimate_needs(row, criterion, protocol, variable=variable, use=use, key=own)
    return [*out, _derive_verdict(judged, criteria, decisions, key)]


def _derive_criterion_rows(row: Row, criterion: Criterion, decision: Decision | None, key: _Key) -> _Rows:
    shared = {**key, "comparator": row["comparator"], "stratum_by": row["stratum_by"]}
    copied = {name: row[name] for name in _COPIED}
    estimate = row["estimate"] if row["status"] == Status.OK else None
    said = {"status": row["status"], "reason": row["reason"], "unit": criterion.metric}
    stratum = row["term"] if row["stratum_by"] else ""
    number = build_row("criterion", estimate, stratum=stratum, **said, **shared, **copied)
    if decision is None:
        silent = {"status": Status.NOT_APPLICABLE, "reason": row["reason"]}
        return [number, build_row("decision", stratum=stratum, **silent, **shared)]
    reason = Reason.NEAR_THRESHOLD if is_near(row, criterion) else row["reason"]
    return [
        number,
        build_row("decision", decision, unit=decision.name.lower(), reason=reason, stratum=stratum, **shared),
    ]


def describe_rule(criterion: Criterion, *, cited: bool = False) -> str:
    """Return a criterion's rule as rows name it, `< 0.1 (review < 0.2)`; `cited`: its number is the run's tolerance."""
    sign = "<" if criterion.bound == "upper" else ">"
    named = ["tolerance"] if cited and not criterion.is_cited else []
    named += [] if criterion.review is None else [f"review {sign} {criterion.review:g}"]
    aside = f" ({', '.join(named)})" if named else ""
    return f"{sign} {criterion.word_threshold()}{aside}"


def _derive_verdict(
    judged: Sequence[Row], criteria: Sequence[Criterion], decisions: Sequence[Decision | None], key: _Key
) -> dict[str, Any]:
    kept = [(d, c.name) for d, c in zip(decisions, criteria, strict=True) if d is not None]
    if not kept:
        reason = judged[0]["reason"] if judged else Reason.NOT_REQUIRED
        return _derive_unjudged(reason, **key)
    worst, name = min(kept, key=lambda item: item[0])
    verdict = Verdict(int(worst))
    decided = "" if verdict is Verdict.ACCEPTED else name
    return build_row("verdict", verdict, unit=verdict.name.lower(), term=decided, n=len(kept), **key)


def _derive_intersection(verdicts: Iterable[Row], **key: Any) -> dict[str, Any]:
    found = list(verdicts)
    if all(row["status"] != Status.OK for row in found):
        return _derive_unjudged(Reason.NO_REFERENCE, **key)
    judged = [row for row in found if row["status"] == Status.OK or row["reason"] == Reason.NOT_ASSESSED]
    worst = min(judged, key=_read_verdict)
    verdict = _read_verdict(worst)
    decided = "" if verdict is Verdict.ACCEPTED else worst["variable"]
    passed = sum(_read_verdict(row) >= Verdict.ACCEPTED_WITH_REVIEW for row in judged)
    return build_row("verdict", verdict, unit=verdict.name.lower(), term=decided, n=len(judged), k=passed, **key)


def _read_verdict(row: Row) -> Verdict:
    return Verdict(int(row["estimate"])) if row["status"] == Status.OK else Verdict.INCONCLUSIVE
