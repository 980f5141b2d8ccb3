"""Sets: precision, recall and F1 of their elements, pooled, per element and averaged.

An element that both sides hold is a true positive, one of the reference alone a false negative, one of the
source alone a false positive. An omitted set misses all its elements; an unsupported one adds all its own;
a set that does not conform names no element. Empty on both sides counts nothing here: that the sets are
equal as a whole is `error_rate`.

| metric | term | formula | range | best |
|---|---|---|---|---|
| element_precision | "" or element | TP / (TP + FP) | [0, 1] | 1 |
| element_recall | "" or element | TP / (TP + FN) | [0, 1] | 1 |
| element_f1 | "" or element | 2 TP / (2 TP + FP + FN) | [0, 1] | 1 |
| element_macro_f1 | "" | mean of element_f1 over the elements that occur | [0, 1] | 1 |

Without a term the elements are pooled (micro average; Sorower 2010, Tsoumakas and Katakis 2007). Elements of
one patient are never taken as independent: intervals are clustered by patient; macro F1 has the linearised
t interval (`clustered_t`, `weighted_t`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from probatio.measures.cells import Cells, Mask
from probatio.measures.f1 import compute_f1
from probatio.measures.overlap import Found, estimate_overlap
from probatio.resampling import Floats, compute_t_quantile
from probatio.results import Reason, Status, build_row, derive_table

_NAMES = ("element_precision", "element_recall", "element_f1")


def estimate_sets(cells: Cells, *, level: float, unit: str) -> list[pd.DataFrame]:
    """Return every row of the elements of sets against the reference standard, for each source."""
    chosen = ((cells.groups["type"] == "set") & (cells.groups["kind"] == "error")).to_numpy()
    if not chosen.any():
        return []
    whole = derive_elements(cells, chosen)
    frames = estimate_overlap(_pool(whole, cells.groups[chosen]), _NAMES, level=level, unit=unit)
    if len(whole.identity):
        frames += estimate_overlap(whole, _NAMES, level=level, unit=unit)
    return [*frames, _estimate_macro(whole, cells.groups[chosen], level=level, unit=unit)]


def derive_elements(cells: Cells, chosen: Mask) -> Found:
    """Return every element that one side or both hold, `term` its name; one line per group and element."""
    found: list[tuple[int, int, str, bool, bool]] = []
    reference, value = (cells.pairs[name].to_numpy(dtype=object) for name in ("reference", "value"))
    conformant = cells.conformant & cells.select("CWU")
    holds = cells.select("CWO")
    for place in np.flatnonzero(chosen[cells.group] & ~cells.select("B")):
        expected = split_elements(reference[place]) if holds[place] else set()
        given = split_elements(value[place]) if conformant[place] else set()
        group = int(cells.group[place])
        found += [(int(place), group, name, name in expected, name in given) for name in sorted(expected | given)]
    table = pd.DataFrame(found, columns=["value", "group", "term", "expected", "given"])
    by_element = table.groupby(["group", "term"], sort=True)
    lines = pd.DataFrame(list(by_element.groups), columns=["group", "term"])
    identity = cells.groups.loc[lines["group"].astype(int)].reset_index(drop=True).assign(term=lines["term"])
    return Found(
        cells=cells,
        value=table["value"].to_numpy(dtype=np.int64),
        place=np.asarray(by_element.ngroup(), dtype=np.int64),
        expected=table["expected"].to_numpy(dtype=bool),
        given=table["given"].to_numpy(dtype=bool),
        identity=identity,
    )


def split_elements(text: str) -> set[str]:
    """Return the elements of a canonical set, sorted levels joined by a bar; none for the empty set."""
    return {name for name in text.split("|") if name}


def _pool(found: Found, groups: pd.DataFrame) -> Found:
    order = pd.Index(groups.index)
    place = order.get_indexer(pd.Index(found.cells.group[found.value])).astype(np.int64)
    return replace(found, place=place, identity=groups.reset_index(drop=True))


def _estimate_macro(found: Found, groups: pd.DataFrame, *, level: float, unit: str) -> pd.DataFrame:
    pooled = _pool(found, groups)
    rows = []
    for place, identity in enumerate(pooled.identity.to_dict("records")):
        mine = np.flatnonzero(pooled.place == place)
        fields: dict[str, Any] = {name: identity[name] for name in ("source", "comparator", "variable")}
        fields |= {"unit": "proportion", "level": level, "cluster_unit": unit, "n": len(mine)}
        rows.append(_build_macro(found, mine, fields))
    return derive_table(rows)


def _build_macro(found: Found, mine: Any, fields: dict[str, Any]) -> dict[str, Any]:
    value = found.value[mine]
    cluster, weight = found.cells.cluster[value], found.cells.weight[value]
    hit = (found.expected & found.given)[mine]
    kinds = np.unique(found.place[mine])
    clusters = len(np.unique(cluster))
    fields |= {"k": int(hit.sum()), "clusters": clusters}
    if len(kinds) < 2:
        reason = Reason.ONE_CLASS_ONLY if len(kinds) else Reason.EMPTY_DENOMINATOR
        return build_row("element_macro_f1", status=Status.NOT_ESTIMABLE, reason=reason, **fields)
    estimate, share = compute_macro_f1(found.place[mine], hit, weight)
    fields["method"] = "clustered_t" if weight.max() <= weight.min() else "weighted_t"
    sums = np.bincount(np.unique(cluster, return_inverse=True)[1], share)
    half = float(compute_t_quantile(clusters - 1, fields["level"])) * float(
        np.sqrt(clusters / max(clusters - 1, 1) * (sums**2).sum())
    )
    if not half > 0:
        reason = Reason.TOO_FEW_CLUSTERS if clusters < 2 else Reason.NO_INTERVAL
        return build_row("element_macro_f1", estimate, reason=reason, **fields)
    return build_row(
        "element_macro_f1", estimate, lower=max(estimate - half, 0.0), upper=min(estimate + half, 1.0), **fields
    )


def compute_macro_f1(place: Floats, hit: Mask, weight: Floats) -> tuple[float, Floats]:
    """Return the mean F1 over elements, and what each thing adds to its linearised error.

    With T = sum w hit and U = sum w of one element, F1 = 2 T / (T + U); its differential is
    sum w (2 hit - F1 (1 + hit)) / (T + U).
    """
    codes = np.unique(place, return_inverse=True)[1]
    both, union = np.bincount(codes, weight * hit), np.bincount(codes, weight)
    f1 = compute_f1(both / union)
    share = weight * (2 * hit - f1[codes] * (1 + hit)) / (both + union)[codes] / len(f1)
    return float(f1.mean()), np.asarray(share)
