"""Who is in the study: the flow of patients and values, source overlap, characteristics by source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from probatio.protocol import CATEGORICAL, Protocol
from probatio.records import Records
from probatio.resampling import compute_wilson, find_few_events
from probatio.results import Reason, Status, build_row

OVERLAP_JOIN = " + "
_QUARTILES = (("quartile_1", 0.25), ("median", 0.5), ("quartile_3", 0.75))


def estimate_cohort(records: Records, protocol: Protocol, *, comparison_flow: pd.DataFrame) -> list[dict[str, Any]]:
    """Count every patient and value from reading to comparison, and describe the patients by source.

    Rows: `analysis` flow (metric patients, documents or values; term the step), overlap
    (patients by the exact set of sources that delivered at least one value), characteristics
    (share of each level among documented patients with Wilson's interval; median and quartiles
    of numbers; source empty for attributes of the cohort), centres (patients per centre). The flow accounts
    for every source read; overlap and characteristics are those of the sources that lead. A source after review
    delivers where the one it comes from does, and is left out of the overlap.

    Source: STARD 2015, items 19-20 (flow and characteristics of participants).
    """
    evaluated = records.patients[~records.patients["development"]]
    flow = pd.concat([records.flow, comparison_flow]).drop(columns="kind").fillna("")
    flow = flow.rename(columns={"step": "term"}).assign(metric=flow["unit"])
    rows = [
        _derive_count("flow", **{str(name): value for name, value in row.items()}) for row in flow.to_dict("records")
    ]
    rows += _estimate_overlap(records, evaluated, protocol)
    rows += _estimate_centres(evaluated)
    rows += _estimate_attributes(evaluated, protocol)
    for source in protocol.leading:
        rows += _estimate_values(records, protocol, source.name)
    return rows


def _derive_count(analysis: str, n: int, *, metric: str = "count", **key: Any) -> dict[str, Any]:
    return build_row(metric, n, analysis=analysis, n=n, **key)


def _estimate_overlap(records: Records, evaluated: pd.DataFrame, protocol: Protocol) -> Iterator[dict[str, Any]]:
    delivered = records.records[records.records["state"].isin(["value", "negative"])]
    present = pd.crosstab(delivered["patient_id"], delivered["source"]).gt(0)
    present = present.reindex(evaluated.index, fill_value=False)
    names = [source.name for source in protocol.leading if source.name in present and source.reviewed is None]
    sets = present[names].apply(lambda row: OVERLAP_JOIN.join(name for name in names if row[name]), axis=1)
    for term, n in sorted(sets.value_counts().items()):
        yield _derive_count("overlap", n, term=str(term), unit="patients")


def _estimate_centres(evaluated: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for centre, n in evaluated.groupby("centre").size().items():
        if centre:
            yield _derive_count("centres", n, stratum_by="centre", stratum=str(centre), unit="patients")


def _estimate_attributes(evaluated: pd.DataFrame, protocol: Protocol) -> Iterator[dict[str, Any]]:
    for name, attribute in protocol.patients.attributes.items():
        values = evaluated[name]
        if attribute.type == "number" and not attribute.cut:
            yield from _estimate_number(values.astype(float), "", name)
        elif attribute.type == "text" or attribute.cut or attribute.period:
            levels = attribute.labels or sorted(set(values) - {""})
            yield from _estimate_levels(values, levels, "", name, protocol.level)


def _estimate_values(records: Records, protocol: Protocol, source: str) -> Iterator[dict[str, Any]]:
    own = records.records[(records.records["source"] == source) & records.records["conformant"]]
    own = own[own["state"] == "value"]
    for variable in protocol.variables:
        visit = variable.visits[0] if variable.visits else ""
        values = own[(own["variable"] == variable.name) & (own["visit"] == visit)]["value"]
        if values.empty:
            continue
        if variable.type in CATEGORICAL:
            yield from _estimate_levels(values, variable.levels, source, variable.name, protocol.level)
        elif variable.type == "number":
            yield from _estimate_number(values.astype(float), source, variable.name)


def _estimate_levels(
    values: pd.Series, levels: list[str], source: str, name: str, confidence: float
) -> Iterator[dict[str, Any]]:
    counts, n = values.value_counts(), int(values.ne("").sum())
    key: dict[str, Any] = {"analysis": "characteristics", "source": source, "variable": name}
    if n == 0:
        yield build_row("share", status=Status.NOT_ESTIMABLE, reason=Reason.NO_VALUES, n=0, k=0, **key)
        return
    for level in levels:
        k = int(counts.get(level, 0))
        lower, upper = compute_wilson(k, n, confidence)
        said = Reason.FEW_EVENTS_CAUTION if find_few_events(k, n) else Reason.NONE
        yield build_row("share", k / n, lower=float(lower), upper=float(upper), level=confidence, method="wilson",
                        n=n, k=k, term=level, reason=said, **key)  # fmt: skip


def _estimate_number(values: pd.Series, source: str, name: str) -> Iterator[dict[str, Any]]:
    known = values.dropna().to_numpy(dtype=float)
    key: dict[str, Any] = {"analysis": "characteristics", "source": source, "variable": name, "n": len(known)}
    for metric, share in _QUARTILES:
        if len(known):
            yield build_row(metric, float(np.quantile(known, share)), **key)
        else:
            yield build_row(metric, status=Status.NOT_ESTIMABLE, reason=Reason.NO_VALUES, **key)
