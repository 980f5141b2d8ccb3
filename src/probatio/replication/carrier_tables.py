"""The patients who carry a shift, one by one, with both sources' values and where they were read. Confidential."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records
from probatio.replication.carriers import Changes, compute_changes, list_swaps
from probatio.replication.swaps import Quantity, Swaps, derive_cohort, get_variable, list_quantities
from probatio.replication.views import View
from probatio.resampling import Floats

FIELDS = ("value", "document_id")
"""What each source has of each variable, in columns named `variable:source:field`."""


class CarrierTable(NamedTuple):
    """The patients who carry the shift of one source in one analysis, the largest change first.

    Attributes:
        analysis: its name.
        source: the source compared.
        comparator: what it is compared with.
        quantities: the numbers whose changes are shown; patients are ranked by the first.
        table: `rank, patient_id, centre, differs` (variables whose texts differ), `share` and `cumulative` (of
            the absolute changes of the first number), `in:source` for both sources (analysed in it),
            `change:0` and so on (by quantity), then for each cell read `cell:source:field` for every one of `FIELDS`.
    """

    analysis: str
    source: str
    comparator: str
    quantities: tuple[Quantity, ...]
    table: pd.DataFrame


def derive_carriers(records: Records, protocol: Protocol) -> list[CarrierTable]:
    """Return the patients who carry each source's shift from its comparator, analysis by analysis."""
    return [_derive_carriers(swaps) for swaps in list_swaps(records, protocol)]


def _derive_carriers(swaps: Swaps) -> CarrierTable:
    setting = swaps.setting
    changes = compute_changes(setting, swaps.reference, swaps.other)
    quantities = tuple(list_quantities(swaps)) if len(changes.patients) else ()
    cohort = derive_cohort(setting.records).iloc[changes.patients]
    columns: dict[str, Any] = {"patient_id": cohort.index, "centre": cohort["centre"].fillna("").astype(str).to_numpy()}
    columns |= {"differs": _list_differing(swaps, changes)}
    columns |= _derive_sizes(changes.moves[quantities[0]] if quantities else np.full(len(changes.patients), np.nan))
    columns |= {f"in:{name}": view.complete[changes.patients] for name, view in _name_views(swaps)}
    columns |= {f"change:{at}": changes.moves[quantity] for at, quantity in enumerate(quantities)}
    for cell, source, values in _list_cells(swaps):
        own = values.iloc[changes.patients]
        columns[f"{cell}:{source}:value"] = [text if isinstance(text, str) else None for text in own]
        columns[f"{cell}:{source}:document_id"] = _find_documents(setting.records, source, cell, cohort.index)
    table = pd.DataFrame(columns)
    order = table["share"].fillna(np.inf).to_numpy().argsort(kind="stable")[::-1]
    table = table.iloc[order].reset_index(drop=True)
    table["cumulative"] = table["share"].cumsum()
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return CarrierTable(setting.analysis.name, swaps.source, setting.analysis.comparator or "", quantities, table)


def _derive_sizes(moves: Floats) -> dict[str, Floats]:
    sizes = np.abs(moves)
    total = float(np.nansum(sizes))
    share = sizes / total if total > 0 else np.where(np.isnan(sizes), np.nan, 0.0)
    return {"share": share, "cumulative": share}


def _name_views(swaps: Swaps) -> list[tuple[str, View]]:
    return [(swaps.setting.analysis.comparator or "", swaps.reference), (swaps.source, swaps.other)]


def _list_differing(swaps: Swaps, changes: Changes) -> list[str]:
    """Return, per patient, the variables of which the two sources have different texts."""
    differ = {name: swaps.find_read_differently(name) for name in swaps.variables}
    return [", ".join(name for name, mask in differ.items() if mask[patient]) for patient in changes.patients]


def _list_cells(swaps: Swaps) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield each cell that is read from sources, as `variable` or `variable@visit`, with either source's texts."""
    sides = (swaps.setting.analysis.comparator or "", ()), (swaps.source, swaps.variables)
    texts = {source: swaps.derive_texts(swapped) for source, swapped in sides}
    seen: set[str] = set()
    for at, table in enumerate(swaps.derive_texts(())):
        for cell in table.columns:
            if get_variable(cell) in swaps.variables and cell not in seen:
                seen.add(cell)
                yield from ((cell, source, tables[at][cell]) for source, tables in texts.items())


def _find_documents(records: Records, source: str, cell: str, patients: pd.Index) -> list[str]:
    variable, _, visit = cell.partition("@")
    own = records.select_values(source, variable, visit)
    known = own[own["document_id"].fillna("").astype(str) != ""].drop_duplicates(["patient_id", "document_id"])
    found = known.groupby("patient_id")["document_id"].agg(", ".join).reindex(patients)
    return found.fillna("").astype(str).tolist()
