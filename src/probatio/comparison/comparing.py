"""Compare every source with the reference, and technologies with manual collections."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from probatio.comparison.adjudication import derive_adjudication_factors
from probatio.comparison.events import derive_event_pairs
from probatio.comparison.singles import CELL, derive_single_pairs
from probatio.comparison.tables import FLOW_COLUMNS, PAIR_COLUMNS, PAIR_KEY, Comparison, Side, list_sides
from probatio.protocol import Protocol, UserError
from probatio.records import Records

_SET_ASIDE = ["development", "reference_sampled", "sampling_stratum"]
_OUTCOMES = ("C", "W", "O", "U", "B")


def compare(records: Records, protocol: Protocol, *, runs: bool = False) -> Comparison:
    """Put every value of every source beside its comparator's, and judge it.

    Only cells assessed by both sides, with a reference that conforms, are compared. Against the
    reference a patient weighs 1 / sampling probability (Horvitz and Thompson 1952, JASA 47:663), and
    where the protocol declares an adjudication a value weighs as told in `adjudication`.

    Args:
        records: the study's tables.
        protocol: the study.
        runs: compare the runs of each technology that has several, instead of the sources that lead.

    Raises:
        UserError: a source and the reference (or two readings without one) share no cell.
    """
    patients = records.patients[~records.patients["development"]].drop(columns=_SET_ASIDE)
    flow: list[pd.DataFrame] = []
    parts = []
    for side in list_sides(protocol, runs=runs):
        pairs, steps = _compare_side(side, records, protocol)
        _check_common(side, pairs, protocol)
        flow.append(steps.assign(**side._asdict()))
        parts.append(pairs.assign(**side._asdict(), weight=_derive_weights(side, pairs, patients)))
    pairs = pd.concat(parts) if parts else pd.DataFrame(columns=[*PAIR_COLUMNS])
    pairs["centre"] = pairs["patient_id"].map(patients["centre"])
    pairs = pairs.sort_values(PAIR_KEY, kind="stable", ignore_index=True)[list(PAIR_COLUMNS)]
    pairs["weight"] = pairs["weight"] * derive_adjudication_factors(pairs, records, protocol)
    counted = pd.concat(flow, ignore_index=True) if flow else pd.DataFrame(columns=list(FLOW_COLUMNS))
    return Comparison(pairs, patients, counted[list(FLOW_COLUMNS)])


def _compare_side(side: Side, records: Records, protocol: Protocol) -> tuple[pd.DataFrame, pd.DataFrame]:
    asked, theirs = (_select_cells(records.assessments, name) for name in (side.source, side.comparator))
    cells = asked.merge(theirs, on=CELL)
    of_source = records.records[records.records["source"] == side.source]
    of_comparator = records.records[records.records["source"] == side.comparator]
    variables = {variable.name: variable for variable in protocol.variables}
    events = [name for name, variable in variables.items() if variable.type == "events"]
    single = cells[~cells["variable"].isin(events)]
    pairs, unlabelled = derive_single_pairs(single, of_source, of_comparator, variables)
    parts, set_aside = [pairs], [unlabelled]
    for name in events:
        due = cells[cells["variable"] == name]
        found, left = derive_event_pairs(due, of_source, of_comparator, variables[name])
        parts.append(found)
        set_aside.append(left.assign(variable=name))
    compared = pd.concat([part for part in parts if len(part)]) if any(map(len, parts)) else pairs
    return compared, _derive_flow(asked, cells, pd.concat(set_aside), compared)


def _select_cells(assessments: pd.DataFrame, source: str) -> pd.DataFrame:
    return assessments.loc[assessments["source"] == source, CELL]


def _derive_flow(
    asked: pd.DataFrame, cells: pd.DataFrame, unlabelled: pd.DataFrame, pairs: pd.DataFrame
) -> pd.DataFrame:
    """Return the steps from the cells a source was asked to fill to the outcomes of its values."""
    rows: list[tuple[str, str, str, int]] = []
    counts = [Counter(table["variable"]) for table in (asked, cells, unlabelled)]
    for name in sorted(counts[0]):
        n, both, left = (count[name] for count in counts)
        steps = {"assessed": n, "not_assessed_by_comparator": n - both, "unlabelled": left, "compared": both - left}
        rows += [(step, name, "cells", count) for step, count in steps.items()]
    outcomes = Counter(zip(pairs["variable"], pairs["outcome"], strict=True))
    for name in sorted(set(pairs["variable"])):
        rows += [(outcome, name, "values", outcomes[name, outcome]) for outcome in _OUTCOMES]
    return pd.DataFrame(rows, columns=["step", "variable", "unit", "n"])


def _check_common(side: Side, pairs: pd.DataFrame, protocol: Protocol) -> None:
    must_meet = side.kind == "error" or protocol.reference is None
    if pairs.empty and must_meet:
        raise UserError(
            f"sources: {side.source} and {side.comparator} have no assessed patient and variable in common; "
            f"check their patient keys, columns and assessed."
        )


def _derive_weights(side: Side, pairs: pd.DataFrame, patients: pd.DataFrame) -> pd.Series | float:
    """Return 1 / sampling probability when the comparator is the reference that was sampled, else 1."""
    return 1 / pairs["patient_id"].map(patients["sampling_probability"]) if side.kind == "error" else 1.0
