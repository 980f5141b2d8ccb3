"""Each source's counts by centre, pooled over variables: what the benchmark compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from probatio.protocol import Protocol
from probatio.resampling import Floats, compute_wilson
from probatio.results import Status, select_rows

RATES: Final = ("error_rate", "omission_rate", "unsupported_share")


@dataclass(frozen=True)
class Pooled:
    """Counts of one rate; the last line is what the other centres have together.

    Attributes:
        k: shape (centres + 1,).
        n: the same.
        effect: the design effect of the rate over all patients, at least 1.
    """

    k: Floats
    n: Floats
    effect: float


@dataclass(frozen=True)
class Side:
    """One source, compared with the reference or by itself.

    Attributes:
        key: source and comparator.
        centres: names of the centres that can be told apart, shape (centres,).
        patients: shape (centres + 1,).
        rates: by metric.
    """

    key: Mapping[str, str]
    centres: NDArray[np.str_]
    patients: Floats
    rates: Mapping[str, Pooled]


def list_sides(agreement: pd.DataFrame, quality: pd.DataFrame, protocol: Protocol) -> Iterator[Side]:
    """Yield the sides of each technology and of manual collection: errors first, then missing values.

    Errors are those of variables of single values, as in the rates pooled over variables.
    """
    reference = protocol.reference.name if protocol.reference else ""
    single = [variable.name for variable in protocol.variables if variable.type != "events"]
    for source in protocol.select_sources("ai", "manual"):
        own = select_rows(agreement, source=source.name, comparator=reference)
        tables = {metric: _read_table(own[own["variable"].isin(single)], metric) for metric in RATES if reference}
        if tables and all(map(len, tables.values())):
            yield from _pool({"source": source.name, "comparator": reference}, tables, select_rows(own, variable=""))
        missing = select_rows(quality, source=source.name, metric="missing_rate", variable="")
        forms = _read_table(missing.assign(variable=missing["term"]), "missing_rate")
        if len(forms):
            yield from _pool({"source": source.name}, {"missing_rate": forms}, missing)


def _read_table(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return k, n and patients by variable and centre; the centre "" is all of them, and k of 0 values is 0."""
    held = rows[(rows["metric"] == metric) & rows["stratum_by"].isin(["", "centre"])]
    key = [held["variable"], held["stratum"]]
    table = held[["n", "k", "clusters"]].astype(float).groupby(key, sort=True).first()
    return table.assign(k=table["k"].where(table["n"] > 0, 0.0))


def _pool(key: Mapping[str, str], tables: Mapping[str, pd.DataFrame], pooled: pd.DataFrame) -> Iterator[Side]:
    """Yield counts over the variables known in every centre that has half of the variables at least."""
    lead = next(iter(tables.values())).unstack("stratum")
    wide = [pd.DataFrame(table.unstack("stratum")).reindex(index=lead.index, columns=lead.columns)
            for table in tables.values()]  # fmt: skip
    names = lead["k"].columns.drop("")
    known = np.logical_and.reduce([pd.DataFrame(table["k"])[names].notna().to_numpy() for table in wide])
    held = known.mean(axis=0) >= 1 / 2
    common = known[:, held].all(axis=1)
    centres = list(names[held])
    if len(centres) < 2 or not common.any():
        return
    rates = {metric: Pooled(_sum(table[common], "k", centres), _sum(table[common], "n", centres),
                            find_design_effect(pooled, metric))
             for metric, table in zip(tables, wide, strict=True)}  # fmt: skip
    patients = lead["clusters"][common].max()
    told = patients[centres].to_numpy(dtype=float)
    yield Side(key, np.array(centres), np.append(told, max(patients[""] - told.sum(), 0.0)), rates)


def _sum(table: pd.DataFrame, name: str, centres: list[str]) -> Floats:
    total = table[name].sum()
    return np.append(total[centres].to_numpy(dtype=float), total[""] - total[centres].sum())


def find_design_effect(rows: pd.DataFrame, metric: str) -> float:
    """Return the design effect of a pooled rate: n over the size at which Wilson's interval is as wide as its own.

    Kish 1965, section 5.6: the variance of a rate of clustered values over that of as many independent ones.
    """
    held = rows[(rows["metric"] == metric) & (rows["stratum_by"] == "") & rows["method"].str.startswith("wilson")]
    held = held[(held["status"] == str(Status.OK)) & (held["estimate"] > 0)]
    if held.empty:
        return 1.0
    row = held.sort_values("n", ascending=False, kind="stable").iloc[0]
    width, rate, n = float(row["upper"] - row["lower"]), float(row["estimate"]), float(row["n"])

    def excess(size: float) -> float:
        lower, upper = compute_wilson(rate * size, size, float(row["level"]))
        return float(upper - lower) - width

    return 1.0 if excess(n) >= 0 or excess(1.0) <= 0 else n / float(brentq(excess, 1.0, n))
