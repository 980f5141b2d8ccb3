"""The trace from requirement to test to evidence is whole, and cannot grow old unseen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from probatio.display import qualification
from probatio.display.qualification import read_evidence
from probatio.display.requirements import read_requirements
from probatio.protocol import read_protocol
from probatio.results import build_row, derive_table

PROJECT = Path(__file__).parents[2]
TESTS = [evidence for evidence in read_evidence() if evidence.kind == "test"]


def test_every_requirement_is_traced() -> None:
    """Each has a test, or people who answer; nothing is traced to a requirement that does not exist."""
    known = {requirement.id for requirement in read_requirements()}
    answered = {evidence.requirement for evidence in read_evidence() if evidence.kind in ("test", "person")}
    assert answered == known
    assert {evidence.requirement for evidence in read_evidence()} <= known
    for evidence in read_evidence():
        if evidence.kind == "person":
            assert (PROJECT / evidence.item).is_dir()


@pytest.mark.parametrize("path", sorted({evidence.item.partition("::")[0] for evidence in TESTS}))
def test_each_test_exists_and_claims_what_is_quoted(path: str) -> None:
    """The plan quotes docstrings word for word: a test renamed, gone or changed in its claim is found here."""
    tree = ast.parse((PROJECT / path).read_text("utf-8"))
    claims = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}
    for evidence in TESTS:
        file, _, name = evidence.item.partition("::")
        if file == path:
            assert " ".join(claims[name].split("\n\n")[0].split()) == evidence.claim


def test_rows_are_counted_and_absent_ones_said() -> None:
    """A metric of the run has its notebook, its rows and how many are undefined; another is said to be absent."""
    undefined = build_row("error_rate", status="not_estimable", reason="empty_denominator", variable="b")
    rows = derive_table([build_row("error_rate", 0.1, n=10, k=1, variable="a"), undefined])
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml")
    table = qualification.render_evidence_table({"03_agreement": rows}, protocol, language="fr")
    found = {row[1]: list(row[2:]) for row in table.rows}
    assert found["error_rate"] == ["03_agreement", "2", "1"]
    assert found["event_f1"][:2] == ["Absent de cette exécution", "0"]
    (said,) = qualification.describe_qualification({"03_agreement": rows}, protocol, language="en")
    assert f"Of {len(read_requirements())} requirements" in said
    assert "of which 1 are in this one" in said


def test_files_that_show_a_requirement_exist() -> None:
    """A chapter that is renumbered is found here: each file named beside a document's folder lies in it."""
    named = [place for requirement in read_requirements() for place in requirement.shown.split("; ") if ".qmd" in place]
    assert named
    for place in named:
        folder, _, file = place.partition(": ")
        assert (PROJECT / folder / file).is_file()
