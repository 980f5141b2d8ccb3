"""Which patients recalibrate, which choose the threshold, which judge: no patient does two of these."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Confidence, Protocol, UserError
from probatio.resampling import Draws

TUNING, SELECTION, EVALUATION = "tuning", "selection", "evaluation"
SPLITS: Final = (TUNING, SELECTION, EVALUATION)
_GOLDEN: Final = 0.6180339887498949


def derive_splits(patients: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """Return the part of each patient: "tuning", "selection", "evaluation"; "" who has no part.

    Only evaluated patients with a reference have one. Within each centre they stand in an order drawn by chance; the
    i-th patient of all takes the place u + i x 0.618... modulo 1 (Weyl's sequence with the golden ratio; Niederreiter
    1992, chapter 3), u drawn once. Below the share `tuning` the place means tuning, below `tuning` + `selection`
    selection. Every patient has exactly these probabilities, and each centre's numbers stay close to its shares.
    Where the protocol names an attribute (`split`) the parts are those it gives.

    Args:
        patients: the patients table, indexed by `patient_id`.
        protocol: without `confidence`, or without a reference, nobody has a part.

    Returns:
        texts by `patient_id`, in the order of the table.

    Raises:
        UserError: the declared attribute gives a patient with a reference no part, or another word.
    """
    parts = pd.Series("", index=patients.index, dtype=object, name="split")
    declared = protocol.confidence
    if declared is None or protocol.reference is None:
        return parts
    labelled = ~patients["development"].astype(bool) & patients["reference_sampled"].astype(bool)
    members = patients[labelled].sort_index()
    given = _draw(members, declared, protocol) if declared.split is None else _read(members, declared.split)
    parts.loc[given.index] = given
    return parts


def check_disjoint(patient_id: pd.Series, split: pd.Series) -> None:
    """Refuse parts that share a patient: what is fitted on a patient must not be judged on the same one.

    Args:
        patient_id: per value.
        split: per value, its part; "" counts for none.

    Raises:
        UserError: a patient has values in two parts; the sentence names the parts, and no patient.
    """
    told = pd.DataFrame({"patient_id": patient_id.to_numpy(), "split": split.to_numpy()})
    told = told[told["split"] != ""].drop_duplicates()
    shared = told[told.duplicated("patient_id", keep=False)]
    if shared.empty:
        return
    parts = ", ".join(sorted(set(shared["split"])))
    raise UserError(
        f"confidence: split: {shared['patient_id'].nunique()} patients stand in more than one of {parts}; "
        f"give every patient one part."
    )


def _draw(members: pd.DataFrame, declared: Confidence, protocol: Protocol) -> pd.Series:
    draws = Draws(seed=protocol.resampling.seed, frame="confidence", unit="patient", replicates=1)
    generator = draws.derive_generator("splits")
    start, chance = generator.random(), generator.random(len(members))
    centre = members["centre"].fillna("").astype(str).to_numpy()
    order = np.lexsort((chance, centre))
    place = np.empty(len(members))
    place[order] = (start + np.arange(len(members)) * _GOLDEN) % 1.0
    limits = [declared.tuning, declared.tuning + declared.selection]
    words: NDArray[np.object_] = np.array(SPLITS, dtype=object)[np.searchsorted(limits, place, side="right")]
    return pd.Series(words, index=members.index, dtype=object)


def _read(members: pd.DataFrame, name: str) -> pd.Series:
    given = members[name].fillna("").astype(str)
    if wrong := int((~given.isin(SPLITS)).sum()):
        raise UserError(
            f"confidence: split: {wrong} of {len(given)} patients with a reference have none of {', '.join(SPLITS)} in "
            f"{name}, or more than one of them; give each exactly one."
        )
    return given.astype(object)
