"""Coverage with several values per patient or weights: rates, paired differences, over all variables too, kappa.

Run: python tests/benchmarks/bench_clustered.py [studies per line] [rates | pairs | pooled | kappa]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from probatio.measures.chance import compute_clustered_error, compute_kappa, compute_log_bounds
from probatio.measures.paired import _compute_acceptance, _compute_reporting, _compute_share
from probatio.measures.rates import compute_acceptance_interval, compute_reporting_interval
from probatio.resampling import (
    Bounds,
    ClusteredMean,
    Floats,
    Readings,
    compute_clustered_mean,
    compute_joint_replicates,
    compute_percentiles,
    compute_t_quantile,
)

PATIENTS, LEVEL, CHUNK = 300, 0.95, 500
VALUES = (1, 1, 2, 3, 6, 10)
RATES, CORRELATIONS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.3), (0.0, 0.2, 0.4, 0.8)
DIFFERENCES = ((0.005, 0.005), (0.01, 0.02), (0.03, 0.03), (0.05, 0.08), (0.1, 0.2))
CLASSES, DISAGREEMENTS = (0.6, 0.3, 0.1), (0.02, 0.05, 0.15)
POOLED = (*DIFFERENCES[:-1], (0.08, 0.1))
VARIABLES, BAD_SHARE, BAD_FACTORS = 28, 0.1, (1.0, 3.0, 5.0)
# Reference sampled in full in one half of the patients, in 70 % of the other, where errors are half as many again.
PROBABILITIES, RISKS = np.array([1.0, 0.7]), np.array([0.8, 1.2])
DESIGNS = ("several", "one, weighted", "several, weighted")
Codes = NDArray[np.int64]
Error = TypeVar("Error", float, tuple[float, float])


class Study:
    """Patients, values per patient and weights of many studies at once; each study is one group."""

    def __init__(self, rng: np.random.Generator, design: str, studies: int) -> None:
        shape = (studies, PATIENTS)
        sizes = rng.choice(VALUES, shape) if design.startswith("several") else np.ones(shape, dtype=np.int64)
        self.owner = np.repeat(np.arange(studies * PATIENTS), sizes.ravel())
        self.group, self.studies = self.owner // PATIENTS, studies
        weighted = design.endswith("weighted")
        mass = PROBABILITIES / PROBABILITIES.sum()
        stratum = (
            (rng.random(shape) > mass[0]).astype(int).ravel() if weighted else np.zeros(studies * PATIENTS, dtype=int)
        )
        self.weight = 1 / PROBABILITIES[stratum][self.owner]
        self.factor = RISKS[stratum] if weighted else np.ones(studies * PATIENTS)

    def draw(self, rng: np.random.Generator, p: float, correlation: float) -> NDArray[np.int8]:
        """Errors with a beta-binomial correlation within the patient."""
        risk = draw_risks(rng, p * self.factor, correlation)
        return (rng.random(len(self.owner)) < risk[self.owner]).astype(np.int8)

    def compute_mean(self, score: NDArray[np.int8]) -> ClusteredMean:
        """The studies' clustered means."""
        return compute_clustered_mean(score, self.group, self.owner, self.weight, self.studies)


def draw_risks(rng: np.random.Generator, p: Floats, correlation: float) -> Floats:
    """A risk per patient: beta with mean p and the intraclass correlation asked for."""
    if correlation == 0:
        return p
    spread = (1 - correlation) / correlation
    return rng.beta(p * spread, (1 - p) * spread)


def list_chunks(key: list[int], studies: int) -> Iterator[tuple[np.random.Generator, int]]:
    """Yield a generator and a number of studies until all are drawn."""
    for start in range(0, studies, CHUNK):
        yield np.random.default_rng([*key, start]), min(CHUNK, studies - start)


