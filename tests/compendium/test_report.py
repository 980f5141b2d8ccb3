"""The report reads the run: no typed number, no stale table, every piece in its place."""

from __future__ import annotations

import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import yaml

from probatio.compendium.beside import open_other
from probatio.compendium.faults import TaskError
from probatio.compendium.making import ABBREVIATED, write_pieces
from probatio.compendium.pieces import PIECES, Piece, Sources
from probatio.compendium.report import derive_variables, render_report, stage_report
from probatio.display.style import create_notice
from probatio.display.table import Table
from probatio.protocol import UserError, compute_protocol_digest, read_protocol
from probatio.provenance import Manifest, ProtocolRecord, RunFolder, TaskRecord, derive_output_digests, write_manifest
from probatio.results import build_row, derive_csv, derive_table, write_bytes

PROJECT = Path(__file__).parents[2]
THESIS = PROJECT / "reports" / "thesis"
RESULTS = ["05-cohorte", "06-qualite", "07-concordance", "08-replication", "09-correction", "10-tolerance",
           "11-confiance", "12-relecture", "13-acceptation", "14-discussion", "15-conclusion"]  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_no_digit_is_typed_in_a_results_chapter(name: str) -> None:
    """Numbers come from rows: outside identifiers, includes and variables, a results chapter has no digit."""
    text = (THESIS / f"{name}.qmd").read_text(encoding="utf-8")
    prose = re.sub(r"\{\{<.*?>\}\}|\{#[^}]*\}|@[\w-]+|AC1", "", text)
    assert re.findall(r"\d+", prose) == []


def list_included(document: Path) -> list[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(document.glob("*.qmd")))
    return re.findall(r"\{\{< include _run/(\w+)\.qmd >\}\}", text)


def test_every_piece_stands_in_a_document() -> None:
    """Each figure, table and paragraph of the catalogue is included by a document, at most once by each."""
    included = {path.parent.name: list_included(path.parent) for path in THESIS.parent.glob("*/_quarto.yml")}
    for name, pieces in included.items():
        assert len(set(pieces)) == len(pieces), name
    assert set().union(*included.values()) >= {piece.name for piece in PIECES}


def test_the_volume_of_tables_repeats_nothing_of_the_thesis() -> None:
    """What the thesis shows is not shown again: a table stands in one of the two."""
    assert not set(list_included(THESIS)) & set(list_included(THESIS.parent / "supplement"))


_CONSTANT = {
    "tbl-sources",
    "tbl-variables",
    "tbl-overlap",
    "fig-flow",
    "fig-profile",
}


def test_prose_refers_only_to_pieces_that_every_study_has() -> None:
    """A piece without content has no label: a study without acceptance matrix or attributes still renders."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(THESIS.glob("*.qmd")))
    assert set(re.findall(r"@((?:tbl|fig)-[\w-]+)", text)) <= _CONSTANT


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of the lung study with one task of one row, as the pipeline would leave it."""
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml")
    folder = RunFolder(tmp_path / "lung")
    task = folder.get_task("00_protocol")
    digest = compute_protocol_digest(protocol)
    rows = [build_row("setting", 0.05, term="level"), build_row("setting", 2000, term="replicates"),
            build_row("setting", 1994, term="seed")]  # fmt: skip
    write_bytes(task.rows, derive_csv(derive_table(rows, study="lung", section="00_protocol", protocol_digest=digest)))
    record = TaskRecord(notebook="x", needs=[], outputs=derive_output_digests(task), confidential={})
    manifest = Manifest(
        study="lung", protocol=ProtocolRecord(path="protocol/lung.yaml", digest=digest), data={}, parameters={},
        tasks={"00_protocol": record}, recorded={},
        environment={"probatio": "0.1.0", "python": "3.11.7", "commit": "0123456789abcdef", "dirty": True},
    )  # fmt: skip
    write_manifest(folder.path, manifest)
    return folder.path


def test_the_colophon_says_renderer_commit_and_digest(run: Path) -> None:
    """Who rendered, from which commit (changed or not) and under which protocol."""
    stage = stage_report(run, project=PROJECT, document="thesis", renderer="Probatio")
    colophon = yaml.safe_load((stage / "_variables.yml").read_text("utf-8"))["colophon"]
    digest = compute_protocol_digest(read_protocol(PROJECT / "protocol" / "lung.yaml"))
    assert (colophon["renderer"], colophon["commit"], colophon["protocol"]) == ("Probatio", "0123456789ab +", digest)
    assert colophon["proof"].startswith("Aucune preuve extérieure ne montre depuis quand ce protocole existe")


