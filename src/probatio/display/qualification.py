"""The qualification plan's trace: each requirement, the tests that check it, and what of it a run shows."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

from probatio.display.requirements import Requirement, read_requirements
from probatio.display.sentences import say
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import Status
from probatio.wording import EMPTY, read_word

_FILE = "qualification.csv"


@dataclass(frozen=True)
class Evidence:
    """What supports a requirement.

    `kind`: `test` (with the claim that it states), `rows` (a metric that a run computes) or `person` (a document in
    which people answer, because no program can).
    """

    requirement: str
    kind: str
    item: str
    claim: str


@cache
def read_evidence() -> tuple[Evidence, ...]:
    """Return all evidence, requirement by requirement."""
    text = (files("probatio.display") / _FILE).read_text(encoding="utf-8")
    return tuple(Evidence(**line) for line in csv.DictReader(text.splitlines()))


def render_qualification_table(*, language: Language) -> Table:
    """Return the operational qualification: requirement, test, what the test claims, and a place for the outcome."""
    rows = [
        [_word(requirement, language), _break(evidence.item), evidence.claim, ""]
        for requirement in read_requirements()
        for evidence in _select(requirement, "test")
    ]
    columns = [read_word("column", name, language) for name in ("requirement", "test", "claim", "outcome")]
    return Table(columns, leave_repeated(rows), "llll", widths=(31, 27, 34, 8))


def render_evidence_table(rows: Mapping[str, pd.DataFrame], protocol: Protocol, *, language: Language) -> Table:
    """Return what this run shows of each requirement: metric, notebook, how many numbers, how many undefined.

    Args:
        rows: result rows by notebook.
        protocol: the study's; not read.
        language: of the texts.
    """
    found = [
        [_word(requirement, language), evidence.item, *_count(rows, evidence.item, language)]
        for requirement in read_requirements()
        for evidence in _select(requirement, "rows")
    ]
    names = ("requirement", "metric", "notebook", "rows", "undefined")
    columns = [read_word("column", name, language) for name in names]
    return Table(columns, leave_repeated(found), "lllrr", widths=(44, 22, 16, 8, 10))


def render_open_table(*, language: Language) -> Table:
    """Return the requirements that no program can check: people answer them, in the document named."""
    rows = [
        [_word(requirement, language), evidence.item, ""]
        for requirement in read_requirements()
        for evidence in _select(requirement, "person")
    ]
    columns = [read_word("column", name, language) for name in ("requirement", "document", "outcome")]
    return Table(columns, rows, "lll", widths=(60, 20, 20))


def describe_qualification(rows: Mapping[str, pd.DataFrame], protocol: Protocol, *, language: Language) -> list[str]:
    """Return how much of the requirements is traced: to tests, to numbers of this run, to people."""
    requirements = read_requirements()
    tested, shown, asked = (_trace(kind) for kind in ("test", "rows", "person"))
    present = {e.requirement for e in read_evidence() if e.kind == "rows" and _find(rows, e.item)}
    counts = {"all": len(requirements), "tested": len(tested), "shown": len(shown), "present": len(present)}
    return [say("qualification", language, **counts, asked=len(asked - tested))]


def _trace(kind: str) -> set[str]:
    return {evidence.requirement for evidence in read_evidence() if evidence.kind == kind}


def _select(requirement: Requirement, kind: str) -> list[Evidence]:
    return [e for e in read_evidence() if e.requirement == requirement.id and e.kind == kind]


def _word(requirement: Requirement, language: Language) -> str:
    return f"{requirement.id}. {requirement.text[language]}"


def _break(item: str) -> str:
    path, _, name = item.partition("::")
    return f"{path.removeprefix('tests/')} :: {name}"


def _find(rows: Mapping[str, pd.DataFrame], metric: str) -> dict[str, pd.DataFrame]:
    own = {name: frame[frame["metric"] == metric] for name, frame in rows.items() if "metric" in frame}
    return {name: frame for name, frame in own.items() if len(frame)}


def _count(rows: Mapping[str, pd.DataFrame], metric: str, language: Language) -> list[str]:
    found = _find(rows, metric)
    if not found:
        return [read_word("evidence", "absent", language), "0", EMPTY]
    undefined = sum(int((frame["status"] != Status.OK).sum()) for frame in found.values())
    return [", ".join(found), str(sum(map(len, found.values()))), str(undefined)]
