"""Small studies into which errors are injected: a protocol with a tolerance, records, one analysis' setting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.resampling import Draws
from probatio.tolerance import ToleranceRows, estimate_tolerance
from probatio.tolerance.settings import Setting, derive_setting
from survival_study import BY_STAGE, LABEL, build_patients, build_protocol, build_records, simulate

WHY = {"justification": LABEL, "source": "x"}
TOLERANCE: dict[str, Any] = {"draws": 50, "errors": [0.05, 0.2], "omissions": [0.1, 0.3], "lag_days": [10, 100],
                             "spread_days": [10, 100], **WHY}  # fmt: skip
DATED = {"name": "os", "label": LABEL, "origin": "start", "events": ["death"], "censoring": ["last_news"]}


VARIABLES = [
    {"name": "stage", "label": LABEL, "type": "ordinal", "levels": ["I", "II", "III"]},
    {"name": "side", "label": LABEL, "type": "binary", "levels": ["left", "right"]},
    {"name": "weight", "label": LABEL, "type": "number"},
    *({"name": name, "label": LABEL, "type": "date"} for name in ("start", "death", "last_news", "relapse")),
]


def build_tolerant(*analyses: Any, tolerance: Any = None, **more: Any) -> Protocol:
    """Return a protocol with a tolerance, and a side beside the variables of the small study."""
    given = {"variables": VARIABLES, "tolerance": TOLERANCE | (tolerance or {})} | more
    return build_protocol(*(analyses or (BY_STAGE,)), **given)


def build_study(n: int = 120, seed: int = 3, **simulated: Any) -> Records:
    """Return patients with survival by stage, and what registry and AI say of the stage."""
    patients, stages = simulate(seed, n, **simulated)
    return build_records(patients, stages)


def build_dated(n: int = 120, seed: int = 5) -> Records:
    """Return patients with dates of start, death and last news, and a stage, all from the registry."""
    rng = np.random.default_rng(seed)
    late = rng.random(n) < 0.4
    life, follow_up = rng.exponential(400 / np.exp(0.7 * late)), rng.uniform(150, 900, n)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    dead, end = life <= follow_up, np.minimum(life, follow_up).astype(int) + 1
    last, seen = (start + pd.to_timedelta(days, unit="D") for days in (end, end * rng.uniform(0, 0.8, n)))
    texts = {
        "start": start.strftime("%Y-%m-%d"),
        "death": [day if died else None for day, died in zip(last.strftime("%Y-%m-%d"), dead, strict=True)],
        "last_news": last.strftime("%Y-%m-%d"),
        "side": rng.choice(["left", "right"], n),
        "weight": rng.normal(70, 10, n).round(1).astype(str),
        "relapse": seen.strftime("%Y-%m-%d"),
        "stage": np.where(late, "III", "I"),
    }
    patients = build_patients(n, sex=rng.choice(["F", "M"], n))
    return build_records(patients, {("registry", name): values for name, values in texts.items()})


def build_setting(records: Records, protocol: Protocol, *, seed: int = 1, replicates: int = 200) -> Setting:
    """Return the setting of the first analysis."""
    return derive_setting(records, protocol, protocol.analyses[0], Draws(seed, "all", "patient", replicates))


def tolerate(records: Records, protocol: Protocol, *, seed: int = 1, replicates: int = 200) -> ToleranceRows:
    """Estimate the tolerance with few draws."""
    return estimate_tolerance(records, protocol, draws=Draws(seed, "all", "patient", replicates))