def test_a_section_that_did_not_run_says_so(run: Path) -> None:
    """A table without rows is one sentence, never an empty or older table."""
    stage = stage_report(run, project=PROJECT, document="thesis", renderer="Probatio")
    text = (stage / "_run" / "events.qmd").read_text("utf-8")
    assert text.startswith("*Sans objet dans cette étude")


def test_the_protocol_can_be_reported_from_a_run(run: Path) -> None:
    """A run's protocol is the same document as before the data, in the language of its folder."""
    for document, word in (("protocol", "Empreinte signée"), ("protocol_en", "Digest signed")):
        stage = stage_report(run, project=PROJECT, document=document, renderer="Probatio", pictures=False)
        assert word in (stage / "_run" / "signatures.qmd").read_text("utf-8")
        assert (stage / "_run" / "amended_text.qmd").read_text("utf-8") == ""  # the run's rows do not tell


def test_rows_changed_by_hand_are_refused(run: Path) -> None:
    """A table that is not the run's own never reaches the report."""
    path = RunFolder(run).get_task("00_protocol").rows
    path.write_text(path.read_text("utf-8").replace("0.05", "0.04"), encoding="utf-8", newline="")
    with pytest.raises(UserError, match=r"00_protocol/rows\.csv changed after the run"):
        stage_report(run, project=PROJECT, document="thesis", renderer="Probatio")


def test_a_protocol_changed_after_the_run_is_refused(run: Path, tmp_path: Path) -> None:
    """A report never shows old rows under a new protocol."""
    project = tmp_path / "project"
    for name in ("protocol", "reports"):
        shutil.copytree(PROJECT / name, project / name)
    path = project / "protocol" / "lung.yaml"
    path.write_text(path.read_text("utf-8").replace("seed: 1994", "seed: 1995"), encoding="utf-8")
    with pytest.raises(UserError, match="changed since this run"):
        stage_report(run, project=project, document="thesis", renderer="Probatio")


def test_data_changed_after_the_run_are_refused(run: Path) -> None:
    """A report never shows rows older than their data."""
    manifest = Manifest.model_validate_json((run / "manifest.json").read_text("utf-8"))
    write_manifest(run, manifest.model_copy(update={"data": {"package:lifelines/datasets/lung.csv": "0" * 64}}))
    with pytest.raises(UserError, match=r"lung\.csv changed since this run"):
        stage_report(run, project=PROJECT, document="thesis", renderer="Probatio")


@pytest.mark.parametrize(("formats", "document", "renderer", "said"), [
    (["odt"], "thesis", "embedded", "unknown format"),
    (["html"], "novel", "embedded", "no such document"),
    *[(["html"], path, "embedded", "no such document") for path in ("", ".", "..", "../reports/thesis", "_shared")],
])  # fmt: skip
def test_a_wrong_word_is_one_sentence(run: Path, formats: list[str], document: str, renderer: str, said: str) -> None:
    """An unknown format or document is a user's mistake; nothing is written, and nothing of the run is removed."""
    before = sorted(run.rglob("*"))
    with pytest.raises(UserError, match=said):
        render_report(run, formats, project=PROJECT, document=document, renderer=renderer)
    assert sorted(run.rglob("*")) == before


def test_captions_and_rule_say_the_level_of_the_protocol(run: Path, tmp_path: Path) -> None:
    """A protocol at 99 % is not captioned 95 %, nor its verdicts said to be judged at 2.5 %."""
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml").model_copy(update={"level": 0.99})
    given = Sources(protocol, {}, {}, "fr")
    manifest = Manifest.model_validate_json((run / "manifest.json").read_text("utf-8"))
    assert derive_variables(given, manifest, "Probatio")["level"] == {
        "interval": "99 %", "side": "0,5 %", "test": "98 %",
    }  # fmt: skip
    table = Table(["a"], [["b"]], "l")
    write_pieces(given, tmp_path / "pieces", pieces=[Piece("hazard_table", "tbl", "04_replication", lambda _: table)])
    assert "intervalles à 99 %" in (tmp_path / "pieces" / "hazard_table.qmd").read_text("utf-8")


