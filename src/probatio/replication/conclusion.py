"""Which equivalence decides, and what it says.

| metric | method | estimate |
|---|---|---|
| equivalence, equivalence_weighted, equivalence_rmst, equivalence_weighted_rmst | paired_t | see `agreement` |
| conclusion (`at` the margin) | log_hazard_ratio, rmst_difference, rmst, cumulative_incidence; with `weighted_` before it in a weighted analysis | the verdict of the equivalence that decides |

A hazard ratio says one thing where hazards are proportional. Where the comparator's check rejects that at the protocol's
level, the ratio is an average over follow-up that moves with censoring: its rows say so
(`non_proportional_hazards`), and the difference in restricted mean survival at the last horizon decides, against
`rmst_margin`; without one there is no conclusion (`not_declared`). Which it is does not depend on what the sources
under test say. Terms beyond the first have no restricted mean: their hazard ratio decides, with the caution. An analysis without terms is
judged on the restricted mean of all patients (where an event competes, not at all: no margin of incidence is declared), a
weighted one on the weighted contrast.

Source: Royston and Parmar 2013, BMC Med Res Methodol 13:152; Uno 2014, J Clin Oncol 32:2380.
"""  # noqa: E501

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from probatio.protocol import Analysis
from probatio.records.canonical import derive_number_text
from probatio.replication.agreement import derive_equivalence_row, withhold_row
from probatio.replication.differences import Row, compute_difference, derive_test_level
from probatio.replication.estimate import OVERALL, Estimate
from probatio.replication.needing import derive_need_rows
from probatio.replication.views import Label
from probatio.results import Reason, Status, build_row

RATIOS = {"log_hazard_ratio": "equivalence", "weighted_log_hazard_ratio": "equivalence_weighted"}
MEANS = {
    "rmst_difference": "equivalence_rmst",
    "weighted_rmst_difference": "equivalence_weighted_rmst",
    "rmst": "equivalence_rmst",
}
CAUTIONED = frozenset({
    "log_hazard_ratio", "hazard_ratio", "weighted_log_hazard_ratio", "weighted_hazard_ratio",
    "delta_log_hazard_ratio", "delta_weighted_log_hazard_ratio", *RATIOS.values(),
})  # fmt: skip


class _Judged(NamedTuple):
    """One difference that may decide: its metric and label, its equivalence row."""

    metric: str
    label: Label
    row: Row


def find_rejected(found: list[Estimate], level: float) -> bool:
    """Say whether a source's global check rejects proportional hazards at the protocol's level."""
    tests = [one for one in found if one.metric == "proportional_hazards_p" and not one.label.variable]
    return any(one.value < 1 - level for one in tests)


def caution_row(row: Row, *, rejected: bool) -> Row:
    """Return a hazard ratio's row with the caution on proportional hazards, unless it has a reason already."""
    if rejected and row["metric"] in CAUTIONED and row["status"] == Status.OK and not row["reason"]:
        return row | {"reason": str(Reason.NON_PROPORTIONAL_HAZARDS)}
    return row


def derive_conclusion_rows(
    pairs: list[tuple[Estimate, Estimate]],
    analysis: Analysis,
    level: float,
    *,
    rejected: bool,
    independent: bool,
    **key: Any,
) -> Iterator[Row]:
    """Yield the equivalence of every difference that may decide, what would decide it, and the conclusion of each term.

    Args:
        pairs: numbers of the source and the comparator, in order.
        analysis: its margins, horizons and weighting.
        level: two-sided confidence of the protocol.
        rejected: whether the comparator's hazards are not proportional.
        independent: whether the two worked without seeing each other; judgement needs it.
        key: identifying columns and n, k.
    """
    judged = []
    for one, other in pairs:
        if not _is_judged(one, analysis):
            continue
        found, margin = compute_difference(one, other, key["k"]), _find_margin(one, analysis)
        fields = key | {"variable": one.label.variable, "term": one.label.term}
        if margin is None:
            judged.append(_Judged(one.metric, one.label, _derive_undeclared(_name(one), level, fields)))
            continue
        limit = margin if one.metric in MEANS else math.log(margin)
        row = derive_equivalence_row(_name(one), found, margin, level, limit=limit, **fields)
        judged.append(_Judged(one.metric, one.label, row))
        if independent:
            yield from derive_need_rows(found, limit, level, method=f"tost_{one.metric}", **fields)
    for each in judged:
        yield each.row if independent else withhold_row(each.row)
    if pairs and not analysis.terms and not judged:  # an event competes: incidence, which has no margin
        metric = "cumulative_incidence" if "cumulative_incidence" in {one.metric for one, _ in pairs} else "rmst"
        judged.append(_Judged(metric, OVERALL, _derive_undeclared("equivalence_rmst", level, key)))
    for row in _derive_conclusions(judged, analysis, level, rejected=rejected, key=key):
        yield row if independent else withhold_row(row)


def _is_judged(one: Estimate, analysis: Analysis) -> bool:
    """Say whether a number may decide: a log hazard ratio, or a restricted mean at the last horizon."""
    if one.metric in RATIOS:
        return True
    last = derive_number_text(float(max(analysis.horizons))) if analysis.horizons else ""
    contrast = one.metric in MEANS and (one.metric != "rmst" or not analysis.terms)
    return contrast and one.fields.get("at") == last


def _find_margin(one: Estimate, analysis: Analysis) -> float | None:
    return analysis.rmst_margin if one.metric in MEANS else analysis.margin


def _name(one: Estimate) -> str:
    return RATIOS.get(one.metric) or MEANS[one.metric]


def _derive_undeclared(metric: str, level: float, fields: Mapping[str, Any]) -> Row:
    bare = dict(fields) | {"method": "paired_t", "level": derive_test_level(level)}
    return build_row(metric, None, status=Status.NOT_APPLICABLE, reason=Reason.NOT_DECLARED, **bare)


def _derive_conclusions(
    judged: list[_Judged], analysis: Analysis, level: float, *, rejected: bool, key: Row
) -> Iterator[Row]:
    """Yield one row per term: of the first term's groups by the restricted mean where hazards are not proportional."""
    prefix = "weighted_" if analysis.weighting != "none" else ""
    wanted = f"{prefix}rmst_difference"
    means = {each.label: each for each in judged if each.metric == wanted}
    for each in judged:
        if analysis.terms and each.metric != f"{prefix}log_hazard_ratio":
            continue
        decides = each
        if rejected and analysis.terms[0].groups and each.label.variable == analysis.terms[0].variable:
            fields = key | {"variable": each.label.variable, "term": each.label.term}
            absent = _Judged(wanted, each.label, _derive_undeclared("conclusion", level, fields))
            decides = means.get(each.label, absent)
        row = decides.row | {"metric": "conclusion", "method": decides.metric}
        caution = rejected and row["status"] == Status.OK and not row["reason"]
        yield row | ({"reason": str(Reason.NON_PROPORTIONAL_HAZARDS)} if caution else {})
