"""Judged values in groups: the arrays on which calibration is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.resampling import Draws, Floats

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


def sum_by(code: NDArray[Any], part: Floats, size: int = 0) -> Floats:
    """Return the sum of a part per code, 0 to size - 1 or the largest code, as real numbers."""
    return np.asarray(np.bincount(code, part, size), dtype=float)


OVERALL: Final[tuple[str, ...]] = ()
MARGINS: Final[tuple[tuple[str, ...], ...]] = (OVERALL, ("variable",), ("document_type",), ("centre",))
CROSSES: Final[tuple[tuple[str, ...], ...]] = (
    ("centre", "document_type"), ("variable", "document_type"), ("variable", "centre", "document_type"),
)  # fmt: skip


@dataclass(frozen=True)
class Forecasts:
    """Values with a score and a reference; arrays have one entry per value.

    Attributes:
        identity: one line per group: `source, term, variable, stratum_by, stratum`.
        group: place of each value's group in `identity`.
        patient: place of each value's patient among all patients.
        cluster: what is independent: its patient, or the place of its centre.
        score: stated probability of being right.
        right: 1 right, 0 wrong.
        weight: 1 / sampling probability.
        clusters: number of all clusters.
    """

    identity: pd.DataFrame
    group: Codes
    patient: Codes
    cluster: Codes
    score: Floats
    right: Floats
    weight: Floats
    clusters: int

    @property
    def size(self) -> int:
        """The number of groups."""
        return len(self.identity)

    def count(self) -> Codes:
        """Return the values of each group."""
        return np.bincount(self.group, minlength=self.size)

    def count_patients(self) -> Codes:
        """Return the patients of each group."""
        return self._count(self.patient)

    def count_clusters(self) -> Codes:
        """Return the clusters of each group."""
        return self._count(self.cluster)

    def _count(self, code: Codes) -> Codes:
        span = np.int64(code.max(initial=0) + 1)
        return np.bincount(np.unique(self.group * span + code) // span, minlength=self.size)

    def find_one_class(self) -> Mask:
        """Return the groups in which all values are right, or all wrong."""
        right = sum_by(self.group, self.right, self.size)
        return np.asarray((right == 0) | (right == self.count()))


@dataclass(frozen=True)
class Frame:
    """Who is drawn.

    Attributes:
        patients: `centre` and `cluster` (a code) by `patient_id`: all evaluated patients, as other sections draw them.
        weights: how often each cluster is drawn, shape (replicates, clusters).
        unit: "patient" or "centre".
    """

    patients: pd.DataFrame
    weights: NDArray[np.uint16]
    unit: str

    @property
    def clusters(self) -> int:
        """The number of clusters."""
        return int(self.weights.shape[1])


def derive_frame(scored: pd.DataFrame, draws: Draws) -> Frame:
    """Return the patients of scored values and the study's draws of them."""
    table = scored[["patient_id", "centre"]].drop_duplicates("patient_id").set_index("patient_id").sort_index()
    weights = draws.weights(table)
    if draws.unit == "patient":
        return Frame(table.assign(cluster=np.arange(len(table))), weights, draws.unit)
    _, first, code = np.unique(table["centre"].to_numpy(dtype=str), return_index=True, return_inverse=True)
    return Frame(table.assign(cluster=code), weights[:, first], draws.unit)


def derive_forecasts(
    values: pd.DataFrame, frame: Frame, groupings: Sequence[tuple[str, ...]] = (OVERALL,)
) -> Forecasts:
    """Return judged values grouped by source, term and, in turn, by each of several sets of columns.

    A value stands in one group of each grouping; a value without what it is grouped by (a document type) in none of
    that one. Values without score or error are left out.

    Args:
        values: rows of the scored table, with `term`: what the score is.
        frame: all patients.
        groupings: sets of columns; variable is a column of its own in result rows, the others are the stratum.
    """
    known = values[values["score"].notna() & values["error"].notna()]
    known = known.sort_values([*_ORDER], kind="stable")
    identities, rows, groups, size = [], [], [], 0
    for by in groupings:
        inside = np.flatnonzero((known[list(by)] != "").all(axis=1).to_numpy() if by else np.ones(len(known), bool))
        own = known.iloc[inside]
        grouped = own.groupby([*_NAMES, *by], sort=True)
        identities.append(_derive_identity(grouped.groups, by))
        rows.append(inside)
        groups.append(grouped.ngroup().to_numpy(dtype=np.int64) + size)
        size += len(identities[-1])
    row, identity = np.concatenate(rows), pd.concat(identities, ignore_index=True)
    chosen = known.iloc[row]
    patient = frame.patients.index.get_indexer(pd.Index(chosen["patient_id"])).astype(np.int64)
    return Forecasts(
        identity=identity,
        group=np.concatenate(groups),
        patient=patient,
        cluster=frame.patients["cluster"].to_numpy(dtype=np.int64)[patient],
        score=chosen["score"].to_numpy(dtype=float),
        right=1 - chosen["error"].to_numpy(dtype=float),
        weight=chosen["weight"].to_numpy(dtype=float),
        clusters=frame.clusters,
    )


_NAMES = ("source", "term")
_ORDER = (*_NAMES, "variable", "visit", "patient_id", "event")


def _derive_identity(names: Iterable[Any], by: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(list(names), columns=[*_NAMES, *by], dtype=object)
    strata = [name for name in by if name != "variable"]
    identity = table[list(_NAMES)].assign(variable=table["variable"] if "variable" in by else "")
    identity["stratum_by"] = "_".join(strata)
    parts = zip(*(table[name] for name in strata), strict=True)
    identity["stratum"] = ["|".join(each) for each in parts] if strata else ""
    return identity
