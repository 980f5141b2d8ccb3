"""The truth: patients, their course in time, and the true value of every cell.

Death has a proportional hazard in two covariates and in nothing else: brain metastases and ECOG at access of 2
or more (`HAZARD_RATIOS`). Censoring is independent of death. A Cox model with exactly these two terms is
therefore correctly specified on the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from probatio.synthetic.design import (
    CELLS,
    CENTRES,
    CUT_OFF,
    DEVELOPMENT_SHARE,
    EARLY_DEATH_DAYS,
    HAZARD_RATIOS,
    INCLUSION_DAYS,
    OPENING,
    SAMPLING_PROBABILITY,
    SITES,
    VISITS,
    Array,
    derive_date_texts,
    derive_number_texts,
    open_stream,
)

WEIBULL_SHAPE: Final = 1.15
WEIBULL_SCALE: Final = 980.0
_SITE_PROBABILITY: Final = {
    "adrenal": 0.15,
    "bone": 0.42,
    "liver": 0.22,
    "lung": 0.5,
    "lymph_node": 0.45,
    "pleura": 0.3,
}
_OPENING_DAY: Final = int(np.datetime64(OPENING).astype("int64"))
_LAST_DAY: Final = int(np.datetime64(CUT_OFF).astype("int64"))


@dataclass(frozen=True)
class Course:
    """Days since 1970-01-01 of a patient's course; `died` within observation; NaN where it did not happen."""

    request: Array
    start: Array
    end: Array
    died: Array
    progression: Array
    stop: Array
    stop_reason: Array
    response: Array
    next_treatment: Array


@dataclass(frozen=True)
class Truth:
    """What is true of every patient.

    Attributes:
        patients: one row per patient in order of inclusion; columns of `patients.csv`.
        centre: index into `CENTRES`, shape (n,).
        course: the days behind the dates.
        cells: true texts by cell key, each of shape (n,); empty where the truth itself is undocumented.
        earlier: by variable with visits, the texts of an older letter, before access.
        due: by visit, whether the visit fell within treatment and observation.
        masks: `outside_hospital`, `early_death`, `scanned`.

    The arrays are read-only: a mechanism that wrote into the truth would fail.
    """

    patients: pd.DataFrame
    centre: Array
    course: Course
    cells: dict[str, Array]
    earlier: dict[str, Array]
    due: dict[str, Array]
    masks: dict[str, Array]


def generate_truth(seed: int, patients: int) -> Truth:
    """Return the truth of a study; `patients` is spread over the centres in their proportions."""
    centre = _draw_centres(seed, patients)
    background = _draw_background(seed, patients)
    course = _draw_course(seed, background)
    due = {visit: course.start + day <= compute_treated(course) for visit, day in VISITS.items()}
    due["access"] = np.ones(patients, dtype=bool)
    visits, earlier = _draw_visits(seed, background, due)
    cells = background | _derive_course_cells(seed, course, background["n_prior_lines"].astype(int)) | visits
    masks = _draw_masks(seed, course)
    for array in (*cells.values(), *earlier.values(), *due.values(), *masks.values()):
        array.setflags(write=False)
    return Truth(
        patients=_derive_patients(seed, centre, cells, masks),
        centre=centre,
        course=course,
        cells={cell.key: cells[cell.key] for cell in CELLS},
        earlier=earlier,
        due=due,
        masks=masks,
    )


def _draw_centres(seed: int, n: int) -> Array:
    """Spread n patients over the centres in proportion (largest remainders), in random order."""
    share = np.array([centre.size for centre in CENTRES]) * n / sum(centre.size for centre in CENTRES)
    sizes = np.floor(share).astype(int)
    sizes[np.argsort(sizes - share, kind="stable")[: n - sizes.sum()]] += 1
    return open_stream(seed, "centres").permutation(np.repeat(np.arange(len(CENTRES)), sizes))