def simulate_rates(design: str, p: float, correlation: float, studies: int) -> dict[str, Floats]:
    """Miss below, miss above and caution of both intervals, per study."""
    parts = []
    for rng, size in list_chunks([1, DESIGNS.index(design), round(1e4 * p), round(10 * correlation)], studies):
        study = Study(rng, design, size)
        mean = study.compute_mean(study.draw(rng, p, correlation))
        reporting = compute_reporting_interval(mean, LEVEL)
        accepted = compute_acceptance_interval(mean, LEVEL).bounds
        parts.append({**split(reporting.bounds, p, "report"), **split(accepted, p, "accept"),
                      "caution": reporting.caution, "touched": mean.touched})  # fmt: skip
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def simulate_pairs(design: str, one: float, two: float, correlation: float, studies: int) -> dict[str, Floats]:
    """The same for the difference of two sources, each with its own risk per patient."""
    parts = []
    key = [2, DESIGNS.index(design), round(1e4 * one), round(1e4 * two), round(10 * correlation)]
    for rng, size in list_chunks(key, studies):
        study = Study(rng, design, size)
        first, second = study.draw(rng, one, correlation), study.draw(rng, two, correlation)
        parts.append(judge_pairs(study, first, second, one - two))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def simulate_pooled(one: float, two: float, factor: float, studies: int) -> dict[str, Floats]:
    """Difference over all variables, rates from 0.2 to 1.8 times the mean.

    In a tenth of the patients, another tenth for each source, errors are `factor` times as many in all variables.
    """
    parts = []
    for rng, size in list_chunks([3, round(1e4 * one), round(1e4 * two), round(10 * factor)], studies):
        study = Study(rng, "one", size)
        study.owner, study.weight = (np.repeat(x, VARIABLES) for x in (study.owner, study.weight))
        study.group = study.owner // PATIENTS
        profile = np.tile(np.linspace(0.2, 1.8, VARIABLES), size * PATIENTS)
        scores = []
        for p in (one, two):
            bad = rng.random(size * PATIENTS) < BAD_SHARE
            risk = p * np.where(bad, factor, (1 - BAD_SHARE * factor) / (1 - BAD_SHARE))
            scores.append((rng.random(len(profile)) < risk[study.owner] * profile).astype(np.int8))
        parts.append(judge_pairs(study, scores[0], scores[1], one - two))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def simulate_kappa(p: float, correlation: float, studies: int) -> dict[str, Floats]:
    """Hits of the rows' bounds, of plain ones with t of all patients, and (every tenth study) of percentiles."""
    shares = np.array([[CLASSES[i] * (1 - p if i == j else p / 2) for j in range(3)] for i in range(3)])
    truth, rng = compute_kappa(shares).estimate, np.random.default_rng([4, round(1e4 * p), round(10 * correlation)])
    found: dict[str, list[float]] = {"touched": [], "log": [], "plain": [], "percentile": []}
    for place in range(studies):
        patient, first, second = draw_readings(rng, p, correlation)
        kappa = compute_kappa(np.bincount(first * 3 + second, minlength=9).reshape(3, 3).astype(float))
        error = compute_clustered_error(kappa.influence[first, second], patient, np.ones(len(patient)))
        touched = len(np.unique(patient[first != second]))
        found["touched"].append(touched)
        if error > 0:
            quantiles = compute_t_quantile(np.array([max(touched - 1, 1), PATIENTS - 1]), LEVEL)
            lower, upper = compute_log_bounds(kappa.estimate, error, float(quantiles[0]))
            found["log"].append(lower <= truth <= upper)
            found["plain"].append(abs(kappa.estimate - truth) <= quantiles[1] * error)
        if place % 10 == 0:
            weights = rng.multinomial(PATIENTS, np.full(PATIENTS, 1 / PATIENTS), size=999).astype(np.uint16)
            drawn = compute_joint_replicates([Readings(patient, first, second, 3)], weights).kappa[:, 0]
            lower, upper = compute_percentiles(drawn, LEVEL)
            found["percentile"].append(lower <= truth <= upper)
    return {name: np.array(values, dtype=float) for name, values in found.items()}


def draw_readings(rng: np.random.Generator, p: float, correlation: float) -> tuple[Codes, Codes, Codes]:
    """Patient and two readings per value: half of the references are the patient's own class, errors hang together."""
    patient = np.repeat(np.arange(PATIENTS), rng.choice(VALUES, PATIENTS))
    own, each = (rng.choice(3, size=size, p=CLASSES) for size in (PATIENTS, len(patient)))
    first = np.where(rng.random(len(patient)) < 0.5, own[patient], each)
    wrong = rng.random(len(patient)) < draw_risks(rng, np.full(PATIENTS, p), correlation)[patient]
    return patient, first, np.where(wrong, (first + rng.integers(1, 3, len(patient))) % 3, first)


