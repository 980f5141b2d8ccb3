"""Studies whose true risk is known: does the guarantee hold, and how much is accepted beside one who knows the risk?

A value has a difficulty u, uniform, and the score 1 - u. Its chance of an error rises with u, by the scenario's law.
Six centres, whose patients are fixed shares of the cohort, have levels of error of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, logit
from scipy.stats import beta

from probatio.confidence.selection import Method, Sample, compute_p, derive_grid, select_threshold
from probatio.resampling import Floats

DELTA, ALPHA, STEPS = 0.05, 0.05, 20
CENTRES = np.array([-0.8, -0.4, -0.1, 0.1, 0.4, 0.8])
SHARES = np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
_POPULATION = 200_000


def flat(level: float) -> Callable[[Floats], Floats]:
    """An uninformative score: the same chance of an error whatever the difficulty."""
    return lambda u: np.full_like(u, level)


def steep(u: Floats) -> Floats:
    """Four values in five nearly always right, the rest wrong half of the time: 9 % in all."""
    return 0.004 + 0.45 * expit((u - 0.82) / 0.04)


def gentle(u: Floats) -> Floats:
    """Errors rise slowly with the difficulty: 10 % in all."""
    return np.asarray(expit(-4.4 + 3.6 * u))


@dataclass(frozen=True)
class Scenario:
    """How patients, values and errors come about.

    Attributes:
        name: shown in the table.
        law: chance of an error by difficulty, in a patient and centre of average level.
        values: values per patient, at most; with `uneven` a patient has 1 to `values`.
        shared: chance that a value's error is decided by its patient, all such values alike (correlation of
            errors, beta-binomial in spirit: margins stay those of the law).
        spread: standard deviation of a patient's random effect, log odds.
        centres: the centres' levels differ.
        uneven: patients with more values have more errors (half a log odds per value).
        sampled: probability of a reference for half of the patients, with odds of errors doubled; the others have one.
    """

    name: str
    law: Callable[[Floats], Floats]
    values: int = 1
    shared: float = 0.0
    spread: float = 0.0
    centres: bool = True
    uneven: bool = False
    sampled: float = 1.0
    sizes: tuple[int, int] = (250, 500)

    @property
    def heaviest(self) -> float:
        """The most that a patient's values weigh together."""
        return self.values / self.sampled

    def draw(self, rng: np.random.Generator, patients: int, *, labelled: bool = True) -> tuple[Sample, Floats]:
        """Return values with errors, and each value's true chance of one; `labelled`: of patients with a reference."""
        kept = self.sampled if labelled else 1.0
        hard = rng.random(patients) < kept / (kept + 1)
        counts = rng.integers(1, self.values + 1, patients) if self.uneven else np.full(patients, self.values)
        level = rng.normal(0, self.spread, patients) if self.spread else np.zeros(patients)
        level += CENTRES[rng.choice(len(CENTRES), patients, p=SHARES)] if self.centres else 0.0
        level += 0.5 * (counts - (self.values + 1) / 2) if self.uneven else 0.0
        level += np.where(hard, np.log(2), 0.0) if self.sampled < 1 else 0.0
        patient = np.repeat(np.arange(patients), counts)
        u = rng.random(len(patient))
        chance = self.law(u)
        risk = expit(logit(chance) + level[patient]) if level.any() else chance
        own, common = rng.random(len(patient)), rng.random(patients)
        decided = np.where(rng.random(len(patient)) < self.shared, common[patient], own)
        weight = np.where(hard, 1 / kept, 1.0)[patient]
        return Sample(1 - u, (decided < risk).astype(float), patient, weight, patients), risk


@dataclass(frozen=True)
class Truth:
    """The risk of accepting from each score on, in a large population of the scenario."""

    score: Floats
    risk: Floats
    share: float = field(default=0.0)

    def read(self, threshold: float) -> tuple[float, float]:
        """Return the share accepted and its true risk."""
        at = int(np.searchsorted(-self.score, -threshold, side="right"))
        return at / len(self.score), float(self.risk[at - 1]) if at else 0.0


def compute_truth(scenario: Scenario, alpha: float = ALPHA) -> Truth:
    """Return the true risk by threshold and the share that one who knows it accepts."""
    sample, chance = scenario.draw(np.random.default_rng(7), _POPULATION, labelled=False)
    order = np.argsort(-sample.score)
    risk = np.cumsum(chance[order]) / np.arange(1, len(order) + 1)
    allowed = np.flatnonzero(risk <= alpha)
    return Truth(sample.score[order], risk, (allowed[-1] + 1) / len(order) if len(allowed) else 0.0)


@dataclass(frozen=True)
class Outcome:
    """What many studies did with one p-value.

    Attributes:
        accepted: share accepted, 0 where all is reviewed.
        violated: 1 where the true risk of what is accepted is above alpha.
        alone: 1 where one test of all values, without a sequence, passes although their risk is above alpha.
        oracle: share that one who knows the true risk accepts.
    """

    accepted: Floats
    violated: Floats
    alone: Floats
    oracle: float

    @property
    def reviewed(self) -> float:
        """Share of studies in which nothing could be accepted."""
        return float((self.accepted == 0).mean())


def compute_upper(hits: Floats, level: float = 0.95) -> float:
    """Return the upper bound of a share (Clopper-Pearson, one-sided)."""
    k, n = int(hits.sum()), len(hits)
    return float(beta.ppf(level, k + 1, n - k)) if k < n else 1.0


def compute_lower(hits: Floats, level: float = 0.95) -> float:
    """Return the lower bound of a share."""
    k, n = int(hits.sum()), len(hits)
    return float(beta.ppf(1 - level, k, n - k + 1)) if k else 0.0


def simulate(
    scenario: Scenario, studies: int, *methods: Method, alpha: float = ALPHA, seed: int = 1
) -> dict[Method, Outcome]:
    """Return what `studies` studies of a scenario accept, the same studies with each p-value."""
    rng, truth = np.random.default_rng([seed, studies]), compute_truth(scenario, alpha)
    found = np.array([[*_run(scenario, methods, truth, rng, alpha)] for _ in range(studies)])
    return {method: Outcome(*found[:, place].T, truth.share) for place, method in enumerate(methods)}


def _run(
    scenario: Scenario, methods: Iterable[Method], truth: Truth, rng: np.random.Generator, alpha: float
) -> Iterator[tuple[float, float, float]]:
    tuning, selection = (scenario.draw(rng, size)[0] for size in scenario.sizes)
    grid = derive_grid(tuning, alpha, DELTA, steps=STEPS, selection=selection.patients)
    most, whole = np.full(len(grid), scenario.heaviest), np.zeros(1)
    for method in methods:
        found = select_threshold(tuning, selection, grid, alpha=alpha, delta=DELTA, most=most, method=method)
        p = found.p[-1:] if len(grid) else compute_p(
            tuning, selection, whole, alpha=alpha, most=np.array([scenario.heaviest]), method=method
        )  # fmt: skip
        alone = float(p[0] <= DELTA and truth.risk[-1] > alpha)
        share, risk = truth.read(float(grid[found.chosen])) if found.chosen >= 0 else (0.0, 0.0)
        yield share, float(risk > alpha), alone
