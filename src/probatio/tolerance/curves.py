"""Curves and surfaces of the tolerance: what figures draw, and what tolerable errors are read from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from probatio.records.canonical import derive_number_text
from probatio.tolerance.paths import Path
from probatio.tolerance.probabilities import Cell, Probability, compute_probability
from probatio.tolerance.settings import Injections, Setting

Row = dict[str, Any]


def derive_curve(cells: Sequence[Cell], found: Sequence[Probability], key: Row) -> Iterator[Row]:
    """Yield the probability of staying within the margin, from 1 without error."""
    yield key | {"metric": "probability_within", "x": 0.0, "y": 1.0, "lower": 1.0, "upper": 1.0}
    for cell, one in zip(cells, found, strict=True):
        bounds = {"lower": one.lower, "upper": one.upper}
        yield key | {"metric": "probability_within", "x": cell.error, "y": one.estimate, **bounds}


def derive_shifts(cells: Sequence[Cell], setting: Setting, key: Row) -> Iterator[Row]:
    """Yield the mean change of each number, and one standard deviation on either side of it."""
    names = [f"{label.variable}: {label.term}" for label in setting.base.view.coefficients]
    names += [f"rmst {label.variable}: {label.term}" for label in setting.base.view.groups[1:] if setting.horizon]
    for place, name in enumerate(names):
        own = key | {"metric": "mean_shift", "stratum_by": "coefficient", "stratum": name}
        for cell in cells:
            shifts = cell.shifts[:, place]
            known = shifts[~np.isnan(shifts)]
            if len(known) > 1:
                mean, spread = float(known.mean()), float(known.std(ddof=1))
                yield own | {"x": cell.error, "y": mean, "lower": mean - spread, "upper": mean + spread}


def derive_losses(cells: Sequence[Cell], key: Row) -> Iterator[Row]:
    """Yield the share of the analysed patients whom the errors put out of the analysis."""
    for cell in cells:
        yield key | {"metric": "lost_share", "x": cell.error, "y": cell.lost}


def derive_surface(injections: Injections, paths: Sequence[Path], key: Row) -> Iterator[Row]:
    """Yield the probability over sensitivity and specificity of a cell of two classes, errors non-differential."""
    named = {path.name: path for path in paths}
    if not {"false_negative", "false_positive"} <= set(named):
        return
    missed, added, setting = named["false_negative"], named["false_positive"], injections.setting
    errors = (0.0, *setting.tolerance.errors)
    for false_positive in errors:
        for false_negative in errors:
            rates = np.where(missed.at_risk, false_negative, np.where(added.at_risk, false_positive, 0.0))
            cell = injections.compute_cell(missed, false_negative, rates)
            yield from _derive_points(setting, cell, 1 - false_negative, 1 - false_positive, key)


def _derive_points(setting: Setting, cell: Cell, sensitivity: float, specificity: float, key: Row) -> Iterator[Row]:
    where = {"stratum_by": "specificity", "stratum": derive_number_text(round(specificity, 9)), "term": "sensitivity"}
    for use, limits in setting.limits.items():
        one = compute_probability(cell.shifts, limits, setting.protocol.level)
        point = {"x": round(sensitivity, 9), "y": one.estimate, "lower": one.lower, "upper": one.upper}
        yield key | where | point | {"metric": "probability_within", "use": use}
