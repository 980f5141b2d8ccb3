"""`probatio check`: validate a protocol and its data, and say what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pandas as pd

from probatio.cli.showing import make_console, show_table
from probatio.comparison import compare
from probatio.compendium.opening import find_data_root
from probatio.protocol import (
    CATEGORICAL,
    Protocol,
    Revision,
    compute_protocol_digest,
    locate_key,
    read_protocol,
    read_revisions,
)
from probatio.provenance.proofs import Moments, describe_proofs, find_first_extraction, read_proofs
from probatio.records import Records, read_records
from probatio.replication import check_analyses

_REJECTED = "rejected_"
_BY_DESIGN = ("development", "outside_cohort", "not_first_document")
_SHOWN = 3
_COMPARED = ["source", "variable", "visit", "patient_id", "event"]
# A short and frequent text is a code; a longer or rarer one may be a patient's own words, and is only counted.
_CODE_LENGTH, _CODE_COUNT = 12, 3


def show_check(path: Path) -> None:
    """Read a protocol and its data as a run would, and print what each source holds.

    Raises:
        UserError: the protocol or the data are not as they should be.
    """
    protocol = read_protocol(path)
    revisions = read_revisions(path, protocol)
    records = read_records(protocol, find_data_root(path, protocol))
    compared = [compare(records, protocol, runs=runs).pairs[_COMPARED] for runs in (False, True)]
    check_analyses(records, protocol)
    console = make_console()
    console.print(f"study {protocol.study}, protocol {compute_protocol_digest(protocol)[:12]}")
    console.print(
        f"{len(records.patients)} patients, {int((~records.patients['development']).sum())} of them evaluated"
    )
    for line in describe_proofs(read_proofs(path, protocol), Moments(find_first_extraction(records, protocol))):
        console.print(line)
    console.print("")
    show_table(
        console,
        ["source", "role", "read", "left out", "rejected", "delivered", "non-conformant", "compared"],
        [_count(protocol, records, pd.concat(compared), source.name) for source in protocol.sources],
    )
    console.print("")
    warnings = [*_find_amended(revisions), *_find_warnings(protocol, records), *_find_levels(path, protocol, records)]
    for sentence in warnings:
        console.print(f"warning: {sentence}")


def _count(protocol: Protocol, records: Records, pairs: pd.DataFrame, name: str) -> list[object]:
    steps = _count_steps(records, name)
    left_out = sum(steps.get(f"{_REJECTED}{rule}", 0) for rule in _BY_DESIGN)
    rejected = sum(n for step, n in steps.items() if step.startswith(_REJECTED)) - left_out
    own = pairs[pairs["source"] == name]
    compared = len(own.drop_duplicates())
    counts = [steps.get(step, 0) for step in ("read", "delivered", "non_conformant")]
    return [name, protocol.get_source(name).role, counts[0], left_out, rejected, *counts[1:], compared]


def _count_steps(records: Records, source: str) -> dict[str, int]:
    flow = records.flow[(records.flow["source"] == source) & (records.flow["unit"] == "values")]
    return {str(step): int(n) for step, n in flow.groupby("step")["n"].sum().items()}


def _find_amended(revisions: list[Revision]) -> Iterator[str]:
    """Name the amendments made after data were seen, and those that change nothing."""
    for revision in revisions:
        number, seen, keys = revision.amendment.number, revision.amendment.seen, len(revision.changes)
        if not keys:
            yield f"amendment {number} changes no key of the version it names; delete it or make its change"
        elif seen:
            yield f"amendment {number} came after data were seen ({', '.join(seen)}); keys changed: {keys}"


def _find_warnings(protocol: Protocol, records: Records) -> Iterator[str]:
    patients = records.patients
    if count := int(patients["development"].sum()):
        yield f"{count} patients were used to tune an extractor; evaluation leaves them out"
    if protocol.reference and (count := int((~patients["reference_sampled"]).sum())):
        yield f"{count} patients are without reference"
    for source in protocol.sources:
        yield from _find_faults(records, source.name)
    judged = [*protocol.select_sources("reference", "manual"), *protocol.technologies]
    for one, other in combinations([source.name for source in judged], 2):
        if not protocol.is_independent(one, other):
            yield f"{one} and {other} are not declared independent"


def _find_levels(path: Path, protocol: Protocol, records: Records) -> Iterator[str]:
    """Name texts that stand where a level should, when they are short and frequent enough to be codes."""
    wrong = records.records[~records.records["conformant"]]
    for index, variable in enumerate(protocol.variables):
        if variable.type not in CATEGORICAL:
            continue
        own = wrong[(wrong["variable"] == variable.name) & (wrong["value"].str.len() <= _CODE_LENGTH)]
        counts = own.groupby(["source", "value"]).size().reset_index(name="n")
        for source, text, n in counts.itertuples(index=False, name=None):
            if n >= _CODE_COUNT and text.isprintable():
                where = locate_key(path, ("variables", index, "levels"))
                yield (f"{where}: '{text}' appears in source '{source}' ({n} values) but is not a level of "
                       f"'{variable.name}'; it counts as wrong: add it or recode it")  # fmt: skip


def _find_faults(records: Records, source: str) -> Iterator[str]:
    for step, count in sorted(_count_steps(records, source).items()):
        rule = step.removeprefix(_REJECTED)
        if count and step.startswith(_REJECTED) and rule not in _BY_DESIGN:
            yield f"{source}: {count} values rejected ({rule}); a run lists them in confidential/rejected.csv"
    flow = records.flow
    own = flow[(flow["source"] == source) & (flow["unit"] == "decisions") & flow["step"].str.startswith(_REJECTED)]
    for step, count in own[["step", "n"]].itertuples(index=False, name=None):
        rule = str(step).removeprefix(_REJECTED)
        if rule in _BY_DESIGN:
            continue
        yield f"{source}: {count} decisions rejected ({rule}); a run lists them in confidential/rejected.csv"
    wrong = flow[(flow["source"] == source) & (flow["step"] == "non_conformant") & (flow["n"] > 0)]
    if len(wrong):
        largest = wrong.sort_values(["n", "variable"], ascending=[False, True]).head(_SHOWN)
        named = ", ".join(f"{variable} {n}" for variable, n in zip(largest["variable"], largest["n"], strict=True))
        more = ", ..." if len(wrong) > _SHOWN else ""
        yield f"{source}: {wrong['n'].sum()} values do not conform and count as wrong ({named}{more})"
