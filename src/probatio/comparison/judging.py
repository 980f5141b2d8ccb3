"""The outcome of a value against its reference, by type of variable: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
import pandas as pd

_Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
_Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]

FULL_DATE = len("2024-05-17")
# Decimal tolerances are compared as binary numbers: 1.1 - 1.0 must count as 0.1.
_ROUNDING = 1e-9


def derive_judged(pairs: pd.DataFrame, kind: str, tolerance: float) -> pd.DataFrame:
    """Return rows with `outcome` and `difference`, all of one variable type.

    Args:
        pairs: `reference, value` (text), `has_reference, has_value, conformant` (booleans). A value that
            does not conform is wrong, or unsupported when the reference has none.
        kind: the variable's type.
        tolerance: largest absolute difference that is correct, in the variable's unit or in days.
    """
    both = (pairs["has_reference"] & pairs["has_value"] & pairs["conformant"]).to_numpy(dtype=bool)
    reference, value = pairs["reference"].to_numpy(dtype=object), pairs["value"].to_numpy(dtype=object)
    equal = np.zeros(len(pairs), dtype=bool)
    difference = np.full(len(pairs), np.nan)
    equal[both], difference[both] = compute_agreement(reference[both], value[both], kind, tolerance)
    has_reference = pairs["has_reference"].to_numpy(dtype=bool)
    has_value = pairs["has_value"].to_numpy(dtype=bool)
    outcome = np.select(
        [equal, has_reference & has_value, has_reference, has_value], ["C", "W", "O", "U"], default="B"
    ).astype(object)
    return pairs.assign(outcome=outcome, difference=difference)


def compute_agreement(
    reference: np.ndarray, value: np.ndarray, kind: str, tolerance: float
) -> tuple[_Booleans, _Floats]:
    """Return whether each value agrees with its reference, and value - reference where that exists.

    Levels and sets agree when equal. Numbers agree within `tolerance`. Dates are scored at the
    reference's precision: "2024-05-17" agrees with "2024-05", while a value coarser than its reference
    does not; two full dates agree within `tolerance` days. Free text agrees case and blanks aside.
    """
    if kind == "number":
        difference = value.astype(np.float64) - reference.astype(np.float64)
        slack = _ROUNDING * np.maximum(1.0, np.abs(reference.astype(np.float64)))
        return np.abs(difference) <= tolerance + slack, difference
    if kind == "date":
        return _compute_date_agreement(reference, value, tolerance)
    if kind == "text":
        reference, value = _derive_plain(reference), _derive_plain(value)
    return np.asarray(reference == value, dtype=bool), np.full(len(value), np.nan)


def _compute_date_agreement(reference: np.ndarray, value: np.ndarray, tolerance: float) -> tuple[_Booleans, _Floats]:
    texts = list(zip(reference, value, strict=True))
    equal = np.array([given[: len(true)] == true for true, given in texts], dtype=bool)
    full = np.array([len(true) == len(given) == FULL_DATE for true, given in texts], dtype=bool)
    difference = np.full(len(texts), np.nan)
    days = value[full].astype("datetime64[D]") - reference[full].astype("datetime64[D]")
    difference[full] = days.astype(np.float64)
    equal[full] = np.abs(difference[full]) <= tolerance
    return equal, difference


def _derive_plain(texts: np.ndarray) -> np.ndarray:
    return np.array([" ".join(text.casefold().split()) for text in texts], dtype=object)
