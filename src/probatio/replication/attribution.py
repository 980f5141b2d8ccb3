"""Which variable's errors move the estimate: the shift of a source from its comparator, variable by variable.

Variables are what the analysis reads from its sources: dates of the endpoint, population, terms. The shift is that of
each source's own patients. It is the sum of what values do on the patients complete in both sources (Shapley shares of
the variables) and of `selection`: what comes from the others, by missing values, by who is in the population, or by
errors in data that are complete in one source only.

| metric | variable | estimate |
|---|---|---|
| attribution_start | | the comparator's estimate on its own patients (k: events) |
| shift (stratum `own`) | | the source's minus the comparator's, each on its own patients |
| shift | | the same on the patients complete in both: the sum of `shapley` over the variables |
| selection | | the shift of own patients minus that of the patients complete in both |
| selection | each | its part in that: its Shapley share of the shift of own patients, minus `shapley` |
| shapley | each | share of `shift`: mean of what reading it from the source adds, over all orders of the variables |
| shapley_share, selection_share | each, none | part of the shift of own patients, signed |
| swap_in | each | the comparator's data with this variable of the source, minus the comparator's: its errors alone |
| swap_out | each | the source's minus its data with this variable of the comparator: what mending it alone takes away |
| monte_carlo_error | each | standard error of `shapley` from sampling orders, above `EXACT` variables |

`term` names the number that moves (`log_hazard_ratio:stage=late`), `at` its horizon. n: patients analysed; k: those
whose data differ in that variable in any mixture, who carry its share. Intervals (`paired_t`) take the bootstrap
standard error on k degrees of freedom, as in `agreement`, with the Monte Carlo error added where orders are sampled
(`sampled_paired_t`). A share of the shift is not given (`no_shift`) where there is no shift, or where parts that
cancel leave less than half of what they move. A mixture without an estimate (no event, separation) leaves what
needs it undefined.

Source: Shapley 1953; swaps one at a time are the first and the last step of its orders.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.replication.carriers import derive_carrier_rows
from probatio.replication.parts import (
    Part,
    Totals,
    compute_shares,
    compute_swaps,
    compute_totals,
    derive_selection,
    get_share,
)
from probatio.replication.swaps import Quantity, Swaps, derive_cohort, derive_setting, list_quantities
from probatio.resampling import Draws
from probatio.results import Reason, Status, build_row, derive_table

Row = dict[str, Any]
REPLICATES = 500
"""Replicates that intervals rest on: the first of the study's own."""
CANCELLING = 0.5
"""A shift below this part of what its parts move in all is no denominator."""
_ENOUGH = 0.9
_NONE = 1e-9
_OWN = {"stratum_by": "patients", "stratum": "own"}


def estimate_attribution(
    records: Records, protocol: Protocol, *, draws: Draws, replicates: int = REPLICATES
) -> pd.DataFrame:
    """Attribute every source's shift from its comparator to the variables of each analysis.

    Args:
        records: the study's tables.
        protocol: its analyses and level.
        draws: replicate weights over all evaluated patients; they also seed the sampling of orders.
        replicates: how many of them to use.

    Returns:
        Rows as in the tables of this module and of `carriers`; none for an analysis without sources, nor of numbers
        that it has not: shares of events that compete are not attributed.

    Raises:
        UserError: no declared event value occurs.
    """
    rows: list[Row] = []
    compared = [analysis for analysis in protocol.analyses if analysis.sources]
    weights = draws.weights(derive_cohort(records))[:replicates] if compared else np.empty((0, 0))
    for analysis in compared:
        setting = derive_setting(records, protocol, analysis, weights)
        for source in analysis.sources:
            if source != analysis.comparator:
                key = {"analysis": analysis.name, "source": source, "comparator": analysis.comparator}
                generator = draws.derive_generator("orders", analysis.name, source)
                swaps = Swaps(setting, source)
                rows += [row | key for row in (*_derive_rows(swaps, generator), *derive_carrier_rows(swaps))]
    return derive_table(rows)


