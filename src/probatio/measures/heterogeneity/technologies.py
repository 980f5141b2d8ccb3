"""Centre x technology: differences of error between two sources centre by centre, and a GEE beside them.

| metric | what |
|---|---|
| design_confounded | how far the centre tells which of two sources read a patient, 0 (crossed) to 1 (confounded) |
| centre_difference_error_rate | error of the source minus that of the comparator in one centre, same cells |
| source_odds_ratio_error_rate | odds ratio of error, source against comparator, averaged over centres |

The odds ratio is a logistic regression by generalised estimating equations (Liang and Zeger 1986), centres
as clusters, exchangeable correlation, t(centres - 1), and a covariance corrected for few clusters (Mancl
and DeRouen 2001), or the plain robust one where weights differ (`gee_exchangeable_weighted`). It is for
the appendix (`term`), and needs 10 centres.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, Mask
from probatio.measures.heterogeneity.strata import NESTED, compute_nesting, derive_labels
from probatio.measures.rates import derive_rows
from probatio.resampling import (
    compute_clustered_mean,
    compute_newcombe,
    compute_t_bounds,
    compute_t_quantile,
    find_few_touched,
)
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    from probatio.protocol import Protocol, Source

FEWEST_CENTRES = 10
_CELL = ["variable", "patient_id", "visit", "event"]


@dataclass(frozen=True)
class _Pair:
    """Cells of one variable assessed by two sources: whether each errs, and whose cell it is."""

    source: str
    comparator: str
    variable: str
    one: Mask
    two: Mask
    patient: NDArray[np.int64]
    weight: NDArray[np.float64]
    centre: NDArray[np.str_]

    @property
    def equal(self) -> bool:
        """All weights equal."""
        return bool(np.ptp(self.weight) == 0)


def estimate_confounding(cells: Cells, members: pd.DataFrame, protocol: Protocol) -> list[dict[str, Any]]:
    """Return a `design_confounded` row per pair of sources: are their centres the same ones?

    Goodman and Kruskal's lambda over patients' readings, as in `compute_nesting`. From `NESTED` on centres and sources
    are confounded (`confounded_centres`): a difference between the two may be one between centres.
    """
    centre = derive_labels(members, "centre")
    sources = cells.groups["source"].to_numpy(dtype=str)[cells.group]
    read = {name: np.unique(cells.patient[sources == name]) for name in np.unique(sources)}
    names = [source.name for source in _list_sources(protocol) if source.name in read]
    rows = []
    for one, two in combinations(names, 2):
        patients = np.concatenate([read[one], read[two]])
        labels = np.repeat([one, two], [len(read[one]), len(read[two])])
        value = compute_nesting(centre[patients], labels)
        fields: dict[str, Any] = {"source": one, "comparator": two, "method": "goodman_kruskal_lambda"}
        fields |= {"unit": "proportion", "cluster_unit": "centre"}
        fields |= {"n": len(patients), "clusters": len(set(centre[patients].tolist()))}
        if np.isnan(value):
            fields |= {"status": Status.NOT_ESTIMABLE, "reason": Reason.TOO_FEW_CLUSTERS}
            rows.append(build_row("design_confounded", **fields))
            continue
        fields |= {"reason": Reason.CONFOUNDED_CENTRES if value >= NESTED else Reason.NONE}
        rows.append(build_row("design_confounded", value, **fields))
    return rows


def estimate_technologies(
    cells: Cells, members: pd.DataFrame, protocol: Protocol, *, nested: bool
) -> Iterator[pd.DataFrame]:
    """Return differences by centre and the odds ratio, for every pair of sources and variable of single values.

    Sources that are not independent of each other give one `not_applicable` row per variable; nested centres
    make the odds ratio `not_applicable`. Centres under the protocol's minimum are suppressed. A source after review is
    no technology and takes no part: where it differs from another, the reviewers do.
    """
    centre = derive_labels(members, "centre")
    sources = [source.name for source in _list_sources(protocol)]
    for pair in _list_pairs(cells, centre, list(combinations(sources, 2))):
        if not protocol.is_independent(pair.source, pair.comparator):
            yield _derive_row(pair, "source_odds_ratio_error_rate", Status.NOT_APPLICABLE, Reason.NOT_INDEPENDENT)
            continue
        yield _estimate_differences(pair, level=float(protocol.level), least=protocol.min_stratum)
        if nested:
            yield _derive_row(pair, "source_odds_ratio_error_rate", Status.NOT_APPLICABLE, Reason.NESTED_CENTRES)
        else:
            yield _estimate_odds_ratio(pair, level=float(protocol.level))


def _list_sources(protocol: Protocol) -> list[Source]:
    return [*protocol.technologies, *protocol.select_sources("manual")]


def _list_pairs(cells: Cells, centre: NDArray[np.str_], sides: list[tuple[str, str]]) -> Iterator[_Pair]:
    single = (cells.groups["type"] != "events").to_numpy()[cells.group]
    frame = cells.pairs[_CELL].assign(source=cells.pairs["source"], place=np.arange(len(cells.pairs)))[single]
    for one, two in sides:
        both = frame[frame["source"] == one].merge(frame[frame["source"] == two], on=_CELL, suffixes=("", "_two"))
        for variable, own in both.groupby("variable", sort=True):
            places = own["place"].to_numpy(), own["place_two"].to_numpy()
            outcomes = [cells.outcome[place] for place in places]
            kept = (outcomes[0] != "B") | (outcomes[1] != "B")
            first = places[0][kept]
            if len(first):
                errs = [np.isin(outcome[kept], list("WOU")) for outcome in outcomes]
                patient = cells.patient[first]
                yield _Pair(one, two, str(variable), errs[0], errs[1], patient, cells.weight[first], centre[patient])


def _estimate_differences(pair: _Pair, *, level: float, least: int) -> pd.DataFrame:
    """Return the difference in each centre: Newcombe's method 10, or clustered t with several cells a patient."""
    names, group = np.unique(pair.centre, return_inverse=True)
    score = pair.one.astype(np.int8) - pair.two.astype(np.int8)
    mean = compute_clustered_mean(score, group, pair.patient, pair.weight, len(names))
    both = np.bincount(group[pair.one & pair.two], minlength=len(names))
    neither = mean.n - both - mean.positive - mean.negative
    newcombe = compute_newcombe(both, mean.positive, mean.negative, neither, level)
    clustered = compute_t_bounds(mean, level)
    lower, upper = (np.where(mean.simple, a, b) for a, b in zip(newcombe, clustered, strict=True))
    small = mean.clusters < least
    said = np.where(~mean.simple & find_few_touched(mean), str(Reason.FEW_EVENTS_CAUTION), "")
    lacking = np.where(np.isnan(lower), str(Reason.NO_INTERVAL), said)
    silent = [np.where(small, np.nan, x) for x in (mean.mean, lower, upper)]
    identity = pd.DataFrame({"stratum": names}).assign(
        source=pair.source, comparator=pair.comparator, variable=pair.variable, stratum_by="centre"
    )
    rows = derive_rows(
        identity, metric="centre_difference_error_rate", unit="proportion", estimate=silent[0], lower=silent[1],
        upper=silent[2], level=level, n=mean.n, k=mean.positive + mean.negative, clusters=mean.clusters,
        method=np.where(mean.simple, "newcombe", np.where(mean.equal, "clustered_t", "weighted_t")),
        cluster_unit="patient", status=np.where(small, str(Status.SUPPRESSED), str(Status.OK)),
        reason=np.where(small, str(Reason.SMALL_STRATUM), lacking),
    )  # fmt: skip
    rows.loc[small, "k"] = pd.NA
    return rows


