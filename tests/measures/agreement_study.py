"""Small studies for the tests of agreement: a protocol, patients and pairs written as tables."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from probatio.measures import ACCEPTANCE_METHODS, estimate_agreement
from probatio.protocol import Protocol
from probatio.resampling import Draws
from probatio.results import select_rows

LABEL = {"en": "x", "fr": "x"}
TYPES: dict[str, dict[str, Any]] = {
    "mutation": {"type": "binary", "levels": ["absent", "present"]},
    "histology": {"type": "nominal", "levels": ["adeno", "squamous", "other"]},
    "stage": {"type": "ordinal", "levels": ["I", "II", "III", "IV"]},
    "weight": {"type": "number", "unit": "kg"},
    "adverse_events": {
        "type": "events",
        "attributes": {
            "onset": {"label": LABEL, "type": "date"},
            "grade": {"label": LABEL, "type": "ordinal", "levels": ["1", "2", "3"]},
        },
        "match": {"date": "onset", "window": 30},
    },
}


def build_protocol(*, independent: bool = True, manual: bool = True, **settings: Any) -> Protocol:
    """A protocol with a reference, a manual source and an AI, and one variable of each kind."""
    file = {"path": "x.csv", "layout": "long"}
    sources = [{"name": "registry", "label": LABEL, "role": "reference", "files": [file]}]
    sources += [{"name": "manual", "label": LABEL, "role": "manual", "files": [file]}] if manual else []
    seen = ["manual"] if independent and manual else []
    sources += [{"name": "ai", "label": LABEL, "role": "ai", "independent_of": seen, "files": [file]}]
    base = {
        "study": "tiny",
        "title": LABEL,
        "data": ".",
        "patients": {
            "file": {"path": "p.csv"},
            "attributes": {"sex": {"label": LABEL, "column": "sex"}},
        },
        "sources": sources,
        "variables": [{"name": name, "label": LABEL, **declared} for name, declared in TYPES.items()],
        "resampling": {"seed": 1, "replicates": 200},
    }
    return Protocol.model_validate(base | settings)


def build_pairs(values: list[tuple[Any, ...]], **constants: Any) -> pd.DataFrame:
    """Pairs from (patient, reference, value, outcome) tuples; anything else by keyword."""
    frame = pd.DataFrame(values, columns=["patient_id", "reference", "value", "outcome"])
    base = {
        "source": "ai", "comparator": "registry", "kind": "error", "variable": "histology", "centre": "A", "visit": "",
        "event": "", "conformant": True, "confidence": np.nan, "weight": 1.0, "difference": np.nan,
    }  # fmt: skip
    return frame.assign(**(base | constants))


def build_outcomes(text: str, **constants: Any) -> pd.DataFrame:
    """One patient per letter of `text`, with that outcome and no class."""
    return build_pairs([(f"P{i:04d}", "", "", letter) for i, letter in enumerate(text)], **constants)


def build_patients(pairs: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    """The patients of some pairs, all of centre A unless told otherwise."""
    index = pd.Index(sorted(set(pairs["patient_id"])), name="patient_id")
    return pd.DataFrame({"centre": "A", "sampling_probability": 1.0, "sex": "F"} | columns, index=index)


def estimate(pairs: pd.DataFrame, protocol: Protocol | None = None, **options: Any) -> pd.DataFrame:
    """Agreement rows of some pairs; `patients` and `unit` by keyword."""
    patients = options.get("patients", build_patients(pairs))
    draws = Draws(1, "all", options.get("unit", "patient"), options.get("replicates", 200))
    comparison = SimpleNamespace(pairs=pairs, patients=patients)
    return estimate_agreement(comparison, protocol or build_protocol(), draws=draws)


def get_row(rows: pd.DataFrame, metric: str, **key: Any) -> Any:
    """The only row of a metric, by its key; overall, classless and for reporting unless told otherwise."""
    found = select_rows(rows, metric=metric, **({"stratum_by": "", "term": ""} | key))
    found = found if "method" in key else found[~found["method"].isin(ACCEPTANCE_METHODS)]
    assert len(found) == 1, found[["metric", "method", "term", "variable"]]
    return found.iloc[0]


def build_study(seed: int, *, patients: int = 60, visits: tuple[str, ...] = ("",), weighted: bool = False):
    """A random study of two sources and the categorical variables, with every outcome and some odd values."""
    rng = np.random.default_rng(seed)
    names = [f"P{i:04d}" for i in range(patients)]
    index = pd.Index(names, name="patient_id")
    table = pd.DataFrame(
        {"centre": rng.choice(list("ABCDE"), patients), "sex": rng.choice(["F", "M", ""], patients)}, index
    )
    weight = rng.uniform(1, 3, patients) if weighted else np.ones(patients)
    frames = []
    for variable in ("mutation", "histology", "stage"):
        levels = np.array(TYPES[variable]["levels"])
        for visit in visits:
            true = levels[rng.integers(len(levels), size=patients)]
            has = rng.random(patients) < 0.8
            for source in ("manual", "ai"):
                given = np.where(rng.random(patients) < 0.15, levels[rng.integers(len(levels), size=patients)], true)
                got = np.where(has, rng.random(patients) < 0.9, rng.random(patients) < 0.1)
                odd = got & (given != true) & (rng.random(patients) < 0.2)
                both = np.where((given == true) & ~odd, "C", "W")
                outcome = np.where(has & got, both, np.where(has, "O", np.where(got, "U", "B")))
                delivered = np.where(odd, "?", np.where(got, given, ""))
                values = list(zip(names, np.where(has, true, ""), delivered, outcome, strict=True))
                frame = build_pairs(values, source=source, variable=variable, visit=visit)
                frames.append(frame.assign(weight=weight, conformant=~odd))
    return pd.concat(frames, ignore_index=True), table.assign(sampling_probability=1.0)
