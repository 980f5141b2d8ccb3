"""Small studies for the tests of endpoints and replication: a protocol, and records written as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.records.tables import RECORD_COLUMNS
from probatio.replication import Replication, estimate_replication
from probatio.resampling import Draws

LABEL = {"en": "x", "fr": "x"}
FILE = {"path": "x.csv", "layout": "long"}
OS = {"name": "os", "label": LABEL, "time": "days", "event": "status", "event_values": ["dead"]}
BY_STAGE = {"name": "by_stage", "label": LABEL, "endpoint": "os",
            "terms": [{"variable": "stage", "groups": {"early": ["I", "II"], "late": ["III"]}}],
            "sources": ["registry", "ai"], "comparator": "registry", "horizons": [10], "landmarks": [5]}  # fmt: skip


def build_protocol(
    *analyses: Mapping[str, Any], endpoints: tuple[Mapping[str, Any], ...] = (OS,), **more: Any
) -> Protocol:
    """Return a protocol with a registry (reference), a manual and an AI source, stage, weight and dates."""
    kinds: dict[str, Any] = {"stage": {"type": "ordinal", "levels": ["I", "II", "III"]}, "weight": {"type": "number"},
                             "start": {"type": "date"}, "death": {"type": "date"}, "last_news": {"type": "date"},
                             "relapse": {"type": "date"}}  # fmt: skip
    roles = {"registry": "reference", "manual": "manual", "ai": "ai"}
    return Protocol.model_validate({
        "study": "tiny", "title": LABEL, "data": ".", "resampling": {"seed": 1, "replicates": 200},
        "patients": {"file": {"path": "p.csv"}, "attributes": {
            "days": {"label": LABEL, "column": "d", "type": "number"},
            "status": {"label": LABEL, "column": "s"}, "sex": {"label": LABEL, "column": "x"},
            "age": {"label": LABEL, "column": "a", "type": "number"}}},
        "sources": [{"name": name, "label": LABEL, "role": role, "files": [FILE]} for name, role in roles.items()],
        "variables": [{"name": name, "label": LABEL, **kind} for name, kind in kinds.items()],
        "endpoints": list(endpoints), "analyses": list(analyses)} | more)  # fmt: skip


def build_patients(n: int, **columns: Any) -> pd.DataFrame:
    """Return n patients of two centres, none of them used for development, with the attributes given."""
    base = {"centre": ["A", "B"] * (n // 2) + ["A"] * (n % 2), "development": False, "reference_sampled": True,
            "sampling_stratum": "", "sampling_probability": 1.0, "days": 1.0, "status": "alive", "sex": "F",
            "age": 60.0}  # fmt: skip
    index = pd.Index([f"P{row:04d}" for row in range(n)], name="patient_id")
    return pd.DataFrame(base | columns, index=index)


def build_records(patients: pd.DataFrame, values: Mapping[tuple[str, str], Any]) -> Records:
    """Return records from (source, variable or variable@visit) -> one text per patient; None: no record."""
    lines = []
    for (source, name), texts in values.items():
        variable, _, visit = name.partition("@")
        for patient, text in zip(patients.index, texts, strict=True):
            if text is not None:
                lines.append({"patient_id": patient, "source": source, "variable": variable, "visit": visit,
                              "event": "", "value": text, "state": "value", "conformant": True})  # fmt: skip
    records = pd.DataFrame(lines, columns=list(RECORD_COLUMNS))
    empty = pd.DataFrame()
    return Records(patients, empty, empty, records, empty, empty)


def simulate(
    seed: int, n: int, *, log_ratio: float = 0.7, share_wrong: float = 0.1
) -> tuple[pd.DataFrame, dict[Any, Any]]:
    """Return patients with survival by true stage, and the stage of the registry (true) and of the AI (some wrong)."""
    rng = np.random.default_rng(seed)
    late = rng.random(n) < 0.35
    life, follow_up = rng.exponential(12 / np.exp(log_ratio * late)), rng.uniform(5, 30, n)
    dead = life <= follow_up
    patients = build_patients(n, days=np.minimum(life, follow_up), status=np.where(dead, "dead", "alive"))
    read = np.where(rng.random(n) < share_wrong, ~late, late)
    stages = {("registry", "stage"): np.where(late, "III", "I"), ("ai", "stage"): np.where(read, "III", "II")}
    return patients, stages


def run(records: Records, protocol: Protocol, *, replicates: int = 200, seed: int = 1, **options: Any) -> Replication:
    """Estimate every analysis with few replicates."""
    return estimate_replication(records, protocol, draws=Draws(seed, "all", "patient", replicates), **options)
