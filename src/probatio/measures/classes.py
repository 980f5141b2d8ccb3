"""Levels as codes: which class the reference holds and which one the source gave, per value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.cells import Cells, Codes, Mask, find_levels

if TYPE_CHECKING:
    from probatio.protocol import Protocol

Texts = NDArray[np.object_]
CATEGORICAL = ("binary", "nominal", "ordinal")


@dataclass(frozen=True)
class Classes:
    """Values of categorical variables with their classes.

    Attributes:
        cells: the values; `groups` are those of categorical variables, `group` points into them.
        levels: per group, its levels in order.
        reference: per value, place of the reference's level; -1 where the reference has none.
        given: per value, place of the delivered level; -1 where none was delivered or it does not conform.
        start: per group, the code of its first class among the classes of all groups.
    """

    cells: Cells
    levels: list[list[str]]
    reference: Codes
    given: Codes
    start: Codes

    @property
    def size(self) -> int:
        """Number of classes of all groups."""
        return sum(len(levels) for levels in self.levels)

    @property
    def identity(self) -> pd.DataFrame:
        """One line per class of each group, `term` its level."""
        sizes = [len(levels) for levels in self.levels]
        lines = self.cells.groups.loc[np.repeat(self.cells.groups.index, sizes)].reset_index(drop=True)
        return lines.assign(term=[level for levels in self.levels for level in levels])


def derive_classes(cells: Cells, protocol: Protocol, *, kind: str) -> Classes:
    """Return the values of categorical variables of one kind of comparison with their classes.

    Classes are the declared levels in order, then, where none is declared, those that occur, sorted.
    """
    wanted = ((cells.groups["kind"] == kind) & cells.groups["type"].isin(CATEGORICAL)).to_numpy()
    kept = cells.keep(wanted[cells.group])
    groups = kept.groups[wanted].reset_index(drop=True)
    group = (np.cumsum(wanted) - 1)[kept.group].astype(np.int64)
    kept = Cells(kept.pairs, groups, group, kept.patient, kept.cluster, kept.outcome, kept.conformant, kept.weight)
    reference = _derive_texts(kept, "reference", kept.select("CWO"))
    given = _derive_texts(kept, "value", kept.select("CWU") & kept.conformant)
    by_variable = {name: _find_classes(protocol, name, kept, reference, given) for name in groups["variable"].unique()}
    levels = [by_variable[name] for name in groups["variable"]]
    return Classes(
        cells=kept,
        levels=levels,
        reference=_derive_codes(kept, by_variable, reference),
        given=_derive_codes(kept, by_variable, given),
        start=np.cumsum([0, *(len(names) for names in levels)])[: len(levels)].astype(np.int64),
    )


def _derive_texts(cells: Cells, column: str, mask: Mask) -> Texts:
    texts = cells.pairs[column].to_numpy(dtype=object).copy()
    texts[~mask] = None
    return texts


def _find_classes(protocol: Protocol, variable: str, cells: Cells, reference: Texts, given: Texts) -> list[str]:
    declared = find_levels(protocol, variable)
    if declared:
        return declared
    mask = (cells.pairs["variable"] == variable).to_numpy()
    return sorted({text for text in (*reference[mask], *given[mask]) if text is not None})


def _derive_codes(cells: Cells, levels: dict[str, list[str]], texts: Texts) -> Codes:
    codes = np.full(len(texts), -1, dtype=np.int64)
    variables = cells.pairs["variable"].to_numpy(dtype=object)
    for name, known in levels.items():
        mask = variables == name
        codes[mask] = pd.Index(known, dtype=object).get_indexer(pd.Index(texts[mask], dtype=object))
    return codes