def test_what_a_protocol_says_is_text_not_markup(run: Path, tmp_path: Path) -> None:
    """A title with signs of HTML and Markdown is quoted as it stands."""
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml")
    title = protocol.title.model_copy(update={"fr": "Étude *A* <b>_x_</b> d'Ét\u00e9"})
    given = Sources(protocol.model_copy(update={"title": title}), {}, {}, "fr")
    manifest = Manifest.model_validate_json((run / "manifest.json").read_text("utf-8"))
    values = derive_variables(given, manifest, "Probatio")
    assert values["study"]["title"] == r"Étude \*A\* \<b\>\_x\_\</b\> d'Été"
    piece = Piece("verdict_text", "txt", "09_acceptance", lambda _: ["IA [A] <C0>"])
    write_pieces(given, tmp_path / "pieces", pieces=[piece])
    assert (tmp_path / "pieces" / "verdict_text.qmd").read_text("utf-8") == "IA \\[A\\] \\<C0\\>\n"


def test_variables_are_texts(run: Path, tmp_path: Path) -> None:
    """Prose gets words and French numbers, not floats."""
    rows = {"00_protocol": derive_table([build_row("setting", 0.1, term="missing_limit")])}
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml")
    given = Sources(protocol, rows, {"00_protocol": pd.DataFrame()}, "fr")
    manifest = Manifest.model_validate_json((run / "manifest.json").read_text("utf-8"))
    values = derive_variables(given, manifest, "Probatio")
    assert values["design"] == {"missing_limit": "0,1"}
    write_pieces(given, tmp_path / "pieces", pieces=PIECES[:2])
    assert "tbl-sources" in (tmp_path / "pieces" / "sources.qmd").read_text("utf-8")


@pytest.mark.parametrize(("formats", "suffixes"), [(["html", "pdf"], {".svg"}), (["html", "docx"], {".svg", ".png"})])
def test_figures_are_drawn_as_pictures_for_word_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch, formats: list[str], suffixes: set[str]
) -> None:
    """HTML and PDF take the drawing; only a Word file needs a PNG, and drawing each takes as long again."""
    piece = Piece("profile", "fig", "00_protocol", lambda _: create_notice("profile", "fr"))
    for module in ("report", "making"):
        monkeypatch.setattr(f"probatio.compendium.{module}.PIECES", [piece])
    monkeypatch.setattr("probatio.compendium.rendering.render_book", lambda *_, **__: {})
    render_report(run, formats, project=PROJECT, renderer="embedded")
    drawn = (run / "report" / "source" / "thesis" / "_run").glob("profile.*")
    assert {path.suffix for path in drawn} == suffixes | {".qmd"}


def test_a_caption_never_ends_in_an_abbreviation() -> None:
    """Pandoc joins `p.` to the label that follows, and Quarto then knows no such table: the full stop is escaped."""
    assert ABBREVIATED.sub(r"\\.", "rows hazards\\_p.") == "rows hazards\\_p\\."
    assert ABBREVIATED.sub(r"\\.", "rows error\\_rate.") == "rows error\\_rate."


def fail(_: Sources) -> list[str]:
    raise KeyError("patient 17")


@pytest.mark.parametrize("beside_this_one", [False, True])
def test_a_piece_that_fails_is_named_and_stops_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, beside_this_one: bool
) -> None:
    """Here or in the other process: name, notebook and kind of fault are said, no value; no piece follows."""
    given = Sources(read_protocol(PROJECT / "protocol" / "lung.yaml"), {}, {}, "fr")
    turn = threading.Event()
    pieces = [Piece("here", "txt", "", lambda _: [str(turn.wait(9))]), Piece("errors", "txt", "03_agreement", fail)]
    later = [Piece(f"later_{n}", "txt", "", lambda _: ["said"]) for n in range(3)]
    ordered = [*pieces, *later] if beside_this_one else [*pieces[1:], *later]
    monkeypatch.setattr("probatio.compendium.pieces.PIECES", ordered)
    threading.Timer(0.2, turn.set).start()
    with ThreadPoolExecutor(1) as other, pytest.raises(TaskError) as told:
        write_pieces(given, tmp_path / "pieces", ordered, other=other if beside_this_one else None)  # type: ignore[arg-type]
    assert str(told.value) == "txt-errors, made from 03_agreement, failed: KeyError."
    assert "patient 17" in told.value.details
    assert not list((tmp_path / "pieces").glob("later_*"))


def test_the_process_that_draws_is_started_for_documents_of_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of few pieces, or one that does not exist, starts none; within another call it is the same one."""
    monkeypatch.setattr("probatio.compendium.beside.ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    for name in ("slides", "none"):
        with open_other(THESIS.parent / name) as other:
            assert other is None
    with open_other(THESIS) as other, open_other(THESIS) as same:
        assert other is not None
        assert same is other
