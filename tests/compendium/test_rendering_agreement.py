"""Both renderers, one source: every document under `reports/` says the same under Quarto and embedded.

The documents are made from the newest run below `runs/` that fits the protocol of today; without one from a run of one
row, in which most pieces say that they have nothing to show. Quarto must be on the PATH.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from test_in_clone import make_run

from probatio.compendium.rendering import find_quarto, render_book, render_with_quarto
from probatio.compendium.rendering.reading.project import read_book
from probatio.compendium.rendering.reading.source import derive_filled, read_variables
from probatio.compendium.report import list_documents, stage_report
from probatio.protocol import compute_protocol_digest, read_protocol
from probatio.provenance import read_manifest

PROJECT = Path(__file__).parents[2]
DOCUMENTS = [name for name in list_documents(PROJECT) if name != "dashboard"]
pytestmark = pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
_FURNITURE = (
    "nav, script, style, .quarto-title-meta, .quarto-title-meta-author, .quarto-appendix-heading, .subtitle, "
    ".abstract, .abstract-title, .keywords, "
    "#quarto-margin-sidebar, .screen-reader-only, .title-page, .opening, #title-slide"
)


@dataclass(frozen=True)
class Pages:
    """What one renderer made of a document, without what stands around the text."""

    found: list[BeautifulSoup]
    title: str

    def read(self, selector: str, *, references: bool = True) -> list[str]:
        """Return the texts of all elements that the selector finds, in order, or what is left without references."""
        items = [item for page in self.found for item in page.select(selector)]
        texts = [plain(item.get_text() if references else read_without(item)) for item in items]
        return [text for text in texts if text]


def read_without(item: Tag) -> str:
    return "".join(part for part in item.strings if not part.find_parent(class_=["quarto-xref", "cross-reference"]))


def plain(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


def read_pages(paths: list[Path], title: str) -> Pages:
    pages = [BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths]
    for page in pages:
        for item in [*page.select(_FURNITURE), *page.select("math")]:
            item.decompose()
        for item in page.select("p, li"):  # a number beside a formula, which one renderer writes into its paragraph
            if isinstance(item, Tag) and re.fullmatch(r"(\\qquad)?\s*\([\w.]+\)", plain(item.get_text())):
                item.decompose()
    return Pages(pages, plain(title))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    paths = sorted((PROJECT / "runs").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in paths:
        manifest = read_manifest(path.parent)
        if compute_protocol_digest(read_protocol(PROJECT / manifest.protocol.path)) == manifest.protocol.digest:
            ignored = shutil.ignore_patterns("report", "release", "confidential")
            return Path(shutil.copytree(path.parent, folder / path.parent.name, ignore=ignored))
    return make_run(folder / "lung")


@pytest.fixture(scope="module", params=DOCUMENTS)
def made(request: pytest.FixtureRequest, run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pages, Pages]:
    """The HTML of a document by Quarto and by the embedded renderer, from one staged source."""
    out = tmp_path_factory.mktemp(request.param)
    stage = stage_report(run, project=PROJECT, document=request.param, renderer="Probatio", pictures=False)
    ours = render_book(stage, out / "ours", formats=["html"])["html"]
    theirs = render_with_quarto(stage, out / "theirs", ["html"])["html"]
    book = read_book(stage)
    title = derive_filled(book, read_variables(book)).title.replace("'", "’")
    names = [name.replace(".qmd", ".html") for name in (*book.chapters, *book.appendices)]
    pages = [theirs.parent / name for name in names] if book.kind == "book" else [theirs]
    return read_pages(pages, title), read_pages([ours], title)


def test_captions_are_equal(made: tuple[Pages, Pages]) -> None:
    """Figures, tables and parts of panels have the same number and words in both."""
    theirs, ours = made
    assert sorted(theirs.read("main figcaption, main caption, .slides figcaption, .slides p.caption")) == sorted(
        ours.read("main figcaption, main .caption, main .subcaption")
    )


def test_headings_are_equal(made: tuple[Pages, Pages]) -> None:
    """Chapters and sections have the same number and words; a list of references may be headed by one renderer."""
    theirs, ours = (Counter(pages.read(":is(main, .slides) :is(h1, h2, h3, h4)")) for pages in made)
    assert set((theirs - ours).elements()) <= {made[0].title}
    assert set((ours - theirs).elements()) <= {"Références", "References"}


def test_references_are_equal(made: tuple[Pages, Pages]) -> None:
    """A reference to a figure, table, section or formula reads the same, and lists of references hold the same works.

    In a chapter without number Quarto's HTML names a chapter by its number and title.
    """
    theirs, ours = made
    chapters = {text: text.partition(" ")[0] for text in ours.read("main h1")}
    shown = [chapters.get(text, text) for text in theirs.read("a.quarto-xref")]
    bare = [re.sub(r"^(?:Chapitre|Chapter|Annexe|Appendix) ", "", text) for text in ours.read("a.cross-reference")]
    named = [re.sub(r"^(?:Chapitre|Chapter|Annexe|Appendix) ", "", text) for text in shown]
    assert Counter(named) == Counter(bare)
    assert set(theirs.read(".csl-entry")) == set(ours.read(".csl-entry"))


def test_texts_are_equal(made: tuple[Pages, Pages]) -> None:
    """Paragraphs, list items, definitions and cells of tables hold the same words; formulas and references aside."""
    for selector in (
        ":is(main, .slides) :is(td, th)",
        ":is(main, .slides) :is(p:not(.caption, dd p, td p), li)",
        "main dd",
    ):
        theirs, ours = (Counter(pages.read(selector, references=False)) for pages in made)
        assert theirs == ours
