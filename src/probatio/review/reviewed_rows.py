"""A source after review, in numbers: what people decided, how right they are, and the error before and after.

| metric | estimate | analysis |
|---|---|---|
| error_rate, omission_rate, unsupported_share | of the source, and of the source after review | before_after |
| error_difference, omission_difference, unsupported_difference | after minus before, same values | before_after |

Rates and paired differences are those of `measures.outcomes` and `measures.paired`, over all values, reviewed or not:
negative differences favour the review. The other rows are told in `decision_rows` and `reading_rows`.
"""

from __future__ import annotations

import pandas as pd

from probatio.comparison import Comparison
from probatio.measures.cells import derive_cells, derive_pooled
from probatio.measures.outcomes import ERROR_RATES, estimate_rate
from probatio.measures.paired import estimate_difference
from probatio.protocol import Protocol, Source
from probatio.records import Records
from probatio.resampling import Draws
from probatio.results import derive_table
from probatio.review.decided import derive_decided
from probatio.review.decision_rows import estimate_decisions, estimate_reviewer_error
from probatio.review.reading_rows import estimate_double_readings, estimate_minutes
from probatio.review.shares import Shares

_BEFORE_AFTER = ("error_rate", "omission_rate", "unsupported_share")


def estimate_review(records: Records, comparison: Comparison, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return the rows of every source after review.

    Args:
        records: the study's tables, with the decisions.
        comparison: of every source with the reference.
        protocol: sources, level.
        draws: replicate design; its unit is what intervals take as independent.

    Returns:
        The sorted table of result rows; empty where no source is another one after review.
    """
    reviewed = [source for source in protocol.sources if source.reviewed]
    frames = [frame for source in reviewed for frame in _estimate(source, records, comparison, protocol, draws)]
    filled = [frame for frame in frames if len(frame)]
    return derive_table(pd.concat(filled, ignore_index=True)) if filled else derive_table([])


def _estimate(
    source: Source, records: Records, comparison: Comparison, protocol: Protocol, draws: Draws
) -> list[pd.DataFrame]:
    readings = records.decisions[records.decisions["source"] == source.name]
    before_after = _estimate_before_after(source, comparison, protocol, draws.unit)
    if readings.empty:
        return [before_after]
    cases = derive_decided(records, comparison, protocol, source)
    assessed = records.assessments
    asked = assessed.loc[assessed["source"] == source.name, "variable"].value_counts()
    of = source.reviewed.of if source.reviewed else ""
    shares = Shares(comparison.patients["centre"], draws.unit, float(protocol.level),
                    {"source": source.name, "comparator": of})  # fmt: skip
    reference = protocol.reference.name if protocol.reference else ""
    beside = Shares(shares.centres, shares.unit, shares.level, {"source": source.name, "comparator": reference})
    return [
        estimate_decisions(cases, readings, asked, shares),
        estimate_reviewer_error(cases, beside),
        estimate_double_readings(cases, readings, shares),
        estimate_minutes(readings, comparison.patients, shares, draws),
        before_after,
    ]


def _estimate_before_after(source: Source, comparison: Comparison, protocol: Protocol, unit: str) -> pd.DataFrame:
    """Return the error of the source as delivered and after review, and the paired difference on the same values."""
    of = source.reviewed.of if source.reviewed else ""
    pairs = comparison.pairs
    pairs = pairs[(pairs["kind"] == "error") & pairs["source"].isin([of, source.name])]
    if protocol.reference is None or pairs.empty:
        return derive_table([])
    cells = derive_cells(pairs, comparison.patients, protocol, unit=unit)
    level = float(protocol.level)
    rates = [rate for rate in ERROR_RATES if rate.metric in _BEFORE_AFTER]
    frames = [estimate_rate(each, each.groups, each.group, rate, level=level, unit=unit)
              for each in (cells, derive_pooled(cells)) for rate in rates]  # fmt: skip
    frames += estimate_difference(cells, source.name, of, protocol.reference.name, level=level, unit=unit)
    return derive_table(
        pd.concat([frame for frame in frames if len(frame)], ignore_index=True), analysis="before_after"
    )
