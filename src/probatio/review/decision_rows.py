"""What the review did, in numbers: what was decided, what that changed, and how right it is.

| metric | estimate | analysis |
|---|---|---|
| reviewed_share | cases decided, of the cells that the source was asked for; k of n | decisions |
| decision_share | share of the cases with a decision (`term`; `unresolved`: two readings differ) | decisions |
| unresolved | cases on which two readings differ and nobody has settled | decisions |
| override_rate | share of the cases whose value was changed | decisions |
| reader_override_rate | share of his readings in which a reader (`term`) changed the value | decisions |
| confirmed_errors | of the source's errors reviewed, those left as delivered (automation bias) | reviewer_error |
| mended_errors | of the source's errors reviewed, those right after review | reviewer_error |
| introduced_errors | of the source's right values reviewed, those wrong after review | reviewer_error |
| reviewer_error_rate | of the values reviewed, those wrong after review | reviewer_error |
| shared_override_rate | of the values drawn on which a source shown agrees, those changed | drawn |
| shared_error_rate | of the same, those wrong before review, against the reference | drawn |
| override_rate | of all values, those that review would change; weighted 1 / probability | drawn |

`override_rate` is also given by class of confidence and by what was shown beside (`same` value, `other`, `none`);
`confirmed_errors` by the latter. Wrong is W, O or U against the reference, right C or B; these rows are weighted
1 / sampling probability of the reference. A case that waits for a third reader counts as unchanged. Readers are
numbered in the order of their names, which no row tells. Intervals: Wilson's, clustered by patient
(`measures.rates`). Repeated events are in the first six rows only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from probatio.results import build_row, derive_table
from probatio.review.decided import SAME
from probatio.review.shares import Shares


def estimate_decisions(cases: pd.DataFrame, readings: pd.DataFrame, asked: pd.Series, shares: Shares) -> pd.DataFrame:
    """Return what was decided, how often it changed a value, and what chance drew.

    Args:
        cases: of `derive_decided`.
        readings: of `Records`, those of the same source.
        asked: the cells that the source was asked for, by variable.
        shares: how proportions are counted.
    """
    changed, named = cases["changed"], "decisions"
    numbers = {name: str(at) for at, name in enumerate(sorted(set(readings["reviewer"])), start=1)}
    by_reader = readings.assign(reader=readings["reviewer"].map(numbers), variable="")
    overridden = by_reader["changed"].astype(bool)
    own = shares.derive_rows(by_reader, "reader_override_rate", overridden, by="reader", analysis=named)
    frames = [
        derive_table([{**row, "analysis": named} for row in _count_decisions(cases, asked, shares)]),
        shares.derive_rows(cases, "override_rate", changed, analysis=named),
        *(shares.derive_rows(cases, "override_rate", changed, by=by, analysis=named) for by in ("confidence", "shown")),
        own.assign(term=own["stratum"], stratum="", stratum_by=""),
        *_estimate_drawn(cases, shares),
    ]
    return derive_table(pd.concat(frames, ignore_index=True))


def _count_decisions(cases: pd.DataFrame, asked: pd.Series, shares: Shares) -> Iterator[dict[str, Any]]:
    base = cases["variable"].str.partition(".")[0]
    for name, own in [("", cases), *cases.groupby(base, sort=True)]:
        key = {**shares.key, "variable": str(name)}
        n = int(asked.sum() if name == "" else asked.get(str(name), 0))
        yield build_row("reviewed_share", len(own) / n, unit="proportion", n=n, k=len(own), **key)
        waiting = int(own["unresolved"].sum())
        yield build_row("unresolved", waiting, unit="values", n=len(own), k=waiting, **key)
        for word, count in sorted(own["decision"].value_counts().items()):
            yield build_row("decision_share", count / len(own), unit="proportion", n=len(own), k=int(count),
                            term=str(word), **key)  # fmt: skip


def _estimate_drawn(cases: pd.DataFrame, shares: Shares) -> Iterator[pd.DataFrame]:
    """Yield what the random part of the review tells: errors that sources share, and of all values."""
    drawn = cases["selection_probability"] < 1
    if not drawn.any():
        return
    alike = drawn & (cases["shown"] == SAME)
    whole = 1 / cases["selection_probability"]
    beside = whole * cases["weight"].fillna(1.0)
    known, wrong = alike & cases["before"].notna(), cases["before"] == 1
    for metric, event, among, weight in (
        ("shared_override_rate", cases["changed"], alike, whole),
        ("shared_error_rate", wrong, known, beside),
        ("override_rate", cases["changed"], None, whole),
    ):
        yield shares.derive_rows(cases, metric, event, among=among, weight=weight, variables=False, analysis="drawn")


def estimate_reviewer_error(cases: pd.DataFrame, shares: Shares) -> pd.DataFrame:
    """Return how right the decisions are, beside the reference: errors confirmed, mended and introduced.

    Args:
        cases: of `derive_decided`.
        shares: how proportions are counted; its key names the reference as comparator.

    Returns:
        The sorted table; empty where no reviewed value has a reference.
    """
    known = cases[cases["before"].notna() & cases["after"].notna()]
    if known.empty:
        return derive_table([])
    wrong, still = known["before"] == 1, known["after"] == 1
    kept = wrong & ~known["changed"]
    frames = [
        shares.derive_rows(known, metric, event, among=among, by=by, weight=known["weight"], analysis="reviewer_error")
        for metric, event, among, by in (
            ("confirmed_errors", kept, wrong, ""),
            ("confirmed_errors", kept, wrong, "shown"),
            ("mended_errors", ~still, wrong, ""),
            ("introduced_errors", still, ~wrong, ""),
            ("reviewer_error_rate", still, None, ""),
        )
    ]
    return derive_table(pd.concat(frames, ignore_index=True))
