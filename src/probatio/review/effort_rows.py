"""What review brings for its minutes: the error of the data at each share reviewed, order by order.

| metric | estimate | `term`, `at` |
|---|---|---|
| error_after_review | error of the data when that share was reviewed, reviewers' own errors included | order, share |
| consequence_after_review | the same with every error counted by its consequence, over all values | order, share |
| error_after_review_difference | difference of two orders at the declared share, or of an order and no review | `doubtful_random`, ..., share |
| error_after_review_difference, comparator manual | that minus the manual collection's error on the same patients and variables | order, share |
| error_without_review | manual collection's error on the same patients and variables (source manual) | |
| review_minutes_per_patient | minutes of reading, second readings included | share |
| error_observed | error of the data after review as it took place (source after review), the same patients | share that was reviewed |
| best_share | share at which the error is lowest | order |
| lowest_error | the error there | order |
| share_matching | smallest share at which the error is no larger than the manual collection's (comparator) | order |
| reviewer_error | error of the reviewers (comparator), by what the technology said | right, wrong, unsupported, absent |

Orders are judged on patients on whom nothing was recalibrated. The interval is that of the percentiles over
replicates that draw patients, and with them the reviewers' rates; all orders and sources share them, so that
differences are paired. A difference is significant where its interval leaves zero. `best_share` and `lowest_error`
pick the best of a curve: the second is a little optimistic.

| series | x, y |
|---|---|
| error_after_review, consequence_after_review | share, as above, with bounds; `term` the order |
| review_minutes_per_patient | share, minutes |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.comparison import Comparison
from probatio.protocol import Protocol
from probatio.resampling import Draws, Floats, compute_percentiles, compute_totals
from probatio.results import Reason, Status, build_row, derive_series, derive_table
from probatio.review.effort import ORDERS, Labelled, compute_effort, derive_labelled, select_judged
from probatio.review.queue import compute_size
from probatio.review.reviewers import ReviewerError, derive_reviewer_error, derive_reviewer_rows, is_review_of
from probatio.review.routing import CASE, get_review

Row = dict[str, Any]
METHOD: Final = "bootstrap_percentile"
_STEPS: Final = 100
_SHOWN: Final = 10
_WEIGHTED: Final = ("doubtful", "gain", "random")
_DIFFERENCES: Final = (
    ("doubtful", "random"), ("gain", "random"), ("stated", "random"), ("doubtful", "stated"), ("doubtful", "none"),
    ("random", "none"),
)  # fmt: skip


class EffortRows(NamedTuple):
    """Result rows and curves of the effort of review."""

    rows: pd.DataFrame
    series: pd.DataFrame


class _Effort(NamedTuple):
    """All curves of one study, shape (1 + replicates, shares): the estimate, then each replicate.

    Attributes:
        shares: the shares of the curves.
        declared: the share that the budget buys.
        errors, consequences: by order.
        manual: errors of each manual collection, shape (1 + replicates,).
        observed: errors of each source after review, with the share of values that was reviewed.
        minutes: per patient, if all values are reviewed.
        key: what names every row.
    """

    shares: Floats
    declared: float
    errors: dict[str, Floats]
    consequences: dict[str, Floats]
    manual: dict[str, Floats]
    observed: dict[str, tuple[float, Floats]]
    minutes: float
    key: Row


def estimate_effort(
    gains: pd.DataFrame,
    comparison: Comparison,
    protocol: Protocol,
    *,
    draws: Draws,
    decided: pd.DataFrame | None = None,
) -> EffortRows:
    """Return how the error of the reviewed source falls, and may rise again, with the share of its values reviewed.

    Args:
        gains: all its values, as `derive_gains` returns them.
        comparison: sources beside the reference.
        protocol: with a review and a reference, otherwise there are no rows; without `confidence` nobody is set aside
            to judge, and the row says so.
        draws: replicate weights, by patient.
        decided: what reviewers decided, where that tells their own error: `patient_id, variable, visit, event`.
    """
    if protocol.review is None or protocol.reference is None or gains.empty:
        return EffortRows(derive_table([]), derive_series([]))
    source = get_review(protocol).source
    weights = draws.weights(comparison.patients)
    reviewers = derive_reviewer_error(comparison, protocol, source, weights, decided=decided)
    labelled = derive_labelled(gains, comparison, protocol, reviewers.types)
    if not reviewers.source or not labelled.reviewable.any():
        return EffortRows(derive_table([_derive_silent(protocol, source)]), derive_series([]))
    drawn = np.vstack([np.ones((1, weights.shape[1]), dtype=weights.dtype), weights])
    effort = _compute_curves(gains, labelled, reviewers, comparison, drawn=drawn, protocol=protocol)
    if decided is not None:
        effort.observed.update(_observe(gains, comparison, protocol, decided, drawn=drawn))
    known = derive_reviewer_rows(reviewers, source, level=protocol.level).assign(use=effort.key["use"])
    return EffortRows(derive_table(pd.concat([derive_table(_list_rows(effort)), known])), _derive_curves(effort))


def _derive_silent(protocol: Protocol, source: str) -> Row:
    reason = Reason.NOT_DECLARED if protocol.confidence is None else Reason.NO_REFERENCE
    return build_row("error_after_review", source=source, use=get_review(protocol).use, unit="proportion",
                     status=Status.NOT_ESTIMABLE, reason=reason)  # fmt: skip


def _compute_curves(
    gains: pd.DataFrame,
    labelled: Labelled,
    reviewers: ReviewerError,
    comparison: Comparison,
    *,
    drawn: NDArray[Any],
    protocol: Protocol,
) -> _Effort:
    review = get_review(protocol)
    declared = review.budget.share or compute_size(review, len(gains)) / len(gains)
    shares = np.unique(np.append(np.arange(_STEPS + 1) / _STEPS, declared))
    curves = {order: compute_effort(labelled, order, reviewers.rates, drawn, shares) for order in ORDERS}
    held = np.unique(labelled.patient)
    members = comparison.patients.index.sort_values()[held]
    read = len(gains) / gains["patient_id"].nunique()
    return _Effort(
        shares=shares,
        declared=declared,
        errors={order: curve.errors for order, curve in curves.items()},
        consequences={order: curves[order].consequences for order in _WEIGHTED},
        manual={each.name: _compute_error(comparison, each.name, set(gains["variable"]), members, drawn)
                for each in protocol.select_sources("manual")},
        observed={},
        minutes=read * review.minutes_per_value * (1 + review.double),
        key={"source": review.source, "use": review.use, "unit": "proportion", "level": float(protocol.level),
             "n": int(labelled.reviewable.sum()), "clusters": len(held), "cluster_unit": "patient",
             "replicates": len(drawn) - 1},
    )  # fmt: skip


def _compute_error(
    comparison: Comparison, source: str, variables: set[str], members: pd.Index, drawn: NDArray[Any]
) -> Floats:
    """Return the error of a source on some patients and variables, in each replicate."""
    pairs = comparison.pairs
    own = pairs[(pairs["kind"] == "error") & (pairs["source"] == source) & pairs["variable"].isin(variables)]
    own = own[own["patient_id"].isin(members)]
    patient = comparison.patients.index.sort_values().get_indexer(pd.Index(own["patient_id"]))
    table = np.zeros((drawn.shape[1], 2))
    for column, outcomes in enumerate((list("WOU"), list("CWOU"))):
        np.add.at(table[:, column], patient, own["weight"] * own["outcome"].isin(outcomes))
    errors, values = compute_totals(drawn, table).T
    share: Floats = np.divide(errors, values, out=np.full_like(errors, np.nan), where=values > 0)
    return share


def _observe(
    gains: pd.DataFrame, comparison: Comparison, protocol: Protocol, decided: pd.DataFrame, *, drawn: NDArray[Any]
) -> Iterator[tuple[str, tuple[float, Floats]]]:
    """Yield each source after review with the share of the judged values that was reviewed, and its error there."""
    judged = select_judged(gains)
    done = pd.MultiIndex.from_frame(judged[CASE].astype(str)).isin(pd.MultiIndex.from_frame(decided[CASE].astype(str)))
    weight = judged["weight"].to_numpy(dtype=float)
    members = pd.Index(sorted(set(judged["patient_id"])))
    for each in protocol.sources:
        if is_review_of(each, get_review(protocol).source):
            errors = _compute_error(comparison, each.name, set(gains["variable"]), members, drawn)
            yield each.name, (float(weight @ done / weight.sum()), errors)


def _list_rows(effort: _Effort) -> Iterator[Row]:
    shown = np.flatnonzero(np.isin(effort.shares, np.arange(_SHOWN + 1) / _SHOWN) | (effort.shares == effort.declared))
    for metric, curves in (("error_after_review", effort.errors), ("consequence_after_review", effort.consequences)):
        for order, curve in curves.items():
            for place in shown:
                at = {"term": order, "at": _write(effort.shares[place])}
                yield _derive_row(metric, curve[:, place], effort.key | at)
    for share in effort.shares[shown]:
        named = {"source": effort.key["source"], "use": effort.key["use"], "at": _write(share), "unit": "minutes"}
        yield build_row("review_minutes_per_patient", share * effort.minutes, **named)
    for source, (share, errors) in effort.observed.items():
        if not np.isnan(errors[0]):
            yield _derive_row("error_observed", errors, effort.key | {"source": source, "at": _write(share)})
    yield from _list_differences(effort)
    yield from _list_best(effort)
    yield from _list_against_manual(effort)


def _list_differences(effort: _Effort) -> Iterator[Row]:
    place = int(np.searchsorted(effort.shares, effort.declared))
    for first, second in _DIFFERENCES:
        other = effort.errors[first][:, 0] if second == "none" else effort.errors[second][:, place]
        name = {"term": f"{first}_{second}", "at": _write(effort.declared)}
        yield _derive_row("error_after_review_difference", effort.errors[first][:, place] - other, effort.key | name)


def _list_best(effort: _Effort) -> Iterator[Row]:
    for order in ("doubtful", "gain", "stated", "random"):
        curve = effort.errors[order]
        named = effort.key | {"term": order}
        yield _derive_row("best_share", effort.shares[np.argmin(curve, axis=1)], named)
        yield _derive_row("lowest_error", curve.min(axis=1), named)


def _list_against_manual(effort: _Effort) -> Iterator[Row]:
    place = int(np.searchsorted(effort.shares, effort.declared))
    for manual, errors in effort.manual.items():
        if np.isnan(errors[0]):
            continue
        yield _derive_row("error_without_review", errors, effort.key | {"source": manual, "comparator": ""})
        for order in ("doubtful", "gain", "stated", "random"):
            named = effort.key | {"term": order, "comparator": manual}
            difference = effort.errors[order][:, place] - errors
            yield _derive_row("error_after_review_difference", difference, named | {"at": _write(effort.declared)})
            yield _derive_crossing(find_crossing(effort.shares, effort.errors[order], errors), named)


def find_crossing(shares: Floats, curves: Floats, level: Floats) -> Floats:
    """Return the smallest share at which each curve lies at or below its level; infinite where it never does.

    Args:
        shares: shape (s,), increasing.
        curves: shape (r, s), linear between shares.
        level: shape (r,).
    """
    above = curves - level[:, None]
    reached = above <= 0
    first = np.argmax(reached, axis=1)
    line = np.arange(len(curves))
    before, after = above[line, np.maximum(first - 1, 0)], above[line, first]
    part = np.divide(before, before - after, out=np.zeros_like(before), where=(first > 0) & (before > after))
    start = shares[np.maximum(first - 1, 0)]
    return np.where(reached.any(axis=1), start + part * (shares[first] - start), np.inf)


def _derive_crossing(crossings: Floats, key: Row) -> Row:
    """Return the row of a share that may never be reached: bounds are order statistics, the upper one perhaps open."""
    tail = (1 - key["level"]) / 2
    lower = float(np.quantile(crossings[1:], tail, method="lower"))
    upper = float(np.quantile(crossings[1:], 1 - tail, method="higher"))
    if np.isinf(crossings[0]):
        return build_row("share_matching", status=Status.NOT_ESTIMABLE, reason=Reason.NOT_REACHED, **key)
    return build_row("share_matching", crossings[0], lower=lower, upper=upper, method=METHOD, **key)


def _derive_row(metric: str, values: Floats, key: Row) -> Row:
    lower, upper = compute_percentiles(values[1:], key["level"])
    return build_row(metric, values[0], lower=float(lower), upper=float(upper), method=METHOD, **key)


def _derive_curves(effort: _Effort) -> pd.DataFrame:
    named = {name: effort.key[name] for name in ("source", "use")}
    parts = []
    for metric, curves in (("error_after_review", effort.errors), ("consequence_after_review", effort.consequences)):
        for order, curve in curves.items():
            lower, upper = compute_percentiles(curve[1:], effort.key["level"])
            columns = {"x": effort.shares, "y": curve[0], "lower": lower, "upper": upper}
            parts.append(pd.DataFrame(columns).assign(metric=metric, term=order, **named))
    minutes = pd.DataFrame({"x": effort.shares, "y": effort.shares * effort.minutes})
    return derive_series(pd.concat([*parts, minutes.assign(metric="review_minutes_per_patient", **named)]))


def _write(share: float) -> str:
    return f"{share:.6g}"
