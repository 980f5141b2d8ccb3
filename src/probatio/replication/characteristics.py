"""Numbers of the patients by source, and how far a source's characteristics lie from the comparator's.

| metric | method | n |
|---|---|---|
| median, quartile_1, quartile_3, sd | | patients documented |
| mean | student_t | the same |
| delta_median, delta_mean | percentile_bootstrap, paired_t | patients documented in either; k: those whose value differs, or whom only one has |
| smd | paired_t; yang_dalton for more than two levels | standardised difference of the two sources, as of two groups; n and k as above |

The standardised difference says whether a reader would take the two tables for the same patients: for a number
(m1 - m2) / sqrt((s1^2 + s2^2) / 2), for a share (p1 - p2) / sqrt((p1 (1 - p1) + p2 (1 - p2)) / 2)
(Austin 2009, Stat Med 28:3083), for more than two levels the Mahalanobis distance of their shares without
the first (Yang and Dalton 2012, SAS Global Forum 335), which is never negative and has no interval here. A table is
looked at twice above 0.1 (Normand 2001, J Clin Epidemiol 54:387). Two sources of the same patients are not independent
groups: the interval is that of shared replicates. Quantiles are Hyndman and Fan's type 7 (1996), as numpy's and R's.

In 1,000 data sets of 150 to 230 patients (3 to 10 % of numbers misread) `paired_t` covers 94 to 96 % at 95 % for means
and standardised differences and 95 to 99 % for medians, the percentiles as little as 89 %.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np
from scipy import stats

from probatio.replication.accounts import Account, Mask, Question
from probatio.replication.differences import Difference, Row, compute_difference, compute_interval, derive_test_level
from probatio.replication.estimate import Estimate, describe_undefined
from probatio.replication.paired_proportions import NEVER_ASKED, Setting, state_difference
from probatio.replication.standardised import (
    Weights,
    compute_moments,
    compute_number_gap,
    compute_profile_gap,
    compute_quantile_replicates,
    compute_share_gap,
)
from probatio.replication.views import Label
from probatio.resampling import Floats, compute_totals
from probatio.results import Reason, build_row

_QUARTILES = (("quartile_1", 0.25), ("median", 0.5), ("quartile_3", 0.75))
_ROUNDING = 1e-9


def estimate_numbers(accounts: list[Account], setting: Setting, weights: Weights | None) -> Iterator[Row]:
    """Yield the rows of every numeric characteristic: each source's summary, then its differences.

    Args:
        accounts: what each source says.
        setting: patients, level, comparator.
        weights: replicate weights, shape (replicates, patients); None where nothing is compared.
    """
    for key in accounts[0].numbers:
        values = _choose_values(accounts, key, setting)
        for account in accounts:
            asked = account.asked[key]
            yield from _summarise(key, account.source, values[account.source] if asked else None, setting.level)
        base = next((account for account in accounts if account.source == setting.comparator), None)
        if base is None or weights is None:
            continue
        for account in accounts:
            if account is not base:
                asked = account.asked[key] and base.asked[key]
                pair = values[account.source], values[base.source]
                yield from _compare_numbers(key, account.source, pair if asked else None, setting, weights)


def _choose_values(accounts: list[Account], key: Question, setting: Setting) -> dict[str, Floats]:
    """Return each source's values, NaN for patients who do not count: undocumented in it, or in any asked source."""
    values = {account.source: account.numbers[key] for account in accounts}
    asked = [account.numbers[key] for account in accounts if account.asked[key]]
    if setting.rule == "own" or not asked:
        return values
    common: Mask = np.logical_and.reduce([~np.isnan(each) for each in asked])
    return {source: np.where(common, each, np.nan) for source, each in values.items()}


def _summarise(key: Question, source: str, values: Floats | None, level: float) -> Iterator[Row]:
    shared: Row = {"source": source, "variable": key.variable, "at": key.at}
    names = [*(name for name, _ in _QUARTILES), "mean", "sd"]
    if values is None:
        yield from (build_row(name, n=0, **shared, **NEVER_ASKED) for name in names)
        return
    known = values[~np.isnan(values)]
    shared |= {"n": len(known)}
    if not len(known):
        yield from (build_row(name, **shared, **describe_undefined(Reason.NO_VALUES)) for name in names)
        return
    for name, share in _QUARTILES:
        yield build_row(name, float(np.quantile(known, share)), **shared)
    mean = float(known.mean())
    if len(known) < 2:
        yield build_row("mean", mean, method="student_t", level=level, reason=Reason.ONE_VALUE, **shared)
        yield build_row("sd", **shared, **describe_undefined(Reason.ONE_VALUE))
        return
    sd = float(known.std(ddof=1))
    half = float(stats.t.ppf(0.5 + level / 2, len(known) - 1)) * sd / np.sqrt(len(known))
    yield build_row("mean", mean, lower=mean - half, upper=mean + half, method="student_t", level=level, **shared)
    yield build_row("sd", sd, **shared)


