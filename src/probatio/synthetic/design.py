"""The design of the demonstration study: centres, variables, documents, effects, seeded streams.

Everything here is a choice of the demonstration. No figure is taken from a publication and none may be
cited as one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BUNDLED_SEED: Final = 17
SOURCES: Final = ("reference", "manual", "ai_a", "ai_b")
AI: Final = ("ai_a", "ai_b")
READERS: Final = ("manual", *AI)
OPENING: Final = "2022-01-10"
INCLUSION_DAYS: Final = 700
CUT_OFF: Final = "2024-12-31"
EXTRACTED_AT: Final = {"ai_a": "2025-02-03", "ai_b": "2025-02-17"}
EXTRACTOR: Final = {"ai_a": "lector-2.1", "ai_b": "scriba-0.9"}
ENTRY_DAYS: Final = 35
VISITS: Final = {"access": 0, "m1": 30, "m3": 91, "m6": 182}
DEVELOPMENT_SHARE: Final = 1 / 15
EARLY_DEATH_DAYS: Final = 150


@dataclass(frozen=True)
class Repeat:
    """A source that reads as another one does: a further run, an earlier version, a second reader.

    Attributes:
        of: the source whose mechanisms, documents and extractions that fail it has.
        redrawn: the share of its values whose errors are drawn anew; in the others the chance is that of `of`.
        worse: added to the logit of each of its own error probabilities.
        share: the share of the evaluated patients that it read, drawn at random.
        variables: the variables that it was asked for; empty: all.
    """

    of: str
    redrawn: float
    worse: float
    share: float
    variables: tuple[str, ...] = ()


OUTSIDE: Final = "outside_sample"
REPEATS: Final = {
    "second_reader": Repeat("manual", 1.0, 0.0, 2 / 7, (
        "histology", "stage", "brain_mets", "ecog", "driver_mutation", "pdl1", "smoking", "response",
        "progression_date", "stop_reason",
    )),
    "ai_a_run2": Repeat("ai_a", 0.4, 0.0, 3 / 7),
    "ai_a_v1": Repeat("ai_a", 0.4, 0.9, 3 / 7),
}  # fmt: skip
"""Of the 280 evaluated patients of the bundled study: 80 for the second reader, 120 (the same) for both runs."""
REVIEWED: Final = "ai_a_reviewed"
"""AI A after review beside AI B's values."""
EVERY_SOURCE: Final = (*SOURCES, *REPEATS, REVIEWED)

HAZARD_RATIOS: Final = {"brain_mets": 2.4, "ecog": 1.5}
"""True hazard ratios of death: brain metastases yes against no, ECOG at access 2 or more against 0 or 1."""


@dataclass(frozen=True)
class Centre:
    """One centre: its size among 300 patients, its difficulty, its reference sampling, its calibration.

    `difficulty` is added to the logit of every error probability. `over_a` and `over_b` are added to the
    logit of the confidences of ai_a and ai_b: positive in a centre where the AI is over-confident.
    """

    name: str
    size: int
    difficulty: float
    stratum: str
    over_a: float
    over_b: float


CENTRES: Final = (
    Centre("C01", 60, -0.40, "large", 0.9, -0.5),
    Centre("C02", 45, -0.25, "large", -0.7, 0.8),
    Centre("C03", 36, -0.10, "large", 0.6, 1.0),
    Centre("C04", 30, 0.00, "large", -0.9, -0.7),
    Centre("C05", 24, -0.15, "other", 0.0, 0.5),
    Centre("C06", 20, 0.20, "other", 1.2, -0.6),
    Centre("C07", 18, 0.05, "other", -0.5, 0.0),
    Centre("C08", 15, 0.30, "other", 0.8, 0.9),
    Centre("C09", 12, 0.45, "other", -0.6, -0.8),
    Centre("C10", 11, 0.15, "other", 0.4, 1.1),
    Centre("C11", 9, 0.55, "other", 1.0, -0.4),
    Centre("C12", 7, 0.40, "other", -0.8, 0.7),
    Centre("C13", 6, 0.75, "other", 0.9, 0.9),
    Centre("C14", 4, 0.70, "other", -0.4, -0.9),
    Centre("C15", 3, 0.95, "other", 1.1, 0.6),
)
SAMPLING_PROBABILITY: Final = {"large": 0.7, "other": 1.0}


@dataclass(frozen=True)
class Variable:
    """One variable of the forms: its type, its levels in order, the document that states it.

    `tolerance` is the largest absolute difference of a number that still counts as correct; `step` is
    the grid on which true numbers lie (steps of 0.5 and 1 are exact in binary, so tolerances are too).
    """

    name: str
    type: str
    form: str
    document: str
    levels: tuple[str, ...] = ()
    unit: str = ""
    tolerance: float = 0.0
    step: float = 1.0
    visits: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


SITES: Final = ("adrenal", "bone", "brain", "liver", "lung", "lymph_node", "pleura")
TERMS: Final = (
    "alt_increased", "anaemia", "decreased_appetite", "diarrhoea", "fatigue", "nausea", "neutropenia",
    "oedema", "paronychia", "pneumonitis", "qt_prolonged", "rash", "stomatitis",
)  # fmt: skip
_FOUR: Final = tuple(VISITS)

