"""Result rows of calibration and selective acceptance, of many groups at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from probatio.confidence.bins import (
    Bins,
    Gaps,
    compute_debiased_ece,
    compute_ece,
    compute_gap_variances,
    compute_gaps,
    compute_replicate_gaps,
    derive_equal_mass_bins,
    derive_equal_width_bins,
)
from probatio.confidence.brier import Brier, compute_brier, compute_replicate_squares, compute_squares
from probatio.confidence.calibration_line import compute_line
from probatio.confidence.discrimination import compute_auroc, compute_auroc_bounds
from probatio.confidence.forecasts import Forecasts, Frame, Mask, sum_by
from probatio.confidence.risk_coverage import Areas, compute_areas, compute_replicate_areas, derive_merged_ties
from probatio.confidence.terms import RAW
from probatio.measures.rates import Interval, compute_reporting_interval, derive_rows, derive_silent
from probatio.resampling import (
    Bounds,
    Floats,
    compute_clustered_mean,
    compute_percentiles,
    compute_t_quantile,
    find_few_events,
)
from probatio.results import Reason, Status

BOOTSTRAP, SANDWICH, PLACEMENT = "percentile", "cluster_robust", "placement_values"
_AREAS = ("aurc", "e_aurc", "augrc")


@dataclass(frozen=True)
class Measured:
    """Judged values on which rows are made, with all that several metrics share.

    Attributes:
        forecasts: the values.
        frame: the patients and their draws.
        analysis: name of the rows' analysis.
        level: two-sided confidence.
        least: patients below which a group is suppressed.
        bins: the most bins of a group.
    """

    forecasts: Forecasts
    frame: Frame
    analysis: str
    level: float
    least: int
    bins: int

    @cached_property
    def binned(self) -> Bins:
        """The bins of every group."""
        return derive_equal_mass_bins(self.forecasts, self.bins)

    @cached_property
    def gaps(self) -> Gaps:
        """The gaps of the bins."""
        return compute_gaps(self.forecasts, self.binned)

    @cached_property
    def variance(self) -> Floats:
        """The variance of the gaps."""
        return compute_gap_variances(self.forecasts, self.binned, self.gaps)

    @cached_property
    def replicates(self) -> Gaps:
        """The gaps in each replicate."""
        return compute_replicate_gaps(self.forecasts, self.binned, self.frame.weights)

    @cached_property
    def brier(self) -> Brier:
        """Brier's score and its parts."""
        return self._compute_brier(compute_squares(self.forecasts), self.gaps, self.variance)

    @cached_property
    def brier_replicates(self) -> Brier:
        """The same in each replicate."""
        squares = compute_replicate_squares(self.forecasts, self.frame.weights)
        return self._compute_brier(squares, self.replicates, 2 * self.variance)

    def _compute_brier(self, squares: Floats, gaps: Gaps, variance: Floats) -> Brier:
        return compute_brier(squares, gaps, variance, self.binned, self.forecasts.size)

    @cached_property
    def areas(self) -> Areas:
        """The areas under the risk-coverage curve."""
        return compute_areas(self.forecasts, derive_merged_ties(self.forecasts))

    @cached_property
    def area_replicates(self) -> Areas:
        """The same in each replicate."""
        return compute_replicate_areas(self.forecasts, derive_merged_ties(self.forecasts), self.frame.weights)

    @cached_property
    def wrong(self) -> Floats:
        """The number of wrong values of each group."""
        return sum_by(self.forecasts.group, 1 - self.forecasts.right, self.forecasts.size)

    def derive(
        self, metric: str, estimate: Floats, bounds: Bounds, method: str | np.ndarray, **more: Any
    ) -> pd.DataFrame:
        """Return one row per group; NaN estimates and small groups say why."""
        forecasts, n = self.forecasts, self.forecasts.count()
        known, caution = np.isfinite(estimate), find_few_events(self.wrong, n)
        said = np.where(caution, str(Reason.FEW_EVENTS_CAUTION), str(Reason.NONE))
        ok = np.where(np.isnan(bounds[0]) & np.isnan(bounds[1]), str(Reason.NO_INTERVAL), said)
        why = np.where(forecasts.find_one_class(), str(Reason.ONE_CLASS_ONLY), str(Reason.SEPARATION))
        rows = derive_rows(
            forecasts.identity.assign(analysis=self.analysis), metric=metric, level=self.level, method=method,
            estimate=np.where(known, estimate, np.nan), lower=np.where(known, bounds[0], np.nan),
            upper=np.where(known, bounds[1], np.nan), n=n, k=self.wrong.astype(np.int64),
            clusters=forecasts.count_clusters(), cluster_unit=self.frame.unit, reason=np.where(known, ok, why),
            status=np.where(known, str(Status.OK), str(Status.NOT_ESTIMABLE)), **more,
        )  # fmt: skip
        return derive_silent(rows, self.small, Status.SUPPRESSED, Reason.SMALL_STRATUM)

    @cached_property
    def small(self) -> Mask:
        """The strata of too few patients."""
        strata = (self.forecasts.identity["stratum_by"] != "").to_numpy(dtype=bool)
        return np.asarray(strata & (self.forecasts.count_patients() < self.least))

    def derive_bootstrap(self, metric: str, estimate: Floats, replicates: Floats, **more: Any) -> pd.DataFrame:
        """Return one row per group with the percentile interval of its replicates."""
        bounds = compute_percentiles(replicates, self.level)
        return self.derive(metric, estimate, bounds, BOOTSTRAP, replicates=len(replicates), **more)


