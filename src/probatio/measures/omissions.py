"""Was an omitted value in the documents at all? Omissions split into absent, missed and unknown.

An omission counts as an error of the source either way; what differs is the remedy. A source cannot read what
it was not given.

| metric | share of the omissions (O) where | range |
|---|---|---|
| omission_absent_share | the patient's supplied documents do not state the value | [0, 1] |
| omission_missed_share | they state it | [0, 1] |
| omission_unknown_share | nothing tells | [0, 1] |

The three add up to 1. The variable's `mentioned` pattern decides first: *absent* where the texts of all the
patient's documents are at hand and none matches, *missed* where one matches. A match does not tell of which visit
or event it speaks, so it decides nothing for a variable that has several. Where the pattern does not decide, a
value is *missed* if the reference, or a source that gives the reference's value, cites one of the patient's
documents for it. *Unknown* is the rest. Citation comes second because a source may infer what no document states
(a language model writes M0 where a report is silent). A pattern that is too narrow calls missed values absent: it
belongs to the protocol, written before the data are seen. Wilson's interval, clustered by patient, weighted as the
error.

The first share is what Weiskopf et al. 2013 (J Biomed Inform 46:830) call incomplete documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.resampling import compute_clustered_mean
from probatio.results import derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol, Variable
    from probatio.records import Records

SHARES = ("omission_absent_share", "omission_missed_share", "omission_unknown_share")
_ABSENT, _MISSED, _UNKNOWN = range(3)
_CELL = ["variable", "visit", "patient_id"]
_GROUP = ["source", "comparator", "variable"]


class Mentions(NamedTuple):
    """What texts tell: the (variable, patient_id) that are mentioned, and the patients whose texts are all read."""

    found: set[tuple[str, str]]
    read: set[str]


def estimate_omissions(
    comparison: Comparison, records: Records, texts: Mapping[str, str], protocol: Protocol
) -> pd.DataFrame:
    """Return the three shares of every source's omissions, per variable compared with the reference.

    Args:
        comparison: values beside the reference's; attributes of events are left out.
        records: which documents were supplied, and which document a value is cited from.
        texts: text of each document by document_id; documents without one leave their patient's omissions unknown.
        protocol: variables with their `mentioned` pattern, level.

    Returns:
        The sorted table of result rows; empty without a reference.
    """
    pairs = comparison.pairs
    judged = pairs[(pairs["kind"] == "error") & ~pairs["variable"].str.contains(".", regex=False)]
    if judged.empty:
        return derive_table([])
    omitted = judged[judged["outcome"] == "O"]
    fate = _derive_fate(omitted, judged, records, texts, protocol)
    groups = judged[_GROUP].drop_duplicates().sort_values(_GROUP, ignore_index=True)
    place = omitted[_GROUP].merge(groups.reset_index(), on=_GROUP, how="left")["index"].to_numpy(dtype=np.int64)
    patient = np.unique(omitted["patient_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    weight, level = omitted["weight"].to_numpy(dtype=float), float(protocol.level)
    frames = []
    for code, metric in enumerate(SHARES):
        mean = compute_clustered_mean((fate == code).astype(np.int8), place, patient, weight, len(groups))
        interval = compute_reporting_interval(mean, level)
        frames.append(derive_rate_rows(groups, metric, mean, interval, level=level, unit="patient"))
    return derive_table(pd.concat(frames, ignore_index=True))


def _derive_fate(
    omitted: pd.DataFrame, judged: pd.DataFrame, records: Records, texts: Mapping[str, str], protocol: Protocol
) -> np.ndarray:
    """Return absent, missed or unknown for each omission."""
    declared = {variable.name: variable for variable in protocol.variables}
    mentions = derive_mentions(records, texts, protocol, set(omitted["patient_id"]))
    cited = _list_cited(judged, records)
    fate = np.full(len(omitted), _UNKNOWN)
    for at, (name, visit, patient) in enumerate(omitted[_CELL].itertuples(index=False, name=None)):
        mentioned, repeated = (name, patient) in mentions.found, _is_repeated(declared[name])
        if declared[name].mentioned and patient in mentions.read and not mentioned:
            fate[at] = _ABSENT
        elif (mentioned and not repeated) or (name, visit, patient) in cited:
            fate[at] = _MISSED
    return fate


def derive_mentions(records: Records, texts: Mapping[str, str], protocol: Protocol, patients: set[str]) -> Mentions:
    """Return what the documents of some patients mention; each text is read once and not kept.

    Args:
        records: the supplied documents.
        texts: text by document_id.
        protocol: variables with their `mentioned` pattern, searched case aside.
        patients: whose documents to read.
    """
    patterns = {v.name: re.compile(v.mentioned, re.IGNORECASE) for v in protocol.variables if v.mentioned}
    found: set[tuple[str, str]] = set()
    supplied = records.documents[records.documents["patient_id"].isin(patients)] if patterns else records.documents[:0]
    held = supplied["document_id"].isin(set(texts))
    for document, patient in supplied.loc[held, ["document_id", "patient_id"]].itertuples(index=False, name=None):
        text = texts[document]
        found.update((name, patient) for name, pattern in patterns.items() if pattern.search(text))
    return Mentions(found, set(supplied["patient_id"]) - set(supplied.loc[~held, "patient_id"]))


def _list_cited(judged: pd.DataFrame, records: Records) -> set[tuple[str, str, str]]:
    """Return the cells whose true value somebody cites from one of the patient's documents; events have none."""
    right = judged.loc[(judged["outcome"] == "C") & (judged["event"] == ""), ["source", *_CELL]]
    reference = judged[["comparator", *_CELL]].rename(columns={"comparator": "source"})
    single = (records.records["event"] == "") & (records.records["state"] == "value")
    told = records.records.loc[single, ["source", *_CELL, "document_id"]]
    owned = records.documents[["document_id", "patient_id"]]
    cells = pd.concat([right, reference]).drop_duplicates().merge(told, on=["source", *_CELL])
    return set(cells.merge(owned, on=["document_id", "patient_id"])[_CELL].itertuples(index=False, name=None))


def _is_repeated(variable: Variable) -> bool:
    return variable.type == "events" or len(variable.visits) > 1
