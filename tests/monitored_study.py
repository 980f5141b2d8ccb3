"""Small studies whose values come in batches, for the tests of routine use."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from probatio.measures.monitoring import estimate_monitoring
from probatio.protocol import Protocol
from probatio.results import select_rows

LABEL = {"en": "x", "fr": "x"}
WATCH = {"by": "period", "baseline": 2, "out_of_control": 2, "run_length": 50, "justification": LABEL, "source": "x"}
_FILE = {"path": "x.csv", "layout": "long"}


def build_protocol(settings: dict[str, Any] | None = None, **watch: Any) -> Protocol:
    """A protocol with a reference, an AI, three variables, and monitoring by period; keys of it by keyword."""
    declared = {key: value for key, value in (WATCH | watch).items() if value is not None}
    base = {
        "study": "batches",
        "title": LABEL,
        "data": ".",
        "patients": {
            "file": {"path": "p.csv"},
            "attributes": {"period": {"label": {"en": "Period", "fr": "Période"}, "column": "period"}},
        },
        "sources": [
            {"name": "registry", "label": LABEL, "role": "reference", "files": [_FILE]},
            {"name": "ai", "label": {"en": "The AI", "fr": "L'IA"}, "role": "ai", "files": [_FILE]},
        ],
        "variables": [
            {"name": "stage", "label": {"en": "Stage", "fr": "Stade"}, "type": "nominal", "levels": ["I", "II"]},
            {"name": "weight", "label": {"en": "Weight", "fr": "Poids"}, "type": "number", "unit": "kg"},
            {
                "name": "lines",
                "label": LABEL,
                "type": "events",
                "attributes": {"start": {"label": LABEL, "type": "date"}},
                "match": {"date": "start", "window": 30},
            },
        ],
        "resampling": {"seed": 1, "replicates": 100},
        "monitoring": declared,
    }
    return Protocol.model_validate(base | (settings or {}))


def build_values(texts: Sequence[str], *, values: int = 1, **constants: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs and patients of one window per text, one outcome per letter; `values` letters make a patient."""
    outcome = "".join(texts)
    window = np.repeat([f"w{place:04d}" for place in range(len(texts))], [len(text) for text in texts])
    patient = np.array([f"P{place // values:06d}" for place in range(len(outcome))])
    base = {
        "source": "ai", "comparator": "registry", "kind": "error", "variable": "stage", "centre": "A", "event": "",
        "reference": "", "value": "", "conformant": True, "confidence": np.nan, "weight": 1.0, "difference": np.nan,
    }  # fmt: skip
    pairs = pd.DataFrame({"patient_id": patient, "outcome": list(outcome), "window": window}).assign(**base)
    pairs["visit"] = [str(place % values) for place in range(len(outcome))]
    patients = pairs.groupby("patient_id").agg(period=("window", "first"))
    return pairs.drop(columns="window").assign(**constants), patients.assign(centre="A", sampling_probability=1.0)


def watch(
    texts: Sequence[str], protocol: Protocol | None = None, *, values: int = 1, patients: pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None, **constants: Any,
) -> pd.DataFrame:  # fmt: skip
    """Rows of some batches."""
    made = build_values(texts, values=values, **constants)
    comparison = SimpleNamespace(pairs=made[0] if pairs is None else pairs,
                                 patients=made[1] if patients is None else patients)  # fmt: skip
    return estimate_monitoring(comparison, protocol or build_protocol())


def draw_batches(rng: np.random.Generator, sizes: Sequence[int], rate: float) -> list[str]:
    """Batches of independent values, wrong with a probability."""
    return ["".join(np.where(rng.random(size) < rate, "W", "C")) for size in sizes]


def get_row(rows: pd.DataFrame, metric: str, **key: Any) -> Any:
    """The only row of a metric, of the variable `stage` and of both charts unless told otherwise."""
    found = select_rows(rows, metric=metric, **({"variable": "stage"} | key))
    if len(found) > 1 and "method" not in key:
        found = found[found["method"].str.startswith("cusum_p_chart")]
    assert len(found) == 1, found[["metric", "method", "term", "stratum"]]
    return found.iloc[0]
