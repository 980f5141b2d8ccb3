"""Result rows of a study whose every number is known: tables of outcomes, strata, two sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from probatio.measures.outcomes import ERROR_RATES
from probatio.resampling import compute_wilson
from probatio.results import build_row, derive_table

SECTION = "03_agreement"
Table = Mapping[str, int]


def build_share(metric: str, k: int, n: int, **key: Any) -> dict[str, Any]:
    """Return the row of k out of n, as a measure writes it."""
    if n == 0:
        return build_row(metric, status="not_estimable", reason="empty_denominator", n=0, **{"section": SECTION} | key)
    lower, upper = (float(bound) for bound in compute_wilson(k, n, 0.95))
    return build_row(metric, k / n, lower=lower, upper=upper, level=0.95, method="wilson", n=n, k=k, clusters=n,
                     cluster_unit="patient", unit="proportion", **{"section": SECTION} | key)  # fmt: skip


def list_outcome_rows(table: Table, **key: Any) -> list[dict[str, Any]]:
    """Return the rates and, overall, the counts of one table of outcomes C, W, O, U, B."""
    rows = []
    for rate in ERROR_RATES:
        if rate.numerator:
            k, n = (sum(table[name] for name in names) for names in (rate.numerator, rate.denominator))
            rows.append(build_share(rate.metric, k, n, **key))
    if not key.get("stratum_by"):
        n = sum(table.values())
        rows += [build_row("count", float(table[name]), n=n, k=table[name], term=name, unit="values",
                           **{"section": SECTION} | key) for name in "CWOUB"]  # fmt: skip
    return rows


def derive_study(strata: Mapping[str, Table], **key: Any) -> pd.DataFrame:
    """Return the rows of one source and variable: overall, and by age group."""
    given = {"source": "ai", "comparator": "reference", "variable": "stage"} | key
    whole = {name: sum(table[name] for table in strata.values()) for name in "CWOUB"}
    rows = list_outcome_rows(whole, **given)
    for stratum, table in strata.items():
        rows += list_outcome_rows(table, stratum_by="age_group", stratum=stratum, **given)
    return derive_table(rows, study="study")
