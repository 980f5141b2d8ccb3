"""One sheet per variable and use: the verdict of each source, criterion by criterion, and what is missing."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from probatio.display.amendments import describe_exploratory
from probatio.display.guarantee import describe_review
from probatio.display.rows import COLON, criterion_label, label_of, order_verdicts, source_label
from probatio.display.table import Table, escape_prose
from probatio.display.verdicts import read_criterion
from probatio.protocol import Language, Protocol, Use
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_number, format_percent, read_word


@dataclass(frozen=True)
class Sheet:
    """What is said of one variable for one use: a sentence per source, the criteria, notes."""

    variable: str
    use: Use
    title: str
    sentences: Sequence[str]
    table: Table
    notes: Sequence[str] = ()

    def derive_markdown(self, level: int) -> str:
        """Return the sheet as a section of a Quarto document; without criteria (no verdict) it has no table."""
        lines = "\n".join(f"- {escape_prose(text)}" for text in self.sentences)
        notes = "\n".join(f"- {escape_prose(text)}" for text in self.notes)
        identifier = f"sheet-{self.use}-{self.variable}".replace("_", "-").replace(".", "-")
        table = self.table.derive_markdown(escape_prose(self.title), f"tbl-{identifier}") if self.table.rows else ""
        return "\n\n".join(part for part in (f"{'#' * level} {escape_prose(self.title)}", lines, table, notes) if part)


@dataclass(frozen=True)
class Sheets:
    """The sheets of a study, or of one use of it; a notebook shows them folded."""

    sheets: Sequence[Sheet]

    def __repr__(self) -> str:
        """Return the verdicts as plain text, which is what notebook tests compare."""
        return "\n".join(f"{sheet.title}: {' '.join(sheet.sentences)}" for sheet in self.sheets)

    def _repr_html_(self) -> str:
        return "".join(_derive_fold(sheet) for sheet in self.sheets)

    def derive_markdown(self, level: int = 2) -> str:
        """Return all sheets as sections of a Quarto document, each on a page of its own."""
        return "\n\n{{< pagebreak >}}\n\n".join(sheet.derive_markdown(level) for sheet in self.sheets) + "\n"


def _derive_fold(sheet: Sheet) -> str:
    said = "".join(f"<li>{html.escape(text)}</li>" for text in (*sheet.sentences, *sheet.notes))
    title = html.escape(sheet.title)
    table = sheet.table._repr_html_() if sheet.table.rows else ""
    return f"<details><summary>{title}</summary><ul>{said}</ul>{table}</details>"


def render_sheets(
    rows: pd.DataFrame,
    protocol: Protocol,
    *,
    language: Language,
    use: Use | None = None,
    agreement: pd.DataFrame | None = None,
) -> Sheets:
    """Return the sheets of every variable, use by use.

    Args:
        rows: rows of the acceptance notebook.
        protocol: the study's protocol.
        language: of words and numbers.
        use: one use only; all of the protocol's by default.
        agreement: rows of the agreement notebook, for warnings of differential and dependent error.
    """
    known = rows[rows["variable"] != ""]
    uses = [use] if use else list(protocol.uses)
    made = []
    for name in uses:
        for variable in protocol.variables:
            own = select_rows(known, use=name, variable=variable.name)
            if len(select_rows(own, metric="verdict")):
                warnings = list(_describe_warnings(agreement, protocol, variable.name, language))
                warnings += describe_exploratory(own, language=language)
                made.append(_derive_sheet(own, protocol, language, warnings))
    return Sheets(made)


def render_example_sheet(
    rows: pd.DataFrame, protocol: Protocol, *, language: Language, verdict: str, agreement: pd.DataFrame | None = None
) -> Sheets:
    """Return one sheet to explain reading by: the first on which the primary AI has a verdict, and its lines alone.

    Args:
        rows: rows of the acceptance notebook.
        protocol: the study's protocol.
        language: of words and numbers.
        verdict: such as `inconclusive`; of open sheets one that names missing patients comes first, then research.
        agreement: rows of the agreement notebook, for warnings.
    """
    source = next((source.name for source in protocol.technologies), "")
    own = select_rows(rows, source=source)
    given = select_rows(own, metric="verdict", unit=verdict)
    given = given[given["variable"] != ""]
    if given.empty:
        return Sheets([])
    needed = select_rows(own, metric="needed_patients", status="ok")
    needed = needed[(needed["k"] > 0) & (verdict == "inconclusive")]
    lacking = set(zip(needed["variable"], needed["use"], strict=True))
    order = {variable.name: rank for rank, variable in enumerate(protocol.variables)}
    ranked = sorted(zip(given["variable"], given["use"], strict=True),
                    key=lambda cell: (cell not in lacking, cell[1] != "research", order[cell[0]]))  # fmt: skip
    variable, use = ranked[0]
    chosen = select_rows(own, variable=variable, use=use)
    warnings = list(_describe_warnings(agreement, protocol, variable, language))
    return Sheets([_derive_sheet(chosen, protocol, language, warnings)])


def _derive_sheet(rows: pd.DataFrame, protocol: Protocol, language: Language, warnings: Sequence[str]) -> Sheet:
    variable, use = rows["variable"].iloc[0], rows["use"].iloc[0]
    title = f"{label_of(protocol, variable, language)}{COLON[language]}{read_word('use', use, language).lower()}"
    sentences = list(_describe_verdicts(rows, protocol, language))
    return Sheet(variable, use, title, sentences, _render_criteria(rows, protocol, language), warnings)


def _describe_verdicts(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Iterator[str]:
    """Yield, per source, its verdict and the criterion that decided, and what there is to review."""
    for row in order_verdicts(select_rows(rows, metric="verdict"), protocol).to_dict("records"):
        source = source_label(protocol, row["source"], language)
        if row["status"] != Status.OK:
            reason = read_word("reason", row["reason"], language)
            yield read_word("sentence", "sheet_none", language).format(source=source, reason=reason)
            continue
        verdict = read_word("verdict", row["unit"], language).lower()
        key = "sheet_decided" if row["term"] else "sheet_accepted"
        metric = _find_metric(rows, row["source"], row["term"])
        decided = criterion_label(row["term"], metric, language).lower() if row["term"] else ""
        yield read_word("sentence", key, language).format(source=source, verdict=verdict, criterion=decided)
        if asked := describe_review(rows, row, protocol, language):
            yield asked


def _find_metric(rows: pd.DataFrame, source: str, term: str) -> str:
    found = select_rows(rows, metric="criterion", source=source, term=term)
    return "" if found.empty else str(found["unit"].iloc[0])


def _render_criteria(rows: pd.DataFrame, protocol: Protocol, language: Language) -> Table:
    """Return one line per source and criterion: number with interval, n, rule, decision, patients missing."""
    ordered = _order_decisions(select_rows(rows, metric="decision"), protocol)
    body = []
    for row in ordered.to_dict("records"):
        name, number, rule, said = read_criterion(rows, row, protocol, language)
        key = {field: row[field] for field in ("source", "term", "at")}
        n = select_rows(rows, metric="criterion", **key)["n"].iloc[0]
        shown = EMPTY if pd.isna(n) else format_number(float(n), language, digits=0)
        missing = _read_missing(rows, key, language)
        body.append([source_label(protocol, row["source"], language), name, number, shown, rule, said, missing])
    names = ("source", "criterion", "estimate", "n", "rule", "decision", "missing_patients")
    return Table([read_word("column", name, language) for name in names], body, "lllrlll",
                 widths=(12, 20, 20, 7, 15, 11, 15))  # fmt: skip


def _order_decisions(decisions: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return decisions by source, then as the matrix lists its criteria."""
    sources = {source.name: rank for rank, source in enumerate(protocol.sources)}
    sets = protocol.acceptance.sets if protocol.acceptance else []
    listed = dict.fromkeys(criterion.name for group in sets for criterion in group.criteria)
    criteria = {name: rank for rank, name in enumerate(listed)}
    ranked = decisions.assign(s=decisions["source"].map(sources), c=decisions["term"].map(criteria))
    return ranked.sort_values(["s", "c"], kind="stable").drop(columns=["s", "c"])


