"""A small early-access study for the tests of descriptive results, written patient by patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.records.tables import CELL, RECORD_COLUMNS
from probatio.replication import estimate_descriptive
from probatio.resampling import Draws
from probatio.results import select_rows
from survival_study import build_patients

LABEL = {"en": "x", "fr": "x"}
SOURCES = ("reference", "manual", "ai")
GRADES = ["1", "2", "3", "4", "5"]
SHARED = {"label": LABEL, "sources": ["reference", "ai"], "comparator": "reference"}
RESPONSE = SHARED | {"name": "response_rate", "kind": "proportion", "variable": "response", "levels": ["CR", "PR"],
                     "not_evaluable": ["NE"], "margin": 0.05}  # fmt: skip
EVENTS = SHARED | {"name": "events", "kind": "incidence", "variable": "adverse_events",
                   "events": {"serious": "serious", "grades": ["3"]}, "margin": 0.05}  # fmt: skip
PATIENTS = SHARED | {"name": "baseline", "kind": "characteristics", "variables": ["stage", "weight@access"]}
VARIABLES: dict[str, dict[str, Any]] = {
    "response": {"type": "nominal", "levels": ["CR", "PR", "SD", "PD", "NE"]},
    "sex": {"type": "binary", "levels": ["M", "F"]},
    "stage": {"type": "ordinal", "levels": ["I", "II", "III"]},
    "sites": {"type": "set", "levels": ["bone", "brain", "liver"]},
    "weight": {"type": "number", "visits": ["access", "m3"]},
    "start": {"type": "date"},
    "stop": {"type": "date"},
    "adverse_events": {
        "type": "events",
        "attributes": {
            "term": {"label": LABEL, "type": "nominal", "levels": ["nausea", "rash"]},
            "grade": {"label": LABEL, "type": "ordinal", "levels": GRADES},
            "serious": {"label": LABEL, "type": "binary", "levels": ["no", "yes"]},
            "date": {"label": LABEL, "type": "date"},
        },
        "match": {"on": ["term"], "date": "date", "window": 30},
    },
}


def build_protocol(*results: Mapping[str, Any], **more: Any) -> Protocol:
    """Return a protocol with a reference, a manual and an AI source, and the descriptive results given."""
    roles = {"reference": "reference", "manual": "manual", "ai": "ai"}
    file = {"path": "x.csv", "layout": "long"}
    return Protocol.model_validate({
        "study": "tiny", "title": LABEL, "data": ".", "resampling": {"seed": 1, "replicates": 200},
        "patients": {"file": {"path": "p.csv"}, "attributes": {
            "age": {"label": LABEL, "column": "a", "type": "number"},
            "country": {"label": LABEL, "column": "c"}, "birth": {"label": LABEL, "column": "b", "type": "date"}}},
        "sources": [{"name": name, "label": LABEL, "role": role, "files": [file]} for name, role in roles.items()],
        "variables": [{"name": name, "label": LABEL, **kind} for name, kind in VARIABLES.items()],
        "descriptive": list(results)} | more)  # fmt: skip


def build_records(
    n: int,
    values: Mapping[tuple[str, str], Sequence[str | None]] | None = None,
    events: Mapping[str, Sequence[tuple[Any, ...]]] | None = None,
    *,
    not_assessed: Sequence[tuple[str, str]] = (),
    **attributes: Any,
) -> Records:
    """Return the records of n patients.

    Args:
        n: patients P0000 to P(n-1).
        values: (source, variable or variable@visit) -> a text per patient; None: nothing documented, "": negative.
        events: source -> (patient's number, event, term, grade[, serious[, date]]); None: unknown.
        not_assessed: (source, variable) that the source was never asked.
        attributes: columns of the patients.
    """
    patients = build_patients(n, **{"country": "FR"} | attributes)
    lines: list[dict[str, Any]] = []
    for (source, name), texts in (values or {}).items():
        variable, _, visit = name.partition("@")
        lines += [_line(patients.index[row], source, variable, text, visit=visit)
                  for row, text in enumerate(texts) if text is not None]  # fmt: skip
    for source, told in (events or {}).items():
        for row, event, *texts in told:
            for attribute, text in zip(("term", "grade", "serious", "date"), texts, strict=False):
                if text is not None:
                    lines.append(_line(patients.index[row], source, f"adverse_events.{attribute}", text, event=event))
    asked = [(source, name, visit, patient) for source in SOURCES for name, kind in VARIABLES.items()
             for visit in kind.get("visits", [""]) for patient in patients.index
             if (source, name) not in not_assessed]  # fmt: skip
    empty = pd.DataFrame()
    return Records(
        patients, empty, pd.DataFrame(asked, columns=list(CELL)), pd.DataFrame(lines, columns=list(RECORD_COLUMNS)),
        empty, empty,
    )  # fmt: skip


def _line(patient: str, source: str, variable: str, text: str, *, visit: str = "", event: str = "") -> dict[str, Any]:
    return {"patient_id": patient, "source": source, "variable": variable, "visit": visit, "event": event,
            "value": text, "state": "value" if text else "negative", "conformant": text != "?"}  # fmt: skip


def run(records: Records, protocol: Protocol, *, replicates: int = 200, seed: int = 1) -> pd.DataFrame:
    """Estimate every descriptive result with few replicates."""
    return estimate_descriptive(records, protocol, draws=Draws(seed, "all", "patient", replicates))


def pick(rows: pd.DataFrame, metric: str, **values: Any) -> pd.Series:
    """Return the one row asked for: on the same patients, of all terms, unless said otherwise."""
    wanted = {"metric": metric, "stratum_by": "", "comparator": "", "term": "", "at": ""} | values
    found = select_rows(rows, **wanted)
    assert len(found) == 1, found
    return found.iloc[0]


def expand(counts: Mapping[tuple[str | None, str | None], int]) -> tuple[list[str | None], list[str | None]]:
    """Return two sources' texts from a cross table: (reference, ai) -> patients."""
    pairs = [pair for pair, number in counts.items() for _ in range(number)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def simulate_pairs(rng: np.random.Generator, n: int, rate: float, error: float) -> tuple[list[str], list[str]]:
    """Return a true response and one misread with a probability, as texts per patient."""
    true = rng.random(n) < rate
    read = np.where(rng.random(n) < error, ~true, true)
    first, second = (["PR" if one else "PD" for one in texts] for texts in (true, read))
    return first, second
