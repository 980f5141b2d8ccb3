"""Sheets say what the rows say: one per variable and use, criteria in the matrix' order, what is missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from probatio.display.interim import render_interim_table
from probatio.display.sheets import Sheets, render_example_sheet, render_sheets
from probatio.display.verdicts import render_deciding_table
from probatio.protocol import Protocol, read_protocol
from probatio.results import build_row, derive_table

PROJECT = Path(__file__).parents[2]
KEY = {"source": "ai_a", "variable": "sex", "use": "research", "term": "error", "at": "< 0.0772 (review < 0.1)"}


@pytest.fixture(scope="module")
def demo() -> Protocol:
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


def build_rows(*more: dict[str, object]) -> pd.DataFrame:
    number = build_row("criterion", 0.05, lower=0.02, upper=0.12, n=232, k=12, unit="error_rate", **KEY)
    decision = build_row("decision", 1, unit="open", **KEY)
    verdict = build_row("verdict", 1, unit="inconclusive", term="error", source="ai_a", variable="sex", use="research")
    return derive_table([number, decision, verdict, *more])


def read_missing(demo: Protocol, *more: dict[str, object]) -> str:
    return render_sheets(build_rows(*more), demo, language="en").sheets[0].table.rows[0][-1]


def test_a_sheet_names_verdict_criterion_and_what_is_missing(demo: Protocol) -> None:
    """Sentence, number with interval, rule in percent, decision, patients lacking with their assurance."""
    more = [
        build_row("needed_patients", 300, n=232, k=68, **KEY),
        build_row("needed_assurance", 0.86, n=232, **KEY),
    ]
    sheet = render_sheets(build_rows(*more), demo, language="fr").sheets[0]
    assert sheet.title == "Sexe\u00a0: recherche"
    assert sheet.sentences == ["IA A : non concluant ; critère décisif : erreur."]
    rule = "<\u00a07,72\u202f% (relecture <\u00a010\u202f%)"
    line = ["IA A", "Erreur", "5,0\u202f% [2,0\u00a0; 12,0]", "232", rule, "ouvert", "+68 (86\u202f%)"]
    assert sheet.table.rows[0] == line


def test_no_missing_patient_is_worded(demo: Protocol) -> None:
    """A study as large as planned is told so, not that it lacks none."""
    assert read_missing(demo, build_row("needed_patients", 200, n=232, k=0, **KEY)) == "enough as planned"


def test_the_example_is_an_open_sheet_that_names_missing_patients(demo: Protocol) -> None:
    """Of the primary AI's open variables one with patients to add comes first; a verdict nobody has gives none."""
    stage = {**KEY, "variable": "stage"}
    more = [
        build_row("criterion", 0.06, lower=0.02, upper=0.12, n=232, k=14, unit="error_rate", **stage),
        build_row("decision", 1, unit="open", **stage),
        build_row("verdict", 1, unit="inconclusive", term="error", source="ai_a", variable="stage", use="research"),
        build_row("needed_patients", 300, n=232, k=68, **stage),
    ]
    rows = build_rows(*more, build_row("needed_patients", 200, n=232, k=0, **KEY))
    example = render_example_sheet(rows, demo, language="en", verdict="inconclusive")
    assert [sheet.variable for sheet in example.sheets] == ["stage"]
    first = render_example_sheet(build_rows(), demo, language="en", verdict="inconclusive").sheets[0]
    assert (first.variable, {row[0] for row in first.table.rows}) == ("sex", {"AI A"})
    assert render_example_sheet(rows, demo, language="en", verdict="not_accepted").sheets == []


def test_the_example_of_a_refusal_is_one_for_research(demo: Protocol) -> None:
    """Patients that a refused variable lacks for another use do not make it the example."""
    other = {**KEY, "use": "regulatory"}
    stage = {"source": "ai_a", "variable": "stage", "use": "research", "term": "error"}
    refused = {"unit": "not_accepted", "term": "error", "source": "ai_a"}
    rows = derive_table([
        build_row("verdict", 1, variable="sex", use="regulatory", **refused),
        build_row("needed_patients", 300, n=232, k=68, **other),
        build_row("verdict", 1, variable="stage", use="research", **refused),
        build_row("criterion", 0.2, lower=0.1, upper=0.3, n=232, k=46, **stage),
        build_row("decision", 1, unit="failed", **stage),
    ])  # fmt: skip
    example = render_example_sheet(rows, demo, language="en", verdict="not_accepted")
    assert [(sheet.variable, sheet.use) for sheet in example.sheets] == [("stage", "research")]


def test_what_cannot_be_planned_is_worded(demo: Protocol) -> None:
    """The reason stands where the number would."""
    row = build_row("needed_patients", status="not_applicable", reason="no_formula", **KEY)
    assert read_missing(demo, row) == "no sample size method for this metric"


