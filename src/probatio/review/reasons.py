"""Why a value was routed to review: closed codes, worded by `wording` (kinds `queue_reason` and `queue_sentence`)."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pandas as pd

from probatio.resampling import Floats

SEPARATOR = "|"


class QueueReason(StrEnum):
    """Why a value stands in the queue, in the order in which a reviewer is told."""

    NOT_CONFORMANT = "not_conformant"
    BROKEN_RULE = "broken_rule"
    OMITTED = "omitted"
    FOUND_ELSEWHERE = "found_elsewhere"
    MENTIONED = "mentioned"
    DISAGREEMENT = "disagreement"
    UNOPPOSED = "unopposed"
    LOW_CONFIDENCE = "low_confidence"
    HIGH_CONSEQUENCE = "high_consequence"
    EXPECTED_GAIN = "expected_gain"
    CONCORDANT_SAMPLE = "concordant_sample"
    RANDOM_SAMPLE = "random_sample"


def derive_reasons(gains: pd.DataFrame, kind: pd.Series, *, floor: float) -> pd.Series:
    """Return the codes of each value, joined by "|"; every value has one.

    A value drawn by chance has that reason alone, for it was not chosen. `low_confidence`: the technology gives a
    confidence, and the value's probability of error lies above the mean of all. `high_consequence`: above the floor.
    `expected_gain` where nothing else can be said: its turn has come.

    Args:
        gains: as `derive_gains` returns them.
        kind: per value, `doubtful`, `concordant` or `random`.
        floor: consequence of a variable that no analysis reads.
    """
    doubtful = (kind == "doubtful").to_numpy()
    said = {code: told & doubtful for code, told in _find_reasons(gains, floor).items()}
    nothing = doubtful & ~np.any(list(said.values()), axis=0)
    said[QueueReason.EXPECTED_GAIN] = nothing
    said[QueueReason.CONCORDANT_SAMPLE] = (kind == "concordant").to_numpy()
    said[QueueReason.RANDOM_SAMPLE] = (kind == "random").to_numpy()
    texts = np.full(len(gains), "", dtype=object)
    for code, told in said.items():
        texts[told] += f"{SEPARATOR}{code}"
    return pd.Series(texts, index=gains.index, dtype=object).str.removeprefix(SEPARATOR)


def _find_reasons(gains: pd.DataFrame, floor: float) -> dict[QueueReason, np.ndarray]:
    """Return which values each reason holds for, in the order in which they are told."""
    delivered = gains["delivered"].to_numpy(dtype=bool)
    agreement: Floats = gains["agreement"].to_numpy(dtype=float)
    doubted = (gains["probability"] > gains["probability"].mean()).to_numpy()
    return {
        QueueReason.NOT_CONFORMANT: delivered & ~gains["conformant"].to_numpy(dtype=bool),
        QueueReason.BROKEN_RULE: gains["violated"].to_numpy(dtype=int) > 0,
        QueueReason.OMITTED: ~delivered,
        QueueReason.FOUND_ELSEWHERE: ~delivered & (agreement < 1),
        QueueReason.MENTIONED: ~delivered & gains["mentioned"].eq("yes").to_numpy(),
        QueueReason.DISAGREEMENT: delivered & (agreement < 1),
        QueueReason.UNOPPOSED: delivered & np.isnan(agreement),
        QueueReason.LOW_CONFIDENCE: delivered & gains["confidence"].notna().to_numpy() & doubted,
        QueueReason.HIGH_CONSEQUENCE: (gains["consequence"] > floor).to_numpy(),
    }
