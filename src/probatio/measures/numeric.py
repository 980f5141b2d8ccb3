"""Numbers: limits of agreement, concordance, tolerance, errors of unit.

d = value - comparator's value, over pairs of two numbers; m = their mean; s = SD of d.

| metric | formula | range | best | reference |
|---|---|---|---|---|
| bias | mean d | unit | 0 | Bland and Altman 1986 |
| sd_difference | s, n - 1 in the denominator | >= 0 | 0 | Bland and Altman 1986 |
| loa_lower, loa_upper | bias -+ 1.96 s | unit | 0 | Bland and Altman 1986 |
| difference_slope | slope of d on m | per unit | 0 | Bland and Altman 1999 |
| median_absolute_difference | median of abs(d) | >= 0 | 0 | Woodruff 1952 (interval) |
| ccc | 2 Sxy / (Sx2 + Sy2 + (mx - my)2), variances 1/n | [-1, 1] | 1 | Lin 1989, 2000 |
| within_tolerance | abs(d) <= tolerance, of documented pairs; `at` the tolerance | [0, 1] | 1 | |
| unit_error_rate | wrong, and d off by a factor of unit, of documented pairs | [0, 1] | 0 | |

Intervals, one value per patient: bias by Student's t; s by chi-square; limits -+ t sqrt(3 s2 / n) as
published (`bland_altman`); slope by least squares; ccc by Lin's z. They take d as normal. Several values or
weights: influence functions summed per patient, ccc on the z scale, s on the log scale; at 80 patients those of
s and of the limits hold 93 to 94 % instead of 95 (tests/benchmarks). A value that does
not conform is outside the tolerance and in no difference. A slope whose interval leaves 0 out says
`proportional_bias`: the limits of agreement then hold on average only.

A factor of unit is a power of ten (10, 1000, 1/10 ...) or a factor declared in `unit_factors` or its inverse,
within 2 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtri, ndtri

from probatio.measures.cells import Cells, Mask
from probatio.measures.quantities import ROUNDING, Quantities, build_quantile, list_quantities
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.resampling import Floats, compute_clustered_mean, compute_t_quantile
from probatio.results import Reason, derive_table

if TYPE_CHECKING:
    from probatio.protocol import Protocol

LIMIT = 1.96
_NEAR = 0.02
_IN_UNITS = ("bias", "sd_difference", "loa_lower", "loa_upper", "median_absolute_difference")
_POWERS = 10.0 ** np.array([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6])


def estimate_numbers(cells: Cells, protocol: Protocol, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return every row of the numeric variables, for each source and comparator."""
    if not (cells.groups["type"] == "number").any():
        return []
    difference = cells.pairs["difference"].to_numpy(dtype=float)
    rows: list[dict[str, Any]] = []
    for group, places in list_quantities(cells, difference, np.isfinite(difference), "number", level=level, unit=unit):
        reference = cells.pairs["reference"].to_numpy(dtype=object)[places].astype(float)
        declared = find_unit(protocol, group.identity["variable"])
        found = _estimate_group(group, reference)
        rows += [row | {"unit": declared if row["metric"] in _IN_UNITS else ""} for row in found]
    return [derive_table(rows), *_estimate_rates(cells, protocol, level=level, unit=unit)]


def compute_ccc(reference: Floats, value: Floats, weight: Floats | None = None) -> tuple[float, Floats]:
    """Return Lin's concordance correlation and each pair's influence; NaN when nothing varies.

    Variances have n in the denominator (Lin 1989, Biometrics 45:255, equation 2).
    """
    w = np.ones(len(value)) if weight is None else weight
    x, y = (a - np.average(a, weights=w) for a in (reference, value))
    shift = float(np.average(value - reference, weights=w))
    product, squares = float(np.average(x * y, weights=w)), float(np.average(x**2 + y**2, weights=w))
    below = squares + shift**2
    if not below > ROUNDING * max(1.0, float(np.mean(reference**2))) * 1e-6:
        return np.nan, np.full(len(value), np.nan)
    ccc = 2 * product / below
    slope = x**2 + y**2 - squares + 2 * shift * (y - x)
    return ccc, (2 * (x * y - product) - ccc * slope) / below


def compute_repeatability(difference: Floats) -> float:
    """Return the repeatability coefficient, 2 sqrt(sum d2 / n) (Bland and Altman 1986); NaN without a pair.

    Args:
        difference: second reading minus first of the same thing by the same method, without a bias between them.
    """
    return 2 * float(np.sqrt(np.mean(difference**2))) if len(difference) else np.nan