def test_text_of_a_study_is_not_markup(demo: Protocol) -> None:
    """A label that looks like HTML or Markdown is shown as text in the notebook and in the document."""
    sex = demo.get_variable("sex")
    marked = sex.model_copy(update={"label": sex.label.model_copy(update={"en": "<b>*x*</b>"})})
    variables = [marked if variable is sex else variable for variable in demo.variables]
    sheets = render_sheets(build_rows(), demo.model_copy(update={"variables": variables}), language="en")
    assert "<b>" not in sheets._repr_html_()
    assert "## \\<b\\>\\*x\\*\\</b\\>" in sheets.derive_markdown()


def test_each_sheet_has_its_own_page_and_label(bundled: tuple[Protocol, dict[str, pd.DataFrame], object]) -> None:
    """As many sections as sheets, a page break between them, no label twice."""
    protocol, rows, _ = bundled
    made = render_sheets(rows["09_acceptance"], protocol, language="fr")
    if not made.sheets:
        pytest.skip(f"{protocol.study} has no verdict to make a sheet of")
    text = made.derive_markdown()
    assert text.count("\n## ") + text.startswith("## ") == len(made.sheets)
    assert text.count("pagebreak") == len(made.sheets) - 1
    labels = [word for word in text.split() if word.startswith("{#tbl-")]
    assert len(set(labels)) == len(labels) == len(made.sheets)
    assert len(made.sheets) == len(protocol.variables) * len(protocol.uses)


def test_warnings_come_from_the_agreement_rows(demo: Protocol) -> None:
    """Differential error of a variable is said on its sheet, with the source's name."""
    warning = build_row("differential_error", 1, source="ai_a", variable="sex", comparator="reference", n=3, k=1)
    made = render_sheets(build_rows(), demo, language="en", agreement=derive_table([warning]))
    assert [note.partition(":")[2][:6] for note in made.sheets[0].notes] == [" AI A."]


def test_a_stratum_is_named_beside_its_criterion(demo: Protocol) -> None:
    """The worst stratum is said in the reader's words."""
    key = {**KEY, "term": "worst_stratum", "stratum_by": "document_quality", "stratum": "scanned"}
    rows = derive_table([
        build_row("criterion", 0.1, lower=0.05, upper=0.2, n=71, k=7, unit="worst_stratum_error_rate", **key),
        build_row("decision", 1, unit="open", **key),
        build_row("verdict", 1, unit="inconclusive", source="ai_a", variable="sex", use="research"),
    ])  # fmt: skip
    assert render_sheets(rows, demo, language="en").sheets[0].table.rows[0][1] == "Worst stratum (Scanned)"


def test_nothing_judged_gives_no_sheet(demo: Protocol) -> None:
    """Without verdicts there is nothing to fold out."""
    made = render_sheets(derive_table([]), demo, language="en")
    assert (made, repr(made)) == (Sheets([]), "")


def test_the_interim_table_spans_best_and_worst(demo: Protocol) -> None:
    """From the best case to the worst, within the outer acceptance bounds."""
    key = {"source": "ai_a", "comparator": "reference", "variable": "sex", "method": "clopper_pearson"}
    rows = derive_table([
        build_row("pending_values", 20, n=200, k=20, unit="values", **{**key, "method": ""}),
        build_row("interim_error_rate", 0.05, lower=0.02, upper=0.1, term="best", **key),
        build_row("interim_error_rate", 0.15, lower=0.1, upper=0.21, term="worst", **key),
    ])  # fmt: skip
    line = render_interim_table(rows, demo, language="en").rows[0]
    assert line[2:] == ["20/200", "5.0% to 15.0% (2.0% to 21.0%)", "–", "–"]


def test_what_decided_is_one_line_per_verdict_short_of_acceptance(demo: Protocol) -> None:
    """Variable, source, use, verdict, criterion with number and rule; an accepted variable has no line."""
    accepted = build_row("verdict", 3, unit="accepted", source="manual", variable="sex", use="research")
    table = render_deciding_table(build_rows(accepted), demo, language="en")
    rule = "<\u00a07.72% (review <\u00a010%)"
    assert list(table.rows) == [["Sex", "AI A", "Research", "Inconclusive", "Error", "5.0% (2.0 to 12.0)", rule]]


def test_a_sheet_without_criteria_has_no_table(demo: Protocol) -> None:
    """Before the freeze a sheet says why there is no verdict, and shows no empty table."""
    key = {"source": "ai_a", "variable": "sex", "use": "research"}
    rows = derive_table([build_row("verdict", status="not_applicable", reason="adjudication_pending", **key)])
    made = render_sheets(rows, demo, language="en")
    assert made.sheets[0].sentences == ["AI A: no verdict (adjudication pending)."]
    assert "tbl-" not in made.derive_markdown()
    assert "<table" not in made._repr_html_()