def choose(rng: np.random.Generator, n: int, levels: dict[str, float]) -> Array:
    """Draw n levels with their probabilities."""
    limits = np.cumsum(list(levels.values()))[:-1]
    return np.array(list(levels), dtype=object)[np.searchsorted(limits, rng.random(n), side="right")]


def _draw_background(seed: int, n: int) -> dict[str, Array]:
    rng = open_stream(seed, "background")
    stage = choose(rng, n, {"IIIB": 0.04, "IIIC": 0.05, "IVA": 0.41, "IVB": 0.50})
    brain = rng.random(n) < np.select([stage == "IVA", stage == "IVB"], [0.20, 0.58], 0.0)
    tested = rng.random(n) >= 0.18
    pdl1 = choose(rng, n, {"0": 0.36, "1": 0.06, "5": 0.10, "10": 0.08, "20": 0.07, "30": 0.04, "50": 0.07,
                           "60": 0.05, "70": 0.05, "80": 0.06, "90": 0.06})  # fmt: skip
    return {
        "sex": choose(rng, n, {"F": 0.54, "M": 0.46}),
        "histology": choose(rng, n, {"adenocarcinoma": 0.86, "squamous": 0.06, "nos": 0.05, "other": 0.03}),
        "stage": stage,
        "brain_mets": np.where(brain, "yes", "no").astype(object),
        "metastatic_sites": _draw_sites(rng, stage, brain),
        "ecog@access": choose(rng, n, {"0": 0.28, "1": 0.48, "2": 0.22, "3": 0.02}),
        "driver_mutation": choose(rng, n, {"present": 0.96, "failed": 0.025, "not_tested": 0.015}),
        "pdl1": np.where(tested, pdl1, "").astype(object),
        "smoking": choose(rng, n, {"never": 0.40, "former": 0.46, "current": 0.14}),
        "n_prior_lines": choose(rng, n, {"1": 0.42, "2": 0.33, "3": 0.17, "4": 0.08}),
        "start_dose": choose(rng, n, {"120": 0.84, "60": 0.14, "180": 0.02}),
    }


def _draw_sites(rng: np.random.Generator, stage: Array, brain: Array) -> Array:
    """Sites of a stage IV disease, at least one; brain agrees with brain_mets; none in stage III."""
    more = np.where(stage == "IVB", 1.0, 0.55)
    held = {site: rng.random(len(stage)) < p * more for site, p in _SITE_PROBABILITY.items()} | {"brain": brain}
    matrix = np.column_stack([held[site] for site in SITES])
    matrix[~matrix.any(axis=1), SITES.index("lung")] = True
    matrix[~np.char.startswith(stage.astype(str), "IV")] = False
    names = np.array(SITES)
    return np.array(["|".join(names[row]) for row in matrix], dtype=object)


def _draw_course(seed: int, background: dict[str, Array]) -> Course:
    rng, n = open_stream(seed, "course"), len(background["sex"])
    request = np.sort(_OPENING_DAY + rng.integers(0, INCLUSION_DAYS, n))
    start = request + rng.integers(3, 36, n)
    frail = np.isin(background["ecog@access"], ["2", "3", "4"])
    relative = np.where(background["brain_mets"] == "yes", HAZARD_RATIOS["brain_mets"], 1.0)
    relative = relative * np.where(frail, HAZARD_RATIOS["ecog"], 1.0)
    survival = WEIBULL_SCALE * (rng.standard_exponential(n) / relative) ** (1 / WEIBULL_SHAPE)
    last = _LAST_DAY - rng.integers(0, 46, n)
    lost = rng.random(n) < 0.06
    last = np.where(lost, start + 30 + (rng.random(n) * (last - start - 30)).astype(int), last)
    death = start + np.ceil(survival).astype(int)
    died = death <= last
    course = _draw_treatment(rng, request, start, np.where(died, death, last), died)
    return replace(course, next_treatment=_draw_next_treatment(open_stream(seed, "next_treatment"), course))


