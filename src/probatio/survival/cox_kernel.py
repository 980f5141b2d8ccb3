"""The compiled loops of Cox's model: partial likelihood and Newton's method, one replicate after the other.

Risk sets are summed from the last event time backwards; a patient leaves them when the walk passes
the time of entry. Of the sums over a risk set only those of 1 and x are carried: with A_i the hazard
that patient i has lived through under weight w_i and relative risk r_i, the score is
sum w_i (d_i - r_i A_i) x_i, and the information sum w_i r_i A_i x_i x_i' less the squares of the
risk sets' means. It costs one product per patient and two per event time, however many events tie.

Case weights and Efron's ties as in R's `coxph(weights=)`: Therneau and Grambsch 2000, section 7.3.

All loops stand in this one file: numba keeps machine code as long as the file of the function that was
called is unchanged, and would not notice a change elsewhere.
"""

from __future__ import annotations

from math import exp, isfinite, log, sqrt
from typing import NamedTuple

import numpy as np

from probatio.resampling import Floats
from probatio.survival.compiled import compile_loop
from probatio.survival.risk_sets import Integers, RiskSets

FITTED, SEPARATED, NOT_CONVERGED, NO_EVENTS, CONSTANT = range(5)
ITERATIONS = 50
DECREMENT = 1e-12  # squared length of the last step in standard errors; one more step squares the rest
LOSS = 1e-9  # relative loss of log-likelihood beyond which a step is halved
SPREAD = 5.0  # largest change of the linear predictor between two patients in one step
FLAT = 1e4  # standard error of a log hazard ratio across a covariate's range that only separation gives
WIDE = 50.0  # log hazard ratio across the covariates' ranges that only separation gives
SINGULAR = 1e-10
CANCELLED = 1e-3  # share of its peak below which a sum over a risk set is formed anew, after patients left it


class Work(NamedTuple):
    """Memory that one replicate after the other uses; m patients, g event times, p covariates.

    Event times are those of the weights in use: one at which nobody of positive weight has the event is joined to
    the one before it, as it adds nothing. Not so where patients enter late, for entries are told by event time.

    Attributes:
        at: sorted patients of positive weight, shape (m,), of which the first `begin[g]` are used.
        begin, died: first of `at` for each event time, shape (g + 1,), and how many of them have the event, shape (g,).
        mean: mean weight of an event time's events, shape (g,).
        parts: first of `at` for each part of an event time, shape (g + 1,): its own patients, then those of each
            time joined to it; `opened`: its first part, shape (g + 1,).
        strata: first event time of each stratum, then their number, shape (s + 1,).
        weight, risk: weight and weighted relative risk of each patient, shape (m,).
        lived: `risk` times the hazard lived through, in the order of `at`, shape (m,).
        hazard, before: cumulative hazard up to an event time, and before it, shape (g,).
        spared: part of an event time's hazard that those who die at it are spared under Efron's ties, shape (g,).
        total, dying: sums of risk and of risk x over the risk set of each event time that has events, and over these
            if tied, shape (g, 1 + p).
        means: scaled means of covariates whose squares the information loses, shape (p, 2 g).
        observed, score: sum of the events' covariates, and the score, shape (p,).
        squares: the information's first part, upper triangle, shape (p (p + 1) / 2,).
        information, factor, inverse: the information, its Cholesky factor's inverse, its inverse, shape (p, p).
        move: Newton's step, shape (p,).
    """

    at: Integers
    begin: Integers
    died: Integers
    parts: Integers
    opened: Integers
    strata: Integers
    mean: Floats
    weight: Floats
    risk: Floats
    lived: Floats
    hazard: Floats
    before: Floats
    spared: Floats
    total: Floats
    dying: Floats
    means: Floats
    observed: Floats
    score: Floats
    squares: Floats
    information: Floats
    factor: Floats
    inverse: Floats
    move: Floats


class Step(NamedTuple):
    """What an event time adds: hazard, the part of it that the dying are spared, weighted logarithms of its sums.

    The information loses the squares of `one` (total - `share` dying) and of `other` dying.
    """

    hazard: float
    spared: float
    logs: float
    one: float
    share: float
    other: float


