"""A source at work: the documents it is given, how hard they are to read, how sure it says it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from probatio.synthetic.design import (
    AI,
    CELLS,
    CENTRES,
    DOCUMENT_TYPES,
    EVENTS,
    OUTSIDE,
    REPEATS,
    Array,
    open_stream,
)
from probatio.synthetic.mechanisms import Mechanism
from probatio.synthetic.truth import Truth

SCANNED_SHIFT: Final = {"reference": 0.0, "manual": 0.15, "ai_a": 0.35, "ai_b": 0.60}
FAILED: Final = {"ai_a": 0.004, "ai_b": 0.007}
NOT_SUPPLIED: Final = {
    "ai_a": {"laboratory": 0.04, "pharmacy": 0.03},
    "ai_b": {"imaging": 0.08, "pathology": 0.10, "m6": 0.05},
}
SEPARATION: Final = {"ai_a": 1.40, "ai_b": 1.30}
_PRIOR_LOGIT: Final = 2.7


@dataclass(frozen=True)
class Papers:
    """Documents of the patients, by document key: missing, ambiguous, and per AI failed or not supplied."""

    missing: dict[str, Array]
    ambiguous: dict[str, Array]
    failed: dict[str, dict[str, Array]]
    withheld: dict[str, dict[str, Array]]


def generate_papers(seed: int, truth: Truth) -> Papers:
    """Return the fate of every document; harder centres and scanned documents fare worse."""
    rng, n = open_stream(seed, "papers"), len(truth.centre)
    difficulty = np.array([centre.difficulty for centre in CENTRES])[truth.centre]
    keys = tuple(DOCUMENT_TYPES)

    def draw(probability: float, hard: float, scanned: float) -> dict[str, Array]:
        limit = expit(logit(probability) + hard * difficulty + scanned * truth.masks["scanned"])
        return {key: rng.random(n) < limit for key in keys}

    missing, ambiguous = draw(0.010, 0.6, 0.7), draw(0.05, 0.4, 0.9)
    failed = {source: draw(FAILED[source], 0.3, 1.0) for source in AI}
    withheld = {s: {key: rng.random(n) < NOT_SUPPLIED[s].get(key, 0.0) for key in keys} for s in AI}
    return Papers(missing, ambiguous, failed, withheld)


@dataclass(frozen=True)
class Reader:
    """One source reading the documents of all patients."""

    seed: int
    source: str
    truth: Truth
    papers: Papers

    @property
    def base(self) -> str:
        """The source whose mechanisms and documents this one has: itself, unless it repeats another."""
        return REPEATS[self.source].of if self.source in REPEATS else self.source

    @property
    def is_ai(self) -> bool:
        """Whether an AI reads."""
        return self.base in AI

    @cached_property
    def sampled(self) -> Array:
        """The patients whom the source was given, shape (n,): all, or a random sample of the evaluated ones."""
        if self.source not in REPEATS:
            return np.ones(len(self.truth.centre), dtype=bool)
        evaluated = np.flatnonzero(self.truth.patients["development"] == "no")
        order = open_stream(self.seed, "sample", self.base).permutation(evaluated)
        return np.isin(np.arange(len(self.truth.centre)), order[: round(len(order) * REPEATS[self.source].share)])

    @cached_property
    def shift(self) -> Array:
        """What the centre and the quality of documents add to the logit of errors, shape (n,)."""
        difficulty = np.array([centre.difficulty for centre in CENTRES])[self.truth.centre]
        worse = REPEATS[self.source].worse if self.source in REPEATS else 0.0
        shift: Array = difficulty + SCANNED_SHIFT[self.base] * self.truth.masks["scanned"] + worse
        return shift

    def draw(self, shape: tuple[int, ...], *names: str) -> Array:
        """Return the source's chances in [0, 1), patients last; those of `base` but where it decides anew."""
        chances: Array = open_stream(self.seed, self.base, *names).random(shape)
        if self.source not in REPEATS:
            return chances
        rng = open_stream(self.seed, self.source, *names)
        anew = rng.random(shape[-1]) < REPEATS[self.source].redrawn
        return np.where(anew, rng.random(shape), chances)

    def list_losses(self, document: str) -> list[tuple[str, Array]]:
        """Return why and for which patients nothing can be read of a document: `missing`, `failed`."""
        if document not in DOCUMENT_TYPES or self.source == "reference":
            return []
        losses = [("missing", self.papers.missing[document])]
        return losses + ([("failed", self.papers.failed[self.base][document])] if self.is_ai else [])

    def find_lost(self, document: str) -> Array:
        """Return the patients of whom nothing can be read of a document, shape (n,)."""
        lost = np.zeros(len(self.truth.centre), dtype=bool)
        for _, struck in self.list_losses(document):
            lost |= struck
        return lost

    def compute_limit(self, mechanism: Mechanism) -> Array:
        """Return the probability of a mechanism in each patient, shape (n,)."""
        probability = mechanism.probability[self.base]
        if probability == 0:
            return np.zeros(len(self.shift))
        limit: Array = expit(logit(probability) + self.shift + mechanism.early_death * self.truth.masks["early_death"])
        return limit

    def compute_confidence(self, rng: np.random.Generator, rows: Array, right: Array) -> Array:
        """Return the confidence of values: informative everywhere, calibrated nowhere.

        A score is normal with unit variance and mean d when the value is right, 0 when it is wrong: its
        area under the ROC curve is Phi(d / sqrt 2). The posterior logit is then moved by the centre's bias.

        Args:
            rng: a stream of its own.
            rows: the patient of each value, shape (m,).
            right: whether it is right, shape (m,).
        """
        separation = SEPARATION[self.base]
        bias = np.array([c.over_a if self.base == "ai_a" else c.over_b for c in CENTRES])[self.truth.centre[rows]]
        score = rng.standard_normal(len(right)) + separation * right
        value = expit(_PRIOR_LOGIT + separation * score - separation**2 / 2 + bias)
        confidence: Array = np.clip(np.round(value, 3), 0.001, 0.999)
        return confidence

    def derive_barred(self) -> dict[str, Array]:
        """Return why each cell or variable of events was not assessed, "" where it was: arrays of shape (n,)."""
        return {key: self._find_reason(name, document, visit) for key, name, document, visit in list_fields()}

    def _find_reason(self, name: str, document: str, visit: str) -> Array:
        reason = np.full(len(self.truth.centre), "", dtype=object)
        if self.is_ai and document not in DOCUMENT_TYPES:
            reason[:] = "document_not_supplied"
        elif self.is_ai:
            reason[self.papers.withheld[self.base][document]] = "document_not_supplied"
        if visit:
            reason[~self.truth.due[visit]] = "not_due"
        if self.source == "reference":
            reason[(self.truth.patients["reference_sampled"] == "no").to_numpy()] = "out_of_sample"
        asked = REPEATS[self.source].variables if self.source in REPEATS else ()
        reason[~self.sampled | bool(asked and name not in asked)] = OUTSIDE
        return reason


def list_fields() -> list[tuple[str, str, str, str]]:
    """Return key, variable, document and visit of every cell, then of every variable of events."""
    cells = [(cell.key, cell.variable.name, cell.document, cell.visit) for cell in CELLS]
    return cells + [(variable.name, variable.name, variable.document, "") for variable in EVENTS]


def select_when(when: str, truth: Truth, lines: pd.DataFrame | None = None) -> Array:
    """Return the patients, or event lines, that a mechanism concerns: a mask's name, or `not` and a name."""
    name = when.removeprefix("not ")
    if not name:
        chosen: Array = np.ones(len(truth.centre) if lines is None else len(lines), dtype=bool)
    elif name == "grade_1_2" and lines is not None:
        chosen = lines["grade"].isin(["1", "2"]).to_numpy()
    else:
        chosen = truth.masks[name]
    return ~chosen if when.startswith("not ") else chosen
