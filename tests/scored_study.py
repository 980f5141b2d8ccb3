"""Small studies of technologies with confidences, written by hand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from probatio.confidence.forecasts import Forecasts
from probatio.confidence.scored import SCORED_COLUMNS
from probatio.protocol import Protocol

LABEL = {"en": "x", "fr": "x"}
FILE = {"path": "x.csv", "layout": "long"}
VARIABLES: list[dict[str, Any]] = [
    {"name": "stage", "type": "ordinal", "levels": ["I", "II", "III"]},
    {"name": "sites", "type": "set", "levels": ["bone", "liver"]},
    {"name": "weight", "type": "number", "unit": "kg", "tolerance": 1, "range": [30, 200], "visits": ["access", "m1"]},
    {"name": "born", "type": "date"},
    {
        "name": "ae", "type": "events", "match": {"on": ["term"], "date": "start", "window": 30},
        "attributes": {"term": {"type": "nominal", "levels": ["rash", "nausea"]}, "start": {"type": "date"}},
    },
]  # fmt: skip
ROLES = {"reference": "reference", "manual": "manual"}


def make_protocol(*sources: str, confidence: dict[str, Any] | None = None, **more: Any) -> Protocol:
    """Return a protocol over `VARIABLES`; a source `ai2` is a further run of `ai`."""
    variables = []
    for variable in VARIABLES:
        attributes = {name: {"label": LABEL, **each} for name, each in variable.get("attributes", {}).items()}
        variables.append({**variable, "label": LABEL} | ({"attributes": attributes} if attributes else {}))
    declared = []
    for name in sources or ("reference", "ai"):
        own: dict[str, Any] = {"name": name, "label": LABEL, "role": ROLES.get(name, "ai"), "files": [FILE]}
        declared.append(own | ({"technology": "one", "primary": name == "ai"} if name in ("ai", "ai2") else {}))
    given = {"study": "scored", "title": LABEL, "data": ".", "resampling": {"seed": 1}, "variables": variables}
    given |= {"patients": {"file": {"path": "p.csv"}}, "sources": declared}
    given["confidence"] = {"justification": LABEL, "source": "test", **(confidence or {})}
    return Protocol.model_validate(given | more)


def make_forecasts(
    score: ArrayLike,
    right: ArrayLike,
    *,
    group: ArrayLike = 0,
    patient: ArrayLike | None = None,
    weight: ArrayLike = 1.0,
) -> Forecasts:
    """Return judged values in groups; a patient of its own for each value unless given."""
    given = np.asarray(score, dtype=float)
    groups = np.broadcast_to(np.asarray(group, dtype=np.int64), given.shape)
    patients = np.arange(len(given)) if patient is None else np.asarray(patient, dtype=np.int64)
    names = [f"g{i}" for i in range(int(groups.max(initial=0)) + 1)]
    identity = pd.DataFrame({"source": names, "term": "", "variable": "", "stratum_by": "", "stratum": ""})
    return Forecasts(
        identity=identity, group=groups, patient=patients, cluster=patients, score=given,
        right=np.asarray(right, dtype=float), weight=np.broadcast_to(np.asarray(weight, dtype=float), given.shape),
        clusters=int(patients.max(initial=-1)) + 1,
    )  # fmt: skip


def make_scored(
    patients: int = 300, each: int = 8, *, seed: int = 1, shifts: tuple[float, ...] = (1.5, -1.5, 0.0)
) -> pd.DataFrame:
    """Return scored values of one source: centres whose confidences are shifted by so much on the logit."""
    rng = np.random.default_rng(seed)
    n = patients * each
    patient = np.repeat(np.arange(patients), each)
    centre = patient % len(shifts)
    truth = rng.normal(2.0, 1.5, n)
    confidence = expit(truth + np.array(shifts)[centre])
    error = (rng.random(n) > expit(truth)).astype(float)
    split = np.array(["tuning", "selection", "evaluation"], dtype=object)[(patient // len(shifts)) % 3]
    table = pd.DataFrame(
        {"source": "ai", "variable": "stage", "visit": "", "event": np.arange(n).astype(str), "document_type": "letter",
         "centre": [f"C{c}" for c in centre], "patient_id": [f"P{p:03d}" for p in patient], "delivered": True,
         "confidence": confidence, "agreement": np.nan, "violated": 0, "conformant": True, "score": confidence,
         "split": split,
         "outcome": np.where(error > 0, "W", "C"), "error": error, "weight": 1.0}
    )  # fmt: skip
    return table[list(SCORED_COLUMNS)]


TOY = ([0.99, 0.97, 0.95, 0.93, 0.90, 0.85, 0.80, 0.70, 0.60, 0.50], [1, 1, 1, 0, 1, 1, 0, 1, 0, 0])
"""Ten values of a selective predictor that can be checked by hand."""


class Demo(NamedTuple):
    """The bundled study's scored values, rows and curves."""

    protocol: Protocol
    scored: pd.DataFrame
    rows: pd.DataFrame
    series: pd.DataFrame
