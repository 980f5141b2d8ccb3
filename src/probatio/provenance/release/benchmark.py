"""Centres and technologies side by side, under pseudonyms: the one place where a centre's results leave.

One variable of one centre has few errors. Pooled over the variables of single values that every larger centre has, a
centre's rates can be shown:

- error_rate, omission_rate, unsupported_share of each source against the reference, missing_rate of each source;
- centres too small for that are merged into one line, `others`, which holds two at least;
- shrunken rates, the median centre, the standard deviation between centres and the limits for a new centre, from the
  binomial-normal model of `measures.heterogeneity`, over the same counts.

Several values come from one patient: counts are divided by the design effect of the rate pooled over all patients,
n over the effective size that its interval tells (Kish 1965, section 5.6), before intervals (Wilson) and models.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from probatio.measures.heterogeneity.counts import Counts
from probatio.measures.heterogeneity.models import estimate_likelihood
from probatio.protocol import Protocol
from probatio.provenance.release.blocks import choose_hidden
from probatio.provenance.release.counts import find_least
from probatio.resampling import Floats, compute_wilson
from probatio.results import Status, build_row, derive_table, select_rows

SECTION: Final = "benchmark"
OTHERS: Final = "others"
_RATES: Final = ("error_rate", "omission_rate", "unsupported_share")
_MODELLED: Final = ("error_rate", "omission_rate")


@dataclass(frozen=True)
class Pooled:
    """Counts of one rate of one source, pooled over variables.

    Attributes:
        k, n: per centre, shape (centres,).
        all_k, all_n: over all centres.
        effect: the design effect.
    """

    k: Floats
    n: Floats
    all_k: float
    all_n: float
    effect: float


@dataclass(frozen=True)
class Side:
    """One source's counts by centre: patients, and each rate's `Pooled`."""

    source: str
    centres: list[str]
    patients: Floats
    all_patients: float
    rates: dict[str, Pooled]


def estimate_benchmark(
    agreement: pd.DataFrame, quality: pd.DataFrame, protocol: Protocol, *, whole: Collection[tuple[str, str]]
) -> pd.DataFrame:
    """Return the benchmark's rows, under the real names.

    Args:
        agreement: rows of the agreement, before anything is withheld.
        quality: rows on the quality of data.
        protocol: sources, variables, smallest stratum.
        whole: source and rate of which the variables' own rows leave: their sum over all centres may be known.
    """
    rows: list[pd.DataFrame] = []
    for side in _list_sides(agreement, quality, protocol):
        rows += _estimate_side(side, protocol, whole)
    held = [table for table in rows if len(table)]
    found = pd.concat(held, ignore_index=True) if held else pd.DataFrame()
    return derive_table(found if len(found) else [], study=protocol.study, section=SECTION)


def _list_sides(agreement: pd.DataFrame, quality: pd.DataFrame, protocol: Protocol) -> Iterator[Side]:
    reference = protocol.reference.name if protocol.reference else None
    single = [variable.name for variable in protocol.variables if variable.type != "events"]
    for source in protocol.select_sources("ai", "manual"):
        own = select_rows(agreement, source=source.name, comparator=reference) if reference else agreement.iloc[:0]
        if side := _pool_side(source.name, own[own["variable"].isin(["", *single])], single):
            yield side
        missing = select_rows(quality, source=source.name, metric="missing_rate")
        if side := _pool_missing(source.name, missing[missing["variable"] == ""]):
            yield side


def _pool_side(source: str, rows: pd.DataFrame, single: Collection[str]) -> Side | None:
    """Return a source's counts over the variables that each centre with half of the variables has."""
    tables = {metric: _read_table(rows[rows["variable"] != ""], metric) for metric in _RATES}
    k = {metric: table["k"].unstack("stratum") for metric, table in tables.items() if len(table)}
    if len(k) < len(_RATES):
        return None
    known = np.logical_and.reduce([table.reindex(single).drop(columns="").notna() for table in k.values()])
    centres = k["error_rate"].columns.drop("")
    eligible = centres[known.mean(axis=0) >= 1 / 2]
    variables = [name for name, full in zip(single, known[:, known.mean(axis=0) >= 1 / 2].all(axis=1), strict=True) if full]
    if len(eligible) < 2 or not variables:
        return None
    patients = tables["error_rate"]["clusters"].unstack("stratum").loc[variables].max()
    rates = {metric: _pool(table.unstack("stratum").loc[variables], list(eligible),
                           _find_effect(rows[rows["variable"] == ""], metric)) for metric, table in tables.items()}  # fmt: skip
    return Side(source, list(eligible), patients[eligible].to_numpy(float), float(patients[""]), rates)


