"""What reviewing each value is expected to bring: probability of error x consequence for the use, per minute.

The probability comes from the recalibrated confidence, fitted on tuning patients (`confidence`), or for a value that
was not given from the share of omissions among such cells (`omitted`). The consequence is that of `consequence`.
Ordering by expected benefit over cost is the greedy rule for a budget (Dantzig 1957, Oper Res 5:266); as values cost
alike it is optimal here, up to the last value.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.measures.omissions import Mentions
from probatio.protocol import Protocol, Review
from probatio.resampling import Floats
from probatio.review.omitted import compute_omission, derive_mentioned
from probatio.review.tables import derive_case_id

CASE: Final = ["patient_id", "variable", "visit", "event"]


def derive_gains(
    scored: pd.DataFrame,
    right: pd.Series,
    protocol: Protocol,
    *,
    consequences: pd.DataFrame,
    mentions: Mentions | None = None,
) -> pd.DataFrame:
    """Return the values of the reviewed source with the expected gain of reviewing each, first the largest.

    Values of equal gain stand in the order of their case's name, which is as good as chance: no centre or patient
    comes first because of its name.

    Args:
        scored: every value of every source, as `derive_scored` returns it.
        right: probability of being right of each row of `scored`, as `derive_calibrated` returns it.
        protocol: with a review.
        consequences: as `derive_consequences` returns them.
        mentions: what the patients' documents mention, as `measures.omissions.derive_mentions` returns it.

    Returns:
        The rows of the source (and of the variables that the review names) with `probability` of error,
        `consequence`, `gain`, `mentioned` and `case_id`.

    Raises:
        ValueError: the protocol declares no review.
    """
    review = get_review(protocol)
    own = scored.assign(right=right.to_numpy(dtype=float))
    own = own[(own["source"] == review.source) & own["variable"].isin(_list_reviewed(protocol, review))]
    own = own.assign(mentioned=derive_mentioned(own, protocol, mentions))
    own["probability"] = _compute_probability(own, protocol)
    told = consequences.set_index(["variable", "visit"])["consequence"]
    own["consequence"] = told.reindex(pd.MultiIndex.from_frame(own[["variable", "visit"]])).fillna(1.0).to_numpy()
    own["gain"] = own["probability"] * own["consequence"] / review.minutes_per_value
    own["case_id"] = [
        derive_case_id(protocol.study, review.source, patient_id=patient, variable=variable, visit=visit, event=event)
        for patient, variable, visit, event in own[CASE].itertuples(index=False, name=None)
    ]
    ordered = own.sort_values(["gain", "probability", "case_id"], ascending=[False, False, True], ignore_index=True)
    return ordered.drop(columns="right")


def get_review(protocol: Protocol) -> Review:
    """Return the declared review.

    Raises:
        ValueError: there is none.
    """
    if protocol.review is None:
        raise ValueError(f"{protocol.study}: the protocol declares no review")
    return protocol.review


def _list_reviewed(protocol: Protocol, review: Review) -> list[str]:
    return review.variables or [variable.name for variable in protocol.variables]


def _compute_probability(own: pd.DataFrame, protocol: Protocol) -> Floats:
    """Return the probability of error, from the score where nothing was fitted; one half where nothing is known."""
    delivered = own["delivered"].to_numpy(dtype=bool)
    right = own["right"].fillna(own["score"]).to_numpy(dtype=float)
    probability: Floats = np.nan_to_num(1.0 - right, nan=0.5)
    if not delivered.all():
        probability[~delivered] = compute_omission(own[~delivered], protocol)
    return np.clip(probability, 0.0, 1.0)