def _estimate_odds_ratio(pair: _Pair, *, level: float) -> pd.DataFrame:
    metric, centres = "source_odds_ratio_error_rate", len(set(pair.centre))
    if centres < FEWEST_CENTRES:
        return _derive_row(pair, metric, Status.NOT_ESTIMABLE, Reason.TOO_FEW_CLUSTERS)
    if not (pair.one.any() and pair.two.any()) or pair.one.all() or pair.two.all():
        return _derive_row(pair, metric, Status.NOT_ESTIMABLE, Reason.SEPARATION)
    found = _fit(pair)
    if found is None:
        return _derive_row(pair, metric, Status.NOT_ESTIMABLE, Reason.NOT_CONVERGED)
    log, error = found
    half = float(compute_t_quantile(centres - 1, level)) * error
    bounds = {"lower": np.exp(log - half), "upper": np.exp(log + half), "level": level}
    events = int(pair.one.sum() + pair.two.sum())
    row = build_row(metric, np.exp(log), **_key(pair), **bounds, n=len(pair.one), k=events, clusters=centres)
    return derive_table([row])


def _fit(pair: _Pair) -> tuple[float, float] | None:
    """Return the log odds ratio and its error, or None where the equations have no usable solution."""
    import statsmodels.api as sm  # noqa: PLC0415 - it takes a second that most callers need not spend

    size = len(pair.one)
    design = np.column_stack([np.ones(2 * size), np.repeat([1.0, 0.0], size)])
    errs = np.concatenate([pair.one, pair.two]).astype(float)
    weights = None if pair.equal else np.tile(pair.weight, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GEE(errs, design, groups=np.tile(pair.centre, 2), family=sm.families.Binomial(),
                       cov_struct=sm.cov_struct.Exchangeable(), weights=weights)  # fmt: skip
        # statsmodels 0.15 has no bias-reduced covariance for weighted equations.
        result = model.fit(cov_type="bias_reduced" if pair.equal else "robust")
    log, error = float(result.params[1]), float(result.bse[1])
    return (log, error) if result.converged and np.isfinite([log, error]).all() and error > 0 else None


def _key(pair: _Pair) -> dict[str, Any]:
    return {"source": pair.source, "comparator": pair.comparator, "variable": pair.variable, "term": "appendix",
            "unit": "ratio", "method": "gee_exchangeable" if pair.equal else "gee_exchangeable_weighted",
            "cluster_unit": "centre"}  # fmt: skip


def _derive_row(pair: _Pair, metric: str, status: Status, reason: Reason) -> pd.DataFrame:
    return derive_table([build_row(metric, **_key(pair), n=len(pair.one), status=status, reason=reason)])