def _draw_treatment(rng: np.random.Generator, request: Array, start: Array, end: Array, died: Array) -> Course:
    """Progression, response and stop within the time observed; nothing of what comes after the stop."""
    n = len(start)
    progression = start + np.ceil(25 + rng.standard_exponential(n) * 330)
    progression = np.where(progression < end, progression, np.nan)
    toxicity = start + np.ceil(10 + rng.standard_exponential(n) * 2400)
    choice = start + np.ceil(15 + rng.standard_exponential(n) * 4500)
    candidates = np.column_stack([progression + rng.integers(0, 22, n), toxicity, choice, np.where(died, end, np.inf)])
    candidates = np.where(candidates <= end[:, None], candidates, np.inf)
    first = candidates.min(axis=1)
    reasons = np.array(["progression", "toxicity", "choice", "death"], dtype=object)
    reason = reasons[candidates.argmin(axis=1)]
    reason[(reason == "choice") & (rng.random(n) < 0.3)] = "other"
    stopped = np.isfinite(first)
    response = choose(rng, n, {"CR": 0.04, "PR": 0.47, "SD": 0.42, "NE": 0.07})
    response[progression - start < 75] = "PD"
    response[(end - start < 45) & np.isnan(progression)] = "NE"
    return Course(
        request=request,
        start=start,
        end=end,
        died=died,
        progression=progression,
        stop=np.where(stopped, first, np.nan),
        stop_reason=np.where(stopped, reason, "").astype(object),
        response=response,
        next_treatment=np.full(n, np.nan),
    )


def _draw_next_treatment(rng: np.random.Generator, course: Course) -> Array:
    """Return when the next treatment began, in two of three patients who stopped and lived long enough for one."""
    n = len(course.stop)
    offered = (rng.random(n) < 0.67) & (course.stop_reason != "death")
    begun = course.stop + np.ceil(10 + rng.standard_exponential(n) * 35)
    return np.where(offered & (begun < course.end), begun, np.nan)


def compute_treated(course: Course) -> Array:
    """Return the day on which treatment or observation ended, shape (n,)."""
    return np.where(np.isnan(course.stop), course.end, course.stop)


def _derive_course_cells(seed: int, course: Course, lines: Array) -> dict[str, Array]:
    rng, n = open_stream(seed, "dates"), len(course.start)
    diagnosis = course.request - 60 - 110 * lines - np.floor(rng.standard_exponential(n) * 330).astype(int)
    month_only = rng.random(n) < 0.2
    diagnosed = derive_date_texts(diagnosis)
    diagnosed[month_only] = [text[:7] for text in diagnosed[month_only]]
    age = np.clip(rng.normal(64, 10, n), 35, 88)
    births = derive_date_texts(course.request - np.floor(age * 365.25).astype(int))
    gap = np.minimum(rng.integers(1, 31, n), course.end - course.start)
    score = np.clip(np.round(rng.normal(7.4, 2.3, n)), 0, 12) * 100 / 12
    returned = rng.random(n) < 0.72
    last_news = np.where(course.died, course.end - gap, course.end)
    known = course.next_treatment <= last_news
    return {
        "birth_month": np.array([text[:7] for text in births], dtype=object),
        "request_date": derive_date_texts(course.request),
        "diagnosis_date": diagnosed,
        "start_date": derive_date_texts(course.start),
        "response": course.response,
        "progression_date": _derive_known(course.progression),
        "qol_global": derive_number_texts(np.where(returned, np.round(score), np.nan)),
        "stop_date": _derive_known(course.stop),
        "stop_reason": course.stop_reason,
        "last_news": derive_date_texts(last_news),
        "death_date": derive_date_texts(course.end, course.died),
        "next_treatment_date": _derive_known(np.where(known, course.next_treatment, np.nan)),
    }


def _derive_known(days: Array) -> Array:
    known = ~np.isnan(days)
    return derive_date_texts(np.where(known, days, 0), known)


_VISIT_LAW: Final = {
    "creatinine": {"step": 1.0, "low": 40.0, "high": 400.0, "spread": 9.0, "unknown": 0.06},
    "haemoglobin": {"step": 0.1, "low": 6.5, "high": 18.0, "spread": 0.7, "unknown": 0.06},
    "weight": {"step": 0.5, "low": 38.0, "high": 130.0, "spread": 2.2, "unknown": 0.08},
}