def _pool_missing(source: str, rows: pd.DataFrame) -> Side | None:
    table = _read_table(rows.assign(variable=rows["term"]), "missing_rate")
    if table.empty:
        return None
    wide = table.unstack("stratum")
    centres = wide["k"].columns.drop("")
    eligible = list(centres[wide["k"][centres].notna().all()])
    if len(eligible) < 2:
        return None
    patients = wide["clusters"].max()
    rate = _pool(wide, eligible, _find_effect(rows, "missing_rate"))
    return Side(source, eligible, patients[eligible].to_numpy(float), float(patients[""]), {"missing_rate": rate})


def _read_table(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return k, n and patients by variable and centre; the centre "" is all of them, and k of 0 values is 0."""
    held = rows[(rows["metric"] == metric) & rows["stratum_by"].isin(["", "centre"])]
    key = [held["variable"], held["stratum"]]
    table = held[["n", "k", "clusters"]].astype(float).groupby(key, sort=True).first()
    return table.assign(k=table["k"].where(table["n"] > 0, 0.0))


def _pool(wide: pd.DataFrame, centres: list[str], effect: float) -> Pooled:
    k, n = (wide[name].sum() for name in ("k", "n"))
    return Pooled(k[centres].to_numpy(float), n[centres].to_numpy(float), float(k[""]), float(n[""]), effect)


def _find_effect(rows: pd.DataFrame, metric: str) -> float:
    """Return the design effect of a pooled rate: n over the size at which Wilson's interval is as wide as its own."""
    held = rows[(rows["metric"] == metric) & (rows["stratum_by"] == "") & rows["method"].str.startswith("wilson")]
    held = held[(held["status"] == str(Status.OK)) & (held["estimate"] > 0)]
    if held.empty:
        return 1.0
    row = held.sort_values("n", ascending=False).iloc[0]
    width, rate, n = float(row["upper"] - row["lower"]), float(row["estimate"]), float(row["n"])

    def excess(size: float) -> float:
        lower, upper = compute_wilson(rate * size, size, float(row["level"]))
        return float(upper - lower) - width

    return 1.0 if excess(n) >= 0 else n / float(brentq(excess, 1.0, n))


def _estimate_side(side: Side, protocol: Protocol, whole: Collection[tuple[str, str]]) -> Iterator[pd.DataFrame]:
    minimum = protocol.min_stratum
    lead = next(iter(side.rates))
    hidden = _choose(side, lead, minimum)
    reference = protocol.reference.name if lead != "missing_rate" and protocol.reference else ""
    key = {"source": side.source, "comparator": reference}
    for metric, pooled in side.rates.items():
        shown = _sum_others(side, pooled, hidden)
        if not _is_safe(side, metric, shown, hidden, minimum):
            continue
        lines = shown if (side.source, metric) in whole else shown[shown["stratum"] != OTHERS]
        yield pd.DataFrame([_build(line, metric, pooled.effect, protocol.level, key) for line in lines.to_dict("records")])
        if metric in _MODELLED:
            yield _estimate_model(side, metric, pooled, hidden, protocol, key)


def _choose(side: Side, metric: str, minimum: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which centres are merged into the others."""
    pooled = side.rates[metric]
    columns = [pooled.k, pooled.n, pooled.n - pooled.k, side.patients]
    left = [pooled.all_k - pooled.k.sum(), pooled.all_n - pooled.n.sum(), 0.0, side.all_patients - side.patients.sum()]
    left[2] = left[1] - left[0]
    table = np.vstack([np.stack(columns, axis=1), np.maximum(left, 0.0)])
    return choose_hidden(find_least(*columns), table, minimum)


def _sum_others(side: Side, pooled: Pooled, hidden: Any) -> pd.DataFrame:
    """Return stratum, k, n, patients of each line: the centres shown, then the others together."""
    shown = pd.DataFrame({"stratum": np.array(side.centres)[~hidden], "k": pooled.k[~hidden], "n": pooled.n[~hidden],
                          "patients": side.patients[~hidden]})  # fmt: skip
    others = [pooled.all_k - shown["k"].sum(), pooled.all_n - shown["n"].sum()]
    if others[1] <= 0:
        return shown
    patients = side.all_patients - shown["patients"].sum()
    return pd.concat([shown, pd.DataFrame([[OTHERS, *others, patients]], columns=shown.columns)], ignore_index=True)


def _is_safe(side: Side, metric: str, shown: pd.DataFrame, hidden: Any, minimum: int) -> bool:
    """Say whether no line's counts, nor what they leave of the errors shown before, are small."""
    counts = [shown[name].to_numpy(float) for name in ("k", "n", "patients")]
    counts.append(counts[1] - counts[0])
    if metric in ("omission_rate", "unsupported_share"):
        errors, omitted, extra = (
            _sum_others(side, side.rates[name], hidden)["k"].to_numpy(float) for name in _RATES
        )
        judged, present, delivered = (
            _sum_others(side, side.rates[name], hidden)["n"].to_numpy(float) for name in _RATES
        )
        counts += [omitted, extra, errors - omitted - extra, errors - omitted, errors - extra, judged - present,
                   judged - delivered, delivered - extra]  # fmt: skip
    return bool(len(shown) and find_least(*counts).min() >= minimum)


def _build(line: dict[Any, Any], metric: str, effect: float, level: float, key: dict[str, str]) -> dict[str, Any]:
    k, n = float(line["k"]), float(line["n"])
    fields = key | {"stratum_by": "centre", "stratum": str(line["stratum"]), "unit": "proportion"}
    counts = {"n": n, "k": k, "clusters": line["patients"], "cluster_unit": "patient"}
    if n == 0:
        return build_row(metric, status="not_estimable", reason="empty_denominator", **fields, **counts)
    lower, upper = (float(bound) for bound in compute_wilson(k / effect, n / effect, level))
    return build_row(metric, k / n, lower=lower, upper=upper, level=level, method="wilson_design_effect", **fields, **counts)


def _estimate_model(
    side: Side, metric: str, pooled: Pooled, hidden: Any, protocol: Protocol, key: dict[str, str]
) -> pd.DataFrame:
    """Return the rows between centres: medians, spread, a new centre, and the shrunken rates of the centres shown."""
    counts = Counts(
        metric, pd.DataFrame([key]), np.array(side.centres), pooled.k[None] / pooled.effect,
        pooled.n[None] / pooled.effect, pooled.k[None].astype(np.int64), pooled.n[None].astype(np.int64),
        side.patients[None].astype(np.int64), np.array(["_design_effect"]),
    )  # fmt: skip
    rows = pd.concat(list(estimate_likelihood(counts, level=protocol.level)), ignore_index=True)
    rows = rows[~rows["metric"].str.startswith("leave_one_out_")]
    own = rows["stratum_by"].fillna("") == "centre"
    rows.loc[~own, ["n", "k"]] = pd.NA
    return rows[~own | rows["stratum"].isin(np.array(side.centres)[~hidden])]
