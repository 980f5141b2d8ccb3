"""Tables of what is planned: every number is the protocol's, in words; what is not declared is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import FancyBboxPatch

from probatio.display import plans
from probatio.display.design_diagram import render_design_diagram
from probatio.display.table import Table
from probatio.display.written import describe_abstract, describe_limits, render_eligibility, render_milestone_table
from probatio.protocol import Budget, Label, Milestone, Protocol, read_protocol

FOLDER = Path(__file__).parents[2] / "protocol"
DEMO, LUNG = (read_protocol(FOLDER / f"{name}.yaml") for name in ("demo", "lung"))


def read_lines(table: Table) -> dict[str, str]:
    """Return a table of two columns as a mapping."""
    return {line[0]: line[1] for line in table.rows}


def test_the_review_is_told_as_declared() -> None:
    """Budget, order, shares and who may decide are those of the protocol."""
    lines = read_lines(plans.render_review_plan_table(DEMO, language="en"))
    assert lines["Budget"] == "30% of the values"
    assert lines["Read by two people"] == "10%"
    assert lines["Who may decide"].endswith("Regulatory support: Physician")
    assert lines["Shown beside, unnamed"] == "AI B"


@pytest.mark.parametrize(("budget", "said"), [(Budget(values=1200), "1\u202f200 valeurs"),
                                              (Budget(minutes=90), "90 minutes"),
                                              (Budget(share=0.125), "12,5\u202f% des valeurs")])  # fmt: skip
def test_each_form_of_budget_has_its_words(budget: Budget, said: str) -> None:
    """A number of values, minutes or a share, with French separators."""
    assert DEMO.review is not None
    study = DEMO.model_copy(update={"review": DEMO.review.model_copy(update={"budget": budget})})
    assert read_lines(plans.render_review_plan_table(study, language="fr"))["Budget"] == said


def test_nothing_that_is_signed_is_rounded() -> None:
    """A quarter of a minute, a share of 1.25 per cent and a ratio of 2.25 stand as they were declared."""
    assert DEMO.review is not None
    assert DEMO.confidence is not None
    assert DEMO.tolerance is not None
    parts = {
        "review": DEMO.review.model_copy(update={"minutes_per_value": 0.75, "concordant": 0.0125}),
        "confidence": DEMO.confidence.model_copy(update={"delta": 0.0125}),
        "tolerance": DEMO.tolerance.model_copy(update={"ratio": 2.25, "noise": [0.25], "errors": [0.0125]}),
    }
    study = DEMO.model_copy(update=parts)
    tables = (plans.render_review_plan_table, plans.render_confidence_plan_table, plans.render_tolerance_plan_table)
    shown = [line[1] for render in tables for line in render(study, language="en").rows]
    assert {"0.75", "2.25", "0.25"} <= set(shown)
    assert shown.count("1.25%") == 3


def test_confidence_without_risks_of_its_own_cites_the_matrix() -> None:
    """Where the protocol gives no risk, the acceptance matrix's threshold is named; the split adds up to all."""
    lines = read_lines(plans.render_confidence_plan_table(DEMO, language="en"))
    assert lines["Largest share of wrong values accepted"].startswith("The acceptance matrix's threshold")
    assert lines["Patients: tuning / selection / evaluation"] == "25% / 50% / 25%"


def test_monitoring_tells_the_amended_assurance() -> None:
    """What the amendment brought is in the plan; without it the line is not there."""
    assert DEMO.monitoring is not None
    before = DEMO.model_copy(update={"monitoring": DEMO.monitoring.model_copy(update={"assurance": None})})
    tables = [read_lines(plans.render_monitoring_plan_table(study, language="en")) for study in (DEMO, before)]
    assert [table.get("Assurance") for table in tables] == ["90%", None]


def test_rules_and_files_are_all_there() -> None:
    """One line per rule and threshold of the study's own; one per file, patients first."""
    assert len(plans.render_rule_plan_table(DEMO, language="fr").rows) == len(DEMO.rules) + len(DEMO.checks)
    files = plans.render_file_plan_table(DEMO, language="fr").rows
    assert files[0][1] == DEMO.patients.file.path
    assert {path for source in DEMO.sources for path in (file.path for file in source.files)} <= {f[1] for f in files}


def test_tolerance_and_corrections_name_grids_and_methods() -> None:
    """Margins by use, the grid of errors and every method of a correction."""
    lines = read_lines(plans.render_tolerance_plan_table(DEMO, language="en"))
    assert lines["Margin, a hazard ratio"] == "Steering: 1.25; Research: 1.15; Regulatory support: 1.10"
    assert lines["Wrong values"].startswith("1% · 2% · 5%")
    methods = [line[3] for line in plans.render_correction_plan_table(DEMO, language="en").rows]
    assert methods == ["Predict-then-debias, MC-SIMEX, Multiple imputation, Bias analysis"] * len(DEMO.corrections)


@pytest.mark.parametrize("name", ["review", "confidence", "monitoring", "correction", "tolerance"])
def test_what_is_not_declared_has_no_lines(name: str) -> None:
    """A study without a plan of the kind gives an empty table, which documents tell as nothing to show."""
    bare: Protocol = LUNG.model_copy(update={name: None, "corrections": []})
    assert getattr(plans, f"render_{name}_plan_table")(bare, language="en").rows == []


@pytest.mark.parametrize("study", [DEMO, LUNG], ids=["demo", "lung"])
def test_the_diagram_has_a_box_for_each_source(study: Protocol) -> None:
    """Boxes for documents, sources, comparison and judgement; a source that declares no independence is dashed."""
    patches = render_design_diagram(study, language="fr").axes[0].patches
    boxes = [patch for patch in patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == len(study.sources) + 2 + (study.acceptance is not None)
    dependent = [s for s in study.sources if not s.independent_of and s.role != "reference"]
    assert sum(box.get_linestyle() not in ("-", "solid") for box in boxes) == len(dependent)


def test_eligibility_and_milestones_show_what_is_written_and_what_follows() -> None:
    """Criteria first, then what the declarations of patients say; milestones are a table once there are some."""
    shown = render_eligibility(DEMO, language="en")
    assert shown.texts == ["Included: patients for whom access to the drug was requested."]
    assert [*shown.after][1].startswith("Patients used to tune an extractor are left out")
    step = Milestone(label=Label(en="Freeze", fr="Gel"), date="2027-01-15")
    planned = DEMO.model_copy(update={"written": DEMO.written.model_copy(update={"milestones": [step]})})
    table = render_milestone_table(planned, language="fr")
    assert isinstance(table, Table)
    assert table.rows == [["Gel", "2027-01-15"]]


def test_the_abstract_says_whether_anything_is_decided() -> None:
    """A study with a matrix names its level; one of readings says that nothing is compared with a truth."""
    assert "one-sided 2.5%" in " ".join(describe_abstract(DEMO, language="en"))
    readings = " ".join(describe_abstract(LUNG, language="en"))
    assert "without a reference" in readings
    assert "no verdict is given" in readings
    assert describe_limits(DEMO, language="fr")[0] == DEMO.limits[0].fr
