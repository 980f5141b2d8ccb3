"""The truth of repeated events: lines of therapy, dose changes, adverse events."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.synthetic.design import TERMS, derive_date_texts, derive_days, open_stream
from probatio.synthetic.truth import Truth, choose, compute_treated

_FIRST_DRUGS: Final = {"carboplatin|pemetrexed": 0.35, "carboplatin|pembrolizumab|pemetrexed": 0.45, "osimertinib": 0.2}
_NEXT_DRUGS: Final = {"docetaxel": 0.4, "nivolumab": 0.2, "paclitaxel": 0.2, "gemcitabine|vinorelbine": 0.2}
_TERM_WEIGHT: Final = (6, 7, 9, 16, 12, 10, 4, 5, 9, 2, 3, 12, 5)
_GRADES: Final = {"1": 0.43, "2": 0.34, "3": 0.18, "4": 0.05}


def generate_events(seed: int, truth: Truth) -> dict[str, pd.DataFrame]:
    """Return the true events by variable: columns `patient` (row of the patients table) and the attributes."""
    return {
        "prior_lines": _draw_lines(open_stream(seed, "prior_lines"), truth),
        "dose_changes": _draw_dose_changes(open_stream(seed, "dose_changes"), truth),
        "adverse_events": _draw_adverse_events(open_stream(seed, "adverse_events"), truth),
    }


def _draw_lines(rng: np.random.Generator, truth: Truth) -> pd.DataFrame:
    """Lines in order and disjoint, between diagnosis and request, as many as n_prior_lines."""
    counts = truth.cells["n_prior_lines"].astype(int)
    patient = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(len(patient)) - np.repeat(np.cumsum(counts) - counts, counts)
    origin = derive_days(truth.cells["diagnosis_date"])[patient]
    share = (truth.course.request[patient] - origin) / counts[patient]
    start = origin + share * (rank + 0.05 + 0.2 * rng.random(len(patient)))
    end = origin + share * (rank + 0.55 + 0.35 * rng.random(len(patient)))
    n = len(patient)
    drugs = np.where(rank == 0, choose(rng, n, _FIRST_DRUGS), choose(rng, n, _NEXT_DRUGS))
    reason = choose(rng, n, {"progression": 0.74, "toxicity": 0.12, "completed": 0.11, "other": 0.03})
    return pd.DataFrame({"patient": patient, "drugs": drugs, "start": derive_date_texts(np.floor(start)),
                         "end": derive_date_texts(np.floor(end)), "reason": reason})  # fmt: skip


def _draw_dose_changes(rng: np.random.Generator, truth: Truth) -> pd.DataFrame:
    treated = compute_treated(truth.course) - truth.course.start
    patient = np.repeat(np.arange(len(treated)), np.minimum(rng.poisson(np.minimum(treated, 300) / 240), 4))
    n = len(patient)
    days = truth.course.start[patient] + np.floor(3 + rng.random(n) * np.maximum(treated[patient] - 3, 0))
    frame = pd.DataFrame({
        "patient": patient,
        "type": choose(rng, n, {"reduction": 0.45, "interruption": 0.4, "resumption": 0.15}),
        "date": derive_date_texts(days),
        "reason": choose(rng, n, {"toxicity": 0.72, "intercurrent": 0.18, "other": 0.10}),
    })  # fmt: skip
    return frame.sort_values(["patient", "date", "type"], kind="stable").reset_index(drop=True)


def _draw_adverse_events(rng: np.random.Generator, truth: Truth) -> pd.DataFrame:
    course, treated = truth.course, np.maximum((compute_treated(truth.course) - truth.course.start), 2)
    patient = np.repeat(np.arange(len(treated)), rng.poisson(1.1 + np.minimum(treated, 240) / 160))
    n = len(patient)
    start = course.start[patient] + 1 + np.floor(rng.random(n) * (np.minimum(treated, 400)[patient] - 1))
    end = start + np.ceil(rng.standard_exponential(n) * 18)
    grade = choose(rng, n, _GRADES)
    fatal = (grade == "4") & course.died[patient] & (end >= course.end[patient])
    grade[fatal] = "5"
    serious = np.isin(grade, ["4", "5"]) | ((grade == "3") & (rng.random(n) < 0.5))
    ended = (end < course.end[patient]) | fatal
    weights = np.array(_TERM_WEIGHT) / sum(_TERM_WEIGHT)
    frame = pd.DataFrame({
        "patient": patient,
        "term": choose(rng, n, dict(zip(TERMS, weights.tolist(), strict=True))),
        "grade": grade,
        "serious": np.where(serious, "yes", "no").astype(object),
        "start": derive_date_texts(start),
        "end": derive_date_texts(np.where(fatal, course.end[patient], end), ended),
    })  # fmt: skip
    return frame.sort_values(["patient", "start", "term"], kind="stable").reset_index(drop=True)
