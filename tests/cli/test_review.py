"""The commands of review: out by workbook, back, decisions, standing; a mistake is one sentence."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from circuit_study import CELLS, CircuitStudy, make_queue, make_study
from probatio.cli import run_command
from probatio.review.queue import derive_queue_csv


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> CircuitStudy:
    """Return a study with a run's queue; the tests of this file change it one after the other."""
    made = make_study(tmp_path_factory.mktemp("reviewed"))
    confidential = made.path.parent / "run" / "confidential"
    confidential.mkdir(parents=True)
    (confidential / "queue_first.csv").write_bytes(derive_queue_csv(make_queue(CELLS[:6])))
    return made


def _review(study: CircuitStudy, command: str, *words: str) -> int:
    return run_command(["review", command, str(study.path), *words])


def test_the_round_trip_by_commands(study: CircuitStudy, capsys: pytest.CaptureFixture[str]) -> None:
    """Export opens the review; import takes decisions over once; the table and the counts follow."""
    folder = study.path.parent
    out, run = folder / "ann.xlsx", folder / "run"
    assert _review(study, "export", str(out), "--run", str(run), "--reader", "ann", "--first", "4") == 0
    assert "4 cases for ann. Confidential." in capsys.readouterr().out
    book = openpyxl.load_workbook(out)
    sheet = book["Cas"]
    titles = [cell.value for cell in sheet[1]]
    for row in (2, 3):
        sheet.cell(row, titles.index("Décision") + 1).value = "absente"
        sheet.cell(row, titles.index("Minutes") + 1).value = 2
    book.save(out)
    assert _review(study, "import", str(out), "--dry-run") == 0
    assert "2 decisions of ann would be taken over" in capsys.readouterr().out
    assert _review(study, "import", str(out)) == 0
    assert "2 decisions of ann taken over, 0 known, 2 rows blank." in capsys.readouterr().out
    assert _review(study, "import", str(out)) == 2
    assert "already imported" in capsys.readouterr().err
    assert _review(study, "decisions") == 0
    assert "2 decisions, 2 of 6 cases done" in capsys.readouterr().out
    assert (study.root / "review" / "first.decisions.csv").is_file()
    assert _review(study, "status") == 0
    told = capsys.readouterr().out
    assert "ann" in told
    assert "4.0" in told
    assert not any(word in told for word in ("P1", "P2", "Madame"))


def test_a_new_run_adds_its_cases_when_asked(study: CircuitStudy, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --add the new run's cases are only counted."""
    folder = study.path.parent
    (folder / "run" / "confidential" / "queue_first.csv").write_bytes(derive_queue_csv(make_queue()))
    words = ("--run", str(folder / "run"), "--reader", "bob")
    assert _review(study, "export", str(folder / "bob.xlsx"), *words) == 0
    told = capsys.readouterr().out
    assert "6 cases that are not under review; --add takes them up" in told
    assert "4 cases for bob" in told
    assert _review(study, "export", str(folder / "bob2.xlsx"), *words, "--add", "--language", "en") == 0
    assert "10 cases for bob" in capsys.readouterr().out
    assert openpyxl.load_workbook(folder / "bob2.xlsx").sheetnames[:2] == ["How to", "Cases"]


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("export", ("x.csv",), "ends with .xlsx"),
        ("export", ("ann.xlsx",), "it exists and may hold decisions"),
        ("export", ("x.xlsx", "--run", "none"), "there is no queue of first"),
        ("export", ("x.xlsx", "--add"), "give --run"),
        ("export", ("x.xlsx", "--language", "de"), "neither fr nor en"),
        ("export", ("none/there.xlsx/x.xlsx", "--reader", "eve", "--again"), "cannot be written"),
        ("import", ("none.xlsx",), "no such file"),
        ("import", ("circuit.yaml",), "not a readable workbook"),
    ],
)
def test_mistakes_are_one_sentence(
    study: CircuitStudy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str,
    words: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    """Exit code 2, and what to do."""
    monkeypatch.chdir(study.path.parent)
    (study.path.parent / "none").mkdir(exist_ok=True)
    (study.path.parent / "none" / "there.xlsx").touch()
    assert _review(study, command, *words) == 2
    assert said in capsys.readouterr().err


def test_the_source_after_review_may_be_declared_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its table of decisions is not there yet when the review is opened, and the protocol does not change for it."""
    made = make_study(tmp_path)
    text = made.path.read_text(encoding="utf-8")
    after = "  - {name: after, label: {en: After, fr: Après}, role: ai, reviewed: {of: first, path: review/none.csv}}"
    made.path.write_text(text.replace("variables:\n", f"{after}\nvariables:\n", 1), encoding="utf-8")
    (tmp_path / "confidential").mkdir()
    (tmp_path / "confidential" / "queue_first.csv").write_bytes(derive_queue_csv(make_queue()))
    assert _review(made, "export", str(tmp_path / "out.xlsx"), "--run", str(tmp_path), "--reader", "ann") == 0
    assert "12 cases for ann" in capsys.readouterr().out


def test_a_study_without_review_says_so(study: CircuitStudy, capsys: pytest.CaptureFixture[str]) -> None:
    """The key that is missing is named."""
    text = study.path.read_text(encoding="utf-8").partition("review:")[0]
    path = study.path.with_name("silent.yaml")
    path.write_text(text, encoding="utf-8")
    assert run_command(["review", "status", str(path)]) == 2
    assert "declares no review; add the key review" in capsys.readouterr().err
