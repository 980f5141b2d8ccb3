"""Rows between centres from counts: binomial-normal likelihood first, REML with Hartung-Knapp beside it.

| metric (M = error_rate or omission_rate) | what |
|---|---|
| centre_logit_M | mean log odds over centres, with its interval |
| centre_median_M | the same as a proportion: the rate of the median centre, in [0, 1] |
| centre_sd_M | standard deviation tau of the log odds between centres, >= 0 (binomial_normal) |
| centre_variance_M, centre_i2_M, centre_q_M | tau2 and I2 with Q-profile bounds, Q (reml_hartung_knapp) |
| prediction_M | median centre's rate with the limits for a new centre, 5 centres or more: integrated over tau
  (binomial_normal_integrated), or t(k - 1) (reml_hartung_knapp) |
| shrunken_M | each centre's rate drawn towards the mean (empirical Bayes, posterior mode) |
| leave_one_out_M | the median centre's rate without the centre named in `term` |

`binomial_normal` is primary. `reml_hartung_knapp` is secondary: only where each centre has 10 events and
10 non-events (else `too_few_events`). An ok row with the reason `few_events_caution` stands where the
coverage benchmark (tests/benchmarks) found the interval short of its level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from probatio.measures.heterogeneity.binomial_normal import Fit, compute_mean_variance, compute_modes, fit
from probatio.measures.heterogeneity.counts import Counts
from probatio.measures.heterogeneity.pooling import (
    compute_hartung_knapp,
    compute_heterogeneity,
    compute_pooled,
    compute_prediction,
    compute_t_limits,
)
from probatio.measures.heterogeneity.prediction import compute_integrated_prediction
from probatio.measures.heterogeneity.profiles import compute_mean_profile, compute_tau_profile
from probatio.measures.rates import derive_rows
from probatio.resampling import Bounds, Floats, compute_t_quantile
from probatio.results import Reason, Status

FEWEST_EVENTS, FEWEST_FOR_PREDICTION = 10, 5
CAUTION_EVENTS = 10
LIKELIHOOD, SECONDARY = "binomial_normal", "reml_hartung_knapp"
_Reasons = NDArray[np.str_]


@dataclass(frozen=True)
class _Values:
    """Estimate and bounds per group, the unit, and what blocks a row or must be said beside it."""

    estimate: Floats
    lower: Floats
    upper: Floats
    unit: str
    blocked: _Reasons
    said: _Reasons


def estimate_likelihood(counts: Counts, *, level: float) -> Iterator[pd.DataFrame]:
    """Return mean, standard deviation, prediction, shrunken and leave-one-out rows of the primary model."""
    blocked = counts.find_reasons()
    found = _fit_open(counts, blocked)
    blocked = np.where((blocked == "") & np.isnan(found.tau), str(Reason.NOT_CONVERGED), blocked)
    open_ = blocked == ""
    mean, spread, new = (np.full((2, len(blocked)), np.nan) for _ in range(3))
    if open_.any():
        k, n, own = counts.k[open_], counts.n[open_], _pick(found, open_)
        mean[:, open_] = compute_mean_profile(k, n, own, level)
        spread[:, open_] = compute_tau_profile(k, n, own, level)
        new[:, open_] = compute_integrated_prediction(k, n, (spread[0, open_], spread[1, open_]), level)
    caution = _find_caution(counts)
    method = np.char.add(LIKELIHOOD, counts.suffix)
    shared = {"method": method, "blocked": blocked, "said": caution}
    yield from _derive_mean(counts, found.mu, (mean[0], mean[1]), **shared, level=level)
    sd = _Values(found.tau, spread[0], spread[1], "log_odds", blocked, caution)
    yield _derive(counts, "centre_sd", sd, method, level)
    shared["method"] = np.char.add("binomial_normal_integrated", counts.suffix)
    yield _derive_prediction(counts, found.mu, (new[0], new[1]), **shared, level=level)
    error = _compute_error(counts, found, open_)
    yield _derive_shrunken(counts, found, error, method=method, blocked=blocked, level=level)
    yield _derive_leave_one_out(counts, method, blocked, level)


def estimate_secondary(counts: Counts, *, level: float) -> Iterator[pd.DataFrame]:
    """Return the logit REML rows with Hartung-Knapp errors, Q, I2 and tau2; not applicable with few events."""
    blocked = counts.find_reasons()
    rare = np.minimum(counts.k, counts.n - counts.k)
    few = (np.where(counts.raw_n > 0, rare, np.inf) < FEWEST_EVENTS).any(axis=1)
    few = few | np.isin(blocked, [str(Reason.NO_EVENTS), str(Reason.ONE_CLASS_ONLY)])
    blocked = np.where(few & (blocked != Reason.TOO_FEW_CLUSTERS), str(Reason.TOO_FEW_EVENTS), blocked)
    table = np.full((len(blocked), 11), np.nan)
    for place in np.flatnonzero(blocked == ""):
        table[place] = _compute_secondary(counts, int(place), level)
    mean, error, lower, upper, tau2, tau2_low, tau2_high, i2, i2_low, i2_high, q = table.T
    quiet = np.full(len(blocked), "")
    method = np.char.add(SECONDARY, counts.suffix)
    shared = {"method": method, "blocked": blocked, "said": quiet}
    yield from _derive_mean(counts, mean, (lower, upper), **shared, level=level)
    none = np.full(len(blocked), np.nan)
    for metric, unit, numbers in (
        ("centre_variance", "log_odds_squared", (tau2, tau2_low, tau2_high)),
        ("centre_i2", "proportion", (i2, i2_low, i2_high)),
        ("centre_q", "", (q, none, none)),
    ):
        yield _derive(counts, metric, _Values(*numbers, unit, blocked, quiet), method, level)
    limits = compute_prediction(mean, error, tau2, compute_t_quantile(counts.sizes - 1, level))
    yield _derive_prediction(counts, mean, limits, **shared, level=level)


def _compute_secondary(counts: Counts, place: int, level: float) -> tuple[float, ...]:
    y, v = _derive_logits(counts, place)
    pooled = compute_pooled(y, v, "REML")
    error = compute_hartung_knapp(pooled, y, v)
    lower, upper = compute_t_limits(pooled.mean, error, len(y), level)
    spread = compute_heterogeneity(y, v, level)
    numbers = (
        pooled.mean,
        error,
        lower,
        upper,
        pooled.tau2,
        *spread.tau2_bounds,
        spread.i2,
        *spread.i2_bounds,
        spread.q,
    )
    return tuple(float(number) for number in numbers)


def _derive_logits(counts: Counts, place: int) -> tuple[Floats, Floats]:
    used = counts.raw_n[place] > 0
    k, rest = counts.k[place, used], (counts.n - counts.k)[place, used]
    return np.log(k / rest), 1 / k + 1 / rest


def _fit_open(counts: Counts, blocked: _Reasons) -> Fit:
    open_, shape = blocked == "", len(blocked)
    mu, tau, value = (np.full(shape, np.nan) for _ in range(3))
    if open_.any():
        own = fit(counts.k[open_], counts.n[open_])
        mu[open_], tau[open_], value[open_] = own.mu, own.tau, own.value
    return Fit(mu, tau, value)


def _pick(found: Fit, mask: NDArray[np.bool_]) -> Fit:
    return Fit(found.mu[mask], found.tau[mask], found.value[mask])


def _find_caution(counts: Counts) -> _Reasons:
    rare = np.minimum(counts.k, counts.n - counts.k).sum(axis=1)
    return np.where(rare < CAUTION_EVENTS, str(Reason.FEW_EVENTS_CAUTION), "")


def _compute_error(counts: Counts, found: Fit, open_: NDArray[np.bool_]) -> Floats:
    error = np.full(len(open_), np.nan)
    if open_.any():
        error[open_] = np.sqrt(compute_mean_variance(counts.k[open_], counts.n[open_], _pick(found, open_)))
    return error


def _derive_mean(counts: Counts, mean: Floats, bounds: Bounds, *, method: NDArray[np.str_],
                 blocked: _Reasons, said: _Reasons, level: float) -> Iterator[pd.DataFrame]:  # fmt: skip
    lower, upper = bounds
    yield _derive(counts, "centre_logit", _Values(mean, lower, upper, "log_odds", blocked, said), method, level)
    rates = _Values(expit(mean), expit(lower), expit(upper), "proportion", blocked, said)
    yield _derive(counts, "centre_median", rates, method, level)


def _derive_prediction(counts: Counts, mean: Floats, limits: Bounds, *, method: NDArray[np.str_],
                       blocked: _Reasons, said: _Reasons, level: float) -> pd.DataFrame:  # fmt: skip
    few = (blocked == "") & (counts.sizes < FEWEST_FOR_PREDICTION)
    blocked = np.where(few, str(Reason.TOO_FEW_CLUSTERS), blocked)
    values = _Values(expit(mean), expit(limits[0]), expit(limits[1]), "proportion", blocked, said)
    return _derive(counts, "prediction", values, method, level)


def _derive(counts: Counts, metric: str, values: _Values, method: NDArray[np.str_], level: float) -> pd.DataFrame:
    shut = values.blocked != ""
    absent = np.isin(values.blocked, [str(Reason.TOO_FEW_EVENTS)])
    status = np.where(absent, str(Status.NOT_APPLICABLE), str(Status.NOT_ESTIMABLE))
    estimate, lower, upper = (np.where(shut, np.nan, x) for x in (values.estimate, values.lower, values.upper))
    return derive_rows(
        counts.identity, metric=f"{metric}_{counts.metric}", unit=values.unit, estimate=estimate, lower=lower,
        upper=upper, level=level, method=method, n=counts.raw_n.sum(axis=1), k=counts.raw_k.sum(axis=1),
        clusters=counts.sizes, cluster_unit="centre", status=np.where(shut, status, str(Status.OK)),
        reason=np.where(shut, values.blocked, values.said),
    )  # fmt: skip


def _derive_shrunken(counts: Counts, found: Fit, error: Floats, *, method: NDArray[np.str_],
                     blocked: _Reasons, level: float) -> pd.DataFrame:  # fmt: skip
    """Return posterior modes; the variance adds that of the mean, times the share drawn towards it.

    Source: Kass and Steffey 1989 (JASA 84:717), first order in mu; tau is taken as known.
    """
    mu, tau = np.nan_to_num(found.mu), np.nan_to_num(found.tau)
    z, scale = compute_modes(counts.k, counts.n, mu, tau)
    theta = mu[:, None] + tau[:, None] * z
    spread = np.sqrt((tau[:, None] * scale) ** 2 + (scale**2 * error[:, None]) ** 2)
    half = norm.ppf((1 + level) / 2) * spread
    place, centre = np.nonzero((counts.raw_n > 0) & (blocked == "")[:, None])
    identity = counts.identity.iloc[place].reset_index(drop=True)
    if "stratum" in identity:
        identity = identity.assign(term=identity["stratum"])
    rates = [expit(x[place, centre]) for x in (theta, theta - half, theta + half)]
    return derive_rows(
        identity.assign(stratum_by="centre", stratum=counts.centres[centre]), metric=f"shrunken_{counts.metric}",
        unit="proportion", estimate=rates[0], lower=rates[1], upper=rates[2], level=level, method=method[place],
        n=counts.raw_n[place, centre], k=counts.raw_k[place, centre], clusters=counts.patients[place, centre],
        cluster_unit="patient", status=str(Status.OK), reason="",
    )  # fmt: skip


def _derive_leave_one_out(counts: Counts, method: NDArray[np.str_], blocked: _Reasons, level: float) -> pd.DataFrame:
    place, centre = np.nonzero((counts.raw_n > 0) & (blocked == "")[:, None])
    kept = np.ones((len(place), len(counts.centres)))
    kept[np.arange(len(place)), centre] = 0
    identity = counts.identity.iloc[place].reset_index(drop=True).assign(term=counts.centres[centre])
    left = Counts(counts.metric, identity, counts.centres, counts.k[place] * kept, counts.n[place] * kept,
                  (counts.raw_k[place] * kept).astype(np.int64), (counts.raw_n[place] * kept).astype(np.int64),
                  counts.patients[place], counts.suffix[place])  # fmt: skip
    reasons = left.find_reasons()
    found = _fit_open(left, reasons)
    reasons = np.where((reasons == "") & np.isnan(found.tau), str(Reason.NOT_CONVERGED), reasons)
    none = np.full(len(place), np.nan)
    values = _Values(expit(found.mu), none, none, "proportion", reasons, np.full(len(place), ""))
    rows = _derive(left, "leave_one_out", values, method[place], level)
    # Counts of the others beside the overall ones would give away those of a small centre.
    rows.loc[:, ["n", "k"]] = pd.NA
    return rows
