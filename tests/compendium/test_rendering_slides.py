"""Slides: one HTML file turned by the keyboard, and a PDF of one 16:9 page each."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from probatio.compendium.rendering import RenderingError, find_quarto, render_book, render_with_quarto

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CONFIGURATION = """project:
  type: default
lang: fr
title: "Peut-on s'y fier ?"
author: {name: Anne Exemple, affiliation: Université d'essai}
format:
  revealjs:
    html-math-method: mathml
"""
SLIDES = """## Avant {#sec-avant}

Un point ; voir @fig-a et @tbl-a.

::: {.notes}
À dire seulement.
:::

# Résultats

## Deux colonnes {#colonnes}

:::: {.columns}

::: {.column width="40%"}
### Texte
À gauche $a = b$.
:::

::: {.column width="60%"}
![Une figure](a.svg){#fig-a fig-alt="Boîte"}
:::

::::

## Une table

| A | B |
|---|---|
| x | 1 |

: Une table {#tbl-a}

[Retour](#colonnes)
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="15"><rect width="30" height="15"/></svg>'


def make_slides(project: Path, text: str = SLIDES) -> Path:
    project.mkdir(parents=True)
    for name, written in (("_quarto.yml", CONFIGURATION), ("slides.qmd", text), ("a.svg", SVG)):
        (project / name).write_text(written, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("slides")
    return render_book(make_slides(folder / "slides"), folder / "out", formats=["html", "pdf"])


@pytest.fixture(scope="module")
def deck(made: dict[str, Path]) -> BeautifulSoup:
    return BeautifulSoup(made["html"].read_text(encoding="utf-8"), "html.parser")


def read(page: BeautifulSoup, selector: str) -> list[str]:
    return [" ".join(item.get_text().split()) for item in page.select(selector)]


def test_every_slide_is_a_page_with_its_number(deck):
    """A title makes a slide, a part's title one of its own; slides are numbered, headings are not."""
    assert read(deck, ".page > :is(h1, h2)") == [
        "Peut-on s’y fier ?", "Avant", "Résultats", "Deux colonnes", "Une table",
    ]  # fmt: skip
    assert [page.get("data-number") for page in deck.select(".page")] == [None, "2 / 5", "3 / 5", "4 / 5", "5 / 5"]
    assert read(deck, "a.cross-reference") == ["Figure 1", "Tableau 1"]
    assert read(deck, "figcaption, .caption") == ["Figure 1 : Une figure", "Tableau 1 : Une table"]
    assert {link["href"].lstrip("#") for link in deck.select("a")} <= {tag["id"] for tag in deck.select("[id]")}


def test_deck_is_one_file_that_asks_for_nothing(made, deck):
    """Style, script and pictures are inside; speaker notes stand in the file, beside what is shown."""
    assert not [tag for tag in deck.select("[src]") if not tag["src"].startswith("data:")]
    assert "http" not in made["html"].read_text(encoding="utf-8").replace("http://www.w3.org/1998/Math/MathML", "")
    assert read(deck, "#sec-avant .notes") == ["À dire seulement."]
    assert deck.select_one(".columns")["style"] == "grid-template-columns: 40fr 60fr"


def test_pdf_has_one_page_a_slide_without_notes(made):
    """The PDF is 16:9, archivable, one page a slide, and holds no note."""
    data = made["pdf"].read_bytes()
    assert b"<xmpTPg:NPages>5<" in data
    assert b"<pdfuaid:part>1<" in data
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    text = subprocess.run(["pdftotext", str(made["pdf"]), "-"], capture_output=True, check=True).stdout.decode()
    assert "Un point" in text
    assert "seulement" not in text
    size = subprocess.run(["pdfinfo", str(made["pdf"])], capture_output=True, check=True).stdout.decode()
    assert "960.009 x 540 pts" in size or "960 x 540 pts" in size


def test_long_slides_are_set_smaller_then_refused(tmp_path):
    """Twenty points still fit on their page, forty do not, and the slide is named."""
    points = "## Trop\n\n" + "".join(f"- point {number}\n" for number in range(40))
    shorter = "## Trop\n\n" + "".join(f"- point {number}\n" for number in range(20))
    made = render_book(make_slides(tmp_path / "a", shorter), tmp_path / "out", formats=["pdf"])
    assert b"<xmpTPg:NPages>2<" in made["pdf"].read_bytes()
    with pytest.raises(RenderingError, match="the slide « Trop » holds more than one page; make two of it"):
        render_book(make_slides(tmp_path / "b", points), tmp_path / "out", formats=["pdf"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Texte.\n\n## A\n", "slides.qmd:1: text before the first slide"),
        ("# Partie\n\nTexte seul.\n\n## A\n", "slides.qmd:3: text between # and ##"),
        ("## A\n\n#### B\n", "slides.qmd:3: slides have headings"),
        ("## A\n\n### B\n\n#### C\n", "slides.qmd:5: slides have headings #, ## and ###"),
        ("## A\n\nmot[^1]\n\n[^1]: note\n", "slides have no footnotes"),
        ("## A\n\nun\n\n. . .\n\ndeux\n", "slides.qmd:5: a pause is not in the subset"),
        ("## A\n\n---\n\ndeux\n", "slides.qmd:3: a rule"),
        ("## A\n\n::: {.landscape}\nmot\n:::\n", "slides.qmd:3: a slide is wide already"),
        ("## A\n\n::: {.columns}\nmot\n:::\n", "slides.qmd:3: columns hold columns"),
        ('## A\n\n:::: {.columns}\n::: {.column width="4cm"}\nmot\n:::\n::::\n', "slides.qmd:3: the width of a column"),
        ("## A\n\n::: {.incremental}\n- a\n:::\n", "slides.qmd:3: unknown block .incremental"),
        ("## A {.center}\n", "slides.qmd:1: unknown attribute .center"),
        ("## A\n\n:::: {.columns}\n::: {.column}\n## B\n:::\n::::\n", "a heading in a column is ###"),
        ("## A {#sec-a}\n\n@sec-a\n", "slides.qmd:3: @sec-a points to no numbered section"),
    ],
)
def test_what_a_slide_is_not_is_refused(tmp_path, text, said):
    """Text without a slide, pauses, footnotes, other layouts: one sentence with file and line."""
    with pytest.raises(RenderingError) as caught:
        render_book(make_slides(tmp_path / "slides", text), tmp_path / "out", formats=["html"])
    assert said in str(caught.value)


def test_slides_are_no_document_for_word(tmp_path):
    """A DOCX of slides is refused before anything is written."""
    with pytest.raises(RenderingError, match="slides are made as html and pdf"):
        render_book(make_slides(tmp_path / "slides"), tmp_path / "out", formats=["docx"])


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_keys_turn_the_slides(made, tmp_path):
    """A link's hash opens its slide; right, right (there is one more) and left come back to it."""
    keys = "".join(f"dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}'}}));" for key in
                   ("ArrowRight", "ArrowRight", "ArrowLeft"))  # fmt: skip
    page = tmp_path / "deck.html"
    script = f"<script>{keys}document.title = document.querySelector('.place').textContent;</script></body>"
    page.write_text(made["html"].read_text(encoding="utf-8").replace("</body>", script), encoding="utf-8")
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"{page.as_uri()}#colonnes"]
    shown = subprocess.run([CHROMIUM, *arguments], capture_output=True, check=True, timeout=60).stdout.decode()
    found = BeautifulSoup(shown, "html.parser")
    assert found.title.text == "Diapositive 4 / 5"
    assert read(found, ".page.now h2") == ["Deux colonnes"]


@pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
def test_quarto_shows_the_same_slides(deck, tmp_path):
    """The same source under Quarto's revealjs has the same titles, captions, references and notes."""
    made = render_with_quarto(make_slides(tmp_path / "slides"), tmp_path / "out", ["html"])["html"]
    theirs = BeautifulSoup(made.read_text(encoding="utf-8"), "html.parser")
    assert read(theirs, ".slides :is(h1, h2)") == read(deck, ".page > :is(h1, h2)")
    assert sorted(read(theirs, "figcaption")) == ["Figure 1: Une figure", "Table 1: Une table"]
    assert read(theirs, "a.quarto-xref") == ["Figure 1", "Table 1"]
    assert read(theirs, "aside.notes") == read(deck, ".notes")