def _derive_rows(swaps: Swaps, generator: np.random.Generator) -> Iterator[Row]:
    quantities = list_quantities(swaps)
    if not quantities:
        return
    same = compute_shares(swaps, quantities, generator, "same")
    own = compute_shares(swaps, quantities, generator, "own")
    for at, quantity in enumerate(quantities):
        name = {"term": quantity.term, "at": quantity.at}
        totals = compute_totals(swaps, quantity)
        parts = {variable: get_share(swaps, same, variable, at) for variable in swaps.variables}
        for row in (*_derive_total_rows(swaps, quantity, totals), *_derive_part_rows(swaps, quantity, parts),
                    *_derive_shares(totals, parts)):  # fmt: skip
            yield row | name
        for variable, part in parts.items():
            selection = derive_selection(get_share(swaps, own, variable, at), part, totals.selection.n)
            yield _derive_row("selection", selection, variable=variable, **_describe(swaps, quantity, selection)) | name


def _derive_total_rows(swaps: Swaps, quantity: Quantity, totals: Totals) -> Iterator[Row]:
    yield _derive_row("attribution_start", totals.start, unit=quantity.unit)
    yield _derive_row("shift", totals.own, **_describe(swaps, quantity, totals.own), **_OWN)
    yield _derive_row("shift", totals.same, **_describe(swaps, quantity, totals.same))
    yield _derive_row("selection", totals.selection, **_describe(swaps, quantity, totals.selection))


def _derive_part_rows(swaps: Swaps, quantity: Quantity, parts: dict[str, Part]) -> Iterator[Row]:
    for variable, part in parts.items():
        yield _derive_row("shapley", part, variable=variable, **_describe(swaps, quantity, part))
        for metric, swap in zip(("swap_in", "swap_out"), compute_swaps(swaps, quantity, variable), strict=True):
            yield _derive_row(metric, swap, variable=variable, **_describe(swaps, quantity, swap))
        if part.error:
            error = part._replace(drawn=part.drawn * 0 + part.error)
            yield _derive_row("monte_carlo_error", error, variable=variable, unit=quantity.unit)


def _describe(swaps: Swaps, quantity: Quantity, part: Part) -> Row:
    method = "sampled_paired_t" if part.error else "paired_t"
    return {"unit": quantity.unit, "level": swaps.setting.protocol.level, "method": method}


def _derive_row(metric: str, part: Part, **fields: Any) -> Row:
    shared = {"n": part.n, "k": part.k} | fields
    if np.isnan(part.drawn[0]):
        return build_row(metric, status=Status.NOT_ESTIMABLE, reason=part.reason or Reason.NOT_CONVERGED, **shared)
    if "level" not in fields:
        return build_row(metric, part.drawn[0], **shared)
    return build_row(metric, part.drawn[0], **shared, **_compute_interval(part, fields["level"]))


def _compute_interval(part: Part, level: float) -> Row:
    """Return bounds and replicates of a part; none where the replicates do not vary or too few have a value."""
    drawn = part.drawn[1:]
    known = drawn[~np.isnan(drawn)]
    fields: Row = {"replicates": len(known)}
    if part.k == 0 or len(known) < max(2, _ENOUGH * len(drawn)) or float(np.ptp(known)) <= _NONE:
        return fields | {"reason": Reason.NO_INTERVAL}
    half = float(stats.t.ppf(0.5 + level / 2, part.k)) * math.hypot(float(np.std(known, ddof=1)), part.error)
    return fields | {"lower": part.drawn[0] - half, "upper": part.drawn[0] + half}


def _derive_shares(totals: Totals, parts: dict[str, Part]) -> Iterator[Row]:
    total = float(totals.own.drawn[0])
    moved = sum(abs(float(part.drawn[0])) for part in (totals.selection, *parts.values()))
    tiny = abs(total) <= max(_NONE, CANCELLING * moved)
    for variable, part in {"": totals.selection, **parts}.items():
        metric = "shapley_share" if variable else "selection_share"
        share = part._replace(drawn=np.array([np.nan]), reason=totals.own.reason or part.reason or Reason.NO_SHIFT)
        if not tiny and not np.isnan(total):
            share = part._replace(drawn=part.drawn[:1] / total + 0.0)
        yield _derive_row(metric, share, variable=variable)
