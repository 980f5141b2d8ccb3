"""An article: one document without chapters, numbered through, its title above the text."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from probatio.compendium.rendering import RenderingError, find_quarto, render_book, render_with_quarto

CONFIGURATION = """project:
  type: default
lang: en
bibliography: references.bib
line-numbers: true
number-sections: true
"""
ARTICLE = """---
title: "Agreement in {{< var n >}} patients"
author:
  - {name: Anne Example, affiliation: University of Test}
  - {name: Ben Sample, affiliation: Hospital of Trial}
  - Cy Third
keywords: [agreement, validation]
abstract: |
  **Background.** We read {{< var n >}} charts.

  **Results.** Good.
---

# Introduction

Text [@dupont2020]. See @fig-a, @tbl-a, @sec-methods, @sec-sub, @eq-a and @fig-two.

# Methods {#sec-methods}

## Detail {#sec-sub}

$$ a = b $$ {#eq-a}

![A figure.](a.svg){#fig-a fig-alt="Box" width=85mm}

::: {#fig-p layout-ncol=2}

![One](a.svg){#fig-one}

![Two](a.svg){#fig-two}

Two sources
:::

## Thanks {.unnumbered}

| A |
|---|
| 1 |

: A table {#tbl-a}

## Last

::: {.landscape}
| A | B |
|---|---|
| 1 | 2 |

: A wide table {#tbl-wide}
:::

# References {.unnumbered}

::: {#refs}
:::
"""
FILES = {
    "_quarto.yml": CONFIGURATION,
    "_variables.yml": 'n: "12"\n',
    "_part.qmd": "# Not a document\n",
    "article.qmd": ARTICLE,
    "a.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="15"><rect width="30" height="15"/></svg>',
    "references.bib": "@article{dupont2020, author={Dupont, Anne}, title={A frame}, journal={Journal}, year={2020}}\n",
}


def make_article(project: Path, **changed: str) -> Path:
    project.mkdir(parents=True)
    for name, text in {**FILES, **{key.replace("__", "."): text for key, text in changed.items()}}.items():
        (project / name).write_text(text, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("article")
    return render_book(make_article(folder / "paper"), folder / "out", formats=["html", "pdf", "docx"])


@pytest.fixture(scope="module")
def page(made: dict[str, Path]) -> BeautifulSoup:
    return BeautifulSoup(made["html"].read_text(encoding="utf-8"), "html.parser")


def read(page: BeautifulSoup, selector: str) -> list[str]:
    return [" ".join(item.get_text().split()) for item in page.select(selector)]


def test_sections_and_figures_count_through_the_document(page):
    """Sections count 1, 1.1; figures, tables and equations 1, 2, ...; a heading without number takes none."""
    assert read(page, "h1, h2") == [
        "1 Introduction", "2 Methods", "2.1 Detail", "Thanks", "2.2 Last", "References",
    ]  # fmt: skip
    assert read(page, "figcaption, .caption") == [
        "Figure 1: A figure.",
        "Figure 2: Two sources",
        "Table 1: A table",
        "Table 2: A wide table",
    ]
    assert read(page, ".equation-number") == ["(1)"]
    assert read(page, "a.cross-reference") == [
        "Figure 1", "Table 1", "Section 2", "Section 2.1", "Equation 1", "Figure 2 (b)",
    ]  # fmt: skip


def test_title_stands_above_the_text_with_the_runs_numbers(page):
    """Authors on one line with the marks of their institutions; title and abstract quote variables; no lists."""
    assert read(page, ".book-title") == ["Agreement in 12 patients"]
    assert read(page, ".author, .institute") == [
        "Anne Example1, Ben Sample2, Cy Third", "1University of Test", "2Hospital of Trial",
    ]  # fmt: skip
    assert read(page, ".abstract") == [
        "Abstract Background. We read 12 charts. Results. Good. Keywords: agreement; validation"
    ]
    assert page.select(".list-of") == []


def test_word_document_has_no_title_page(made):
    """The DOCX has no contents; institutions, abstract and keywords follow the title; lines are numbered."""
    with zipfile.ZipFile(made["docx"]) as word:
        xml = word.read("word/document.xml").decode()
        styles = word.read("word/styles.xml").decode()
    assert "TOC \\" not in xml
    assert "w:lnNumType" in xml
    text = " ".join(re.sub(r"<[^>]+>", "", xml).split())
    assert re.search(r"Anne Example.*University of Test.*Abstract.*We read 12 charts.*Keywords:.*1 Introduction", text)
    assert re.findall(r'w:orient="(\w+)"', xml) == ["landscape"]
    assert len(re.findall("<w:sectPr ", xml)) == 3
    title = re.search(r'w:styleId="Heading1".*?</w:style>', styles, re.DOTALL)
    assert title is not None
    assert "pageBreakBefore" not in title[0]


def test_pdf_is_archivable(made):
    """The PDF says that it is PDF/A-2a and PDF/UA-1; a wide table lies on a page of its own."""
    data = made["pdf"].read_bytes()
    assert b"<pdfuaid:part>1" in data
    assert b"<pdfaid:part>2" in data
    assert b"<xmpTPg:NPages>3<" in data
    assert len(re.findall(rb"/MediaBox\s*\[0 0 841\.8", data)) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"other__qmd": "# Other\n"}, "_quarto.yml:1: project: without chapters there is one document"),
        ({"_quarto__yml": CONFIGURATION + "title: Twice\n"}, "paper/article.qmd:2: title: stands in _quarto.yml too"),
        ({"_quarto__yml": CONFIGURATION + "chapters: [a.qmd]\n"}, "_quarto.yml:7: chapters: unknown key"),
        ({"article__qmd": "---\ntitle: A\nkeywords: a, b\n---\n"}, "article.qmd:3: keywords: expected a list"),
        ({"article__qmd": "# Title\n"}, "title: missing; a document has a title"),
        (
            {"article__qmd": "---\ntitle: A\nabstract: |\n  a\n  {{< var m >}}\n---\n"},
            "article.qmd:5: {{< var m >}}: no",
        ),
        (
            {"article__qmd": "---\ntitle: A\n---\n\n# B {.unnumbered}\n\n## C\n"},
            "article.qmd:7: a numbered heading below one without number",
        ),
        (
            {"_quarto__yml": "project:\n  type: website\n"},
            "_quarto.yml:2: project.type: only books and single documents",
        ),
    ],
)
def test_what_an_article_is_not_is_refused(tmp_path, changed, said):
    """Two documents, a key in two places, a key of books, a missing variable: one sentence with file and line."""
    with pytest.raises(RenderingError) as caught:
        render_book(make_article(tmp_path / "paper", **changed), tmp_path / "out", formats=["html"])
    assert said in str(caught.value)


@pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
def test_quarto_gives_an_article_the_same_numbers(page, tmp_path):
    """The same source under Quarto has the same captions, references, abstract and list of references."""
    made = render_with_quarto(make_article(tmp_path / "paper"), tmp_path / "out", ["html"])["html"]
    theirs = BeautifulSoup(made.read_text(encoding="utf-8"), "html.parser")
    ours = "figcaption, .caption, .subcaption"
    assert sorted(read(theirs, "main figcaption")) == sorted(read(page, ours))
    assert read(theirs, "main a.quarto-xref") == read(page, "a.cross-reference")
    assert read(theirs, ".csl-entry") == read(page, ".csl-entry")
    assert read(theirs, "main h1")[0] == "Agreement in 12 patients"
    assert read(theirs, "main :is(h1, h2):not(.title)") == read(page, "h1, h2")
