"""Before the freeze: what the values that still await adjudication could do to each number.

The reference of some cells is not known yet (`pending` in the assessments file). The numbers of an interim run
rest on the others; these rows say between what they will end.

| metric | what |
|---|---|
| pending_values | cells of a source whose reference is awaited; n: these and the compared ones |
| interim_error_rate, interim_omission_rate, interim_unsupported_share | `term` best, worst |
| interim_error_difference | AI minus manual, `term` best and worst for the AI |

*Best*: every awaited reference turns out to be what the source delivered, or to be empty where it delivered
nothing. *Worst*: none does, in the way that harms the metric most: a delivered value is wrong (error), or
unsupported (unsupported share; it leaves the denominator of omissions), and a silence is an omission. For a
difference, cells where AI and manual say the same cannot differ, and two silences may dilute it; elsewhere one is
right and the other wrong. Each bound carries its intervals, to report and to accept by. Bounds of this kind: Manski
1989 (J Hum Resour 24:343). How many repeated events an awaited patient has is unknown: their bounds are
`not_applicable`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probatio.measures.cells import Cells, derive_cells, find_type
from probatio.measures.outcomes import ERROR_RATES, Rate, estimate_rate
from probatio.measures.paired import estimate_difference
from probatio.measures.rates import derive_rows, derive_silent
from probatio.results import Reason, Status, derive_table, select_rows

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol
    from probatio.records import Records

_CELL = ["variable", "visit", "patient_id"]
_WORST = {"error_rate": ("W", "O"), "omission_rate": ("U", "O"), "unsupported_share": ("U", "B")}
_BEST = ("C", "B")
# What AI and manual get where they differ, by what each delivered (AI, manual), when the AI fares best, and worst.
_APART = {(True, True): ("CW", "WC"), (True, False): ("CO", "UB"), (False, True): ("BU", "OC")}


def estimate_interim(comparison: Comparison, records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return pending counts and best and worst bounds of every source and variable.

    Args:
        comparison: what has a reference already.
        records: with `pending`, and what each source delivered.
        protocol: sources, variables, level.

    Returns:
        The sorted table of result rows; empty when nothing is pending.
    """
    if records.pending.empty or protocol.reference is None:
        return derive_table([])
    awaited = _derive_awaited(comparison, records, protocol.reference.name)
    known = comparison.pairs[comparison.pairs["kind"] == "error"]
    frames = [_derive_counts(known, awaited)]
    frames += list(_estimate_rates(comparison, known, awaited, protocol))
    frames += list(_estimate_differences(comparison, known, awaited, protocol))
    return derive_table(pd.concat([frame for frame in frames if len(frame)], ignore_index=True))


def _derive_awaited(comparison: Comparison, records: Records, reference: str) -> pd.DataFrame:
    """Return the pairs to come: each source's assessed cells whose reference is pending, and what is delivered."""
    asked = records.assessments[records.assessments["source"].isin(comparison.pairs["source"])]
    awaited = asked.merge(records.pending[_CELL], on=_CELL)
    awaited = awaited[awaited["patient_id"].isin(comparison.patients.index)]
    told = records.records[records.records["state"].isin(["value", "negative"])]
    told = told.assign(variable=told["variable"].str.partition(".")[0])[["source", *_CELL]].drop_duplicates()
    awaited = awaited.merge(told.assign(delivered=True), on=["source", *_CELL], how="left")
    weight = 1 / awaited["patient_id"].map(comparison.patients["sampling_probability"])
    return awaited.assign(
        delivered=awaited["delivered"].eq(True), weight=weight.astype(float), comparator=reference, kind="error",
        event="", reference="", value="", conformant=True, confidence=np.nan, difference=np.nan,
        centre=awaited["patient_id"].map(comparison.patients["centre"]),
    )  # fmt: skip


def _derive_counts(known: pd.DataFrame, awaited: pd.DataFrame) -> pd.DataFrame:
    key = ["source", "comparator", "variable"]
    pending = awaited.groupby(key).size().rename("pending")
    compared = known.groupby(key)[["patient_id", "visit"]].apply(lambda cells: len(cells.drop_duplicates()))
    counts = pending.to_frame().join(compared.rename("compared")).fillna(0).reset_index()
    k = counts["pending"].to_numpy(dtype=np.int64)
    n = k + counts["compared"].to_numpy(dtype=np.int64)
    return derive_rows(counts[key], metric="pending_values", unit="values", estimate=k.astype(float), n=n, k=k,
                       status=str(Status.OK))  # fmt: skip


