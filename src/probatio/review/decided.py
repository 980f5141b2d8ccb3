"""The cases that people decided, one row each: what stands, whether it was changed, and whether it is right."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from probatio.comparison import Comparison
from probatio.protocol import Protocol, Source
from probatio.records import Records

CASE: Final = ["patient_id", "variable", "visit", "event"]
CONFIDENCE_CUTS: Final = (0.5, 0.8, 0.9, 0.95)
NONE, SAME, OTHER = "none", "same", "other"
_ERRORS = ("W", "O", "U")
_SAID = ("value", "negative")


def derive_decided(records: Records, comparison: Comparison, protocol: Protocol, source: Source) -> pd.DataFrame:
    """Return the decided cases of a source after review.

    Args:
        records: the study's tables, with the decisions.
        comparison: of every source with the reference.
        protocol: what was shown beside.
        source: with `reviewed`.

    Returns:
        One row per case, sorted: `patient_id, variable, visit, event`; `decision` that stands, "unresolved" where two
        differ; `changed`, `double` (read by two), `adjudicated`; `selection_probability`; `confidence` class of the
        value reviewed ("none" without one); `shown`: whether a competing value was the `same`, an `other`, or `none`;
        `before` and `after`: 1 where the value is wrong against the reference, 0 where it is right, NaN where that is
        not known; `weight` of the reference's sampling. Decisions about repeated events have no `before` and `after`:
        which event of the reference they are about is a matter of matching.
    """
    readings = records.decisions[records.decisions["source"] == source.name]
    by_case = readings.groupby(CASE, sort=True)
    cases = by_case.agg(n=("role", "size"), resolution=("resolution", "first"),
                        selection_probability=("selection_probability", "first"),
                        value=("before", "first")).reset_index()  # fmt: skip
    standing = readings[readings["stands"].astype(bool)]
    cases = cases.merge(standing[[*CASE, "decision", "changed"]], on=CASE, how="left")
    cases["decision"] = cases["decision"].fillna("unresolved")
    cases["changed"] = cases["changed"].eq(True)
    cases["double"] = cases["n"] > 1
    for word in ("adjudicated", "unresolved"):
        cases[word] = cases["resolution"] == word
    of = source.reviewed.of if source.reviewed else ""
    cases["confidence"] = _classify(_find_confidence(cases, records, of))
    cases["shown"] = _compare_shown(cases, records, _list_shown(protocol, of))
    return _add_errors(cases, comparison, protocol, of, source.name).drop(columns=["n", "value", "resolution"])


def _list_shown(protocol: Protocol, of: str) -> list[str]:
    return protocol.review.competing if protocol.review and protocol.review.source == of else []


def _find_confidence(cases: pd.DataFrame, records: Records, of: str) -> pd.Series:
    own = records.records[records.records["source"] == of]
    found = cases[CASE].merge(own[[*CASE, "confidence"]].drop_duplicates(CASE), on=CASE, how="left")
    return found["confidence"].astype(float)


def _classify(confidence: pd.Series) -> pd.Series:
    """Return the class of each confidence, as in `0.5-0.8` (the upper limit left out), "none" without one."""
    limits = (0.0, *CONFIDENCE_CUTS, 1.0)
    names = [f"{low:g}-{high:g}" for low, high in pairwise(limits)]
    place = np.searchsorted(CONFIDENCE_CUTS, confidence.fillna(0).to_numpy(), side="right")
    return pd.Series(np.where(confidence.isna(), NONE, np.array(names)[place]), index=confidence.index, dtype=object)


def _compare_shown(cases: pd.DataFrame, records: Records, shown: list[str]) -> pd.Series:
    """Return whether any value shown beside is the source's own: same, other, or none shown."""
    beside = records.records[records.records["source"].isin(shown) & records.records["state"].isin(_SAID)]
    beside = beside[beside["event"] == ""]
    merged = cases[[*CASE, "value"]].merge(beside[[*CASE, "value"]], on=CASE, how="left", suffixes=("", "_beside"))
    merged["same"] = merged["value"] == merged["value_beside"]
    merged["there"] = merged["value_beside"].notna()
    found = merged.groupby(CASE, sort=True)[["same", "there"]].any()
    words = np.select([found["same"], found["there"]], [SAME, OTHER], NONE)
    return pd.Series(words, index=cases.index, dtype=object)


def _add_errors(cases: pd.DataFrame, comparison: Comparison, protocol: Protocol, of: str, after: str) -> pd.DataFrame:
    reference = protocol.reference.name if protocol.reference else ""
    pairs = comparison.pairs
    pairs = pairs[(pairs["kind"] == "error") & (pairs["comparator"] == reference) & (pairs["event"] == "")]
    for name, source in (("before", of), ("after", after)):
        own = pairs.loc[pairs["source"] == source, [*CASE, "outcome", "weight"]]
        wrong = own.assign(**{name: own["outcome"].isin(_ERRORS).astype(float)})
        kept = [*CASE, name, "weight"] if name == "before" else [*CASE, name]
        cases = cases.merge(wrong[kept], on=CASE, how="left")
    return cases
