"""Result rows of guaranteed acceptance: the rule, what it guarantees, and what the evaluation patients say of it.

| metric | what |
|---|---|
| accept_threshold | score from which a value is accepted without a human; n, k: accepted and wrong in selection |
| guaranteed_error | largest share of wrong values among those accepted, with probability `level` |
| accepted_share | share of delivered values that are accepted, evaluation patients |
| review_share | the others; 1 where all is reviewed |
| selective_error_rate | share of wrong values among those accepted, evaluation patients: an honest second look |
| needed_patients | labelled patients with which the rule would have passed (80 % power at the risk seen); k: missing |
| saved_minutes | minutes of reading that acceptance saves over the whole cohort |
| plain_accepted_share, plain_selective_error_rate | the same of a threshold chosen without guarantee |
| undelivered_reviewed_share | share of cells asked that go to people because nothing was delivered |
| undelivered_empty_share | share that stays empty: not required, and no other technology has a value |
| empty_omission_rate | share of those empty cells where the reference has a value |

Where nothing can be guaranteed the answer is *review all*: `accepted_share` 0, `guaranteed_error` not estimable with
its reason. Rows without a variable speak of all variables of a use together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probatio.confidence.rules import Rule, derive_allowed
from probatio.confidence.selection import find_accepted
from probatio.confidence.splits import EVALUATION
from probatio.confidence.undelivered import estimate_undelivered
from probatio.measures.rates import (
    compute_acceptance_interval,
    compute_reporting_interval,
    derive_rate_rows,
    derive_silent,
)
from probatio.protocol import Protocol
from probatio.resampling import Floats, compute_clustered_mean
from probatio.results import Reason, Status, build_row

GUARANTEE = "guarantee"
"""What the rows and curves are of: their column `analysis`."""
_KEY = ["source", "variable", "use"]
_Rows = list[dict[str, Any]]


def estimate_guarantee(rules: Sequence[Rule], scored: pd.DataFrame, protocol: Protocol) -> _Rows:
    """Return the rows of guaranteed acceptance, per source, variable and use, and for all variables of a use.

    Args:
        rules: from `derive_rules`, of the same table.
        scored: from `derive_scored`, with the score that the rules were made with.
        protocol: the study's protocol.
    """
    if not rules:
        return []
    allowed = derive_allowed(scored)
    judged = pd.concat([_judge(rule, allowed) for rule in rules], ignore_index=True)
    said = [row for rule in rules for row in _describe_rule(rule)]
    said += [*_describe_uses(rules, protocol), *_estimate_minutes(judged, protocol)]
    for part in (_estimate_shares(judged, rules, protocol), estimate_undelivered(scored, protocol)):
        said += [{str(name): value for name, value in row.items()} for row in part.to_dict("records")]
    return [{**row, "analysis": GUARANTEE} for row in said]


def derive_selection_series(rules: Sequence[Rule]) -> pd.DataFrame:
    """Return the fixed sequences as curves over the threshold: `selection_p`, and `selection_risk` seen in selection.

    All thresholds of the grid are shown; those after the first that failed are no tests.
    """
    points = [
        {**{name: getattr(rule, name) for name in _KEY}, "analysis": GUARANTEE, "metric": metric, "x": x, "y": y}
        for rule in rules
        for metric, values in (("selection_p", rule.selection.p), ("selection_risk", _compute_risk(rule)))
        for x, y in zip(rule.selection.thresholds, values, strict=True)
    ]
    return pd.DataFrame(points)


def _compute_risk(rule: Rule) -> Floats:
    tally = rule.selection.tally
    return np.asarray(np.divide(tally.wrong, tally.mass, out=np.full(len(tally.n), np.nan), where=tally.mass > 0))


def _judge(rule: Rule, allowed: pd.DataFrame) -> pd.DataFrame:
    """Return the delivered values of a rule with what it, and the plain threshold, accept."""
    own = allowed[(allowed["source"] == rule.source) & (allowed["variable"] == rule.variable) & allowed["delivered"]]
    score = own["score"].to_numpy(float)
    accepted = find_accepted(score, np.array([rule.threshold, rule.plain]))
    own = own[["source", "variable", "patient_id", "split", "error", "weight"]]
    return own.assign(use=rule.use, accepted=accepted[0], plain=accepted[1])


def _describe_rule(rule: Rule) -> Iterator[dict[str, Any]]:
    """Yield threshold, guarantee and needed patients of one rule."""
    fields: dict[str, Any] = {"source": rule.source, "variable": rule.variable, "use": rule.use}
    if rule.bound is None:
        for metric in ("accept_threshold", "guaranteed_error", "needed_patients"):
            yield build_row(metric, status=Status.NOT_APPLICABLE, reason=rule.reason, **fields)
        return
    fields |= {"level": 1 - rule.bound.delta, "method": rule.method, "cluster_unit": "patient"}
    at, tally = rule.selection.chosen if rule.selection.chosen >= 0 else rule.best, rule.selection.tally
    seen = {"n": int(tally.n[at]), "k": int(tally.k[at]), "clusters": int(tally.patients[at])} if at >= 0 else {"n": 0}
    if rule.reason is Reason.NONE:
        yield build_row("accept_threshold", rule.threshold, unit="score", **seen, **fields)
        yield build_row("guaranteed_error", rule.bound.alpha, unit="proportion", **seen, **fields)
    else:
        for metric in ("accept_threshold", "guaranteed_error"):
            yield build_row(metric, status=Status.NOT_ESTIMABLE, reason=rule.reason, **seen, **fields)
    yield _describe_need(rule, fields)


def _describe_need(rule: Rule, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the row of the labelled patients that are needed: none once a threshold passed."""
    own = fields | {"n": rule.labelled, "unit": "patients"}
    if rule.reason is Reason.NONE:
        return build_row("needed_patients", status=Status.NOT_APPLICABLE, reason=Reason.GUARANTEED, **own)
    if rule.needed is None:
        return build_row("needed_patients", status=Status.NOT_ESTIMABLE, reason=rule.reason, **own)
    return build_row("needed_patients", rule.needed, k=max(rule.needed - rule.labelled, 0), **own)


