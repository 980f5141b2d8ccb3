"""How soon a value is available after its event, and what it costs in minutes and euros.

The event of a full date is that date; of any other value it is the date of the document it was read from. The
delay ends at `extracted_at`. A patient's delay is the median over his values, so that patients with many values
do not speak louder.

| metric | what | unit |
|---|---|---|
| delay_median, delay_quartile_1, delay_quartile_3 | of the patients' delays (type 7 quantiles) | days |
| delay_within | values available within `at` days of their event / values with a delay | proportion |
| delay_known_rate | values with a delay / delivered values | proportion |
| minutes_per_patient, euros_per_patient | as the protocol declares | minute, euro |
| minutes_per_correct_value, euros_per_correct_value | these / correct values per patient | minute, euro |

Intervals: of quantiles the order statistics (Conover 1999, section 3.2), open-ended (none) where patients are too few;
of shares Wilson's, clustered by patient; per correct value, those of the mean number of correct values of a
labelled patient (t, weighted by 1 / sampling probability), inverted. Lower is better everywhere but in shares.
A value extracted before its event (a planned date, a wrong one) has a negative delay and is kept. Of a technology
with several runs only the leading one has rows: when a run was repeated says nothing of when values were available.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from probatio.measures.rates import compute_reporting_interval, derive_rate_rows, derive_silent
from probatio.resampling import Bounds, Floats, compute_clustered_mean, compute_t_quantile
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol, Source
    from probatio.records import Records

WITHIN = 30
_QUANTILES = {"delay_quartile_1": 0.25, "delay_median": 0.5, "delay_quartile_3": 0.75}
_EPOCH = pd.Timestamp("1970-01-01")
Rows = list[dict[str, Any]]


def estimate_timeliness(records: Records, protocol: Protocol, comparison: Comparison | None = None) -> pd.DataFrame:
    """Return delays of each source, and its declared effort per patient and per correct value.

    Args:
        records: what was delivered, when, from which document; development patients are left out.
        protocol: sources with `minutes_per_patient` and `euros_per_patient`, level.
        comparison: values beside the reference's; without it there is no effort per correct value.

    Returns:
        The sorted table of result rows. A source without a single extraction date has delays that are
        `not_estimable`; one without declared effort has no rows of effort.
    """
    values = _derive_delays(records, protocol)
    rows: Rows = []
    for source in protocol.leading:
        rows += _estimate_delays(values[values["source"] == source.name], source.name, float(protocol.level))
        rows += _estimate_effort(source, records, comparison, protocol)
    return derive_table(rows)


def _derive_delays(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return the delivered values of evaluated patients with their delay in days, NaN where unknown."""
    evaluated = records.patients.index[~records.patients["development"].astype(bool)]
    told = records.records[records.records["state"].isin(["value", "negative"])]
    told = told[told["patient_id"].isin(evaluated)]
    documents = records.documents.drop_duplicates("document_id").set_index("document_id")["date"]
    own = told["value"].where(told["variable"].isin(_list_dates(protocol)))
    event = _derive_days(own).fillna(_derive_days(told["document_id"].map(documents)))
    delay = _derive_days(told["extracted_at"]) - event
    return told[["source", "patient_id"]].assign(delay=delay)


def _list_dates(protocol: Protocol) -> list[str]:
    names = [variable.name for variable in protocol.variables if variable.type == "date"]
    return names + [
        f"{variable.name}.{attribute}"
        for variable in protocol.variables
        for attribute, declared in variable.attributes.items()
        if declared.type == "date"
    ]


def _derive_days(texts: pd.Series) -> pd.Series:
    """Return the day of full dates, and of moments that begin with one; NaN for anything else."""
    days = texts.astype(object).where(texts.notna(), "").astype(str).str.extract(r"^(\d{4}-\d{2}-\d{2})(?:$|[T ])")[0]
    return (pd.to_datetime(days, format="%Y-%m-%d", errors="coerce") - _EPOCH).dt.days.astype(float)


def _estimate_delays(values: pd.DataFrame, source: str, level: float) -> Iterator[dict[str, Any]]:
    known = values[values["delay"].notna()]
    by_patient = known.groupby("patient_id")["delay"].median().sort_values().to_numpy(dtype=float)
    fields: dict[str, Any] = {"source": source, "level": level, "unit": "day", "n": len(by_patient)}
    fields |= {"clusters": len(by_patient), "cluster_unit": "patient"}
    for metric, share in _QUANTILES.items():
        if not len(by_patient):
            yield build_row(metric, status=Status.NOT_ESTIMABLE, reason=Reason.NO_VALUES, **fields)
            continue
        estimate = float(np.quantile(by_patient, share))
        lower, upper = compute_quantile_bounds(by_patient, share, level)
        reason = Reason.NO_INTERVAL if np.isnan(lower) or np.isnan(upper) else Reason.NONE
        bounds = {} if reason else {"lower": float(lower), "upper": float(upper)}
        yield build_row(metric, estimate, method="order_statistics", reason=reason, **fields, **bounds)
    yield _estimate_share(known, known["delay"] <= WITHIN, source, "delay_within", level)
    yield _estimate_share(values, values["delay"].notna(), source, "delay_known_rate", level)


