"""A study's single values beside the reference, without a detour through files: for simulations over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.comparison import PAIR_COLUMNS, Comparison
from probatio.synthetic.design import CELLS, Array, Cell
from probatio.synthetic.outcomes import compute_outcomes
from probatio.synthetic.study import Study

_KEY = ["source", "comparator", "kind", "variable", "visit", "patient_id", "event"]
_FULL_DATE = 10


def derive_comparison(study: Study) -> Comparison:
    """Return the comparison that `compare` gives of the study's files, for single values against the reference.

    Repeated events and agreement between sources are left out, and the flow is empty. Patient attributes bear
    the names of the columns of `patients.csv`.

    Raises:
        KeyError: the study was generated without its reference.
    """
    parts = [_derive_cell(study, source, cell) for source in study.readings if source != "reference" for cell in CELLS]
    pairs = pd.concat([part for part in parts if len(part)]).sort_values(_KEY, kind="stable", ignore_index=True)[
        list(PAIR_COLUMNS)
    ]
    kept = study.patients[study.patients["development"] == "no"].set_index("patient_id")
    columns = ["centre", "sampling_probability", "sex", "age_group", "document_quality"]
    return Comparison(pairs, kept[columns], pd.DataFrame())


def _derive_cell(study: Study, source: str, cell: Cell) -> pd.DataFrame:
    reading, reference = study.readings[source], study.readings["reference"]
    asked = (reading.barred[cell.key] == "") & (reference.barred[cell.key] == "")
    rows = np.flatnonzero(asked & (study.patients["development"] == "no").to_numpy())
    true, value = reference.cells[cell.key][rows], reading.cells[cell.key][rows]
    codes, patients = reading.causes[cell.key][rows], study.patients.iloc[rows]
    confidence = reading.confidence.get(cell.key)
    return pd.DataFrame({
        "source": source, "comparator": "reference", "kind": "error", "variable": cell.variable.name,
        "patient_id": patients["patient_id"].to_numpy(), "centre": patients["centre"].to_numpy(),
        "visit": cell.visit, "event": "", "reference": true, "value": value,
        "outcome": compute_outcomes(true, value, codes, cell.variable), "conformant": codes != "F",
        "confidence": np.nan if confidence is None else confidence[rows],
        "weight": 1 / patients["sampling_probability"].to_numpy(),
        "difference": _compute_difference(true, value, codes, cell.variable.type),
    })  # fmt: skip


def _compute_difference(true: Array, value: Array, codes: Array, kind: str) -> Array:
    difference = np.full(len(true), np.nan)
    both = (true != "") & (value != "") & (codes != "F")
    if kind == "date":
        both &= np.array([len(a) == len(b) == _FULL_DATE for a, b in zip(true, value, strict=True)], dtype=bool)
        days = value[both].astype("datetime64[D]") - true[both].astype("datetime64[D]")
        difference[both] = days.astype(float)
    elif kind == "number":
        difference[both] = value[both].astype(float) - true[both].astype(float)
    return difference
