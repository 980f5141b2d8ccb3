"""From a run's rows and curves to what may leave, under pseudonyms: frames in, frames out, no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.provenance.release.benchmark import estimate_benchmark
from probatio.provenance.release.curves import coarsen_curves
from probatio.provenance.release.disclosing import AGREEMENT, Disclosure, suppress_rows
from probatio.provenance.release.pseudonyms import Pseudonyms, replace_names
from probatio.results import Status, derive_series, derive_table

QUALITY: Final = "02_data_quality"
EMPTY_ROWS: Final = derive_table([])
_TIMED: Final = ("survival", "cumulative_incidence", "cumulative_incidence_competing", "weighted_survival")


@dataclass(frozen=True)
class Release:
    """What leaves a run.

    Attributes:
        minimum: the smallest count that is shown.
        rows: the result rows by notebook; those withheld have no number.
        series: the curves by notebook.
        benchmark: rows of centres and technologies compared.
        summary: how many rows of each metric were kept, kept without counts, withheld; how many curves' points.
    """

    minimum: int
    rows: Mapping[str, pd.DataFrame]
    series: Mapping[str, pd.DataFrame]
    benchmark: pd.DataFrame
    summary: pd.DataFrame


def disclose(
    rows: Mapping[str, pd.DataFrame], series: Mapping[str, pd.DataFrame], protocol: Protocol, names: Pseudonyms
) -> Release:
    """Return what may leave of a run's rows and curves.

    Args:
        rows: by notebook.
        series: by notebook.
        protocol: its smallest stratum is the smallest count that is shown; its events are in no sum over variables.
        names: what stands for each centre and source.
    """
    minimum = protocol.min_stratum
    before, points = (_stack(tables) for tables in (rows, series))
    events = [variable.name for variable in protocol.variables if variable.type == "events"]
    forms = {variable.name: variable.form for variable in protocol.variables}
    found = suppress_rows(before, minimum, events=events, forms=forms)
    after = coarsen_curves(points, minimum, stated=_list_stated(before, found)) if len(points) else points
    released = {name: derive_table(replace_names(part, names)) for name, part in _split(found.rows, rows)}
    curves = {name: derive_series(replace_names(part, names)) for name, part in _split(after, series) if len(part)}
    agreement, quality = (rows.get(name, EMPTY_ROWS) for name in (AGREEMENT, QUALITY))
    benchmark = derive_table(replace_names(estimate_benchmark(agreement, quality, protocol), names))
    return Release(minimum, released, curves, benchmark, derive_summary(before, found, points, after))


def list_centres(rows: Iterable[pd.DataFrame], patterns: Iterable[str] = ("centre",)) -> list[str]:
    """Return the names of centres that rows hold."""
    held = [frame.loc[frame["stratum_by"].isin(list(patterns)), "stratum"] for frame in rows]
    return sorted({str(name) for each in held for name in each.unique()} - {"", "missing"})


def _stack(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of all notebooks as one, each line with its notebook's name as section."""
    held = [table.assign(section=name) for name, table in sorted(tables.items()) if len(table)]
    return pd.concat(held, ignore_index=True) if held else pd.DataFrame()


def _split(frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    if frame.empty:
        return [(name, table) for name, table in sorted(tables.items())]
    return [(name, frame[frame["section"] == name]) for name in sorted(tables)]


def _list_stated(rows: pd.DataFrame, found: Disclosure) -> dict[str, list[float]]:
    """Return, by analysis, the times at which released rows state a curve's height."""
    held = rows[rows["metric"].isin(_TIMED) & (rows["at"] != "") & found.kept]
    times = pd.to_numeric(held["at"], errors="coerce")
    return {str(name): sorted(set(part.dropna())) for name, part in times.groupby(held["analysis"])}


def derive_summary(rows: pd.DataFrame, found: Disclosure, points: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return what became of rows and points: notebook, kind, metric, before, silent, kept, without_counts, withheld."""
    said = (rows["status"] == str(Status.OK)).to_numpy()
    lines = rows[["section", "metric"]].assign(
        kind="row", before=1, silent=~said, kept=said & found.counted,
        without_counts=said & found.kept & ~found.counted, withheld=said & ~found.kept,
    )  # fmt: skip
    numbers = ["before", "silent", "kept", "without_counts", "withheld"]
    key = ["section", "kind", "metric"]
    table = [lines.groupby(key, sort=True)[numbers].sum().astype(np.int64).reset_index()]
    if len(points):
        sizes = [each.groupby(["section", "metric"]).size() for each in (points, after)]
        curves = pd.concat(sizes, axis=1, keys=["before", "kept"]).fillna(0).astype(np.int64).reset_index()
        # A coarser curve has points that the finer one lacks: what is withheld is what is no longer there.
        held = (curves["before"] - curves["kept"]).clip(lower=0)
        table.append(curves.assign(kind="point", silent=0, without_counts=0, withheld=held))
    return pd.concat(table, ignore_index=True)[[*key, *numbers]].rename(columns={"section": "notebook"})
