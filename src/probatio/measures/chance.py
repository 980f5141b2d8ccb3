"""Agreement beyond chance on the values documented on both sides: Cohen's kappa, Gwet's AC1, both weighted.

| metric | formula | reference |
|---|---|---|
| kappa | (po - pe) / (1 - pe), pe = sum p_i. p_.i | Cohen 1960 |
| kappa_linear, kappa_quadratic | the same with agreement weights 1 - d/dmax, 1 - (d/dmax)^2 | Cohen 1968 |
| ac1 | (po - pe) / (1 - pe), pe = sum pi_i (1 - pi_i) / (q - 1) | Gwet 2008 |
| kappa_weighted | the same with the protocol's own weights, 1 - d/dmax; `at` tells them | Cohen 1968 |
| ac2_linear, ac2_quadratic, ac2_weighted | po weighted; pe = sum w_ij sum pi_i (1 - pi_i) / (q (q - 1)) | Gwet 2014 |

All are at most 1; kappa is 0 for agreement by chance. Kappa and AC1 part company when one class
prevails (118 + 0 agreements of 125: kappa -0.02, AC1 0.94), so both are shown.

Standard errors are those of the influence function: with one value per patient exactly Fleiss, Cohen
and Everitt 1969 for kappa and Gwet 2008 for AC1, in large samples (fewer than 15 patients that disagree:
`few_events_caution`). Else its sums per patient, on the scale of log(1 - coefficient), with t of as many
degrees of freedom as patients disagree, less one (`clustered_log_t`, `weighted_log_t`): the plain scale with t of
all patients holds only 86 to 93 % of kappas where few disagree, this one 93 to 97 % (tests/benchmarks).
A value that does not conform disagrees fully with every class and forms a class of its own. Without
weights of its own an ordinal variable's levels are equidistant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from probatio.measures.cells import Codes
from probatio.measures.classes import Classes
from probatio.protocol.weights import Weights
from probatio.resampling import CAUTION_PATIENTS, Floats, compute_t_quantile
from probatio.results import Reason, Status, build_row

_ROUNDING = 1e-12
_LARGEST = 700.0  # exp of more overflows; the bound is at -1 long before


@dataclass(frozen=True)
class ChanceCorrected:
    """A coefficient and its influence function, one entry per cell of the table; NaN when undefined."""

    estimate: float
    influence: Floats


def compute_kappa(table: Floats, agreement: Floats | None = None) -> ChanceCorrected:
    """Return kappa of a square table with its influence function (Fleiss, Cohen and Everitt 1969, equation 8).

    Args:
        table: counts or weights, rows the one reading, columns the other.
        agreement: weight of each cell, 1 on the diagonal; None for the unweighted kappa.
    """
    w = np.eye(len(table)) if agreement is None else agreement
    p, rows, columns = _compute_shares(table)
    row_mean, column_mean = w @ columns, rows @ w
    po, pe = float((p * w).sum()), float(rows @ w @ columns)
    if not 1 - pe > _ROUNDING:
        return ChanceCorrected(np.nan, np.full_like(p, np.nan))
    kappa = (po - pe) / (1 - pe)
    cell = w - (row_mean[:, None] + column_mean[None, :]) * (1 - kappa)
    return ChanceCorrected(kappa, (cell - (kappa - pe * (1 - kappa))) / (1 - pe))


def compute_ac1(table: Floats, agreement: Floats | None = None) -> ChanceCorrected:
    """Return Gwet's AC1 of a square table of at least two classes with its influence function (Gwet 2008).

    Args:
        table: counts or weights, rows the one reading, columns the other.
        agreement: weight of each cell, 1 on the diagonal: AC2 (Gwet 2014, Handbook of Inter-Rater
            Reliability, 4th ed., chapter 4); None for AC1.
    """
    w = np.eye(len(table)) if agreement is None else agreement
    p, rows, columns = _compute_shares(table)
    pi, q = (rows + columns) / 2, len(table)
    scale = float(w.sum()) / (q * (q - 1))
    po, pe = float((p * w).sum()), scale * float((pi * (1 - pi)).sum())
    gamma = (po - pe) / (1 - pe)
    slope = scale * (1 - 2 * pi)
    by_chance = (slope[:, None] + slope[None, :]) / 2 - slope @ pi
    return ChanceCorrected(gamma, (w - po - (1 - gamma) * by_chance) / (1 - pe))


def compute_scott_pi(table: Floats) -> ChanceCorrected:
    """Return Scott's pi of a square table with its influence function (Scott 1955; Gwet 2014, chapter 5).

    Both readings share one distribution of classes: pe = sum ((p_i. + p_.i) / 2)^2. No row shows it; it is there to
    compare with published tables.
    """
    p, rows, columns = _compute_shares(table)
    share = (rows + columns) / 2
    po, pe = float(np.trace(p)), float((share**2).sum())
    if not 1 - pe > _ROUNDING:
        return ChanceCorrected(np.nan, np.full_like(p, np.nan))
    pi = (po - pe) / (1 - pe)
    by_chance = share[:, None] + share[None, :] - 2 * pe
    return ChanceCorrected(pi, (np.eye(len(p)) - po - (1 - pi) * by_chance) / (1 - pe))


def compute_null_error(table: Floats, agreement: Floats | None = None) -> float:
    """Return the standard error of kappa were there no agreement beyond chance (Fleiss, Cohen and Everitt 1969).

    For a test against 0 only; intervals rest on `compute_simple_error`. Equations 9 (weighted) and 14.

    Args:
        table: counts, rows the one reading, columns the other.
        agreement: weight of each cell, 1 on the diagonal; None for the unweighted kappa.
    """
    w = np.eye(len(table)) if agreement is None else agreement
    _, rows, columns = _compute_shares(table)
    pe = float(rows @ w @ columns)
    cell = w - ((w @ columns)[:, None] + (rows @ w)[None, :])
    variance = float((np.outer(rows, columns) * cell**2).sum()) - pe**2
    return float(np.sqrt(variance / table.sum())) / (1 - pe)


def compute_agreement_weights(classes: int, power: int) -> Floats:
    """Return agreement weights 1 - (|i - j| / (classes - 1))^power: 1 linear, 2 quadratic (Cohen 1968)."""
    place = np.arange(classes)
    return np.asarray(1 - (np.abs(place[:, None] - place[None, :]) / max(classes - 1, 1)) ** power)


def compute_declared_weights(weights: Weights, classes: int) -> Floats:
    """Return the agreement weights of a protocol's word or matrix of disagreement d: 1 - d / dmax (Cohen 1968)."""
    if isinstance(weights, str):
        return compute_agreement_weights(classes, 1 if weights == "linear" else 2)
    disagreement = np.asarray(weights, dtype=float)
    return np.asarray(1 - disagreement / disagreement.max())


