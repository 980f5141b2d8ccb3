"""Pair the single values of two sources."""

from __future__ import annotations

import pandas as pd

from probatio.comparison.judging import derive_judged
from probatio.protocol import Variable

CELL = ["variable", "visit", "patient_id"]
_VALUE = ["state", "value", "conformant", "confidence"]


def derive_single_pairs(
    cells: pd.DataFrame, source: pd.DataFrame, comparator: pd.DataFrame, variables: dict[str, Variable]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the judged pairs of single values, and the cells left unlabelled.

    Args:
        cells: `variable, visit, patient_id` assessed by both sides.
        source: the records of the source.
        comparator: the records of the reference, or of the other source.
        variables: the protocol's variables by name.

    A reference value that does not conform says nothing about the source: its cell is unlabelled.
    An explicit negative is an empty set, which is a value; for other types it means absent.
    """
    pairs = cells.merge(comparator[CELL + _VALUE], on=CELL, how="left")
    pairs = pairs.merge(source[CELL + _VALUE], on=CELL, how="left", suffixes=("_reference", ""))
    for suffix in ("_reference", ""):
        pairs[f"state{suffix}"] = pairs[f"state{suffix}"].fillna("not_documented")
        pairs[f"value{suffix}"] = pairs[f"value{suffix}"].fillna("")
        pairs[f"conformant{suffix}"] = pairs[f"conformant{suffix}"].ne(False)
    unlabelled = ~pairs["conformant_reference"]
    kept = pairs[~unlabelled].rename(columns={"value_reference": "reference"})
    parts = [_derive_variable_pairs(group, variables[str(name)]) for name, group in kept.groupby("variable")]
    columns = [*CELL, "reference", "value", "outcome", "conformant", "confidence", "difference"]
    judged = pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)
    return judged.assign(event=""), pairs.loc[unlabelled, CELL]


def _derive_variable_pairs(pairs: pd.DataFrame, variable: Variable) -> pd.DataFrame:
    says_something = ["value", "negative"] if variable.type == "set" else ["value"]
    pairs = pairs.assign(
        has_reference=pairs["state_reference"].isin(says_something), has_value=pairs["state"].isin(says_something)
    )
    return derive_judged(pairs, variable.type, variable.tolerance)