def _read_missing(rows: pd.DataFrame, key: dict[str, str], language: Language) -> str:
    """Return the patients that an open criterion lacks and the assurance with them, or why that is unknown."""
    found = select_rows(rows, metric="needed_patients", **key)
    if found.empty:
        return EMPTY
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    if pd.isna(row["k"]):
        return format_number(row["estimate"], language, digits=0)
    if row["k"] == 0:
        return read_word("figure", "enough_patients", language)
    text = f"+{format_number(float(row['k']), language, digits=0)}"
    assurance = select_rows(rows, metric="needed_assurance", **key)
    if assurance.empty:
        return text
    return f"{text} ({format_percent(assurance['estimate'].iloc[0], language, digits=0)})"


def _describe_warnings(
    agreement: pd.DataFrame | None, protocol: Protocol, variable: str, language: Language
) -> Iterator[str]:
    """Yield a sentence on the sources whose errors depend on the outcome, a stratum, or other variables' errors."""
    if agreement is None:
        return
    for metric in ("differential_error", "dependent_error"):
        found = select_rows(agreement, metric=metric, variable=variable, analysis="", status=Status.OK)
        sources = [str(name) for name in found.loc[found["estimate"] > 0, "source"].drop_duplicates()]
        if sources:
            names = ", ".join(source_label(protocol, name, language) for name in sources)
            yield read_word("sentence", f"sheet_{metric}", language).format(sources=names)