@compile_loop
def solve_replicates(sets: RiskSets, weights: Floats, start: Floats, reach: Floats, efron: bool) -> Floats:
    """Return the coefficients of every row of weights, shape (replicates, p); NaN where there are none."""
    work, best = make_work(sets), start.copy()
    out = np.empty((len(weights), len(start)))
    for row in range(len(weights)):
        unit = take_weights(sets, weights[row], work, len(sets.late) == 0)
        _replace(best, start)
        fitted = unit > 0 and maximise(sets, work, unit, reach, efron, best) == FITTED
        for a in range(len(best)):
            out[row, a] = best[a] if fitted else np.nan
    return out


@compile_loop
def solve_once(sets: RiskSets, weights: Floats, reach: Floats, efron: bool) -> tuple[int, Floats, Floats, float, float]:
    """Fit one regression from coefficients 0.

    Returns:
        What became of it (FITTED or an obstacle), coefficients, their covariance, log-likelihood there and at 0.
    """
    work, beta = make_work(sets), np.zeros(sets.x.shape[1])
    unit = take_weights(sets, weights, work, len(sets.late) == 0)
    if unit == 0:
        return NO_EVENTS, beta, work.inverse, 0.0, 0.0
    null = compute_terms(sets, work, beta, efron)
    for a in range(len(beta)):
        if work.information[a, a] <= SINGULAR * unit:
            return CONSTANT, beta, work.inverse, null, null
    found = maximise(sets, work, unit, reach, efron, beta)
    value = compute_terms(sets, work, beta, efron)
    if found == FITTED and not _invert_information(work.information, work.factor, work.inverse):
        found = NOT_CONVERGED
    return found, beta, work.inverse, value, null


