"""How analyses, terms and sources are named and listed in every table and figure of survival."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from probatio.display.rows import COLON, label_of, level_label, source_label
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Analysis, Language, Protocol
from probatio.results import select_rows
from probatio.wording import read_word


def list_lines(rows: pd.DataFrame, analysis: Analysis, metric: str) -> Iterator[tuple[str, str, str]]:
    """Yield source, variable and term of an analysis' rows, in the order of its sources, `own` patients apart."""
    own = select_rows(rows, analysis=analysis.name, metric=metric)
    for source in analysis.sources or [""]:
        part = select_rows(own, source=source)
        for variable, term in part[["variable", "term"]].drop_duplicates().itertuples(index=False, name=None):
            yield source, variable, term


def word_term(protocol: Protocol, variable: str, term: str, language: Language) -> str:
    """Return the wording of a coefficient or group: "Stage: late"; all patients where there is no variable."""
    if not variable:
        return read_word("figure", "overall", language)
    level = "" if term.partition("@")[0] == "per 1" else term.partition("@")[0]
    label = label_of(protocol, variable, language)
    if level.startswith("per "):
        return f"{label}{COLON[language]}{read_word('figure', 'per', language)} {level.removeprefix('per ')}"
    return f"{label}{COLON[language]}{level_label(protocol, variable, level, language)}" if level else label


def name_analysis(analysis: Analysis, protocol: Protocol, language: Language) -> list[str]:
    """Return the analysis' name as a first cell, or none where the study has a single one."""
    return [analysis.label.read(language)] if len(protocol.analyses) > 1 else []


def derive_analysis_table(
    head: list[str], body: list[list[str]], align: str, widths: Sequence[int], *, protocol: Protocol, language: Language
) -> Table:
    """Return a table whose rows begin with the analysis' name (`name_analysis`) where the study has several."""
    if len(protocol.analyses) < 2:
        return Table(head, body, align, widths=widths)
    names = [read_word("column", "analysis", language), *head]
    return Table(names, leave_repeated(body), f"l{align}", widths=(22, *widths))


def source_or_cohort(protocol: Protocol, source: str, language: Language) -> str:
    """Return the wording of a source; of none, the cohort."""
    return source_label(protocol, source, language) if source else read_word("figure", "cohort", language)