def compute_quantile_bounds(ordered: Floats, share: float, level: float) -> tuple[float, float]:
    """Return order statistics that hold a quantile with at least this confidence (Conover 1999, section 3.2).

    Args:
        ordered: independent values, sorted.
        share: which quantile, such as 0.5.
        level: two-sided confidence.

    Returns:
        Lower and upper bound; NaN where even the smallest, or largest, value does not suffice.
    """
    n, tail = len(ordered), (1 - level) / 2
    below = int(binom.ppf(tail, n, share))  # the largest r with P(X < r) <= tail
    above = int(binom.ppf(1 - tail, n, share)) + 1
    lower = float(ordered[below - 1]) if below >= 1 else np.nan
    return lower, float(ordered[above - 1]) if above <= n else np.nan


def _estimate_share(values: pd.DataFrame, score: pd.Series, source: str, metric: str, level: float) -> dict[str, Any]:
    patient = np.unique(values["patient_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    group, weight = np.zeros(len(values), dtype=np.int64), np.ones(len(values))
    mean = compute_clustered_mean(score.to_numpy(dtype=np.int8), group, patient, weight, 1)
    at = str(WITHIN) if metric == "delay_within" else ""
    identity = pd.DataFrame({"source": [source], "at": [at]})
    rows = derive_rate_rows(
        identity, metric, mean, compute_reporting_interval(mean, level), level=level, unit="patient"
    )
    rows = derive_silent(rows, mean.n == 0, Status.NOT_ESTIMABLE, Reason.NO_VALUES)
    return {str(name): value for name, value in rows.iloc[0].items()}


def _estimate_effort(
    source: Source, records: Records, comparison: Comparison | None, protocol: Protocol
) -> Iterator[dict[str, Any]]:
    evaluated = records.patients.index[~records.patients["development"].astype(bool)]
    due = records.assessments[records.assessments["source"] == source.name]
    patients = len(set(due["patient_id"]) & set(evaluated))
    for name, unit in (("minutes", "minute"), ("euros", "euro")):
        declared = getattr(source, f"{name}_per_patient")
        if declared is None:
            continue
        yield build_row(f"{name}_per_patient", declared, source=source.name, unit=unit, n=patients, method="declared")
        if comparison is not None and protocol.reference is not None and source.role != "reference":
            fields = {"source": source.name, "comparator": protocol.reference.name, "unit": unit}
            yield _derive_per_value(declared, comparison, f"{name}_per_correct_value", fields, float(protocol.level))


def _derive_per_value(
    declared: float, comparison: Comparison, metric: str, fields: dict[str, Any], level: float
) -> dict[str, Any]:
    """Return effort per patient over the mean number of correct values of a labelled patient."""
    pairs = comparison.pairs
    mine = pairs[(pairs["kind"] == "error") & (pairs["source"] == fields["source"])]
    by_patient = mine.assign(correct=mine["outcome"] == "C").groupby("patient_id").agg(
        correct=("correct", "sum"), weight=("weight", "max")
    )  # fmt: skip
    correct, weight = by_patient["correct"].to_numpy(dtype=float), by_patient["weight"].to_numpy(dtype=float)
    named = fields | {"level": level, "n": len(mine), "k": int(correct.sum())}
    named |= {"clusters": len(correct), "cluster_unit": "patient"}
    if not correct.any():
        reason = Reason.NO_VALUES if len(correct) else Reason.NO_PAIRS
        return build_row(metric, status=Status.NOT_ESTIMABLE, reason=reason, **named)
    mean = float(np.average(correct, weights=weight))
    lower, upper = _compute_mean_bounds(correct, weight, mean, level)
    named |= {"method": "inverted_t"}
    if np.isnan(lower) or lower <= 0 or upper <= lower:
        return build_row(metric, declared / mean, reason=Reason.NO_INTERVAL, **named)
    return build_row(metric, declared / mean, lower=float(declared / upper), upper=float(declared / lower), **named)


def _compute_mean_bounds(values: Floats, weight: Floats, mean: float, level: float) -> Bounds:
    n = len(values)
    spread = ((weight * (values - mean)) ** 2).sum() / weight.sum() ** 2 * n / max(n - 1, 1)
    half = compute_t_quantile(n - 1, level) * np.sqrt(spread)
    return np.asarray(mean - half), np.asarray(mean + half)
