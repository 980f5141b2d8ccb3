"""The limits that a run has found: what shows each, what follows, what to do; from the rows of all notebooks.

`limits.csv` words them; `limits_shown` and `limits_judged` look for them. A limit that was looked for and not found is
named too: its absence is a result of this study's size, not a proof.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

from probatio.display import limits_judged, limits_shown
from probatio.display.rows import COLON
from probatio.display.sentences import say
from probatio.display.table import Table
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import read_word

Rows = Mapping[str, pd.DataFrame]
Values = Mapping[str, object]
_DECLARED = ("no_reference", "contamination", "anchored")
"""Limits that the protocol alone tells of."""
_ON_SAME_PATIENTS = ("not_replicated", "replication_open")
Find = Callable[[Rows, Protocol, Language], Values | None]


@dataclass(frozen=True)
class Limit:
    """One kind of limit: the rows that show it, and its words by language.

    `evidence` is a template that the values found fill in.
    """

    key: str
    notebook: str
    metric: str
    title: Mapping[str, str]
    evidence: Mapping[str, str]
    consequence: Mapping[str, str]
    remedy: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """A limit that this run shows, with its evidence in words."""

    limit: Limit
    evidence: str


@cache
def read_limits() -> tuple[Limit, ...]:
    """Return the limits that are looked for, in the order of the notebooks."""
    text = (files("probatio.display") / "limits.csv").read_text(encoding="utf-8")
    return tuple(map(_read_limit, csv.DictReader(text.splitlines())))


def _read_limit(line: Mapping[str, str]) -> Limit:
    words = [{language: line[f"{what}_{language}"] for language in ("en", "fr")}
             for what in ("title", "evidence", "consequence", "remedy")]  # fmt: skip
    return Limit(line["key"], line["notebook"], line["metric"], *words)


def find_limits(rows: Rows, protocol: Protocol, *, language: Language) -> list[Found]:
    """Return the limits that the rows show, in the order of the catalogue.

    Args:
        rows: the rows of the run's notebooks by name; a notebook that did not run shows nothing.
        protocol: the study.
        language: of the words.
    """
    finders: Mapping[str, Find] = {**limits_shown.FINDERS, **limits_judged.FINDERS}
    out = []
    for limit in read_limits():
        values = finders[limit.key](rows, protocol, language)
        if values is not None:
            out.append(Found(limit, limit.evidence[language].format(**values)))
    return out


def render_limit_table(rows: Rows, protocol: Protocol, *, language: Language) -> Table:
    """Return per limit found: what shows it and in which rows, what follows, what to do."""
    body = [
        [
            found.limit.title[language],
            f"{_capitalise(found.evidence)}. {_name_rows(found.limit, language)}",
            found.limit.consequence[language],
            found.limit.remedy[language],
        ]
        for found in find_limits(rows, protocol, language=language)
    ]
    head = [read_word("column", name, language) for name in ("limit", "shown_in_run", "follows", "remedy")]
    return Table(head, body, "llll", widths=(16, 34, 27, 23))


def describe_limits(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Say each limit found in one sentence, then which were not found, and which could not be looked for."""
    out = [
        f"{each.limit.title[language]}{COLON[language]}{each.evidence}. {each.limit.consequence[language]}."
        for each in find_limits(rows, protocol, language=language)
    ]
    return [*out, *describe_absent_limits(rows, protocol, language=language)]


def describe_absent_limits(rows: Rows, protocol: Protocol, *, language: Language) -> list[str]:
    """Name the limits that were looked for and not found, and those that this study's data do not let one look for."""
    seen = {each.limit.key for each in find_limits(rows, protocol, language=language)}
    others = [limit for limit in read_limits() if limit.key not in seen]
    out = []
    for key, looked in (("limits_absent", True), ("limits_unknown", False)):
        names = [_lower(each.title[language]) for each in others if is_looked_for(each, rows, protocol) is looked]
        out += [say(key, language, names=", ".join(names))] if names else []
    return out


def is_looked_for(limit: Limit, rows: Rows, protocol: Protocol) -> bool:
    """Say whether the study could have the limit, and the run has a row in which it would have shown."""
    if not _has_object(limit.key, protocol):
        return False
    if limit.key in _DECLARED:
        return True
    if not limit.metric:
        return any(len(table) for table in rows.values())
    if limit.notebook not in rows:
        return False
    shown = select_rows(rows[limit.notebook], metric=limit.metric.split(" · "), status=Status.OK)
    return not (select_rows(shown, stratum_by="") if limit.key in _ON_SAME_PATIENTS else shown).empty


def _has_object(key: str, protocol: Protocol) -> bool:
    """Say whether a limit has an object: a study without manual collection has none that could be anchored."""
    drawn = bool(protocol.patients.sampling_probability)
    needs = {
        "contamination": bool(protocol.technologies),
        "anchored": bool(protocol.technologies and protocol.select_sources("manual")),
        "development": protocol.patients.development is not None,
        "reference_sample": protocol.reference is not None and drawn,
        "reference_partial": protocol.reference is not None and not drawn,
        "tolerance": protocol.reference is not None,
    }
    return needs.get(key, True)


def _name_rows(limit: Limit, language: Language) -> str:
    """Return where the rows stand, `[03_agreement: kappa]`."""
    every = limit.notebook == "every notebook"
    notebook = read_word("figure", "every_notebook", language) if every else limit.notebook
    return f"[{notebook}{COLON[language]}{limit.metric}]" if limit.metric else f"[{notebook}]"


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
