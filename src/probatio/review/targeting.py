"""Targeted review from end to end: from scored values to the queue, and to the rows of the review."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from probatio.comparison import Comparison
from probatio.measures.omissions import Mentions
from probatio.protocol import Protocol, Use
from probatio.records import Records
from probatio.resampling import Draws
from probatio.results import derive_series, derive_table
from probatio.review.consequence import derive_consequences
from probatio.review.effort_rows import EffortRows, estimate_effort
from probatio.review.queue import derive_queue, derive_queue_csv
from probatio.review.queue_rows import estimate_queue
from probatio.review.routing import CASE, derive_gains
from probatio.review.tables import QUEUE_COLUMNS


class Routed(NamedTuple):
    """The values of the reviewed source, routed for one use.

    Attributes:
        consequences: what an error of each variable and visit does.
        gains: every value with its expected gain, first the largest.
        queue: those to review, in order; confidential.
    """

    consequences: pd.DataFrame
    gains: pd.DataFrame
    queue: pd.DataFrame


def derive_routed(
    scored: pd.DataFrame,
    right: pd.Series,
    protocol: Protocol,
    *,
    rows: pd.DataFrame,
    mentions: Mentions | None = None,
    decided: pd.DataFrame | None = None,
    use: Use | None = None,
) -> Routed:
    """Return the queue of the protocol's review; without a review all tables are empty.

    Args:
        scored: every value of every source, as `derive_scored` returns it.
        right: probability of being right of each of its rows, as `derive_calibrated` returns it.
        protocol: with a review.
        rows: result rows of replication and tolerance, where they ran.
        mentions: what the patients' documents mention.
        decided: values that need no reading any more.
        use: whose margins count; None: that of the review.
    """
    if protocol.review is None:
        return Routed(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(columns=list(QUEUE_COLUMNS)))
    review = protocol.review
    consequences = derive_consequences(protocol, review.source, use or review.use, rows=rows)
    gains = derive_gains(scored, right, protocol, consequences=consequences, mentions=mentions)
    return Routed(consequences, gains, derive_queue(gains, protocol, decided=decided))


def derive_queue_files(queue: pd.DataFrame, protocol: Protocol) -> dict[str, bytes]:
    """Return `queue_<source>.csv` (confidential) by its name; nothing without a review."""
    return {f"queue_{protocol.review.source}.csv": derive_queue_csv(queue)} if protocol.review else {}


def select_decided(records: Records, protocol: Protocol) -> pd.DataFrame | None:
    """Return the values of the reviewed source that people decided, `patient_id, variable, visit, event`; None: none.

    They are those of the source after review, if the protocol declares one.
    """
    review = protocol.review
    names = [each.name for each in protocol.sources if review and each.reviewed and each.reviewed.of == review.source]
    decided = records.decisions.loc[records.decisions["source"].isin(names), CASE].drop_duplicates(ignore_index=True)
    return None if decided.empty else decided


def estimate_routing(
    scored: pd.DataFrame,
    right: pd.Series,
    protocol: Protocol,
    comparison: Comparison,
    *,
    rows: pd.DataFrame,
    draws: Draws,
    mentions: Mentions | None = None,
    decided: pd.DataFrame | None = None,
) -> EffortRows:
    """Return the rows of the queues of all uses and of the effort of review, and its curves; none without a review.

    Args:
        scored: every value of every source.
        right: probability of being right of each of its rows.
        protocol: with a review.
        comparison: sources beside the reference.
        rows: result rows of replication and tolerance, where they ran.
        draws: replicate weights, by patient.
        mentions: what the patients' documents mention.
        decided: what reviewers decided already: it tells how often they err; the queues in numbers are those before.
    """
    if protocol.review is None:
        return EffortRows(derive_table([]), derive_series([]))
    found = []
    for use in dict.fromkeys([protocol.review.use, *protocol.uses]):
        routed = derive_routed(scored, right, protocol, rows=rows, mentions=mentions, use=use)
        found.append(estimate_queue(routed.queue, routed.gains, protocol, consequences=routed.consequences,
                                    patients=comparison.patients, draws=draws, use=use))  # fmt: skip
    routed = derive_routed(scored, right, protocol, rows=rows, mentions=mentions)
    effort = estimate_effort(routed.gains, comparison, protocol, draws=draws, decided=decided)
    return EffortRows(derive_table(pd.concat([*found, effort.rows])), effort.series)
