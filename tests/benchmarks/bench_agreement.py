"""Time the agreement rows of a large study, and F1 replicates against plain row resampling in numpy.

Run: python tests/benchmarks/bench_agreement.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "measures"))

from agreement_study import LABEL, build_protocol

from probatio.measures import estimate_agreement
from probatio.measures.categorical import count_union
from probatio.measures.cells import derive_cells
from probatio.measures.classes import Classes, derive_classes
from probatio.measures.f1 import compute_f1_replicates
from probatio.protocol import Protocol
from probatio.resampling import Draws

PATIENTS, VARIABLES, REPLICATES, PEER_REPLICATES = 300, 40, 2000, 50
LEVELS = {"binary": 2, "nominal": 5, "ordinal": 5}


def build_large_protocol() -> Protocol:
    """A reference, a manual source and four AIs; 40 categorical variables; rates by centre and sex."""
    file = {"path": "x.csv", "layout": "long"}
    roles = {"registry": "reference", "manual": "manual", **{f"ai_{i}": "ai" for i in range(4)}}
    sources = [
        {"name": name, "label": LABEL, "role": role, "files": [file], "independent_of": ["manual"] * (role == "ai")}
        for name, role in roles.items()
    ]
    variables = []
    for i in range(VARIABLES):
        kind = list(LEVELS)[i % 3]
        levels = [str(level) for level in range(LEVELS[kind])]
        variables.append({"name": f"v{i:02d}", "label": LABEL, "type": kind, "levels": levels})
    settings = {"stratify_by": ["centre", "sex"], "resampling": {"seed": 1, "replicates": REPLICATES}}
    return build_protocol(sources=sources, variables=variables, **settings)


def build_large_study(protocol: Protocol) -> SimpleNamespace:
    """Random outcomes: 85 % documented, 6 % wrong, 4 % omitted, 3 % unsupported."""
    rng = np.random.default_rng(0)
    names = np.array([f"P{i:04d}" for i in range(PATIENTS)])
    centre, sex = rng.integers(15, size=PATIENTS).astype(str), rng.choice(["F", "M"], PATIENTS)
    patients = pd.DataFrame({"centre": centre, "sex": sex}, index=pd.Index(names, name="patient_id"))
    frames = []
    for variable in protocol.variables:
        levels = np.array(variable.levels)
        true, has = levels[rng.integers(len(levels), size=PATIENTS)], rng.random(PATIENTS) < 0.85
        for source in protocol.sources[1:]:
            given = np.where(rng.random(PATIENTS) < 0.06, levels[rng.integers(len(levels), size=PATIENTS)], true)
            got = np.where(has, rng.random(PATIENTS) < 0.96, rng.random(PATIENTS) < 0.03)
            both = np.where(given == true, "C", "W")
            outcome = np.where(has & got, both, np.where(has, "O", np.where(got, "U", "B")))
            frames.append(pd.DataFrame({
                "source": source.name, "comparator": "registry", "kind": "error", "variable": variable.name,
                "patient_id": names, "centre": centre, "visit": "", "event": "", "reference": np.where(has, true, ""),
                "value": np.where(got, given, ""), "outcome": outcome, "conformant": True, "weight": 1.0,
            }))  # fmt: skip
    return SimpleNamespace(pairs=pd.concat(frames, ignore_index=True), patients=patients)


def compute_peer(classes: Classes, weights: np.ndarray) -> np.ndarray:
    """F1 per class by copying rows for each replicate and counting them: the usual numpy loop."""
    cells, out = classes.cells, np.full((len(weights), classes.size), np.nan)
    groups = [np.flatnonzero(cells.group == place) for place in range(len(cells.groups))]
    correct = cells.outcome == "C"
    for replicate, weight in enumerate(weights):
        for place, rows in enumerate(groups):
            drawn = np.repeat(rows, weight[cells.patient[rows]])
            size, start = len(classes.levels[place]), classes.start[place]
            true, given, hit = classes.reference[drawn], classes.given[drawn], correct[drawn]
            tp = np.bincount(true[hit], minlength=size)
            documented = np.bincount(true[true >= 0], minlength=size)
            delivered = np.bincount(given[given >= 0], minlength=size)
            out[replicate, start : start + size] = 2 * tp / (documented + delivered)
    return out


def main() -> None:
    """Print seconds for all rows, milliseconds per F1 replicate of both ways, and their ratio."""
    protocol = build_large_protocol()
    study = build_large_study(protocol)
    draws = Draws(1, "all", "patient", REPLICATES)
    estimate_agreement(study, protocol, draws=draws)
    start = time.perf_counter()
    rows = estimate_agreement(study, protocol, draws=draws)
    whole = time.perf_counter() - start
    classes = derive_classes(
        derive_cells(study.pairs, study.patients, protocol, unit="patient"), protocol, kind="error"
    )
    weights = draws.weights(study.patients)
    start = time.perf_counter()
    ours = compute_f1_replicates(classes, count_union(classes), weights)
    own = (time.perf_counter() - start) / REPLICATES
    start = time.perf_counter()
    theirs = compute_peer(classes, weights[:PEER_REPLICATES])
    peer = (time.perf_counter() - start) / PEER_REPLICATES
    if not np.allclose(ours[:PEER_REPLICATES], theirs, rtol=1e-12):
        raise SystemExit("the two ways disagree")
    sys.stdout.write(
        f"{len(study.pairs)} pairs, {len(rows)} rows, {REPLICATES} replicates: {whole:.2f} s\n"
        f"F1, {classes.size} classes: {own * 1e3:.3f} ms a replicate, row resampling {peer * 1e3:.3f} ms, "
        f"ratio {peer / own:.0f}\n"
    )


if __name__ == "__main__":
    main()
