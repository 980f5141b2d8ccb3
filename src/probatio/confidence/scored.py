"""Every value that an AI source was to deliver, with all that is known of its chance of being right.

One row per cell asked of a source (single values at their visit), and per delivered line of repeated events, of every
evaluated patient, with reference or without. An event line is right when the reference has it; its attributes are
other values, judged elsewhere. A missing value is a row too: it is wrong (an omission) when the reference
holds a value.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.checks import RULE, list_violations
from probatio.comparison import Comparison, derive_event_confidence, derive_events
from probatio.confidence.others import CELL, KEY, derive_agreement, derive_matched, list_scored
from probatio.confidence.splits import check_disjoint, derive_splits
from probatio.protocol import Protocol, Variable
from probatio.records import Records

SCORED_COLUMNS: Final = (
    "source", "variable", "visit", "event", "patient_id", "centre", "document_type", "delivered", "confidence",
    "agreement", "violated", "conformant", "score", "split", "outcome", "error", "weight",
)  # fmt: skip
_WRONG: Final = {"C": 0.0, "B": 0.0, "W": 1.0, "U": 1.0, "O": 1.0}
_OWN: Final = [*KEY, "delivered", "confidence", "conformant", "document_id"]
_WITHIN: Final = ("plausibility_temporal", "plausibility_atemporal")


def derive_scored(records: Records, comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return one row per value that each AI source was to deliver, sorted, unique on its first five columns.

    | column | holds |
    |---|---|
    | delivered | a value (for a set, an explicit none too) |
    | document_type | type of the document cited for it, "" where none is |
    | confidence | as the source gives it, NaN where it gives none |
    | agreement | share of the other technologies and runs that agree (`others`), NaN where none answered |
    | violated | clinicians' rules broken that read the cell, and checks of plausibility its value fails |
    | score | chance of being right before recalibration: 0 if non-conformant, else confidence, else agreement |
    | split | tuning, selection, evaluation; "" where the patient is not evaluated or has no reference |
    | outcome | C, W, O, U, B (events: C or U), "" without reference |
    | error | 1 wrong, unsupported or omitted, 0 right (both absent included), NaN without reference |
    | weight | of the value against the reference; NaN without |

    Which of several values breaks a rule is not known: each that the rule reads is charged. A check that the study
    lets every value fail (threshold 1) counts for nothing.

    Raises:
        UserError: the declared split is none, or shares a patient.
    """
    parts = [_derive_source(records, comparison, protocol, source.name) for source in list_scored(protocol)]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=[*SCORED_COLUMNS])
    table = table.astype({"delivered": bool, "conformant": bool, "violated": int, "weight": float})
    table["outcome"] = table["outcome"].fillna("")
    table["error"] = table["outcome"].map(_WRONG).astype(float)
    table["split"] = table["patient_id"].map(derive_splits(records.patients, protocol)).fillna("")
    table["violated"] += _count_broken(table, records, protocol)
    table["score"] = np.where(table["confidence"].isna(), table["agreement"], table["confidence"])
    table.loc[~table["conformant"], "score"] = 0.0
    check_disjoint(table["patient_id"], table["split"])
    table = table[list(SCORED_COLUMNS)].astype(dict.fromkeys(("confidence", "agreement", "score"), float))
    return table.sort_values(list(SCORED_COLUMNS[:5]), kind="stable", ignore_index=True)


def _derive_source(records: Records, comparison: Comparison, protocol: Protocol, name: str) -> pd.DataFrame:
    evaluated = records.patients.index[~records.patients["development"].astype(bool)]
    cells = records.assessments
    asked = cells.loc[(cells["source"] == name) & cells["patient_id"].isin(evaluated), CELL]
    own = records.records[records.records["source"] == name]
    parts = [_derive_singles(asked, own, comparison, protocol, name)]
    for variable in (each for each in protocol.variables if each.type == "events"):
        parts.append(_derive_lines(asked[asked["variable"] == variable.name], own, records, protocol, variable))
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    types = records.documents.drop_duplicates("document_id").set_index("document_id")["type"]
    return table.assign(
        source=name,
        document_type=table["document_id"].map(types).fillna(""),
        centre=table["patient_id"].map(records.patients["centre"]).fillna(""),
        agreement=derive_agreement(records, protocol, name).reindex(pd.MultiIndex.from_frame(table[KEY])).to_numpy(),
        violated=0,
    )