def compute_lin_error(reference: Floats, value: Floats) -> float:
    """Return the standard error of atanh(ccc), NaN without correlation.

    Lin 1989 as corrected in 2000 (Biometrics 56:324).
    """
    n, ccc = len(value), compute_ccc(reference, value)[0]
    r = float(np.corrcoef(reference, value)[0, 1])
    if not abs(r) > ROUNDING:
        return np.nan
    shift = float(np.mean(value) - np.mean(reference)) ** 2 / float(np.std(reference) * np.std(value))
    variance = (1 - r**2) * ccc**2 / ((1 - ccc**2) * r**2)
    variance += 2 * ccc**3 * (1 - ccc) * shift / (r * (1 - ccc**2) ** 2)
    variance -= ccc**4 * shift**2 / (2 * r**2 * (1 - ccc**2) ** 2)
    return float(np.sqrt(max(variance, 0.0) / (n - 2)))


def find_unit_errors(reference: Floats, value: Floats, factors: list[float]) -> Mask:
    """Return where value / reference lies within 2 % of a power of ten or of a declared factor or its inverse."""
    known = (reference != 0) & (value != 0)
    ratio = np.where(known, value, np.nan) / np.where(known, reference, 1.0)
    declared = np.array(factors, dtype=float)
    targets = np.concatenate([_POWERS, declared, 1 / declared])
    return np.asarray((np.abs(ratio[:, None] / targets[None, :] - 1) <= _NEAR).any(axis=1), dtype=bool)


def _estimate_group(group: Quantities, reference: Floats) -> list[dict[str, Any]]:
    absolute = Quantities(group.identity, np.abs(group.value), group.cluster, group.weight, group.unit, group.level)
    return [
        *_estimate_limits(group),
        _estimate_slope(group, reference),
        build_quantile(absolute, "median_absolute_difference", 0.5),
        _estimate_ccc(group, reference),
    ]


def _estimate_limits(group: Quantities) -> list[dict[str, Any]]:
    metrics = ("bias", "sd_difference", "loa_lower", "loa_upper")
    n = len(group.value)
    if not n:
        return [group.build_silent(metric, Reason.EMPTY_DENOMINATOR) for metric in metrics]
    bias = group.mean
    if n == 1:
        silent = [group.build_silent(metric, Reason.ONE_VALUE) for metric in metrics[1:]]
        return [group.build("bias", bias, None, "student"), *silent]
    deviation = group.deviation
    first = group.value - bias
    rows = [
        _build(group, "bias", bias, error=deviation / np.sqrt(n), influence=first, textbook="student"),
        _estimate_deviation(group),
    ]
    second = (first**2 - np.average(first**2, weights=group.weight)) / (2 * deviation) if deviation > 0 else first * 0
    for metric, sign in (("loa_lower", -1), ("loa_upper", 1)):
        influence = first + sign * LIMIT * second
        error, limit = deviation * np.sqrt(3 / n), bias + sign * LIMIT * deviation
        rows.append(_build(group, metric, limit, error=error, influence=influence, textbook="bland_altman"))
    return rows


def _build(
    group: Quantities, metric: str, estimate: float, *, error: float, influence: Floats, textbook: str
) -> dict[str, Any]:
    """Return a row with the textbook's interval for independent values, else the linearised one."""
    half = float(compute_t_quantile(len(group.value) - 1, group.level)) * error
    half = half if group.simple else group.compute_half(influence)
    bounds = (estimate - half, estimate + half) if half > 0 else None
    return group.build(metric, estimate, bounds, textbook if group.simple else group.method)


def _estimate_deviation(group: Quantities) -> dict[str, Any]:
    """Return the SD with its chi-square interval, or on the log scale from the influence of the variance."""
    deviation, freedom = group.deviation, len(group.value) - 1
    if not deviation > 0:
        return group.build("sd_difference", 0.0, None, "chi_square" if group.simple else group.method)
    if group.simple:
        tail = (1 - group.level) / 2
        quantiles = [float(chdtri(freedom, share)) for share in (tail, 1 - tail)]
        bounds = tuple(deviation * float(np.sqrt(freedom / quantile)) for quantile in quantiles)
        return group.build("sd_difference", deviation, (bounds[0], bounds[1]), "chi_square")
    square = (group.value - group.mean) ** 2
    variance = float(np.average(square, weights=group.weight))
    half = group.compute_half((square - variance) / (2 * variance))
    bounds = (deviation * float(np.exp(-half)), deviation * float(np.exp(half)))
    return group.build("sd_difference", deviation, bounds, group.method)