VARIABLES: Final = (
    Variable("birth_month", "date", "access", "consultation"),
    Variable("sex", "binary", "access", "consultation", ("M", "F")),
    Variable("request_date", "date", "access", "consultation"),
    Variable("diagnosis_date", "date", "access", "consultation"),
    Variable("histology", "nominal", "access", "pathology", ("adenocarcinoma", "squamous", "nos", "other")),
    Variable("stage", "ordinal", "access", "consultation", ("IIIB", "IIIC", "IVA", "IVB")),
    Variable("metastatic_sites", "set", "access", "imaging", SITES),
    Variable("brain_mets", "binary", "access", "imaging", ("no", "yes")),
    Variable("ecog", "ordinal", "access", "consultation", ("0", "1", "2", "3", "4"), visits=_FOUR),
    Variable("driver_mutation", "nominal", "access", "pathology", ("present", "absent", "not_tested", "failed")),
    Variable("pdl1", "number", "access", "pathology", unit="%"),
    Variable("smoking", "nominal", "access", "consultation", ("never", "former", "current")),
    Variable("n_prior_lines", "number", "access", "consultation"),
    Variable("creatinine", "number", "access", "laboratory", unit="µmol/L", tolerance=2.0, visits=_FOUR),
    Variable("haemoglobin", "number", "access", "laboratory", unit="g/dL", step=0.1, visits=_FOUR),
    Variable("weight", "number", "access", "consultation", unit="kg", tolerance=1.0, step=0.5, visits=_FOUR),
    Variable("start_date", "date", "start", "pharmacy"),
    Variable("start_dose", "number", "start", "pharmacy", unit="mg/day"),
    Variable("response", "nominal", "follow-up", "response", ("CR", "PR", "SD", "PD", "NE")),
    Variable("progression_date", "date", "follow-up", "response"),
    Variable("qol_global", "number", "follow-up", "questionnaire", unit="points"),
    Variable("stop_date", "date", "stop", "summary"),
    Variable("stop_reason", "nominal", "stop", "summary", ("progression", "toxicity", "death", "choice", "other")),
    Variable("last_news", "date", "stop", "administrative"),
    Variable("death_date", "date", "stop", "administrative"),
    Variable("next_treatment_date", "date", "stop", "administrative"),
)

EVENTS: Final = (
    Variable("prior_lines", "events", "access", "consultation",
             attributes={"drugs": "set", "start": "date", "end": "date", "reason": "nominal"}),
    Variable("dose_changes", "events", "follow-up", "pharmacy",
             attributes={"type": "nominal", "date": "date", "reason": "nominal"}),
    Variable("adverse_events", "events", "follow-up", "summary",
             attributes={"term": "nominal", "grade": "ordinal", "serious": "binary", "start": "date", "end": "date"}),
)  # fmt: skip
EVENT_LEVELS: Final = {
    "prior_lines.reason": ("progression", "toxicity", "completed", "other"),
    "dose_changes.type": ("reduction", "interruption", "resumption"),
    "dose_changes.reason": ("toxicity", "intercurrent", "other"),
    "adverse_events.term": TERMS,
    "adverse_events.grade": ("1", "2", "3", "4", "5"),
    "adverse_events.serious": ("no", "yes"),
}

DOCUMENT_TYPES: Final = {
    "consultation": "consultation_letter",
    "pathology": "pathology_report",
    "imaging": "imaging_report",
    "laboratory": "laboratory_report",
    "pharmacy": "pharmacy_note",
    "m1": "follow_up_letter",
    "m3": "follow_up_letter",
    "m6": "follow_up_letter",
    "response": "response_report",
    "summary": "summary_letter",
    "administrative": "administrative_letter",
}
"""Documents of a patient by key. The quality-of-life questionnaire stays on paper: no AI ever sees it."""


@dataclass(frozen=True)
class Cell:
    """One value of a patient's form: a variable, at a visit where it has visits."""

    variable: Variable
    visit: str

    @property
    def key(self) -> str:
        """Name of the cell, as `ecog@m1`, or the variable's name alone."""
        return f"{self.variable.name}@{self.visit}" if self.visit else self.variable.name

    @property
    def column(self) -> str:
        """Name of the cell's column in a wide file, as `ecog_m1`."""
        return self.key.replace("@", "_")

    @property
    def document(self) -> str:
        """Key of the document that states the value."""
        return self.visit if self.visit not in ("", "access") else self.variable.document


CELLS: Final = tuple(Cell(variable, visit) for variable in VARIABLES for visit in (variable.visits or ("",)))


def open_stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream of one purpose: adding a purpose moves no other number."""
    content = "\x1f".join((str(seed), *names)).encode("utf-8")
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(content).digest(), "big")))


def derive_number_texts(values: Array) -> Array:
    """Return numbers as canonical texts: shortest form, integral without decimals; NaN becomes empty."""
    texts = [_derive_number(value) for value in np.round(values, 4).tolist()]
    return np.array(texts, dtype=object)


def _derive_number(value: float) -> str:
    if value != value:  # noqa: PLR0124 NaN is the one number that differs from itself
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def derive_date_texts(days: Array, present: Array | None = None) -> Array:
    """Return days since 1970-01-01 as ISO texts, empty where not present."""
    texts = np.asarray(days).astype("int64").astype("datetime64[D]").astype(str).astype(object)
    if present is not None:
        texts[~present] = ""
    return texts


def derive_days(texts: Array) -> Array:
    """Return ISO dates (a month counts as its first day) as days since 1970-01-01."""
    days: Array = texts.astype(str).astype("datetime64[D]").astype("int64")
    return days