def _derive_singles(
    asked: pd.DataFrame, own: pd.DataFrame, comparison: Comparison, protocol: Protocol, name: str
) -> pd.DataFrame:
    """Return the single values of a source with their error."""
    types = {variable.name: variable.type for variable in protocol.variables if variable.type != "events"}
    cells = asked[asked["variable"].isin(types)].assign(event="")
    said = own.loc[own["variable"].isin(types), [*CELL, "state", "conformant", "confidence", "document_id"]]
    cells = cells.merge(said, on=CELL, how="left")
    none = (cells["state"] == "negative") & (cells["variable"].map(types) == "set")
    cells["delivered"] = (cells["state"] == "value") | none
    cells["conformant"] = cells["conformant"].ne(False) | ~cells["delivered"]
    cells["confidence"] = cells["confidence"].where(cells["delivered"])
    cells["document_id"] = cells["document_id"].fillna("")
    judged = comparison.pairs
    judged = judged[(judged["source"] == name) & (judged["kind"] == "error") & (judged["event"] == "")]
    return cells[_OWN].merge(judged[[*CELL, "outcome", "weight"]], on=CELL, how="left")


def _derive_lines(
    asked: pd.DataFrame, own: pd.DataFrame, records: Records, protocol: Protocol, variable: Variable
) -> pd.DataFrame:
    """Return the delivered lines of one variable of repeated events with their error."""
    lines = _list_lines(own, variable)
    cells = asked[["visit", "patient_id"]].drop_duplicates()
    lines = lines.merge(cells, on=["visit", "patient_id"])
    if protocol.reference is None:
        return lines.assign(outcome="", weight=np.nan)
    both = [records.assessments["source"] == protocol.reference.name, records.assessments["variable"] == variable.name]
    labelled = cells.merge(records.assessments.loc[both[0] & both[1], ["visit", "patient_id"]])
    truth = records.records[records.records["source"] == protocol.reference.name]
    found = pd.DataFrame(
        derive_matched(labelled, own, truth, variable), columns=["visit", "patient_id", "event", "matched"]
    )
    found["outcome"] = np.where(found["matched"].astype(bool), "C", "U")
    found["weight"] = 1 / found["patient_id"].map(records.patients["sampling_probability"])
    return lines.merge(found.drop(columns="matched"), on=["visit", "patient_id", "event"], how="left")


def _list_lines(own: pd.DataFrame, variable: Variable) -> pd.DataFrame:
    """Return the columns of `_OWN` for each line; confidence and conformity are those of what lines are matched by."""
    rows = []
    if (matching := variable.match) is not None:
        for (visit, patient_id), events in derive_events(own, variable).items():
            for event in events:
                sound = not event.wrong & {*matching.on, matching.date}
                confidence = derive_event_confidence(event, matching)
                rows.append((variable.name, visit, patient_id, event.label, True, confidence, sound))
    table = pd.DataFrame(rows, columns=_OWN[:-1])
    mine = own[own["variable"].str.startswith(f"{variable.name}.") & own["document_id"].fillna("").ne("")]
    cited = mine.groupby(["visit", "patient_id", "event"])["document_id"].first().rename("document_id").reset_index()
    table = table.merge(cited, on=["visit", "patient_id", "event"], how="left")
    return table.assign(document_id=table["document_id"].fillna(""))


def _count_broken(table: pd.DataFrame, records: Records, protocol: Protocol) -> np.ndarray:
    """Return how many rules and checks each row breaks."""
    found = list_violations(records, protocol)
    counted = found["analysis"].isin(_WITHIN) & (found["threshold"].astype(float) < 1)
    values = found[counted].assign(variable=found["variable"].str.split(".").str[0])
    rules = found[found["analysis"] == RULE].assign(cell=found["variable"].str.split("|")).explode("cell")
    read = rules["cell"].astype(str).str.split(".").str[0].str.split("@")
    rules = rules.assign(variable=read.str[0], visit=read.str[1].fillna("")).drop_duplicates(["source", "rule", *CELL])
    key = ["source", *KEY]
    own = table[key].merge(values.groupby(key).size().rename("values").reset_index(), on=key, how="left")
    cell = ["source", *CELL]
    own = own.merge(rules.groupby(cell).size().rename("rules").reset_index(), on=cell, how="left")
    return own[["values", "rules"]].fillna(0).sum(axis=1).to_numpy(dtype=int)
