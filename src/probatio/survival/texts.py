"""What one source says of the patients, as text, a row per evaluated patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probatio.protocol import Protocol, UserError
from probatio.records import Records
from probatio.records.canonical import derive_number_text

EVENT_SEPARATOR = "\n"
"""Stands between the events of a patient in one cell of an attribute of repeated events."""


def derive_wide(records: Records, protocol: Protocol, source: str, cells: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the texts of variables (from one source) and of patient attributes, a row per evaluated patient.

    Args:
        records: the study's tables.
        protocol: tells variables from attributes.
        source: whose values; "" where only attributes are wanted.
        cells: pairs of name and visit ("" where there is none).

    Returns:
        Index `patient_id`, sorted; a column per name, `name@visit` with a visit. NA where the source delivered no
        conformant value; "" for an explicit negative. An attribute of repeated events holds one event a line, the
        same event on the same line of every attribute. `centre` is the patient's.

    Raises:
        UserError: a variable is wanted and no source is named.
    """
    patients = records.patients[~records.patients["development"].astype(bool)].sort_index()
    columns = {}
    for name, visit in dict.fromkeys(cells):
        if name == "centre" or name in protocol.patients.attributes:
            texts = patients[name].map(_derive_text).replace("", None)
        elif source and "." in name:
            texts = _derive_events(records.records, source, name).reindex(patients.index)
        elif source:
            texts = _derive_delivered(records.select_values(source, name, visit)).reindex(patients.index)
        else:
            raise UserError(
                f"analyses: {name} is collected by sources and none is named; name sources and a comparator."
            )
        columns[f"{name}@{visit}" if visit else name] = texts.astype(object)
    return pd.DataFrame(columns, index=patients.index)


def _derive_delivered(chosen: pd.DataFrame) -> pd.Series:
    told = chosen[(chosen["state"] == "value") & chosen["conformant"].astype(bool) | (chosen["state"] == "negative")]
    texts = told["value"].where(told["state"] == "value", "").set_axis(told["patient_id"])
    return texts[~texts.index.duplicated()]


def _derive_events(records: pd.DataFrame, source: str, name: str) -> pd.Series:
    """Return an attribute of every event, a line per event; events of which the source gives any attribute count."""
    mine = records[(records["source"] == source) & records["variable"].str.startswith(f"{name.partition('.')[0]}.")]
    told = mine[(mine["state"] == "value") & mine["conformant"].astype(bool)]
    events = told[["patient_id", "event"]].drop_duplicates().sort_values(["patient_id", "event"])
    own = told[told["variable"] == name].drop_duplicates(["patient_id", "event"])
    lines = events.merge(own[["patient_id", "event", "value"]], how="left").fillna({"value": ""})
    return lines.groupby("patient_id")["value"].agg(EVENT_SEPARATOR.join)


def _derive_text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else derive_number_text(float(value))
    return "" if value is None or value is pd.NA else str(value)