@compile_loop
def make_work(sets: RiskSets) -> Work:
    """Return memory for the replicates of one regression."""
    m, p = sets.x.shape
    g = len(sets.deaths)
    return Work(
        np.empty(m, np.int64), np.empty(g + 1, np.int64), np.empty(g, np.int64),
        np.empty(g + 1, np.int64), np.empty(g + 1, np.int64), np.empty(len(sets.strata), np.int64), np.empty(g),
        np.empty(m), np.empty(m), np.empty(m), np.empty(g), np.empty(g), np.empty(g),
        np.empty((g, 1 + p)), np.empty((g, 1 + p)), np.empty((p, 2 * g)), np.empty(p), np.empty(p),
        np.empty(p * (p + 1) // 2), np.empty((p, p)), np.empty((p, p)), np.empty((p, p)), np.empty(p),
    )  # fmt: skip


@compile_loop
def take_weights(sets: RiskSets, weights: Floats, work: Work, joined: bool) -> float:
    """Keep the patients of positive weight; return the mean weight of an event, 0 without any.

    `joined`: join event times at which nobody of them has the event to those before; only where nobody enters late.
    """
    work.observed[:] = 0.0
    events, total, live, part, k = 0, 0.0, 0, 0, 0
    for s in range(len(sets.strata) - 1):
        work.strata[s] = live
        for g in range(sets.strata[s], sets.strata[s + 1]):
            first, middle = k, sets.starts[g] + sets.deaths[g]
            k = _keep(sets, weights, work, first, sets.starts[g], middle)
            d, mass = k - first, _sum_events(sets, work, first, k)
            k = _keep(sets, weights, work, k, middle, sets.starts[g + 1])
            if d > 0 or not joined or g == sets.strata[s]:
                work.begin[live], work.died[live], work.mean[live] = first, d, mass / max(d, 1)
                work.opened[live], work.parts[part] = part, first
                live, part = live + 1, part + 1
            elif k > first:
                work.parts[part], part = first, part + 1
            events, total = events + d, total + mass
    work.strata[-1], work.opened[live] = live, part
    work.begin[live] = work.parts[part] = k
    return total / max(events, 1)


@compile_loop
def _keep(sets: RiskSets, weights: Floats, work: Work, k: int, first: int, end: int) -> int:
    """Keep sorted patients of positive weight from place k on; return the place after them."""
    for i in range(first, end):
        w = weights[sets.rows[i]]
        work.risk[i] = 0.0
        if w > 0:
            work.at[k], work.weight[i], k = i, w, k + 1
    return k


@compile_loop
def _sum_events(sets: RiskSets, work: Work, first: int, end: int) -> float:
    """Return the weight of an event time's events; add their covariates to those observed."""
    mass = 0.0
    for k in range(first, end):
        i = work.at[k]
        mass += work.weight[i]
        for a in range(len(work.observed)):
            work.observed[a] += work.weight[i] * sets.x[i, a]
    return mass


@compile_loop
def compute_terms(sets: RiskSets, work: Work, beta: Floats, efron: bool) -> float:
    """Return the log partial likelihood; leave score and information in `work`."""
    _sum_risk_sets(sets, work, beta)
    value, columns = _sum_steps(work, efron)
    for s in range(len(work.strata) - 1):
        _accumulate(work.hazard[work.strata[s] : work.strata[s + 1]], work.before[work.strata[s] :])
    _sum_patients(sets, work)
    _derive_information(work.squares, work.means, columns, work.information)
    for a in range(len(beta)):
        value += beta[a] * work.observed[a]
    return value


@compile_loop
def _sum_risk_sets(sets: RiskSets, work: Work, beta: Floats) -> None:
    x, at, risk = sets.x, work.at, work.risk
    for k in range(work.begin[work.strata[-1]]):
        i, eta = at[k], 0.0
        for a in range(len(beta)):
            eta += beta[a] * x[i, a]
        risk[i] = work.weight[i] * exp(eta)
    for s in range(len(work.strata) - 1):
        _walk_back(sets, work, work.strata[s], work.strata[s + 1])


@compile_loop
def _walk_back(sets: RiskSets, work: Work, first: int, end: int) -> None:
    """Sum the risk sets of a stratum, from its last event time backwards."""
    x, at, begin, parts, risk = sets.x, work.at, work.begin, work.parts, work.risk
    now, tied = np.zeros(1 + x.shape[1]), np.zeros(1 + x.shape[1])
    peak, present = 0.0, 0
    for g in range(end - 1, first - 1, -1):
        for part in range(work.opened[g + 1] - 1, work.opened[g], -1):
            _add(now, x, at, risk, parts[part], parts[part + 1])
        middle, rest = begin[g] + work.died[g], parts[work.opened[g] + 1]
        if work.died[g] > 1:
            _add(tied, x, at, risk, begin[g], middle)
            for a in range(len(now)):
                now[a] += tied[a]
                work.dying[g, a], tied[a] = tied[a], 0.0
            _add(now, x, at, risk, middle, rest)
        else:
            _add(now, x, at, risk, begin[g], rest)
        for a in range(len(now)):
            work.total[g, a] = now[a]
        if len(sets.late) > 0:
            peak, present = _let_leave(now, sets, work, g, end, max(peak, now[0]), present + begin[g + 1] - begin[g])


@compile_loop
def _let_leave(
    now: Floats, sets: RiskSets, work: Work, g: int, end: int, peak: float, present: int
) -> tuple[float, int]:
    """Take out those who entered after the event time before; return the sum's peak and how many are present."""
    late, late_end = sets.late_starts[g], sets.late_starts[g + 1]
    if late < late_end:
        present -= _leave(now, sets.x, work.risk, sets.late, late, late_end)
        if present == 0 or now[0] < CANCELLED * peak:
            _sum_anew(now, sets.x, work.at, work.risk, sets.entered, g, work.begin[g], work.begin[end])
            peak = now[0]
    return peak, present


@compile_loop
def _add(total: Floats, x: Floats, at: Integers, risk: Floats, first: int, end: int) -> None:
    for k in range(first, end):
        i = at[k]
        total[0] += risk[i]
        for a in range(x.shape[1]):
            total[1 + a] += risk[i] * x[i, a]


@compile_loop
def _leave(total: Floats, x: Floats, risk: Floats, late: Integers, first: int, end: int) -> int:
    """Take out those who were not yet at risk at the event time before; return how many."""
    number = 0
    for k in range(first, end):
        i = late[k]
        number += risk[i] > 0
        total[0] -= risk[i]
        for a in range(x.shape[1]):
            total[1 + a] -= risk[i] * x[i, a]
    return number


@compile_loop
def _sum_anew(
    total: Floats, x: Floats, at: Integers, risk: Floats, entered: Integers, g: int, first: int, end: int
) -> None:
    """Sum those at risk before event time g and followed to it: subtractions may leave only rounding errors."""
    total[:] = 0.0
    for k in range(first, end):
        i = at[k]
        if entered[i] < g:
            total[0] += risk[i]
            for a in range(x.shape[1]):
                total[1 + a] += risk[i] * x[i, a]


@compile_loop
def _sum_steps(work: Work, efron: bool) -> tuple[float, int]:
    """Leave hazards and means of all event times; return the logarithms' part of the likelihood, and columns used."""
    value, columns = 0.0, 0
    for g in range(work.strata[-1]):
        work.hazard[g] = work.spared[g] = 0.0
        if work.died[g] > 0:
            step = _take_steps(work.total[g, 0], work.dying[g, 0], work.died[g], work.mean[g], efron)
            work.hazard[g], work.spared[g] = step.hazard, step.spared
            value -= step.logs
            columns = _keep_means(work.means, work.total, work.dying, g, step, columns)
    return value, columns


@compile_loop
def _take_steps(total: float, dying: float, d: int, mean: float, efron: bool) -> Step:
    """Take the steps of d tied events: the k-th leaves out k/d of the dying's risk (Efron), or nothing (Breslow)."""
    if d == 1 or not efron:
        inverse, mass = 1 / total, mean * d
        return Step(mass * inverse, 0.0, mass * log(total), sqrt(mass) * inverse, 0.0, 0.0)
    hazard = spared = logs = ss = sd = dd = 0.0
    product = 1.0
    for k in range(d):
        share = k / d
        left = total - share * dying
        inverse = 1 / left
        part = share * inverse
        hazard, spared = hazard + inverse, spared + part
        ss, sd, dd = ss + inverse * inverse, sd + part * inverse, dd + part * part
        product *= left
        if not 1e-100 < product < 1e100:
            logs, product = logs + log(product), 1.0
    rest = max(dd - sd * sd / ss, 0.0)
    logs += log(product)
    return Step(mean * hazard, mean * spared, mean * logs, sqrt(mean * ss), sd / ss, sqrt(mean * rest))


@compile_loop
def _keep_means(means: Floats, total: Floats, dying: Floats, g: int, step: Step, column: int) -> int:
    if step.other == 0:
        for a in range(len(means)):
            means[a, column] = step.one * total[g, 1 + a]
        return column + 1
    for a in range(len(means)):
        means[a, column] = step.one * (total[g, 1 + a] - step.share * dying[g, 1 + a])
        means[a, column + 1] = step.other * dying[g, 1 + a]
    return column + 2


@compile_loop
def _accumulate(hazard: Floats, before: Floats) -> None:
    past = 0.0
    for g in range(len(hazard)):
        before[g] = past
        past += hazard[g]
        hazard[g] = past


@compile_loop
def _sum_patients(sets: RiskSets, work: Work) -> None:
    """Leave the score, and the information's first part, from the hazard that each patient has lived through."""
    at, begin, lived, risk = work.at, work.begin, work.lived, work.risk
    end, late = work.strata[-1], len(sets.late) > 0
    for g in range(end):
        middle = begin[g] + work.died[g]
        for k in range(begin[g], begin[g + 1]):
            hazard = work.hazard[g] - (work.before[sets.entered[at[k]]] if late else 0.0)
            lived[k] = risk[at[k]] * (hazard - work.spared[g] if k < middle else hazard)
    _sum_rows(sets.x, at, lived, begin[end], work.score)
    _sum_rows(sets.products, at, lived, begin[end], work.squares)
    for a in range(len(work.score)):
        work.score[a] = work.observed[a] - work.score[a]


@compile_loop
def _sum_rows(table: Floats, at: Integers, factor: Floats, n: int, out: Floats) -> None:
    """Sum rows of a table, each times its factor; four at a time, which the processor adds side by side."""
    out[:] = 0.0
    whole = n - n % 4
    for k in range(0, whole, 4):
        i, j, u, v = at[k], at[k + 1], at[k + 2], at[k + 3]
        a, b, c, d = factor[k], factor[k + 1], factor[k + 2], factor[k + 3]
        for q in range(len(out)):
            out[q] += (a * table[i, q] + b * table[j, q]) + (c * table[u, q] + d * table[v, q])
    for k in range(whole, n):
        for q in range(len(out)):
            out[q] += factor[k] * table[at[k], q]


@compile_loop
def _derive_information(squares: Floats, means: Floats, n: int, out: Floats) -> None:
    q = 0
    for a in range(len(out)):
        for b in range(a, len(out)):
            out[a, b] = out[b, a] = squares[q] - _multiply(means[a], means[b], n)
            q += 1


@compile_loop
def _multiply(one: Floats, other: Floats, n: int) -> float:
    """Return the scalar product, in four sums that the processor forms side by side."""
    a = b = c = d = 0.0
    whole = n - n % 4
    for k in range(0, whole, 4):
        a += one[k] * other[k]
        b += one[k + 1] * other[k + 1]
        c += one[k + 2] * other[k + 2]
        d += one[k + 3] * other[k + 3]
    for k in range(whole, n):
        a += one[k] * other[k]
    return (a + b) + (c + d)


@compile_loop
def maximise(sets: RiskSets, work: Work, unit: float, reach: Floats, efron: bool, best: Floats) -> int:
    """Maximise the likelihood of the weights in `work` by Newton's method with halved steps.

    Args:
        sets: the regression.
        work: after `take_weights`.
        unit: mean weight of an event, by which standard errors are freed of the weights' scale.
        reach: range of each covariate, shape (p,).
        efron: else Breslow.
        best: start; becomes the solution, shape (p,).

    Returns:
        FITTED, SEPARATED or NOT_CONVERGED.
    """
    step, beta, value = np.zeros(len(best)), best.copy(), -np.inf
    for _ in range(ITERATIONS):
        now, scale = compute_terms(sets, work, beta, efron), 0.5
        if not isfinite(value) or value - LOSS * abs(value) <= now < np.inf:
            if not _invert_information(work.information, work.factor, work.inverse):
                return NOT_CONVERGED
            if _is_flat(work.inverse, reach, unit):
                return SEPARATED
            decrement = _find_move(work.inverse, work.score, work.move)
            value, scale = now, min(1.0, SPREAD / max(_measure_spread(work.move, reach), SPREAD))
            _replace(best, beta)
            _replace(step, work.move)
            if decrement < DECREMENT * unit:
                _step_from(best, beta, step, 1.0)
                return FITTED
        _step_from(beta, best, step, scale)
    return SEPARATED if _measure_spread(best, reach) > WIDE else NOT_CONVERGED


@compile_loop
def _replace(out: Floats, values: Floats) -> None:
    for a in range(len(out)):
        out[a] = values[a]


@compile_loop
def _step_from(out: Floats, origin: Floats, step: Floats, scale: float) -> None:
    """Scale the step, and go it from an origin."""
    for a in range(len(out)):
        step[a] *= scale
        out[a] = origin[a] + step[a]


@compile_loop
def _invert_information(information: Floats, lower: Floats, out: Floats) -> bool:
    """Invert the information by Cholesky's factor; false where it is singular."""
    share = 1.0
    for a in range(len(information)):
        if not information[a, a] > 0:
            return False
        for b in range(a + 1):
            rest = information[a, b]
            for c in range(b):
                rest -= lower[a, c] * lower[b, c]
            if b < a:
                lower[a, b] = rest / lower[b, b]
        share *= rest / information[a, a]
        if not share > SINGULAR:
            return False
        lower[a, a] = sqrt(rest)
    _invert_factor(lower)
    for a in range(len(out)):
        for b in range(a, len(out)):
            total = 0.0
            for c in range(b, len(out)):
                total += lower[c, a] * lower[c, b]
            out[a, b] = out[b, a] = total
    return True


@compile_loop
def _invert_factor(lower: Floats) -> None:
    """Invert a lower triangle in its place."""
    for a in range(len(lower)):
        lower[a, a] = 1 / lower[a, a]
        for b in range(a):
            rest = 0.0
            for c in range(b, a):
                rest -= lower[a, c] * lower[c, b]
            lower[a, b] = rest * lower[a, a]


@compile_loop
def _is_flat(inverse: Floats, reach: Floats, unit: float) -> bool:
    flat = False
    for a in range(len(reach)):
        flat |= sqrt(inverse[a, a] * unit) * reach[a] > FLAT
    return flat


@compile_loop
def _find_move(inverse: Floats, score: Floats, move: Floats) -> float:
    """Leave Newton's step in `move`; return its squared length in standard errors."""
    decrement = 0.0
    for a in range(len(move)):
        move[a] = _multiply(inverse[a], score, len(score))
        decrement += move[a] * score[a]
    return decrement


@compile_loop
def _measure_spread(beta: Floats, reach: Floats) -> float:
    spread = 0.0
    for a in range(len(beta)):
        spread += abs(beta[a]) * reach[a]
    return spread


@compile_loop
def compute_residuals(sets: RiskSets, weights: Floats, beta: Floats, efron: bool) -> Floats:
    """Return each patient's own part of the score, not weighted, shape (n, p); 0 for those never at risk.

    Source: Therneau and Grambsch 2000, section 4.6; a tied event under Efron's ties is at risk for
    1 - k/d of the k-th step of its own time.
    """
    work, p = make_work(sets), len(beta)
    take_weights(sets, weights, work, False)
    _sum_risk_sets(sets, work, beta)
    rates, spared, mean = _sum_rates(work, efron)
    before = np.zeros(rates.shape)
    for s in range(len(sets.strata) - 1):
        for a in range(1 + p):
            _accumulate(rates[sets.strata[s] : sets.strata[s + 1], a], before[sets.strata[s] :, a])
    out, past = np.zeros((len(weights), p)), np.zeros(1 + p)
    for i in range(len(sets.rows)):
        g, eta = sets.group[i], 0.0
        died = i < sets.starts[g] + sets.deaths[g]
        for a in range(1 + p):
            past[a] = rates[g, a] - before[sets.entered[i], a] - (spared[g, a] if died else 0.0)
        for a in range(p):
            eta += beta[a] * sets.x[i, a]
        for a in range(p):
            own = sets.x[i, a] - mean[g, a] if died and work.died[g] > 0 else 0.0
            out[sets.rows[i], a] = own - exp(eta) * (sets.x[i, a] * past[0] - past[1 + a])
    return out


@compile_loop
def _sum_rates(work: Work, efron: bool) -> tuple[Floats, Floats, Floats]:
    """Return hazard and hazard times mean covariate of each event time, the part the dying are spared, the mean."""
    shape = work.total.shape
    rates, spared, mean = np.zeros(shape), np.zeros(shape), np.zeros((shape[0], shape[1] - 1))
    for g in range(shape[0]):
        steps = work.died[g] if efron else min(work.died[g], 1)
        for k in range(steps):
            share = k / steps
            left = work.total[g, 0] - (share * work.dying[g, 0] if k else 0.0)
            rate = work.mean[g] * work.died[g] / steps / left
            for a in range(shape[1]):
                x = (work.total[g, a] - (share * work.dying[g, a] if k else 0.0)) / left
                rates[g, a] += rate * x
                spared[g, a] += rate * x * share
                if a > 0:
                    mean[g, a - 1] += x / steps
    return rates, spared, mean
