"""One source's records written as values per patient, for the tests of rules and checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from probatio.checks.cells import Delivered, SourceCells
from probatio.checks.rules import compute_verdicts
from probatio.protocol import Protocol
from probatio.protocol.binding import bind_rule
from probatio.records import Records
from probatio.records.tables import CELL, DOCUMENT_COLUMNS, FLOW_COLUMNS, RECORD_COLUMNS, REJECTED_COLUMNS

LABEL = {"en": "x", "fr": "x"}
VERDICTS = {1: "holds", -1: "violated", 0: "not applicable"}

NONE, NOT_ASKED = "<explicit none>", "<not asked>"
"""The source says that there is none; the source was not asked, or not able, to fill the cell."""


@dataclass(frozen=True)
class Unreadable:
    """A delivered value that does not conform."""

    text: str


@dataclass(frozen=True)
class Cited:
    """A value with the document it was found in."""

    text: str
    document: str


def _attribute(kind: str, **more: Any) -> dict[str, Any]:
    return {"label": LABEL, "type": kind, **more}


VARIABLES: list[dict[str, Any]] = [
    {"name": "stage", "type": "ordinal", "levels": ["IIIB", "IIIC", "IVA", "IVB"]},
    {"name": "histology", "type": "nominal", "levels": ["adeno", "squamous", "not tested"]},
    {"name": "sites", "type": "set", "levels": ["bone", "brain", "liver"], "required": False},
    {"name": "brain", "type": "binary", "levels": ["no", "yes"]},
    {"name": "born", "type": "date"},
    {"name": "start", "type": "date"},
    {"name": "death", "type": "date", "required": False},
    {"name": "n_lines", "type": "number", "range": [0, 10]},
    {"name": "hb", "type": "number", "unit": "g/dL", "visits": ["access", "m1"], "range": [4, 20]},
    {
        "name": "ae", "type": "events", "required": False, "match": {"date": "start", "window": 30},
        "attributes": {
            "grade": _attribute("ordinal", levels=["1", "2", "3", "4", "5"]),
            "serious": _attribute("binary", levels=["no", "yes"]),
            "start": _attribute("date"),
            "end": _attribute("date"),
        },
    },
    {
        "name": "lines", "type": "events", "required": False, "match": {"date": "start", "window": 30},
        "attributes": {"drugs": _attribute("set", levels=["a", "b"]), "start": _attribute("date")},
    },
]  # fmt: skip


def build_protocol(sources: tuple[str, ...] = ("model",), **more: Any) -> Protocol:
    """A protocol of these variables."""
    file = {"path": "x.csv", "layout": "long"}
    return Protocol.model_validate(
        {
            "study": "rules",
            "title": LABEL,
            "data": ".",
            "resampling": {"seed": 1},
            "patients": {"file": {"path": "p.csv"}},
            "sources": [{"name": name, "label": LABEL, "role": "reading", "files": [file]} for name in sources],
            "variables": [{"label": LABEL, **variable} for variable in VARIABLES],
            **more,
        }
    )


PROTOCOL = build_protocol()
Patient = Mapping[str, Any]


def build_records(
    patients: list[Patient], *, source: str = "model", centres: list[str] | None = None,
    documents: Mapping[str, tuple[str, str]] | None = None, development: tuple[int, ...] = (),
) -> Records:  # fmt: skip
    """Records of one source: `{"stage": "IVA", "hb@m1": "9", "ae": [{"grade": "5"}]}` per patient, P0000, P0001, ...

    Cells that are not written were asked and left without a value.
    """
    names = [f"P{place:04d}" for place in range(len(patients))]
    lines: list[dict[str, Any]] = []
    asked: list[tuple[str, str, str, str]] = []
    for name, patient in zip(names, patients, strict=True):
        for variable in VARIABLES:
            for visit in variable.get("visits", [""]):
                key = f"{variable['name']}@{visit}" if visit else variable["name"]
                if patient.get(key) == NOT_ASKED:
                    continue
                asked.append((source, variable["name"], visit, name))
                told = _list_lines(variable["name"], visit, patient.get(key))
                lines += [{"patient_id": name, **line} for line in told]
    records = pd.DataFrame(lines, columns=list(RECORD_COLUMNS)).assign(source=source)
    cohort = pd.DataFrame({"centre": centres or ["A"] * len(names)}, index=pd.Index(names, name="patient_id"))
    cohort["development"] = [place in development for place in range(len(names))]
    rows = [(doc, owner, "letter", day, "") for doc, (owner, day) in (documents or {}).items()]
    return Records(
        patients=cohort,
        documents=pd.DataFrame(rows, columns=list(DOCUMENT_COLUMNS)),
        assessments=pd.DataFrame(asked, columns=list(CELL)),
        records=records.fillna({"document_id": "", "event": "", "visit": "", "value": ""}),
        rejected=pd.DataFrame(columns=list(REJECTED_COLUMNS)),
        flow=pd.DataFrame(columns=list(FLOW_COLUMNS)),
    )


def _list_lines(variable: str, visit: str, value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, list):
        return [
            {**line, "event": str(event)}
            for event, attributes in enumerate(value)
            for name, text in attributes.items()
            for line in _list_lines(f"{variable}.{name}", "", text)
        ]
    line = {"variable": variable, "visit": visit, "state": "value", "conformant": True, "value": value}
    if value == NONE:
        return [{**line, "state": "negative", "value": ""}]
    if isinstance(value, Unreadable):
        return [{**line, "conformant": False, "value": value.text}]
    if isinstance(value, Cited):
        return [{**line, "value": value.text, "document_id": value.document}]
    return [line]


def combine(*parts: Records) -> Records:
    """Records of several sources about the same patients."""
    first = parts[0]
    return Records(
        first.patients, first.documents, pd.concat([part.assessments for part in parts], ignore_index=True),
        pd.concat([part.records for part in parts], ignore_index=True), first.rejected, first.flow,
    )  # fmt: skip


def judge(expression: str, *patients: Patient) -> list[str]:
    """Return what a rule says of each patient: holds, violated, not applicable."""
    bound = bind_rule(expression, {variable.name: variable for variable in PROTOCOL.variables})
    cells = SourceCells(Delivered(build_records(list(patients)), PROTOCOL), "model")
    return [VERDICTS[int(verdict)] for verdict in compute_verdicts(bound, cells)]
