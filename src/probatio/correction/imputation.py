"""Multiple imputation of the reference's values in patients who have only the source's.

Each term that the source reads is imputed in turn from what the source says of every term, whether it says
nothing, the event indicator and the cumulative hazard at the patient's time (White and Royston 2009, Stat Med
28:1982), the attributes, the sampling stratum, and the terms imputed before it. Groups: a chain of logistic
regressions (this group, or a later one), with Firth's penalty so that a source that never errs in one direction does
not break the fit (Heinze and Schemper 2002; by augmentation: White, Daniel and Royston 2010). Numbers: normal linear
regression. Each imputation draws coefficients from their approximate posterior first (proper: Rubin 1987).

Estimates combine by Rubin's rules with the degrees of freedom of Barnard and Rubin 1999. For a finite population
(the reference of these very patients) only the variance between imputations counts.

It needs the endpoint of every patient: where the source itself reads the endpoint it does not apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from probatio.correction.debiasing import FEWEST, Interval, compute_t_interval, derive_undefined
from probatio.correction.numbers import Mask, Number, Problem, compute_replicates, derive_problem
from probatio.correction.predicting import Result
from probatio.correction.sample import Sample
from probatio.protocol import Analysis, Imputation, Protocol
from probatio.replication import View, list_variables
from probatio.resampling import Floats
from probatio.results import Reason
from probatio.survival import (
    compute_cox,
    compute_kaplan_meier,
    compute_rmst,
    compute_survival_at,
)
from probatio.survival.logistic import compute_logistic, compute_probabilities

_FEWEST = 5
"""Labelled patients of each group without whom a group cannot be imputed."""


@dataclass(frozen=True)
class Block:
    """The columns of one term: `columns` of the covariates, and whether they are groups and read by the source."""

    columns: slice
    grouped: bool
    read: bool


def derive_blocks(view: View, analysis: Analysis, protocol: Protocol) -> list[Block]:
    """Return the blocks of covariates of each term, in order."""
    blocks, start, own = [], 0, list_variables(protocol, analysis)
    for term in analysis.terms:
        width = len(term.groups) - 1 if term.groups else 1
        read = term.variable in own and term.source is None
        blocks.append(Block(slice(start, start + width), bool(term.groups), read))
        start += width
    return blocks


def list_imputed(
    sample: Sample, analysis: Analysis, protocol: Protocol, options: Imputation, *, generator: np.random.Generator
) -> Iterator[Result]:
    """Yield every number from completed data sets.

    Args:
        sample: views and labels; endpoint and population are the same in both.
        analysis: its terms, horizons and landmarks.
        protocol: its level, and which terms are attributes.
        options: number of imputations.
        generator: of the draws.
    """
    blocks = derive_blocks(sample.proxy, analysis, protocol)
    kept = _find_kept(sample, blocks)
    numbers = derive_problem(sample.gold, sample.gold_kept, analysis).numbers
    n, events = int(kept.sum()), int(sample.gold.event[sample.gold_kept].sum())
    reason = _find_obstacle(sample, blocks)
    if reason:
        undefined = derive_undefined(reason)
        yield from (Result(number, "multiple_imputation", undefined, n, events) for number in numbers)
        return
    given, found = derive_predictors(sample, blocks, kept), []
    for _ in range(options.imputations):
        completed = _draw_completed(sample, blocks, kept, given, generator)
        view = _complete_view(sample.proxy, kept, completed, blocks[0])
        found.append(compute_analytic(derive_problem(view, kept, analysis), view))
    values, variances = (np.array(part) for part in zip(*found, strict=True))
    freedom = int(sample.proxy.event[kept].sum()) - len(sample.gold.coefficients)
    for at, number in enumerate(numbers):
        parts = values[:, at], variances[:, at]
        for finite in (False, True) if sample.nested else (False,):
            interval = compute_rubin(*parts, degrees=freedom, level=protocol.level, finite=finite, limits=number.limits)
            method = "multiple_imputation_finite" if finite else "multiple_imputation"
            yield Result(number, method, interval, n, events, options.imputations)


def _find_kept(sample: Sample, blocks: list[Block]) -> Mask:
    """Return the patients completed: with an endpoint and the attributes; of a finite population, its own."""
    if sample.nested:
        return sample.proxy.complete
    known = sample.proxy.inside & ~np.isnan(sample.proxy.time)
    for block in blocks:
        if not block.read:
            known &= ~np.isnan(sample.proxy.covariates[:, block.columns]).any(axis=1)
    return known & (sample.gold_kept | ~sample.labelled)


def _find_obstacle(sample: Sample, blocks: list[Block]) -> Reason:
    """Say why the labelled patients do not suffice: a group with too few of them, or fewer patients than columns."""
    known = sample.gold.covariates[sample.gold_kept]
    for block in blocks:
        if block.read and block.grouped:
            own = known[:, block.columns]
            counts = [*own.sum(axis=0), (own.sum(axis=1) == 0).sum()]
            if min(counts) < _FEWEST:
                return Reason.ONE_CLASS_ONLY if min(counts) == 0 else Reason.TOO_FEW_EVENTS
    return Reason.NONE if len(known) > 4 * sample.proxy.covariates.shape[1] + _FEWEST else Reason.TOO_FEW_EVENTS


def _draw_completed(
    sample: Sample, blocks: list[Block], kept: Mask, given: Floats, generator: np.random.Generator
) -> Floats:
    """Return the covariates of the kept patients, those of the unlabelled drawn, shape (m, p)."""
    labelled, known = sample.gold_kept[kept], given
    completed = sample.gold.covariates[kept].copy()
    completed[~labelled] = np.nan
    for block in blocks:
        if block.read:
            _fill(completed, block, known, labelled, generator)
        else:
            completed[:, block.columns] = sample.proxy.covariates[kept][:, block.columns]
        known = np.column_stack([known, completed[:, block.columns]])
    return completed


def derive_predictors(sample: Sample, blocks: list[Block], kept: Mask) -> Floats:
    """Return what imputation goes by, shape (m, q): the source's values, endpoint, sampling stratum."""
    view, parts = sample.proxy, []
    for block in blocks:
        own = view.covariates[kept][:, block.columns]
        parts += [np.where(np.isnan(own), 0.0, own)]
        if block.read:
            parts += [np.isnan(own).any(axis=1, keepdims=True).astype(float)]
    event = view.event[kept]
    parts += [event[:, None].astype(float), compute_nelson_aalen(view.time[kept], event)[:, None]]
    stratum = sample.stratum[kept]
    parts += [(stratum == name)[:, None].astype(float) for name in sorted(set(stratum.tolist()))[1:]]
    table = np.column_stack(parts)
    varied = table[sample.gold_kept[kept]].std(axis=0) > 0
    return np.asarray(table[:, varied])


