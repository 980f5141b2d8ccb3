"""The compared values in one fixed order, with codes instead of texts: what every measure counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.resampling import Floats

if TYPE_CHECKING:
    from probatio.protocol import Protocol

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

POOLED = "pooled"
GROUP = ("kind", "source", "comparator", "variable")
_ORDER = (*GROUP, "patient_id", "visit", "event", "reference", "value", "outcome", "conformant", "weight")


@dataclass(frozen=True)
class Cells:
    """Compared values, sorted, so that no order of the input rows can move a number.

    Attributes:
        pairs: the comparison's pairs, sorted.
        groups: one row per (kind, source, comparator, variable), with `type` of the variable.
        group: place of each value's group in `groups`.
        patient: place of each value's patient in the sorted patients.
        cluster: place of each value's cluster: its patient, or its centre.
        outcome: C, W, O, U or B.
        conformant: the delivered value conforms.
        weight: 1 / sampling probability.
    """

    pairs: pd.DataFrame
    groups: pd.DataFrame
    group: Codes
    patient: Codes
    cluster: Codes
    outcome: NDArray[np.str_]
    conformant: Mask
    weight: Floats

    def select(self, outcomes: str) -> Mask:
        """Return which values have one of the outcomes, as in `select("CW")`."""
        return np.isin(self.outcome, list(outcomes))

    def keep(self, mask: Mask) -> Cells:
        """Return the values where the mask holds; groups stay."""
        return Cells(
            self.pairs[mask], self.groups, self.group[mask], self.patient[mask], self.cluster[mask],
            self.outcome[mask], self.conformant[mask], self.weight[mask],
        )  # fmt: skip


def derive_cells(pairs: pd.DataFrame, patients: pd.DataFrame, protocol: Protocol, *, unit: str) -> Cells:
    """Return the compared values sorted and coded.

    Args:
        pairs: the comparison's pairs.
        patients: the comparison's patients, indexed by patient_id.
        protocol: gives each variable's type.
        unit: what is independent: "patient" or "centre".

    Raises:
        ValueError: a pair's patient is not among the patients, or a weight is not positive.
    """
    ordered = _sort(pairs)
    members = patients.sort_index()
    patient = members.index.get_indexer(pd.Index(ordered["patient_id"]))
    weight = ordered["weight"].to_numpy(dtype=float)
    if (patient < 0).any():
        raise ValueError("pairs: a patient is missing from the table of patients")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("pairs: weights must be positive numbers")
    by_group = ordered.groupby(list(GROUP), sort=True)
    groups = pd.DataFrame(list(by_group.groups), columns=list(GROUP), dtype=str)
    groups["type"] = [find_type(protocol, name) for name in groups["variable"]]
    centre = np.unique(members["centre"].fillna("").astype(str), return_inverse=True)[1]
    return Cells(
        pairs=ordered,
        groups=groups,
        group=np.asarray(by_group.ngroup(), dtype=np.int64),
        patient=patient.astype(np.int64),
        cluster=(centre[patient] if unit == "centre" else patient).astype(np.int64),
        outcome=ordered["outcome"].to_numpy(dtype="U1"),
        conformant=ordered["conformant"].to_numpy(dtype=bool),
        weight=weight,
    )


def derive_pooled(cells: Cells) -> Cells:
    """Return the values of all variables of single values as one group per kind, source and comparator.

    Repeated events and their attributes stay out: how many values they make is the source's own doing. A source with
    one such variable has nothing to pool.
    """
    single = ((cells.groups["type"] != "events") & ~cells.groups["variable"].str.contains(".", regex=False)).to_numpy()
    key = [name for name in GROUP if name != "variable"]
    sizes = cells.groups.assign(n=single.astype(int)).groupby(key)["n"].transform("sum").to_numpy()
    chosen = single & (sizes > 1)
    kept = cells.keep(chosen[cells.group])
    by_source = cells.groups[chosen].groupby(key, sort=True)
    place = np.full(len(cells.groups), -1)
    place[chosen] = by_source.ngroup()
    groups = pd.DataFrame(list(by_source.groups), columns=key, dtype=str).assign(variable="", type=POOLED)
    return replace(kept, groups=groups, group=place[kept.group].astype(np.int64))


def find_type(protocol: Protocol, variable: str) -> str:
    """Return a variable's type, or that of an event's attribute (`adverse_events.grade`); "" if undeclared."""
    name, _, attribute = variable.partition(".")
    for declared in protocol.variables:
        if declared.name == name:
            return str(declared.attributes[attribute].type) if attribute in declared.attributes else str(declared.type)
    return ""


def find_levels(protocol: Protocol, variable: str) -> list[str]:
    """Return the declared levels of a variable or an event's attribute, in order."""
    name, _, attribute = variable.partition(".")
    for declared in protocol.variables:
        if declared.name == name:
            return list(declared.attributes[attribute].levels if attribute in declared.attributes else declared.levels)
    return []


def count_clusters(group: Codes, cluster: Codes, groups: int) -> Codes:
    """Return how many clusters (or patients) each group holds."""
    span = int(cluster.max(initial=0)) + 1
    return np.bincount(np.unique(group * span + cluster) // span, minlength=groups)


def _sort(pairs: pd.DataFrame) -> pd.DataFrame:
    codes = [pd.factorize(pairs[name], sort=True)[0] for name in _ORDER]
    return pairs.iloc[np.lexsort(codes[::-1])].reset_index(drop=True)