def _describe_uses(rules: Sequence[Rule], protocol: Protocol) -> Iterator[dict[str, Any]]:
    """Yield, per source and use, what holds for all its variables at once.

    With delta shared over a use, all its guarantees hold together with probability 1 - delta: no more than the largest
    of the bounds among all values accepted. With a delta for each variable there is no such promise.
    """
    delta = protocol.confidence.delta if protocol.confidence else 0.0
    shared = protocol.confidence is not None and protocol.confidence.family == "use"
    for source, use in dict.fromkeys((rule.source, rule.use) for rule in rules):
        own = [rule for rule in rules if (rule.source, rule.use) == (source, use) and rule.bound is not None]
        held = [rule.bound.alpha for rule in own if rule.bound is not None and rule.reason is Reason.NONE]
        fields: dict[str, Any] = {"source": source, "use": use, "n": len(own), "k": len(held)}
        if not own:
            yield build_row("guaranteed_error", status=Status.NOT_APPLICABLE, reason=Reason.NOT_DECLARED, **fields)
        elif not held:
            yield build_row("guaranteed_error", status=Status.NOT_ESTIMABLE, reason=Reason.NONE_GUARANTEED, **fields)
        elif not shared:
            yield build_row("guaranteed_error", status=Status.NOT_APPLICABLE, reason=Reason.EACH_VARIABLE, **fields)
        else:
            yield build_row("guaranteed_error", max(held), unit="proportion", level=1 - delta, **fields)


