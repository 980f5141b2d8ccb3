"""How frequent a class is: as a source read it, and corrected for what it misreads.

| metric | what | range |
|---|---|---|
| apparent_prevalence | values read as the class / values delivered, all evaluated patients | [0, 1] |
| corrected_prevalence | the same, corrected by Rogan and Gladen 1978; interval of Lang and Reiczigel 2014 | [0, 1] |

Sensitivity and specificity come from the values that source and reference both hold, weighted by 1 / sampling
probability; their sampling error is carried. The correction takes omissions as unrelated to the class. It is
made for classes of variables with one value per patient. Wilson's interval for the apparent prevalence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probatio.measures.misclassification import Accuracy, compute_rogan_gladen
from probatio.resampling import compute_wilson, find_few_events
from probatio.results import Reason, Status, build_row, derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol
    from probatio.records import Records

_CATEGORICAL = ("binary", "nominal", "ordinal")


def estimate_prevalence(comparison: Comparison, records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return apparent and corrected prevalence of each class, per source compared with the reference.

    Args:
        comparison: values beside the reference's: what each source misreads.
        records: every delivered value, those of patients without reference included.
        protocol: sources, variables, level.

    Returns:
        The sorted table of result rows; empty without a reference.
    """
    rows: list[dict[str, Any]] = []
    if protocol.reference is None:
        return derive_table(rows)
    evaluated = records.patients.index[~records.patients["development"].astype(bool)]
    told = records.records[(records.records["state"] == "value") & records.records["patient_id"].isin(evaluated)]
    pairs = comparison.pairs[(comparison.pairs["kind"] == "error") & comparison.pairs["outcome"].isin(["C", "W"])]
    for variable in protocol.variables:
        if variable.type not in _CATEGORICAL or variable.visits:
            continue
        for source in protocol.select_sources("manual", "ai"):
            read = told[(told["source"] == source.name) & (told["variable"] == variable.name)]
            judged = pairs[(pairs["source"] == source.name) & (pairs["variable"] == variable.name)]
            fields = {"source": source.name, "comparator": protocol.reference.name, "variable": variable.name}
            for level in variable.levels:
                rows += _estimate_class(read, judged, level, fields | {"term": level}, float(protocol.level))
    return derive_table(rows)


def _estimate_class(
    read: pd.DataFrame, judged: pd.DataFrame, level: str, named: dict[str, str], confidence: float
) -> list[dict[str, Any]]:
    fields: dict[str, Any] = {**named, "level": confidence, "unit": "proportion", "cluster_unit": "patient"}
    n = len(read)
    k = int(((read["value"] == level) & read["conformant"].astype(bool)).sum())
    metrics = ("apparent_prevalence", "corrected_prevalence")
    if not n:
        silent: dict[str, Any] = {"status": Status.NOT_ESTIMABLE, "reason": Reason.NO_VALUES}
        return [build_row(metric, **silent, **fields) for metric in metrics]
    fields |= {"n": n, "k": k, "clusters": int(read["patient_id"].nunique())}
    lower, upper = (float(bound) for bound in compute_wilson(k, n, confidence))
    said = Reason.FEW_EVENTS_CAUTION if find_few_events(k, n) else Reason.NONE
    rows = [build_row(metrics[0], k / n, lower=lower, upper=upper, method="wilson", reason=said, **fields)]
    accuracy = _compute_accuracy(judged, level)
    found = compute_rogan_gladen(k, n, accuracy, confidence)
    if np.isnan(found.estimate):
        reason = Reason.NO_PAIRS if judged.empty else Reason.ONE_CLASS_ONLY
        reason = Reason.UNINFORMATIVE if min(accuracy.cases, accuracy.others) > 0 else reason
        return [*rows, build_row(metrics[1], status=Status.NOT_ESTIMABLE, reason=reason, **fields)]
    bounds = {"lower": found.lower, "upper": found.upper, "method": "lang_reiczigel"}
    return [*rows, build_row(metrics[1], found.estimate, **bounds, **fields)]


def _compute_accuracy(judged: pd.DataFrame, level: str) -> Accuracy:
    """Return sensitivity and specificity for a class among the values that both sides hold; 0 where unknown."""
    true = (judged["reference"] == level).to_numpy()
    given = ((judged["value"] == level) & judged["conformant"].astype(bool)).to_numpy()
    weight = judged["weight"].to_numpy(dtype=float)
    shares = [
        float(weight[mask & right].sum() / weight[mask].sum()) if mask.any() else 0.0
        for mask, right in ((true, given), (~true, ~given))
    ]
    return Accuracy(shares[0], shares[1], float(true.sum()), float((~true).sum()))