def compute_simple_error(coefficient: ChanceCorrected, table: Floats) -> float:
    """Return the standard error for n independent values: root of the mean square influence / n."""
    return float(np.sqrt((table * coefficient.influence**2).sum()) / table.sum())


def compute_clustered_error(influence: Floats, cluster: Codes, weight: Floats) -> float:
    """Return the linearised standard error from each value's influence, summed per cluster; NaN for one cluster."""
    codes, place = np.unique(cluster, return_inverse=True)
    sums = np.bincount(place, weight * influence)
    count = len(codes)
    return float(np.sqrt(count / (count - 1) * (sums**2).sum()) / weight.sum()) if count > 1 else np.nan


def _compute_shares(table: Floats) -> tuple[Floats, Floats, Floats]:
    p = table / table.sum()
    return p, p.sum(axis=1), p.sum(axis=0)


@dataclass(frozen=True)
class _Group:
    """Documented values of one source, comparator and variable, as codes of a square table."""

    identity: dict[str, Any]
    classes: int
    reference: Codes
    given: Codes
    agrees: int
    cluster: Codes
    weight: Floats

    @property
    def table(self) -> Floats:
        size = self.classes + int((self.given >= self.classes).any())
        cells = self.reference * size + self.given
        return np.asarray(np.bincount(cells, self.weight, size * size), dtype=float).reshape(size, size)

    def count_differing(self) -> int:
        """Return the patients (or centres) with a value read differently."""
        return len(np.unique(self.cluster[self.reference != self.given]))

    def find_reason(self) -> Reason:
        """Say why no coefficient exists: no value, or a standard (or either reading) of one class only."""
        if not len(self.given):
            return Reason.EMPTY_DENOMINATOR
        kinds = len(np.unique(self.reference))
        if self.identity["kind"] == "agreement":
            kinds = min(kinds, len(np.unique(self.given)))
        return Reason.ONE_CLASS_ONLY if kinds < 2 else Reason.NONE


def estimate_chance_corrected(
    classes: Classes, *, level: float, unit: str, weights: Mapping[str, Weights] | None = None
) -> list[dict[str, Any]]:
    """Return kappa and AC1 of every categorical variable, and weighted kappas and AC2 of ordinal ones.

    `weights` are those that the protocol declares, by variable.
    """
    rows: list[dict[str, Any]] = []
    for group in _derive_groups(classes):
        metrics = _METRICS if group.identity["type"] == "ordinal" else _METRICS[:2]
        rows += [_estimate(group, metric, compute, level=level, unit=unit) for metric, compute in metrics]
        own = (weights or {}).get(group.identity["variable"])
        if own is not None:
            rows += [
                _estimate(group, metric, compute, level=level, unit=unit) | {"at": _describe(own)}
                for metric, compute in _list_weighted(compute_declared_weights(own, group.classes))
            ]
    return rows