def _estimate_slope(group: Quantities, reference: Floats) -> dict[str, Any]:
    metric, n = "difference_slope", len(group.value)
    if n < 2:
        return group.build_silent(metric, Reason.ONE_VALUE if n else Reason.EMPTY_DENOMINATOR)
    w, middle = group.weight, reference + group.value / 2
    centred = middle - np.average(middle, weights=w)
    square = float(np.average(centred**2, weights=w))
    if not square > ROUNDING**2 * max(1.0, float(np.mean(middle**2))):
        return group.build_silent(metric, Reason.ZERO_VARIANCE)
    slope = float(np.average(centred * group.value, weights=w)) / square
    residual = group.value - group.mean - slope * centred
    half = group.compute_half(centred * residual / square)
    if group.simple:
        error = float(np.sqrt((residual**2).sum() / max(n - 2, 1) / (square * n)))
        half = float(compute_t_quantile(n - 2, group.level)) * error
    bounds = (slope - half, slope + half) if half > ROUNDING else None
    warned = bounds is not None and (bounds[0] > 0 or bounds[1] < 0)
    said = {"reason": Reason.PROPORTIONAL_BIAS} if warned else {}
    return group.build(metric, slope, bounds, "least_squares" if group.simple else group.method, **said)


def _estimate_ccc(group: Quantities, reference: Floats) -> dict[str, Any]:
    n = len(group.value)
    if n < 2:
        return group.build_silent("ccc", Reason.ONE_VALUE if n else Reason.EMPTY_DENOMINATOR)
    value = reference + group.value
    if min(np.ptp(reference), np.ptp(value)) <= ROUNDING:
        return group.build_silent("ccc", Reason.ZERO_VARIANCE)
    ccc, influence = compute_ccc(reference, value, group.weight)
    method = "lin_z" if group.simple else group.method
    if not abs(ccc) < 1 - ROUNDING or (group.simple and n < 4):
        return group.build("ccc", float(np.clip(ccc, -1, 1)), None, method)
    half = group.compute_half(influence / (1 - ccc**2))
    if group.simple:
        half = float(ndtri((1 + group.level) / 2)) * compute_lin_error(reference, value)
    bounds = (float(np.tanh(np.arctanh(ccc) - half)), float(np.tanh(np.arctanh(ccc) + half)))
    return group.build("ccc", ccc, bounds, method)


def _estimate_rates(cells: Cells, protocol: Protocol, *, level: float, unit: str) -> list[pd.DataFrame]:
    wanted = (cells.groups["type"] == "number").to_numpy()
    base = np.flatnonzero(wanted[cells.group] & cells.select("CW"))
    place = (np.cumsum(wanted) - 1)[cells.group[base]]
    identity = cells.groups[wanted].reset_index(drop=True)
    tolerance = [f"{find_tolerance(protocol, name):g}" for name in identity["variable"]]
    frames = []
    scores: dict[str, Callable[[], Mask]] = {
        "within_tolerance": lambda: cells.outcome[base] == "C",
        "unit_error_rate": lambda: _find_wrong_units(cells, protocol)[base],
    }
    for metric, find in scores.items():
        mean = compute_clustered_mean(
            find().astype(np.int8), place, cells.cluster[base], cells.weight[base], len(identity)
        )
        named = identity.assign(at=tolerance) if metric == "within_tolerance" else identity
        interval = compute_reporting_interval(mean, level)
        rows = derive_rate_rows(named, metric, mean, interval, level=level, unit=unit)
        # Of two readings neither is the truth: a factor between them is nobody's error.
        judged = (identity["kind"] == "error").to_numpy() | (metric != "unit_error_rate")
        frames.append(rows[judged])
    return frames


def _find_wrong_units(cells: Cells, protocol: Protocol) -> Mask:
    difference = cells.pairs["difference"].to_numpy(dtype=float)
    known = np.isfinite(difference) & (cells.outcome == "W")
    found = np.zeros(len(difference), dtype=bool)
    factors = {variable.name: variable.unit_factors for variable in protocol.variables}
    for place, group in cells.groups[cells.groups["type"] == "number"].iterrows():
        rows = np.flatnonzero(known & (cells.group == place))
        reference = cells.pairs["reference"].to_numpy(dtype=object)[rows].astype(float)
        found[rows] = find_unit_errors(reference, reference + difference[rows], factors.get(group["variable"], []))
    return found


def find_unit(protocol: Protocol, variable: str) -> str:
    """Return the unit of a variable; "" if it has none."""
    return next((str(declared.unit) for declared in protocol.variables if declared.name == variable), "")


def find_tolerance(protocol: Protocol, variable: str) -> float:
    """Return the tolerance of a variable or of an event's attribute; 0 if undeclared."""
    name, _, attribute = variable.partition(".")
    for declared in protocol.variables:
        if declared.name == name:
            return declared.attributes[attribute].tolerance if attribute in declared.attributes else declared.tolerance
    return 0.0