def _derive_scenario(comparison: Comparison, known: pd.DataFrame, awaited: pd.DataFrame, protocol: Protocol) -> Cells:
    """Return all values of a scenario, those awaited with their supposed `outcome`, coded."""
    concerned = known.merge(awaited[["source", "variable"]].drop_duplicates(), on=["source", "variable"])
    pairs = pd.concat([concerned, awaited[list(known.columns)]], ignore_index=True)
    return derive_cells(pairs, comparison.patients, protocol, unit="patient")


def _estimate_rates(
    comparison: Comparison, known: pd.DataFrame, awaited: pd.DataFrame, protocol: Protocol
) -> Iterator[pd.DataFrame]:
    rates = {rate.metric: rate for rate in ERROR_RATES}
    for metric, worst in _WORST.items():
        for term, (told, silent) in (("best", _BEST), ("worst", worst)):
            supposed = awaited.assign(outcome=np.where(awaited["delivered"], told, silent))
            cells = _derive_scenario(comparison, known, supposed, protocol)
            yield _estimate_scenario(cells, rates[metric], term, float(protocol.level))


def _estimate_scenario(cells: Cells, rate: Rate, term: str, level: float) -> pd.DataFrame:
    identity = cells.groups.assign(term=term)
    rows = estimate_rate(cells, identity, cells.group, rate, level=level, unit="patient")
    events = np.tile((identity["type"] == "events").to_numpy(), len(rows) // len(identity))
    rows = derive_silent(rows, events, Status.NOT_APPLICABLE, Reason.TYPE_WITHOUT_METRIC)
    return rows.assign(metric=f"interim_{rate.metric}")


def _estimate_differences(
    comparison: Comparison, known: pd.DataFrame, awaited: pd.DataFrame, protocol: Protocol
) -> Iterator[pd.DataFrame]:
    reference = protocol.reference.name if protocol.reference else ""
    kept = [find_type(protocol, name) != "events" for name in awaited["variable"]]
    single = awaited[np.array(kept, dtype=bool)]
    for ai in protocol.select_sources("ai"):
        for manual in protocol.select_sources("manual"):
            if not protocol.is_independent(ai.name, manual.name):
                continue
            both = _derive_both(comparison, single, ai.name, manual.name)
            if both.empty:
                continue
            for term, place in (("best", 0), ("worst", 1)):
                # Two silences alike count as two omissions, or not at all: whichever goes further.
                ends = []
                for silent in ("BB", "OO"):
                    supposed = _suppose(single, both, ai.name, manual.name, place=place, silent=silent)
                    cells = _derive_scenario(comparison, known, supposed, protocol)
                    ends.append(estimate_difference(cells, ai.name, manual.name, reference,
                                                    level=float(protocol.level), unit="patient")[0])  # fmt: skip
                yield _choose_end(*ends, lower=term == "best").assign(metric="interim_error_difference", term=term)


def _choose_end(first: pd.DataFrame, second: pd.DataFrame, *, lower: bool) -> pd.DataFrame:
    """Return, row by row, the one of two equal tables whose estimate lies further out."""
    one, two = first["estimate"].to_numpy(dtype=float), second["estimate"].to_numpy(dtype=float)
    further = np.isnan(one) | (two < one if lower else two > one)
    return first.where(pd.Series(~further, index=first.index), second)


def _derive_both(comparison: Comparison, single: pd.DataFrame, ai: str, manual: str) -> pd.DataFrame:
    """Return the awaited cells of both sources: what each delivered, and whether they say the same."""
    sides = [single[single["source"] == name][[*_CELL, "delivered"]] for name in (ai, manual)]
    both = sides[0].merge(sides[1], on=_CELL, suffixes=("_ai", "_manual"))
    agreement = select_rows(comparison.pairs, kind="agreement", source=ai, comparator=manual)
    same = agreement[agreement["outcome"].isin(["C", "B"])][_CELL].assign(same=True)
    return both.merge(same, on=_CELL, how="left").assign(same=lambda cells: cells["same"].eq(True))


def _suppose(
    single: pd.DataFrame, both: pd.DataFrame, ai: str, manual: str, *, place: int, silent: str
) -> pd.DataFrame:
    """Return the awaited pairs of both sources with the outcomes of one scenario."""
    apart = [
        _APART.get((a, m), (silent, silent))[place] for a, m in both[["delivered_ai", "delivered_manual"]].to_numpy()
    ]
    alike = np.where(both["delivered_ai"], "CC", silent)
    outcomes = np.where(both["same"], alike, np.array(apart, dtype="U2"))
    parts = []
    for name, letter in ((ai, 0), (manual, 1)):
        told = both[_CELL].assign(source=name, outcome=[text[letter] for text in outcomes])
        parts.append(single.merge(told, on=["source", *_CELL]))
    return pd.concat(parts, ignore_index=True)