def _estimate_shares(judged: pd.DataFrame, rules: Sequence[Rule], protocol: Protocol) -> pd.DataFrame:
    """Return shares and selective error of the evaluation patients, per rule and for all variables of a use."""
    seen = judged[judged["split"] == EVALUATION]
    identity = pd.DataFrame([{name: getattr(rule, name) for name in _KEY} for rule in rules])
    whole = identity[["source", "use"]].drop_duplicates().assign(variable="")
    identity = pd.concat([identity, whole], ignore_index=True)
    values = pd.concat([seen, seen.assign(variable="")], ignore_index=True)
    level, parts = protocol.level, []
    for prefix, column in (("", "accepted"), ("plain_", "plain")):
        parts.append(_derive_rates(values, identity, f"{prefix}accepted_share", values[column], level))
        labelled = values[values[column] & values["error"].notna()]
        wrong = labelled["error"] > 0
        parts.append(_derive_rates(labelled, identity, f"{prefix}selective_error_rate", wrong, level, accept=True))
    parts.insert(1, _derive_rates(values, identity, "review_share", ~values["accepted"], level))
    out = pd.concat(parts, ignore_index=True)
    return _silence(out, rules)


def _derive_rates(
    values: pd.DataFrame, identity: pd.DataFrame, metric: str, hit: pd.Series, level: float, *, accept: bool = False
) -> pd.DataFrame:
    """Return the rows of one share; the interval is the one to accept by for errors, the one to report for others."""
    group = pd.MultiIndex.from_frame(identity[_KEY]).get_indexer(pd.MultiIndex.from_frame(values[_KEY]))
    patient = np.unique(values["patient_id"].to_numpy(str), return_inverse=True)[1].astype(np.int64)
    weight = values["weight"].fillna(values["weight"].mean() if values["weight"].notna().any() else 1.0)
    mean = compute_clustered_mean(
        hit.to_numpy().astype(np.int8), group.astype(np.int64), patient, weight.to_numpy(float), len(identity)
    )
    interval = (compute_acceptance_interval if accept else compute_reporting_interval)(mean, level)
    return derive_rate_rows(identity[_KEY], metric, mean, interval, level=level, unit="patient")


def _silence(rows: pd.DataFrame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return the rows with the reason of those that no rule speaks of, or where all is reviewed by decision."""
    reasons = {(rule.source, rule.variable, rule.use): rule.reason for rule in rules}
    held = {(rule.source, "", rule.use) for rule in rules if rule.reason is Reason.NONE}
    reasons |= dict.fromkeys(held, Reason.NONE)
    keys = zip(*(rows[name] for name in _KEY), strict=True)
    said = pd.Series([str(reasons.get(key, Reason.NONE_GUARANTEED)) for key in keys], index=rows.index)
    silent = said == Reason.NOT_DECLARED
    out = derive_silent(rows, silent.to_numpy(), Status.NOT_APPLICABLE, Reason.NOT_DECLARED)
    decided = ~silent & (said != Reason.NONE) & out["metric"].isin(["accepted_share", "review_share"])
    decided &= out["status"] == Status.OK
    # Decided, not estimated: no sampling error.
    out.loc[decided, ["lower", "upper"]] = np.nan
    out.loc[decided, "reason"] = str(Reason.REVIEW_ALL)
    empty = ~silent & (said != Reason.NONE) & (out["metric"] == "selective_error_rate")
    out.loc[empty, "reason"] = str(Reason.REVIEW_ALL)
    return out


def _estimate_minutes(judged: pd.DataFrame, protocol: Protocol) -> Iterator[dict[str, Any]]:
    """Yield the minutes saved over the cohort, per source, variable and use, and for all variables."""
    for variables in (judged, judged.assign(variable="")):
        for key, part in variables.groupby(_KEY, sort=False):
            fields: dict[str, Any] = dict(zip(_KEY, map(str, key), strict=True)) | {"unit": "minutes"}
            fields |= {"n": len(part), "k": int(part["accepted"].sum()), "clusters": part["patient_id"].nunique()}
            fields["cluster_unit"] = "patient"
            if protocol.review is None:
                yield build_row("saved_minutes", status=Status.NOT_APPLICABLE, reason=Reason.NOT_DECLARED, **fields)
            else:
                yield build_row("saved_minutes", fields["k"] * protocol.review.minutes_per_value, **fields)
