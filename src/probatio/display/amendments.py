"""What was changed in the protocol, after which data had been seen, and which verdicts only explore since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import takewhile

import pandas as pd

from probatio.display.phrases import count_noun
from probatio.display.rows import COLON
from probatio.display.table import Table
from probatio.protocol import Amendment, Change, Language, Protocol, Revision
from probatio.protocol.versions import NAMED
from probatio.protocol.worded import find_worded
from probatio.results import select_rows
from probatio.wording import EMPTY, format_date, read_word

_LONGEST = 60
"""Characters of a value that are shown; the kept versions hold it whole."""
_BEFORE = 20
"""Of these, those before the place where two values begin to differ."""
_WORDINGS = ("label", "title", "note", "justification", "source", "level_labels", "forms")
"""Keys whose words may change without anything decided; those of the written protocol, of an estimand or of a limit are
what people signed."""


def render_amendment_table(revisions: Sequence[Revision], protocol: Protocol, *, language: Language) -> Table:
    """Return the amendments: date, data seen by then, what and why, and the keys that changed, from both versions.

    Keys that only word something (labels, justifications, citations) are counted, the others are named with both
    values.
    """
    body = []
    for revision in revisions:
        each = revision.amendment
        day = format_date(dt.date.fromisoformat(each.date), language)
        said = f"{each.what.read(language)} {each.why.read(language)}"
        body.append([f"{each.number} · {day}", _describe_seen(each, language), said,
                     _describe_changes(revision.changes, language), each.previous[:NAMED]])  # fmt: skip
    names = ("amendment", "data_seen", "what_and_why", "changed_keys", "amended_version")
    return Table([read_word("column", name, language) for name in names], body, "lllll", widths=(13, 13, 34, 27, 13))


def _describe_seen(amendment: Amendment, language: Language) -> str:
    words = [read_word("role", role, language) for role in amendment.seen]
    return ", ".join(words) or read_word("plan", "none_seen", language)


def _describe_changes(changes: Sequence[Change], language: Language) -> str:
    named = [change for change in changes if find_worded(change.way) not in _WORDINGS]
    semicolon = COLON[language].replace(":", ";")
    said = [f"{change.key}{COLON[language]}{' → '.join(_shorten(change.before, change.after))}" for change in named]
    if wordings := len(changes) - len(named):
        said.append(count_noun(wordings, "wording", language))
    return semicolon.join(said) or EMPTY


def _shorten(*values: str) -> list[str]:
    """Return values short enough for a cell; long ones from where they begin to differ, for both not to look alike."""
    texts = [value.strip('"') or EMPTY for value in values]
    alike = takewhile(lambda pair: pair[0] == pair[-1], zip(*texts, strict=False))
    start = max(0, sum(1 for _ in alike) - _BEFORE) if max(map(len, texts)) > _LONGEST else 0
    return [f"{'…' * bool(start)}{_cut(text[start:])}" for text in texts]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def describe_amended(rows: Mapping[str, pd.DataFrame], protocol: Protocol, *, language: Language) -> list[str]:
    """Say how many amendments there are, how many came after data were seen, and what only explores since.

    Args:
        rows: those of notebooks 00 (settings) and 09 (exploratory criteria), by name.
        protocol: the study's protocol.
        language: of the sentences.
    """
    settings = rows.get("00_protocol", pd.DataFrame())
    if settings.empty or select_rows(settings, metric="setting", term="amendments").empty:
        return []  # rows that do not count amendments do not say that there are none
    counts = {
        name: int(select_rows(settings, metric="setting", term=name, analysis="")["estimate"].sum())
        for name in ("amendments", "amendments_after_data", "amendments_after_ai")
    }
    if not counts["amendments"]:
        return [read_word("sentence", "never_amended", language)]
    said = [read_word("sentence", "amended", language).format(**counts)]
    return [*said, *describe_exploratory(rows.get("09_acceptance", pd.DataFrame()), language=language)]


def describe_exploratory(rows: pd.DataFrame, *, language: Language) -> list[str]:
    """Say how many criteria, of how many variables, were changed after AI data were seen; nothing where none was."""
    found = select_rows(rows, metric="exploratory_criterion") if len(rows) else rows
    if found.empty:
        return []
    sentence = read_word("sentence", "exploratory", language)
    return [sentence.format(criteria=len(found), variables=found["variable"].nunique())]


def is_exploratory(rows: pd.DataFrame, *, use: str, variable: str = "") -> bool:
    """Say whether a verdict rests on a criterion that was changed after AI data were seen."""
    found = select_rows(rows, metric="exploratory_criterion", use=use)
    return bool(len(found if not variable else select_rows(found, variable=variable)))
