"""Every agreement row of a study: outcomes, classes, agreement beyond chance, AI minus manual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from probatio.measures.categorical import estimate_classes
from probatio.measures.cells import Cells, derive_cells
from probatio.measures.chance import estimate_chance_corrected
from probatio.measures.classes import derive_classes
from probatio.measures.dates import estimate_dates
from probatio.measures.f1 import estimate_f1
from probatio.measures.numeric import estimate_numbers
from probatio.measures.outcomes import estimate_outcomes, estimate_outcomes_by
from probatio.measures.paired import estimate_differences
from probatio.measures.repeated import estimate_events
from probatio.measures.sets import estimate_sets
from probatio.resampling import FEWEST_CENTRES, Draws
from probatio.results import derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol


def estimate_agreement(comparison: Comparison, protocol: Protocol, *, draws: Draws) -> pd.DataFrame:
    """Return how each source agrees with the reference (or another reading), for every variable.

    Overall: counts and rates of outcomes for every type of variable; sensitivity, PPV, F1, kappa, AC1
    for binary, nominal and ordinal ones; limits of agreement, concordance and errors of unit for numbers;
    exact, windowed, early and late dates, events found with their date; precision, recall and F1 of
    elements of sets and of repeated events;
    the differences AI - manual. By each attribute of
    `protocol.stratify_by`: rates of outcomes. Columns study, section and protocol_digest stay empty.

    Args:
        comparison: `pairs` and `patients`.
        protocol: level, strata, smallest stratum, variables, sources.
        draws: replicate design. Its unit is what the intervals take as independent. Whole centres
            are not resampled below `FEWEST_CENTRES`: F1 then has no interval.

    Returns:
        The sorted table of result rows.

    Raises:
        ValueError: pairs break their contract (unknown patient, weight not positive, a cell twice).
    """
    level, unit = float(protocol.level), draws.unit
    if comparison.pairs.empty:
        return derive_table([])
    cells = derive_cells(comparison.pairs, comparison.patients, protocol, unit=unit)
    frames = estimate_outcomes(cells, level=level, unit=unit)
    for attribute in protocol.stratify_by:
        frames += estimate_outcomes_by(
            cells, comparison.patients, attribute, level=level, unit=unit, min_stratum=protocol.min_stratum
        )
    frames += _estimate_categorical(cells, comparison.patients, protocol, draws)
    frames += estimate_numbers(cells, protocol, level=level, unit=unit)
    for estimate in (estimate_dates, estimate_sets, estimate_events):
        frames += estimate(cells, level=level, unit=unit)
    frames += estimate_differences(cells, protocol, level=level, unit=unit)
    return derive_table(pd.concat([frame for frame in frames if len(frame)], ignore_index=True))


def _estimate_categorical(cells: Cells, patients: pd.DataFrame, protocol: Protocol, draws: Draws) -> list[pd.DataFrame]:
    level, unit = float(protocol.level), draws.unit
    frames: list[pd.DataFrame] = []
    chance: list[dict[str, Any]] = []
    classes = derive_classes(cells, protocol, kind="error")
    if len(classes.cells.groups):
        few = unit == "centre" and patients["centre"].nunique() < FEWEST_CENTRES
        frames += estimate_classes(classes, level=level, unit=unit)
        frames += estimate_f1(classes, None if few else draws.weights(patients), level=level, unit=unit)
    weights = {variable.name: variable.weights for variable in protocol.variables if variable.weights is not None}
    for chosen in (classes, derive_classes(cells, protocol, kind="agreement")):
        chance += estimate_chance_corrected(chosen, level=level, unit=unit, weights=weights)
    return [*frames, derive_table(chance)]
