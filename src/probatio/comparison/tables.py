"""The shape of a comparison: one row per value compared, and who is compared with whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import pandas as pd

from probatio.protocol import Protocol

Kind = Literal["error", "agreement"]

PAIR_COLUMNS = (
    "source", "comparator", "kind", "variable", "patient_id", "centre", "visit", "event", "reference",
    "value", "outcome", "conformant", "confidence", "weight", "difference",
)  # fmt: skip
PAIR_KEY = ["source", "comparator", "kind", "variable", "visit", "patient_id", "event"]
FLOW_COLUMNS = ("step", "source", "comparator", "kind", "variable", "unit", "n")


@dataclass(frozen=True)
class Comparison:
    """Every value of every source beside its comparator's.

    Attributes:
        pairs: one row per value compared, sorted, unique on `source, comparator, kind, variable, visit,
            patient_id, event`. `outcome` is C correct, W wrong (non-conformant included), O omission,
            U unsupported, B both absent. `weight` is 1 / sampling probability against the
            reference (times that of the value, where values were adjudicated), 1 otherwise.
            `difference` is value - reference, in units or days, NaN unless both are numbers or full dates.
            An unsupported event carries its source's label after a plus sign, as numbering need not
            agree between sources.
        patients: the evaluated patients by `patient_id`: `centre, sampling_probability`, attributes.
        flow: `step, source, comparator, kind, variable, unit, n`; cells assessed by the source =
            not assessed by the comparator + unlabelled + compared.
    """

    pairs: pd.DataFrame
    patients: pd.DataFrame
    flow: pd.DataFrame


class Side(NamedTuple):
    """One source beside one comparator; `error` when the comparator is the reference standard."""

    source: str
    comparator: str
    kind: Kind


def list_sides(protocol: Protocol, *, runs: bool = False) -> list[Side]:
    """Return who is compared with whom, in the protocol's order.

    Every source against the reference; every technology against every manual collection, as
    agreement; without a reference, every reading against the first (primary) one, as agreement.
    Of a technology with several runs only the leading one takes part.

    Args:
        protocol: the study.
        runs: instead, for repeatability: all runs of each technology that has several, its leading
            one included, against the reference.
    """
    return _list_run_sides(protocol) if runs else _list_leading_sides(protocol)


def _list_run_sides(protocol: Protocol) -> list[Side]:
    repeated = {
        protocol.find_lead(source.name).name for source in protocol.sources if not protocol.is_leading(source.name)
    }
    runs = [source for source in protocol.sources if protocol.find_lead(source.name).name in repeated]
    return [Side(source.name, protocol.reference.name, "error") for source in runs] if protocol.reference else []


def _list_leading_sides(protocol: Protocol) -> list[Side]:
    sides: list[Side] = []
    if protocol.reference is not None:
        name = protocol.reference.name
        sides += [Side(source.name, name, "error") for source in protocol.leading if source.name != name]
    else:
        readings = protocol.select_sources("reading")
        sides += [Side(other.name, readings[0].name, "agreement") for other in readings[1:]]
    sides += [
        Side(technology.name, manual.name, "agreement")
        for technology in protocol.select_sources("ai")
        for manual in protocol.select_sources("manual")
    ]
    return sides
