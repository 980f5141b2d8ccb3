"""Curves of confidence: reliability diagrams, where the scores lie, error against coverage."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.confidence.forecasts import sum_by
from probatio.confidence.measuring import Measured
from probatio.confidence.risk_coverage import derive_curve, derive_ties
from probatio.measures.rates import compute_reporting_interval
from probatio.resampling import compute_clustered_mean

CLASSES: Final = 20
POINTS: Final = 50


def list_reliability_points(measured: Measured) -> pd.DataFrame:
    """Return mean score and share right of each bin, with Wilson's interval on the effective size."""
    own, bins = measured.forecasts, measured.binned
    mean = compute_clustered_mean(own.right.astype(np.int8), bins.place, own.cluster, own.weight, bins.size)
    lower, upper = compute_reporting_interval(mean, measured.level).bounds
    points = _start(measured, bins.owner, "reliability")
    points = points.assign(x=measured.gaps.score, y=measured.gaps.right, lower=lower, upper=upper)
    return points[~measured.small[bins.owner]]


def list_mass_points(measured: Measured) -> pd.DataFrame:
    """Return the share of each group's values in twenty classes of equal width, empty ones included."""
    own = measured.forecasts
    place = np.minimum((own.score * CLASSES).astype(np.int64), CLASSES - 1)
    mass = sum_by(own.group * CLASSES + place, own.weight, own.size * CLASSES).reshape(own.size, CLASSES)
    share = mass / mass.sum(axis=1, keepdims=True)
    owner = np.repeat(np.arange(own.size), CLASSES)
    middle = np.tile((np.arange(CLASSES) + 0.5) / CLASSES, own.size)
    points = _start(measured, owner, "score_mass").assign(x=middle, y=share.ravel(), lower=np.nan, upper=np.nan)
    return points[~measured.small[owner]]


def list_coverage_points(measured: Measured) -> pd.DataFrame:
    """Return the error among the accepted at some fifty coverages, with Wilson's interval on the effective size.

    The interval is that of the error at a threshold given beforehand.
    """
    accepted, coverage, _ = derive_curve(measured.forecasts, derive_ties(measured.forecasts), POINTS)
    wrong = (1 - accepted.right).astype(np.int8)
    mean = compute_clustered_mean(wrong, accepted.group, accepted.cluster, accepted.weight, accepted.size)
    lower, upper = compute_reporting_interval(mean, measured.level).bounds
    points = accepted.identity.assign(analysis=measured.analysis, metric="risk_coverage")
    return points.assign(x=coverage, y=mean.mean, lower=lower, upper=upper)


def _start(measured: Measured, owner: np.ndarray, metric: str) -> pd.DataFrame:
    identity = measured.forecasts.identity.iloc[owner].reset_index(drop=True)
    return identity.assign(analysis=measured.analysis, metric=metric)
