"""Every item of a reporting checklist is answered by a place that exists, by the run, or left open: none is silent."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from probatio.compendium.article import BESIDE
from probatio.compendium.piece import Sources
from probatio.compendium.pieces import PIECES
from probatio.display.checklist_values import VALUES, Answers
from probatio.display.checklists import CHECKLISTS, OPEN, name_places, read_items, render_checklist
from probatio.protocol import Protocol, read_protocol
from probatio.results import build_row, derive_table
from probatio.wording import EMPTY

Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]
ROOT = Path(__file__).parents[2]
ARTICLE = (ROOT / "reports" / "article" / "article.qmd").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"\{#(sec-[\w-]+)", ARTICLE)) | {"sec-abstract"}
INCLUDED = set(re.findall(r"_run/(\w+)\.qmd", ARTICLE))
SIZES = {"tripod_llm": 49 + 12, "stard": 34, "record": 13, "grras": 15, "template": 31}
_STARD = "1 2 3 4 5 6 7 8 9 10a 10b 11 12a 12b 13a 13b 14 15 16 17 18 19 20 21a 21b 22 23 24 25 26 27 28 29 30"
NUMBERED = {
    "record": ["1.1", "1.2", "1.3", "6.1", "6.2", "6.3", "7.1", "12.1", "12.2", "12.3", "13.1", "19.1", "22.1"],
    "grras": [str(n) for n in range(1, 16)],
    "stard": _STARD.split(),
}


@pytest.mark.parametrize("name", CHECKLISTS)
def test_items_are_those_published(name: str) -> None:
    """As many items as the published form has, none twice; RECORD, GRRAS and STARD by their very numbers."""
    numbers = [item.item for item in read_items(name)]
    assert len(numbers) == len(set(numbers)) == SIZES[name]
    assert numbers == NUMBERED.get(name, numbers)
    assert all(item.asks and item.topic for item in read_items(name))


@pytest.mark.parametrize("name", CHECKLISTS)
def test_places_exist_in_the_article_or_its_workbook(name: str) -> None:
    """A section is a section of the article, a figure or table one that it includes, a sheet one of the workbook."""
    held = {piece.identifier for piece in PIECES if piece.name in INCLUDED} | SECTIONS
    held |= {f"xlsx-{beside.replace('_', '-')}" for beside in BESIDE}
    assert {label for item in read_items(name) for label in item.where} - held == set()


@pytest.mark.parametrize("name", CHECKLISTS)
@pytest.mark.parametrize("labels", [frozenset(), SECTIONS])
def test_no_item_is_silent(name: str, labels: frozenset[str], bundled: Study) -> None:
    """Each line has a place, an answer or an open box, in a document with all its labels and in one with none."""
    protocol, rows, _ = bundled
    table = render_checklist(name, Answers(protocol, rows, {"commit": "abc"}), labels)
    for line, item in zip(table.rows, read_items(name), strict=True):
        where, answer = line[3], line[4]
        assert where != EMPTY or (answer and answer != "Reported.")
        assert (OPEN in answer) >= bool(item.authors)
        assert set(re.findall(r"@([\w-]+)", where)) <= labels


def test_every_answer_speaks_or_is_silent_in_both_studies(bundled: Study) -> None:
    """No answer fails, none shows a hole, and no key stands without an item."""
    protocol, rows, _ = bundled
    said = {key: say(Answers(protocol, rows, {})) for key, say in VALUES.items()}
    assert not [text for text in said.values() if any(bad in text for bad in ("nan", "None", "<NA>", "{"))]
    used = {item.value for name in CHECKLISTS for item in read_items(name) if item.value}
    assert used == set(VALUES)
    read = 300 if protocol.study == "demo" else 228
    assert said["patients"].startswith(f"{read} patients read")


def test_a_heading_alone_answers_nothing() -> None:
    """Calibration is not reported because its section exists: without rows the item is open, with rows it is not."""
    protocol = read_protocol(ROOT / "protocol" / "demo.yaml")
    gap = build_row("confidence_gap", 0.1, source="ai_a", variable="sex")
    for rows, answered in (({}, False), ({"07_confidence": derive_table([gap])}, True)):
        lines = {line[0]: line for line in render_checklist("template", Answers(protocol, rows), SECTIONS).rows}
        assert (lines["P24"][3] == EMPTY) is not answered
        assert lines["P24"][4].startswith("Stated confidence" if answered else OPEN)
        assert lines["P22"][4].startswith(OPEN)
        assert lines["P14"][4] == "95% intervals."


def test_what_has_not_run_is_not_counted_as_none() -> None:
    """Without the notebook of the cohort there are not `0 values that do not conform`."""
    given = Answers(read_protocol(ROOT / "protocol" / "demo.yaml"), {})
    silent = ("patients", "unlabelled", "not_assessed", "non_conformant", "overlap", "centres", "checks", "readers")
    assert {VALUES[key](given) for key in silent} == {""}


def test_a_manual_reading_that_saw_the_ai_is_not_independent() -> None:
    """Independence is asked of every two sources, not of each with the reference alone."""
    tcga = Answers(read_protocol(ROOT / "protocol" / "tcga.yaml"), {})
    assert VALUES["independence"](tcga) == (
        "Not declared independent of each other: Language model (gpt-oss) and Physician's correction"
    )
    demo = Answers(read_protocol(ROOT / "protocol" / "demo.yaml"), {})
    assert VALUES["independence"](demo) == "All sources declared independent of each other"


@pytest.mark.parametrize(("name", "missing"), [("checklist_stard", "reference"), ("checklist_tripod_llm", "ai")])
def test_a_checklist_without_object_is_left_out(name: str, missing: str) -> None:
    """Two readings have no accuracy, and no model."""
    lung = read_protocol(ROOT / "protocol" / "lung.yaml")
    assert not lung.select_sources(missing)
    piece = next(piece for piece in PIECES if piece.name == name)
    assert piece.make(Sources(lung, {}, {}, "en")) is None


def test_references_stay_references_and_all_else_is_escaped(bundled: Study) -> None:
    """A cell's label becomes a reference; an underscore of a value does not become emphasis."""
    protocol, rows, _ = bundled
    text = render_checklist("grras", Answers(protocol, rows, {}), {"sec-statistics"}).derive_markdown("x", "tbl-x")
    assert "| @sec-statistics |" in text
    assert "\\@" not in text


def test_places_read_as_prose() -> None:
    """References first, then the sheets of the workbook together."""
    assert name_places(["fig-a", "xlsx-two-phase", "xlsx-chance"], "en") == (
        "@fig-a; sheets two_phase and chance of the workbook"
    )
    assert name_places(["sec-abstract", "fig-a"], "en") == "Abstract and @fig-a"
    assert name_places([], "en") == ""
