"""Small reviews: a protocol with an analysis, values with a chance of being wrong, and what readers say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from probatio.comparison import Comparison
from probatio.comparison.tables import PAIR_COLUMNS
from probatio.protocol import Protocol
from probatio.results import build_row, derive_table
from survival_study import BY_STAGE, LABEL, OS, build_protocol

VARIABLES = [
    {"name": "stage", "label": LABEL, "type": "ordinal", "levels": ["I", "II", "III"], "visits": ["access", "m1"]},
    {"name": "weight", "label": LABEL, "type": "number"},
    {"name": "death", "label": LABEL, "type": "date", "required": False},
]
SOURCES = [{"name": name, "label": LABEL, "role": role, "files": [{"path": "x.csv", "layout": "long"}]}
           for name, role in {"registry": "reference", "manual": "manual", "reader": "reading", "ai": "ai",
                              "other": "ai"}.items()]  # fmt: skip
REVIEW: dict[str, Any] = {"source": "ai", "budget": {"share": 0.3}, "minutes_per_value": 2.0, "justification": LABEL}
AT_ACCESS = BY_STAGE | {
    "terms": [{"variable": "stage", "visit": "access", "groups": {"early": ["I"], "late": ["III"]}}]
}


def build_reviewed(review: dict[str, Any] | None = None, *, seed: int = 1, **more: Any) -> Protocol:
    """Return a protocol whose AI is reviewed; one analysis reads its stage at access."""
    given = {"variables": VARIABLES, "sources": SOURCES, "review": REVIEW | (review or {}),
             "resampling": {"seed": seed, "replicates": 200}}  # fmt: skip
    return build_protocol(AT_ACCESS, endpoints=(OS,), **(given | more))


def build_scored(n: int = 60, *, seed: int = 3, **columns: Any) -> pd.DataFrame:
    """Return n values, three per patient, patients in two centres, right with probability `score`."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.5, 1, n)
    wrong = rng.random(n) > score
    table = pd.DataFrame({
        "source": "ai", "variable": ["stage", "weight", "death"] * (n // 3) + ["stage"] * (n % 3),
        "patient_id": [f"P{at // 3:05d}" for at in range(n)], "event": "", "document_type": "",
        "delivered": True, "confidence": score, "agreement": np.where(rng.random(n) < 0.8, 1.0, 0.0), "violated": 0,
        "conformant": True, "score": score, "split": "evaluation", "outcome": np.where(wrong, "W", "C"), "weight": 1.0,
    })  # fmt: skip
    table["visit"] = np.where(table["variable"] == "stage", "m1", "")
    table["centre"] = np.where(table["patient_id"].str[-1].isin(list("02468")), "A", "B")
    table = table.assign(**columns)
    table["error"] = table["outcome"].map({"C": 0.0, "B": 0.0, "W": 1.0, "O": 1.0, "U": 1.0})
    return table


def build_consequences(**values: float) -> pd.DataFrame:
    """Return consequences by variable, 1 where nothing is said; all visits alike."""
    cells = [("stage", "access"), ("stage", "m1"), ("weight", ""), ("death", "")]
    lines = [{"variable": name, "visit": visit, "consequence": values.get(name, 1.0), "origin": "alike",
              "analysis": "", "term": "", "n": pd.NA} for name, visit in cells]  # fmt: skip
    return pd.DataFrame(lines)


def build_comparison(
    scored: pd.DataFrame, readers: dict[str, Sequence[str]] | None = None, *, weight: float = 1.0
) -> Comparison:
    """Return the scored values beside the reference, and readers' outcomes on the same cells; "-" was not read."""
    frames = []
    for source, outcomes in {"ai": list(scored["outcome"]), **(readers or {})}.items():
        told = scored[["variable", "visit", "event", "patient_id", "centre"]].assign(outcome=list(outcomes))
        frames.append(told[told["outcome"] != "-"].assign(source=source))
    pairs = pd.concat(frames, ignore_index=True)
    pairs = pairs.assign(kind="error", comparator="registry", weight=weight).reindex(columns=list(PAIR_COLUMNS))
    patients = scored.groupby("patient_id")[["centre"]].first()
    return Comparison(pairs, patients, pd.DataFrame())


def build_upstream(**share: Any) -> pd.DataFrame:
    """Return rows of replication and tolerance: one consequence and one cited tolerance of the stage."""
    moved = build_row("consequence", share.get("moved", 0.02), source="ai", analysis="by_stage", variable="stage",
                      term="log_hazard_ratio:stage=late", k=12)  # fmt: skip
    borne = build_row("tolerable_error_rate", 0.1, lower=share.get("borne", 0.1), use="research", analysis="by_stage",
                      variable="stage", term="false_negative", at="events", n=100)  # fmt: skip
    return derive_table([moved, borne])
