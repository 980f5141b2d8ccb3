"""A study of four patients in files, to be changed in one place at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records, read_records

VARIABLES: list[dict[str, Any]] = [
    {"name": "stage", "type": "ordinal", "levels": ["I", "II", "III", "IV"], "missing": ["NA"], "not_assessed": ["ND"]},
    {"name": "hb", "type": "number", "unit": "g/dL"},
    {"name": "dx", "type": "date"},
    {"name": "sites", "type": "set", "levels": ["bone", "brain", "liver"], "negative": ["none"]},
    {"name": "ecog", "type": "ordinal", "levels": ["0", "1", "2"], "visits": ["access", "m1"]},
    {
        "name": "ae",
        "type": "events",
        "negative": ["none"],
        "attributes": {
            "term": {"type": "nominal", "levels": ["nausea", "rash"]},
            "start": {"type": "date"},
            "grade": {"type": "ordinal", "levels": ["1", "2", "3"]},
        },
        "match": {"on": ["term"], "date": "start", "window": 7},
    },
]
PATIENTS = "patient_id,centre\nP1,A\nP2,A\nP3,B\nP4,B\n"
REGISTRY = "patient_id,stage,hb\nP1,I,12\nP2,II,11.5\nP3,III,9\nP4,IV,8\n"
MODEL = "patient_id,variable,value\nP1,stage,I\nP2,stage,IV\n"


def add_labels(item: dict[str, Any]) -> dict[str, Any]:
    """Give a variable and its attributes the labels that every protocol needs."""
    attributes = {k: add_labels({"name": k, **v}) for k, v in item.get("attributes", {}).items()}
    for attribute in attributes.values():
        del attribute["name"]
    labelled = {"label": {"en": item["name"], "fr": item["name"]}, **item}
    return {**labelled, **({"attributes": attributes} if attributes else {})}


class Study:
    """Files and a protocol over them; what a test does not change is a valid study."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("patients.csv", PATIENTS)
        self.write("registry.csv", REGISTRY)
        self.write("model.csv", MODEL)
        self.patients: dict[str, Any] = {
            "file": {"path": "patients.csv"},
            "centre": {"label": {"en": "Centre", "fr": "Centre"}, "column": "centre"},
        }
        self.registry: dict[str, Any] = {"path": "registry.csv", "columns": {"stage": "stage", "hb": "hb"}}
        self.model: dict[str, Any] = {"path": "model.csv", "layout": "long"}
        self.registry_source: dict[str, Any] = {}
        self.model_source: dict[str, Any] = {}
        self.reviewed: dict[str, Any] = {}
        self.variables = [add_labels(variable) for variable in VARIABLES]
        self.more: dict[str, Any] = {}

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a data file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def set(self, name: str, **changes: Any) -> None:
        """Change the declaration of a variable."""
        self.variables = [{**item, **changes} if item["name"] == name else item for item in self.variables]

    def derive_protocol(self) -> Protocol:
        """Return the protocol over the files."""
        registry = {"name": "registry", "role": "reference", "files": [self.registry], **self.registry_source}
        model = {"name": "model", "role": "ai", "version": "m-1", "files": [self.model], **self.model_source}
        sources = [add_labels(registry), add_labels(model)]
        if self.reviewed:
            sources.append(add_labels({"name": "checked", "role": "ai", "reviewed": self.reviewed}))
        return Protocol.model_validate(
            {
                "study": "small",
                "title": {"en": "Small", "fr": "Petite"},
                "data": ".",
                "resampling": {"seed": 1},
                "patients": self.patients,
                "sources": sources,
                "variables": self.variables,
                **self.more,
            }
        )

    def read(self) -> Records:
        """Read the study."""
        return read_records(self.derive_protocol(), self.root)

    def read_values(self, source: str = "model", variable: str = "") -> pd.DataFrame:
        """Return the records of one source, of one variable if named."""
        records = self.read().records
        chosen = records["source"] == source
        return records[chosen & (records["variable"].str.startswith(variable))].reset_index(drop=True)


def list_rejected(records: Records) -> list[tuple[str, int, str, str]]:
    """Return file, line, rule and variable of what was set aside."""
    return [*records.rejected[["file", "line", "rule", "variable"]].itertuples(index=False, name=None)]


def read_flow(records: Records, source: str, variable: str, unit: str = "values") -> dict[str, int]:
    flow = records.flow
    chosen = flow[(flow["source"] == source) & (flow["variable"] == variable) & (flow["unit"] == unit)]
    return dict(zip(chosen["step"], chosen["n"], strict=True))


def list_cells(records: Records, source: str, variable: str) -> list[tuple[str, str]]:
    cells = records.assessments
    chosen = cells[(cells["source"] == source) & (cells["variable"] == variable)]
    return [*chosen[["visit", "patient_id"]].itertuples(index=False, name=None)]


def assert_accounted(records: Records) -> None:
    """Assert that each patient, document and value read is somewhere, once."""
    for (unit, _, _), group in records.flow.groupby(["unit", "source", "variable"]):
        steps = dict(zip(group["step"], group["n"], strict=True))
        if "read" not in steps:
            continue
        rejected = sum(n for step, n in steps.items() if step.startswith("rejected_"))
        ends = {"patients": ["evaluated"], "documents": ["kept"], "decisions": ["kept"]}.get(
            str(unit), ["not_assessed", "not_documented", "failed", "delivered"]
        )
        assert steps["read"] == rejected + sum(steps.get(step, 0) for step in ends)