def compute_nelson_aalen(time: Floats, event: Mask) -> Floats:
    """Return the cumulative hazard at each patient's own time (Nelson 1972; Aalen 1978), shape (n,)."""
    order = np.unique(time)
    at_risk = (time[:, None] >= order).sum(axis=0)
    deaths = ((time[:, None] == order) & event[:, None]).sum(axis=0)
    hazard: Floats = np.cumsum(deaths / at_risk)
    return hazard[np.searchsorted(order, time)]


def _fill(completed: Floats, block: Block, known: Floats, labelled: Mask, generator: np.random.Generator) -> None:
    """Write drawn values of one term into the unlabelled patients' rows."""
    own = completed[:, block.columns]
    if not block.grouped:
        own[~labelled, 0] = _draw_number(known, own[:, 0], labelled, generator)
        return
    codes = np.where(labelled, np.where(own.sum(axis=1) > 0, own.argmax(axis=1) + 1, 0), -1)
    classes = own.shape[1] + 1
    drawn = np.full(len(codes), classes - 1)
    open_ = np.ones(len(codes), dtype=bool)
    for code in range(classes - 1):
        used = labelled & (codes >= code)
        chance = _draw_chance(known, codes == code, used, generator)
        hit = open_ & (generator.random(len(codes)) < chance)
        drawn[hit] = code
        open_ &= ~hit
    own[~labelled] = (drawn[~labelled, None] == np.arange(1, classes)).astype(float)


def _draw_chance(known: Floats, outcome: Mask, used: Mask, generator: np.random.Generator) -> Floats:
    """Return each patient's probability under coefficients drawn from their posterior."""
    x = known[:, np.ptp(known[used], axis=0) > 0]
    fit = compute_logistic(x[used], outcome[used].astype(float), firth=True)
    if fit.reason:
        return np.full(len(known), float(outcome[used].mean()))
    drawn = generator.multivariate_normal(fit.coefficients, fit.covariance, method="svd")
    return compute_probabilities(x, drawn)