def judge_pairs(study: Study, first: NDArray[np.int8], second: NDArray[np.int8], truth: float) -> dict[str, Floats]:
    """Misses of the interval to report and of the one to accept by, with the caution of the first."""
    mean = study.compute_mean(first - second)
    share = _compute_share(first != second, study.group, study.weight, study.studies)
    both = np.bincount(study.group[(first & second) == 1], minlength=study.studies)
    reporting = _compute_reporting(mean, share, both, LEVEL)
    accepted = _compute_acceptance(mean, share, LEVEL).bounds
    return {**split(reporting.bounds, truth, "report"), **split(accepted, truth, "accept"),
            "caution": reporting.caution, "touched": mean.touched}  # fmt: skip


def split(bounds: Bounds, truth: float, name: str) -> dict[str, Floats]:
    """Where the truth lies below and above the interval; NaN where there is none."""
    lower, upper = bounds
    known = np.isfinite(lower) & np.isfinite(upper)
    return {f"{name}_below": np.where(known, truth < lower - 1e-12, np.nan),
            f"{name}_above": np.where(known, truth > upper + 1e-12, np.nan)}  # fmt: skip


def describe(found: dict[str, Floats]) -> list[str]:
    """Patients with an event, coverage of both intervals with its error, share of cautions, truth above the second."""
    held = 1 - found["report_below"] - found["report_above"]
    accepted = 1 - found["accept_below"] - found["accept_above"]
    return [f"{found['touched'].mean():.1f}", describe_mean(held), f"{100 * found['caution'].mean():.0f}",
            describe_mean(accepted), describe_mean(found["accept_above"])]  # fmt: skip


def describe_mean(values: Floats) -> str:
    """Mean in percent with its Monte Carlo error; a dash below 200 studies."""
    values = values[np.isfinite(values)]
    return f"{100 * values.mean():.1f} ({100 * values.std() / np.sqrt(len(values)):.1f})" if len(values) >= 200 else "–"


def run(name: str, studies: int) -> Iterator[str]:
    """Yield the lines of one table."""
    columns = "patients touched | reporting | caution % | acceptance | truth above"
    named = {
        "rates": f"design | rate | correlation | {columns}",
        "pairs": f"design | rates | correlation | {columns}",
        "pooled": f"rates | bad patients | {columns}",
        "kappa": "wrong | correlation | patients touched | log scale, t of these | plain, t of all | percentiles",
    }
    yield f"| {named[name]} |"
    yield "|" + "---|" * (named[name].count("|") + 1)
    lines = {"rates": list_rates, "pairs": list_pairs, "pooled": list_pooled, "kappa": list_kappas}
    yield from lines[name](studies)


def list_designs(errors: Sequence[Error]) -> Iterator[tuple[str, Error, float]]:
    """Yield designs, errors and correlations; one value per patient has none."""
    for design, error, rho in product(DESIGNS, errors, CORRELATIONS):
        if design.startswith("several") or rho == 0:
            yield design, error, rho


def list_rates(studies: int) -> Iterator[str]:
    """Yield the lines of error rates."""
    for design, p, rho in list_designs(RATES):
        yield derive_line([design, f"{p:g}", f"{rho:g}"], simulate_rates(design, p, rho, studies))


def list_pairs(studies: int) -> Iterator[str]:
    """Yield the lines of paired differences."""
    for design, (one, two), rho in list_designs(DIFFERENCES):
        yield derive_line([design, f"{one:g}, {two:g}", f"{rho:g}"], simulate_pairs(design, one, two, rho, studies))


def list_pooled(studies: int) -> Iterator[str]:
    """Yield the lines of differences over all variables."""
    for (one, two), factor in product(POOLED, BAD_FACTORS):
        yield derive_line([f"{one:g}, {two:g}", f"x {factor:g}"], simulate_pooled(one, two, factor, studies))


def list_kappas(studies: int) -> Iterator[str]:
    """Yield the lines of kappa."""
    for p, rho in product(DISAGREEMENTS, CORRELATIONS):
        found = simulate_kappa(p, rho, studies)
        held = [describe_mean(found[each]) for each in ("log", "plain", "percentile")]
        yield "| " + " | ".join([f"{p:g}", f"{rho:g}", f"{found['touched'].mean():.1f}", *held]) + " |"


def derive_line(label: list[str], found: dict[str, Floats]) -> str:
    """One line of a table."""
    return "| " + " | ".join([*label, *describe(found)]) + " |"


def main() -> None:
    """Print the tables and the seconds each took."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for name in sys.argv[2:] or ("rates", "pairs", "pooled", "kappa"):
        start = time.perf_counter()
        for line in run(name, studies):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        sys.stdout.write(f"\n{name}: {studies} studies a line, {time.perf_counter() - start:.0f} s\n\n")


if __name__ == "__main__":
    main()