def compute_gap_interval(forecasts: Forecasts, level: float) -> tuple[Floats, Interval]:
    """Return per group the mean score less the share right, and its interval.

    That of the share right (Wilson, on the effective size), with the variance of the gap in place of that of the
    share: what the scores tell of the share is no chance. The mean score is held fixed: what is judged is these
    scores. The bounds do not collapse where all values are right.
    """
    own, whole = forecasts, Bins(np.arange(forecasts.size), forecasts.group)
    gaps = compute_gaps(own, whole)
    mean = compute_clustered_mean(own.right.astype(np.int8), own.group, own.cluster, own.weight, own.size)
    share = compute_reporting_interval(replace(mean, variance=compute_gap_variances(own, whole, gaps)), level)
    bounds = (gaps.score - share.bounds[1], gaps.score - share.bounds[0])
    return gaps.gap, replace(share, bounds=bounds)


def derive_gap_rows(measured: Measured) -> list[pd.DataFrame]:
    """Return `confidence_gap`: mean score less share right; positive where the source is over-confident."""
    gap, interval = compute_gap_interval(measured.forecasts, measured.level)
    return [measured.derive("confidence_gap", gap, interval.bounds, interval.method, unit="proportion")]


def derive_calibration_rows(measured: Measured) -> list[pd.DataFrame]:
    """Return ECE, Brier and its parts, area under the ROC curve, calibration intercept and slope.

    `ece_plugin` is the ECE with its bias; `ece_equal_width` too, with bins of equal width as the literature mostly
    has them. Both are there to be compared with published figures, and have no interval.
    """
    own, bins, size = measured.forecasts, measured.binned, measured.forecasts.size
    ece = compute_debiased_ece(measured.gaps, measured.variance, bins, size)
    drawn = compute_debiased_ece(measured.replicates, 2 * measured.variance, bins, size)
    rows = [measured.derive_bootstrap("ece", ece, drawn, unit="proportion")]
    nothing = np.full(size, np.nan)
    for name, plain in (
        ("ece_plugin", compute_ece(measured.gaps, bins, size)),
        ("ece_equal_width", _compute_equal_width(measured)),
    ):
        rows.append(measured.derive(name, plain, (nothing, nothing), "", unit="proportion"))
    for part in fields(Brier):
        parts = (getattr(each, part.name) for each in (measured.brier, measured.brier_replicates))
        rows.append(measured.derive_bootstrap(part.name, *parts))
    area, error, clusters = compute_auroc(own)
    bounds = compute_auroc_bounds(area, error, clusters, measured.level)
    return [*rows, measured.derive("auroc", area, bounds, PLACEMENT), *_derive_line_rows(measured)]


def _compute_equal_width(measured: Measured) -> Floats:
    bins = derive_equal_width_bins(measured.forecasts, measured.bins)
    return compute_ece(compute_gaps(measured.forecasts, bins), bins, measured.forecasts.size)


def _derive_line_rows(measured: Measured) -> list[pd.DataFrame]:
    line = compute_line(measured.forecasts)
    quantile = compute_t_quantile(line.clusters - 1, measured.level)
    rows = []
    for name, estimate, error in (
        ("calibration_intercept", line.intercept, line.intercept_error),
        ("calibration_slope", line.slope, line.slope_error),
    ):
        rows.append(
            measured.derive(name, estimate, (estimate - quantile * error, estimate + quantile * error), SANDWICH)
        )
    return rows


def derive_area_rows(measured: Measured) -> list[pd.DataFrame]:
    """Return the areas under the risk-coverage curve, and the error when everything is accepted."""
    rows = [measured.derive_bootstrap(name, getattr(measured.areas, name), getattr(measured.area_replicates, name),
                                      unit="proportion") for name in _AREAS]  # fmt: skip
    own = measured.forecasts
    mean = compute_clustered_mean((1 - own.right).astype(np.int8), own.group, own.cluster, own.weight, own.size)
    interval = compute_reporting_interval(mean, measured.level)
    return [
        *rows,
        measured.derive("accepted_error_rate", mean.mean, interval.bounds, interval.method, unit="proportion"),
    ]


def derive_change_rows(measured: Measured, metric: str, estimate: Floats, replicates: Floats) -> list[pd.DataFrame]:
    """Return `<metric>_difference`: a recalibrated score less the raw one, on the same values and draws.

    Args:
        measured: groups in which each source stands with the term `raw` and with others, overall.
        metric: what differs.
        estimate: per group.
        replicates: per replicate and group.
    """
    identity = measured.forecasts.identity
    place = {name: at for at, name in enumerate(identity["source"]) if identity["term"][at] == RAW}
    base = np.array([place[name] for name in identity["source"]], dtype=np.int64)
    rows = measured.derive_bootstrap(
        f"{metric}_difference", estimate - estimate[base], replicates - replicates[:, base]
    )
    return [rows[(identity["term"] != RAW).to_numpy()]]