def _describe(weights: Weights) -> str:
    """Return the weights as a text: their word, or the rows of the matrix."""
    if isinstance(weights, str):
        return weights
    return "; ".join(" ".join(f"{number:g}" for number in row) for row in weights)


def _derive_groups(classes: Classes) -> Iterator[_Group]:
    cells = classes.cells
    documented = cells.select("CW") & (classes.reference >= 0)
    for place, identity in enumerate(cells.groups.to_dict("records")):
        rows = np.flatnonzero(documented & (cells.group == place))
        size = len(classes.levels[place])
        given = np.where(classes.given[rows] < 0, size, classes.given[rows])
        agrees = int((cells.outcome[rows] == "C").sum())
        named = {str(name): value for name, value in identity.items()}
        yield _Group(named, size, classes.reference[rows], given, agrees, cells.cluster[rows], cells.weight[rows])


def _derive_agreement(table: Floats, weights: Floats) -> Floats:
    """Return the weights of ordered classes; a last class, of values that do not conform, agrees with none."""
    agreement, classes = np.eye(len(table)), len(weights)
    agreement[:classes, :classes] = weights
    return agreement


_Compute = Callable[[Floats, int], ChanceCorrected]


def _weigh(compute: Callable[[Floats, Floats], ChanceCorrected], power: int) -> _Compute:
    return lambda table, classes: compute(table, _derive_agreement(table, compute_agreement_weights(classes, power)))


_METRICS: tuple[tuple[str, _Compute], ...] = (
    ("kappa", lambda table, _: compute_kappa(table)),
    ("ac1", lambda table, _: compute_ac1(table)),
    ("kappa_linear", _weigh(compute_kappa, 1)),
    ("kappa_quadratic", _weigh(compute_kappa, 2)),
    ("ac2_linear", _weigh(compute_ac1, 1)),
    ("ac2_quadratic", _weigh(compute_ac1, 2)),
)


def _list_weighted(weights: Floats) -> tuple[tuple[str, _Compute], ...]:
    return (
        ("kappa_weighted", lambda table, _: compute_kappa(table, _derive_agreement(table, weights))),
        ("ac2_weighted", lambda table, _: compute_ac1(table, _derive_agreement(table, weights))),
    )


def _estimate(group: _Group, metric: str, compute: _Compute, *, level: float, unit: str) -> dict[str, Any]:
    fields: dict[str, Any] = {name: group.identity[name] for name in ("source", "comparator", "variable")}
    fields |= {"level": level, "n": len(group.given), "k": group.agrees, "cluster_unit": unit}
    fields |= {"clusters": len(np.unique(group.cluster))}
    if (reason := group.find_reason()) != Reason.NONE:
        return build_row(metric, status=Status.NOT_ESTIMABLE, reason=reason, **fields)
    coefficient = compute(group.table, group.classes)
    error, method = _compute_error(coefficient, group)
    textbook = method == "fleiss_cohen_everitt"
    fields["method"] = "gwet" if metric.startswith("ac") and textbook else method
    if not error > _ROUNDING:
        reason = Reason.TOO_FEW_CLUSTERS if np.isnan(error) else Reason.NO_INTERVAL
        return build_row(metric, coefficient.estimate, reason=reason, **fields)
    differing = group.count_differing()
    if textbook:
        half = float(ndtri((1 + level) / 2)) * error
        bounds = coefficient.estimate - half, min(coefficient.estimate + half, 1.0)
        fields["reason"] = Reason.FEW_EVENTS_CAUTION if differing < CAUTION_PATIENTS else Reason.NONE
    else:
        bounds = compute_log_bounds(
            coefficient.estimate, error, float(compute_t_quantile(max(differing - 1, 1), level))
        )
    return build_row(metric, coefficient.estimate, lower=max(bounds[0], -1.0), upper=bounds[1], **fields)


def compute_log_bounds(estimate: float, error: float, quantile: float) -> tuple[float, float]:
    """Return the bounds of a coefficient below 1, symmetric on the scale of log(1 - coefficient) (delta method)."""
    spread = np.exp(min(quantile * error / (1 - estimate), _LARGEST))
    return float(1 - (1 - estimate) * spread), float(1 - (1 - estimate) / spread)


def _compute_error(coefficient: ChanceCorrected, group: _Group) -> tuple[float, str]:
    """Return standard error and method: textbook for independent values, else per cluster."""
    clusters = len(np.unique(group.cluster))
    weighted = group.weight.max() > group.weight.min()
    if clusters == len(group.given) and not weighted:
        error = compute_simple_error(coefficient, group.table / group.weight[0])
        return error, "fleiss_cohen_everitt"
    influence = coefficient.influence[group.reference, group.given]
    error = compute_clustered_error(influence, group.cluster, group.weight)
    return error, "weighted_log_t" if weighted else "clustered_log_t"