def _draw_visits(
    seed: int, background: dict[str, Array], due: dict[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Values at access and at each visit, from an older letter on; empty where not due or not noted."""
    rng, n = open_stream(seed, "visits"), len(background["sex"])
    woman = background["sex"] == "F"
    levels: dict[str, Array] = {
        "creatinine": np.exp(rng.normal(np.where(woman, 4.22, 4.42), 0.22)),
        "haemoglobin": rng.normal(np.where(woman, 11.9, 12.8), 1.5),
        "weight": rng.normal(np.where(woman, 62.0, 76.0), 11.0),
    }
    cells: dict[str, Array] = {}
    earlier = {name: _derive_measure(level, _VISIT_LAW[name]) for name, level in levels.items()}
    for visit in VISITS:
        for name, law in _VISIT_LAW.items():
            levels[name] = levels[name] + rng.normal(0, law["spread"], n)
            noted = due[visit] & (rng.random(n) >= law["unknown"])
            cells[f"{name}@{visit}"] = np.where(noted, _derive_measure(levels[name], law), "").astype(object)
    grades, earlier["ecog"] = _draw_grades(rng, background["ecog@access"], due)
    return cells | grades, earlier


def _derive_measure(level: Array, law: dict[str, Any]) -> Array:
    return derive_number_texts(np.round(np.clip(level, law["low"], law["high"]) / law["step"]) * law["step"])


def _draw_grades(rng: np.random.Generator, access: Array, due: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    grade, n = access.astype(int), len(access)
    earlier = np.clip(grade - (rng.random(n) < 0.35), 0, 4).astype(str).astype(object)
    cells = {}
    for visit in ("m1", "m3", "m6"):
        draw = rng.random(n)
        grade = np.clip(grade + (draw < 0.22).astype(int) - (draw > 0.86).astype(int), 0, 4)
        noted = due[visit] & (rng.random(n) >= 0.03)
        cells[f"ecog@{visit}"] = np.where(noted, grade.astype(str), "").astype(object)
    return cells, earlier


def _draw_masks(seed: int, course: Course) -> dict[str, Array]:
    rng, n = open_stream(seed, "circumstances"), len(course.start)
    return {
        "outside_hospital": course.died & (rng.random(n) < 0.32),
        "early_death": course.died & (course.end - course.start <= EARLY_DEATH_DAYS),
        "scanned": rng.random(n) < 0.3,
    }


def _derive_patients(seed: int, centre: Array, cells: dict[str, Array], masks: dict[str, Array]) -> pd.DataFrame:
    rng, n = open_stream(seed, "sampling"), len(centre)
    stratum = np.array([c.stratum for c in CENTRES], dtype=object)[centre]
    probability = np.array([SAMPLING_PROBABILITY[s] for s in stratum])
    development = np.zeros(n, dtype=bool)
    development[rng.permutation(n)[: round(n * DEVELOPMENT_SHARE)]] = True
    sampled = (rng.random(n) < probability) | development
    age = np.array([int(text[:4]) for text in cells["request_date"]])
    age = age - np.array([int(text[:4]) for text in cells["birth_month"]])
    width = max(3, len(str(n)))
    return pd.DataFrame(
        {
            "patient_id": [f"P{number:0{width}d}" for number in range(1, n + 1)],
            "centre": np.array([c.name for c in CENTRES], dtype=object)[centre],
            "sampling_stratum": stratum,
            "sampling_probability": probability,
            "reference_sampled": np.where(sampled, "yes", "no").astype(object),
            "development": np.where(development, "yes", "no").astype(object),
            "sex": cells["sex"],
            "age_group": np.where(age < 65, "under_65", "65_and_over").astype(object),
            "document_quality": np.where(masks["scanned"], "scanned", "typed").astype(object),
            "inclusion": cells["request_date"],
        }
    )