def _compare_numbers(
    key: Question, source: str, pair: tuple[Floats, Floats] | None, setting: Setting, weights: Weights
) -> Iterator[Row]:
    shared: Row = {"source": source, "comparator": setting.comparator, "variable": key.variable, "at": key.at}
    if pair is None:
        yield from (build_row(name, **shared, **NEVER_ASKED) for name in ("delta_median", "delta_mean", "smd"))
        return
    one, other = pair
    differing = int((~np.isclose(one, other, rtol=0, atol=_ROUNDING, equal_nan=True)).sum())
    shared |= {"n": int((~np.isnan(one) | ~np.isnan(other)).sum()), "k": differing}
    moments = [compute_moments(values, weights) for values in pair]
    medians = [compute_quantile_replicates(values, weights, 0.5) for values in pair]
    whole = np.ones((1, len(one)), dtype=np.uint16)
    narrow = derive_test_level(setting.level)
    for metric, values in (("delta_median", medians), ("delta_mean", [found.mean for found in moments])):
        compute = _compute_median if metric == "delta_median" else _compute_mean
        found = _derive_difference(compute(one), compute(other), values[0], values[1], differing)
        for method, level in (
            ("percentile_bootstrap", setting.level),
            ("paired_t", setting.level),
            ("paired_t", narrow),
        ):
            bounds = compute_interval(found, method, level)
            yield state_difference(metric, found, bounds, shared | {"method": method, "level": level})
    gap = float(compute_number_gap(*(compute_moments(values, whole) for values in pair))[0])
    known = not (np.isnan(one).all() or np.isnan(other).all())
    yield _derive_smd(gap, compute_number_gap(*moments), shared, setting.level, known=known)


def _compute_median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def _compute_mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _derive_difference(one: float, other: float, first: Floats, second: Floats, differing: int) -> Difference:
    """Return a difference of two numbers and its replicates; undefined where either has no value."""
    undefined = {"reason": Reason.NO_VALUES}
    ours, theirs = Estimate("", Label(), one, undefined, first), Estimate("", Label(), other, undefined, second)
    return compute_difference(ours, theirs, differing)


def _derive_smd(gap: float, replicates: Floats | None, shared: Row, level: float, *, known: bool) -> Row:
    """Return the row of a standardised difference; without replicates it has no interval.

    `known`: both sources have values; a difference is then undefined because neither varies.
    """
    fields = shared | {"method": "paired_t", "level": level}
    if np.isnan(gap):
        return build_row("smd", **fields, **describe_undefined(Reason.ZERO_VARIANCE if known else Reason.NO_VALUES))
    if replicates is None:
        return build_row("smd", gap, reason=Reason.NO_INTERVAL, method="yang_dalton", **shared)
    found = _derive_difference(gap, 0.0, replicates, np.zeros_like(replicates), shared["k"])
    return state_difference("smd", found, compute_interval(found, "paired_t", level), fields)


def estimate_profiles(accounts: list[Account], setting: Setting, weights: Weights | None) -> Iterator[Row]:
    """Yield the standardised difference of every categorical characteristic from the comparator.

    Args:
        accounts: what each source says.
        setting: patients, level, comparator.
        weights: replicate weights, shape (replicates, patients); None where nothing is compared.
    """
    base = next((account for account in accounts if account.source == setting.comparator), None)
    if base is None or weights is None:
        return
    for key, questions in base.profiles.items():
        sides = {account.source: _Profile(account, questions) for account in accounts}
        if setting.rule == "same":
            asked = [side.counted for side in sides.values() if side.asked]
            sides = {name: side.restrict(asked) for name, side in sides.items()}
        for account in accounts:
            if account is not base:
                yield _compare_profiles(key, sides[account.source], sides[base.source], setting, weights)


class _Profile:
    """Which levels a source's patients hold: `held`, shape (n, levels), among those `counted`."""

    def __init__(self, account: Account, questions: list[Question]) -> None:
        answers = [account.answers[question] for question in questions]
        self.source, self.asked, self.counted = account.source, answers[0].asked, answers[0].counted
        self.held = np.column_stack([answer.positive for answer in answers])

    def restrict(self, masks: list[Mask]) -> _Profile:
        """Return the same, of the patients counted in all of the masks."""
        found = copy(self)
        found.counted = np.logical_and.reduce([self.counted, *masks])
        found.held = self.held & found.counted[:, None]
        return found

    def compute_shares(self, weights: Weights) -> Floats:
        """Return each level's share in each replicate, shape (replicates, levels); NaN where nobody is drawn."""
        totals = compute_totals(weights, np.column_stack([self.held, self.counted]).astype(np.uint8))
        size = totals[:, -1:]
        return np.where(size > 0, totals[:, :-1] / np.where(size > 0, size, 1.0), np.nan)


def _compare_profiles(key: Question, one: _Profile, other: _Profile, setting: Setting, weights: Weights) -> Row:
    shared: Row = {"source": one.source, "comparator": other.source, "variable": key.variable,
                   "term": key.term, "at": key.at}  # fmt: skip
    if not (one.asked and other.asked):
        return build_row("smd", **shared, **NEVER_ASKED)
    differs = (one.counted ^ other.counted) | (one.held ^ other.held).any(axis=1)
    shared |= {"n": int((one.counted | other.counted).sum()), "k": int(differs.sum())}
    known = bool(one.counted.any() and other.counted.any())
    ours, theirs = (side.compute_shares(np.ones((1, len(side.counted)), dtype=np.uint16)) for side in (one, other))
    if ours.shape[1] > 1:
        return _derive_smd(compute_profile_gap(ours[0], theirs[0]), None, shared, setting.level, known=known)
    drawn = compute_share_gap(one.compute_shares(weights)[:, 0], other.compute_shares(weights)[:, 0])
    gap = float(compute_share_gap(ours[:, 0], theirs[:, 0])[0])
    return _derive_smd(gap, drawn, shared, setting.level, known=known)
