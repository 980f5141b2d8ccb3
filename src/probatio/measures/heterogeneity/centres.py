"""Every row between centres of a study: how much they differ, and what to expect in a new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, derive_cells
from probatio.measures.heterogeneity.counts import METRICS, derive_counts, select_groups
from probatio.measures.heterogeneity.models import estimate_likelihood, estimate_secondary
from probatio.measures.heterogeneity.strata import derive_labels, estimate_nesting, estimate_worst_stratum
from probatio.measures.heterogeneity.technologies import estimate_confounding, estimate_technologies
from probatio.measures.rates import derive_rows, derive_silent
from probatio.results import Reason, Status, derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol

_OVERALL = ("centre_median", "centre_sd", "prediction")


def estimate_heterogeneity(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return how each source's error and omission rates vary between centres, for every variable.

    Against the reference only. `design_confounded` tells for two sources whether each centre was read by
    one of them only. `design_nested` tells for each attribute of `protocol.stratify_by` whether
    centres are nested in it. Where none is: the models of `models`, over all centres. Where one is:
    differences between centres are differences in case mix too, so the overall rows are
    `not_applicable` (`nested_centres`) and the models run within each level of the attribute, over centres
    with at least `protocol.min_stratum` patients. Always: the worst stratum of each attribute, and
    the differences between sources by centre. Rows of a centre under the minimum are suppressed.
    Columns study, section and protocol_digest stay empty.

    Args:
        comparison: `pairs` and `patients`.
        protocol: level, strata, smallest stratum, variables, sources.

    Returns:
        The sorted table of result rows; empty without a reference.

    Raises:
        ValueError: pairs break their contract (unknown patient, weight not positive).
    """
    pairs = comparison.pairs[comparison.pairs["kind"] == "error"]
    if pairs.empty:
        return derive_table([])
    cells = derive_cells(pairs, comparison.patients, protocol, unit="patient")
    members = comparison.patients.sort_index()
    seen = np.bincount(cells.patient, minlength=len(members)) > 0
    design, nested = estimate_nesting(members[seen], list(protocol.stratify_by))
    frames = [derive_table([*design, *estimate_confounding(cells, members, protocol)])]
    for metric in METRICS:
        frames += list(_estimate_models(cells, members, metric, nested, protocol))
        frames += list(_estimate_worst(cells, members, metric, nested, protocol))
    frames += list(estimate_technologies(cells, members, protocol, nested=bool(nested)))
    return derive_table(pd.concat([frame for frame in frames if len(frame)], ignore_index=True))


def _estimate_models(
    cells: Cells, members: pd.DataFrame, metric: str, nested: list[str], protocol: Protocol
) -> Iterator[pd.DataFrame]:
    centre = derive_labels(members, "centre")
    if not nested:
        yield from _estimate_one(cells, centre, metric, protocol, least=1)
        return
    for name in _OVERALL:
        yield _derive_refusal(cells, f"{name}_{metric}")
    for attribute in nested:
        labels = derive_labels(members, attribute)
        for stratum in np.unique(labels):
            inside = select_groups(cells, (labels == stratum)[cells.patient])
            if len(inside.groups):
                named = Cells(**{**vars(inside), "groups": inside.groups.assign(stratum_by=attribute, stratum=stratum)})
                yield from _estimate_one(named, centre, metric, protocol, least=protocol.min_stratum)


def _estimate_one(
    cells: Cells, centre: NDArray[np.str_], metric: str, protocol: Protocol, *, least: int
) -> Iterator[pd.DataFrame]:
    level = float(protocol.level)
    counts = derive_counts(cells, centre[cells.patient], metric, least=least, level=level)
    for frame in estimate_likelihood(counts, level=level):
        yield _derive_suppressed(frame, protocol.min_stratum)
    yield from estimate_secondary(counts, level=level)


def _derive_suppressed(frame: pd.DataFrame, least: int) -> pd.DataFrame:
    """Silence the shrunken rows of centres with too few patients."""
    small = (frame["cluster_unit"] == "patient") & (frame["clusters"] < least)
    return derive_silent(frame, small.to_numpy(dtype=bool), Status.SUPPRESSED, Reason.SMALL_STRATUM)


def _derive_refusal(cells: Cells, metric: str) -> pd.DataFrame:
    silent: dict[str, Any] = {"status": str(Status.NOT_APPLICABLE), "reason": str(Reason.NESTED_CENTRES)}
    return derive_rows(cells.groups, metric=metric, cluster_unit="centre", **silent)


def _estimate_worst(
    cells: Cells, members: pd.DataFrame, metric: str, nested: list[str], protocol: Protocol
) -> Iterator[pd.DataFrame]:
    for attribute in protocol.stratify_by:
        if attribute == "centre" and nested:
            yield _derive_refusal(cells, f"worst_stratum_{metric}").assign(stratum_by=attribute)
            continue
        labels = derive_labels(members, attribute)[cells.patient]
        yield estimate_worst_stratum(
            cells, labels, attribute, metric, level=float(protocol.level), least=protocol.min_stratum
        )