def _draw_number(known: Floats, values: Floats, labelled: Mask, generator: np.random.Generator) -> Floats:
    """Return drawn values of the unlabelled from a normal regression (Rubin 1987, page 167)."""
    x = np.column_stack([np.ones(len(known)), known])
    inner = np.linalg.pinv(x[labelled].T @ x[labelled])
    beta = inner @ x[labelled].T @ values[labelled]
    residual = values[labelled] - x[labelled] @ beta
    freedom = max(int(labelled.sum()) - x.shape[1], 1)
    sigma = float(np.sqrt((residual @ residual) / generator.chisquare(freedom)))
    drawn = generator.multivariate_normal(beta, sigma**2 * inner, method="svd")
    noise = sigma * generator.standard_normal(int((~labelled).sum()))
    return np.asarray(x[~labelled] @ drawn + noise)


def _complete_view(view: View, kept: Mask, completed: Floats, first: Block) -> View:
    covariates = np.full_like(view.covariates, np.nan)
    covariates[kept] = completed
    group = np.where(kept, 0, view.group)
    if first.grouped:
        own = completed[:, first.columns]
        group[kept] = np.where(own.sum(axis=1) > 0, own.argmax(axis=1) + 1, 0)
    return replace(view, covariates=covariates, group=group, complete=kept)


def compute_analytic(problem: Problem, view: View) -> tuple[Floats, Floats]:
    """Return every number of unweighted patients with its textbook variance; NaN where undefined."""
    fit = compute_cox(problem.cox) if problem.cox is not None else None
    p = len(view.coefficients)
    start = np.full(p, np.nan) if fit is None else fit.coefficients
    values = compute_replicates(problem, np.ones((1, int(problem.kept.sum()))), start)[0]
    values[:p] = start
    variances = np.full(len(values), np.nan)
    if fit is not None:
        variances[:p] = np.diag(fit.covariance)
    known: dict[Number, float] = {}
    for at, number in enumerate(problem.numbers[p:], start=p):
        variances[at] = known[number] = _compute_variance(problem, number, float(values[at]), view, known)
    return values, variances


def _compute_variance(problem: Problem, number: Number, value: float, view: View, known: dict[Number, float]) -> float:
    if number.metric == "prevalence":
        return value * (1 - value) / int(problem.kept.sum())
    if number.metric == "rmst_difference":
        return sum(known[Number("rmst", label, number.at)] for label in (number.label, view.groups[0]))
    members = np.flatnonzero(problem.kept)[problem.curves[number.label].members]
    if not len(members):
        return np.nan
    curve = compute_kaplan_meier(view.time[members], view.event[members])
    compute = compute_rmst if number.metric == "rmst" else compute_survival_at
    return float(compute(curve, float(number.at)).standard_error ** 2)


def compute_rubin(
    values: Floats,
    variances: Floats,
    *,
    degrees: int,
    level: float,
    finite: bool = False,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the combined estimate with Barnard and Rubin's interval.

    Args:
        values: of each completed data set, shape (imputations,).
        variances: the same.
        degrees: those of the complete data.
        level: two-sided confidence.
        finite: the finite population's own value is wanted: the variance within data sets does not count.
        limits: what the number cannot pass.

    Source: Rubin 1987; Barnard and Rubin 1999, Biometrika 86:948, equation 3.
    """
    known = ~np.isnan(values + variances)
    m = int(known.sum())
    if m < max(2, 0.9 * len(values)):
        return derive_undefined(Reason.NOT_CONVERGED)
    between, within = float(np.var(values[known], ddof=1)), 0.0 if finite else float(variances[known].mean())
    added = (1 + 1 / m) * between
    total, centre = within + added, float(values[known].mean())
    if not total > 0:
        return Interval(centre, 0.0, np.nan, np.nan, Reason.ZERO_VARIANCE)
    share = added / total
    old = (m - 1) / share**2 if share > 0 else np.inf
    observed = (degrees + 1) / (degrees + 3) * degrees * (1 - share)
    freedom = 1 / (1 / old + 1 / observed) if observed > 0 and not finite else old
    return compute_t_interval(centre, total, max(freedom, FEWEST), level, limits=limits)
