"""Records of small studies written by hand, without files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.records.tables import CELL, DOCUMENT_COLUMNS, FLOW_COLUMNS, RECORD_COLUMNS, REJECTED_COLUMNS

LABEL = {"en": "x", "fr": "x"}
FILE = {"path": "x.csv", "layout": "long"}
ROLES = {"reference": "reference", "ai": "ai", "ai2": "ai", "manual": "manual", "first": "reading", "second": "reading"}
# A value as tests write it: text, None for nothing, "failed", "negative", or "!text" for one that does not conform.
Said = str | None


def make_protocol(
    variables: Iterable[Mapping[str, Any]], sources: Iterable[str] = ("reference", "ai"), technology: str = ""
) -> Protocol:
    """Return a protocol over these variables and sources; with `technology`, its AIs are runs of one."""
    labelled = []
    for variable in variables:
        attributes = {name: {"label": LABEL, **given} for name, given in variable.get("attributes", {}).items()}
        labelled.append({"label": LABEL, **variable, **({"attributes": attributes} if attributes else {})})
    return Protocol.model_validate(
        {
            "study": "small",
            "title": LABEL,
            "data": ".",
            "resampling": {"seed": 1},
            "patients": {"file": {"path": "p.csv"}},
            "sources": [
                {"name": n, "label": LABEL, "role": ROLES[n], "files": [FILE]}
                | ({"technology": technology, "primary": n == "ai2"} if technology and ROLES[n] == "ai" else {})
                for n in sources
            ],
            "variables": labelled,
        }
    )


def make_records(
    said: Iterable[tuple[str, str, str, Said]],
    *,
    assessed: Iterable[tuple[str, str, str]] = (),
    probability: Mapping[str, float] | None = None,
    development: Iterable[str] = (),
) -> Records:
    """Return records from (source, variable, patient, value); `variable@visit#event` names more.

    Every cell that is said, None included, is assessed; `assessed` adds (source, variable, patient).
    """
    rows, cells = [], set()
    for source, where, patient, text in said:
        rest, _, event = where.partition("#")
        variable, _, visit = rest.partition("@")
        cells.add((source, variable.partition(".")[0], visit, patient))
        if text is not None:
            rows.append(_make_row(source, variable, visit, event, patient, text))
    cells |= {
        (source, where.partition("@")[0], where.partition("@")[2], patient) for source, where, patient in assessed
    }
    patients = sorted({cell[3] for cell in cells})
    table = pd.DataFrame(index=pd.Index(patients, name="patient_id"))
    table["centre"] = [f"C{patient[-1]}" for patient in patients]
    table["development"] = [patient in set(development) for patient in patients]
    table["reference_sampled"] = True
    table["sampling_stratum"] = ""
    table["sampling_probability"] = [(probability or {}).get(patient, 1.0) for patient in patients]
    table["sex"] = "F"
    return Records(
        patients=table,
        documents=pd.DataFrame(columns=[*DOCUMENT_COLUMNS]),
        assessments=pd.DataFrame(sorted(cells), columns=[*CELL]),
        records=pd.DataFrame(rows, columns=[*RECORD_COLUMNS]).astype({"conformant": bool, "confidence": float}),
        rejected=pd.DataFrame(columns=[*REJECTED_COLUMNS]),
        flow=pd.DataFrame(columns=[*FLOW_COLUMNS]),
    )


def _make_row(source: str, variable: str, visit: str, event: str, patient: str, text: str) -> dict[str, Any]:
    state = text if text in ("failed", "negative", "not_documented") else "value"
    value, _, confidence = text.partition(" %")
    return {
        "patient_id": patient,
        "source": source,
        "variable": variable,
        "visit": visit,
        "event": event,
        "value": value.removeprefix("!") if state == "value" else "",
        "state": state,
        "conformant": not text.startswith("!"),
        "confidence": float(confidence) / 100 if confidence else None,
    }
