"""Who gave which value to each cell of a variable: the table that agreement of readers is counted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probatio.measures.cells import Codes, Mask
from probatio.resampling import Floats

if TYPE_CHECKING:
    from probatio.protocol import Variable


@dataclass(frozen=True)
class Ratings:
    """The values of one variable as codes, a row per cell and a column per source.

    Attributes:
        variable: its name.
        type: its type.
        sources: names of the columns of `codes`.
        codes: shape (cells, sources): place among the categories, -1 for a missing value. The last
            category, where `odd`, holds the values that do not conform.
        numbers: number of each category on its scale (place, number, or day).
        odd: whether there is a category of values that do not conform.
        patient: place of each cell's patient among the evaluated patients.
    """

    variable: str
    type: str
    sources: tuple[str, ...]
    codes: Codes
    numbers: Floats
    odd: bool
    patient: Codes

    @property
    def paired(self) -> Mask:
        """Which cells two or more of the sources read."""
        return np.asarray((self.codes >= 0).sum(axis=1) >= 2)

    def select(self, sources: list[str]) -> Ratings:
        """Return the ratings of some sources, in that order; one that read nothing is all missing."""
        codes = np.full((len(self.codes), len(sources)), -1, dtype=np.int64)
        for at, name in enumerate(sources):
            if name in self.sources:
                codes[:, at] = self.codes[:, self.sources.index(name)]
        return Ratings(self.variable, self.type, tuple(sources), codes, self.numbers, self.odd, self.patient)

    def complete(self, ratings: int) -> Ratings:
        """Return the cells that at least so many sources read."""
        kept = (self.codes >= 0).sum(axis=1) >= ratings
        return Ratings(
            self.variable, self.type, self.sources, self.codes[kept], self.numbers, self.odd, self.patient[kept]
        )

    def count(self, *, nominal: bool) -> Floats:
        """Return how many sources gave each category to each cell; non-conformant values only if `nominal`."""
        size = len(self.numbers) + int(self.odd)
        cell, _ = np.nonzero(self.codes >= 0)
        flat = np.bincount(cell * size + self.codes[self.codes >= 0], minlength=len(self.codes) * size)
        counts = flat.reshape(len(self.codes), size).astype(float)
        return counts if nominal else counts[:, : len(self.numbers)]


def derive_ratings(records: pd.DataFrame, patients: pd.Index, variable: Variable) -> Ratings:
    """Return what every source delivered for a single-valued variable.

    Args:
        records: the study's values.
        patients: the evaluated patients, sorted.
        variable: binary, nominal, ordinal, number or date; a partial date does not conform.
    """
    mine = records[(records["variable"] == variable.name) & (records["state"] == "value")]
    mine = mine[mine["patient_id"].isin(patients)].drop_duplicates(["source", "patient_id", "visit"])
    texts, conformant = mine["value"].astype(str), mine["conformant"].astype(bool)
    place, values = _derive_scale(texts, conformant, variable)
    odd = bool((place < 0).any()) and bool(variable.levels)
    place = np.where(place < 0, len(values) if odd else -1, place)
    wide = mine.assign(place=place).pivot(index=["patient_id", "visit"], columns="source", values="place")
    wide = wide.sort_index().sort_index(axis=1)
    codes = wide.to_numpy(dtype=float)
    return Ratings(
        variable=variable.name,
        type=variable.type,
        sources=tuple(str(name) for name in wide.columns),
        codes=np.where(np.isnan(codes), -1, codes).astype(np.int64),
        numbers=values,
        odd=odd,
        patient=patients.get_indexer(wide.index.get_level_values("patient_id")).astype(np.int64),
    )


def _derive_scale(texts: pd.Series, conformant: pd.Series, variable: Variable) -> tuple[Codes, Floats]:
    """Return the place of each value among the categories (-1 where none) and the categories' numbers."""
    if variable.levels:
        place = pd.Index(variable.levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
        place = np.where(conformant, place, -1)
        return place.astype(np.int64), np.arange(len(variable.levels), dtype=float)
    numbers = pd.to_numeric(texts, errors="coerce") if variable.type == "number" else _derive_days(texts)
    known = numbers.where(conformant).to_numpy(dtype=float)
    values = np.unique(known[np.isfinite(known)])
    at = np.searchsorted(values, np.where(np.isfinite(known), known, 0.0))
    return np.where(np.isfinite(known), at, -1).astype(np.int64), values


def _derive_days(texts: pd.Series) -> pd.Series:
    full = texts.where(texts.str.fullmatch(r"\d{4}-\d{2}-\d{2}"))
    return (pd.to_datetime(full, format="%Y-%m-%d", errors="coerce") - pd.Timestamp("1970-01-01")).dt.days.astype(float)
