"""A small thesis with every construct of the subset, in the three formats."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bs4 import BeautifulSoup

from probatio.compendium.rendering import RenderingError, find_quarto, render_book, render_with_quarto
from probatio.compendium.rendering.numbering.typography import NARROW, derive_typeset
from probatio.compendium.rendering.pandoc import read_citation_keys
from probatio.compendium.rendering.reading.project import read_book
from probatio.compendium.rendering.tree import NO_BREAK, build_str, read_text
from probatio.compendium.rendering.writing.tables import derive_sized

CONFIGURATION = """project:
  type: book
lang: fr
book:
  title: "Peut-on se fier aux données extraites par IA ?"
  subtitle: "Preuve et *reprise humaine*"
  author:
    - name: Camille Exemple
      affiliation: Université d'essai
  date: 2026-05-01
  abstract: "Un résumé court."
  chapters:
    - index.qmd
    - methodes.qmd
    - parties/resultats.qmd
    - references.qmd
  appendices:
    - annexe.qmd
    - codes.qmd
bibliography: references.bib
crossref:
  tbl-title: Tableau
  tbl-prefix: Tableau
  title-delim: "\u00a0:"
number-depth: 3
format:
  html:
    theme: cosmo
"""
INDEX = """# Avant-propos {.unnumbered}

Ce texte renvoie au @sec-methodes et à la @fig-survie ; il est court.

## À qui s'adresse ce document

Aux cliniciens.
"""
METHODS = """# Méthodes {#sec-methodes}

La comparaison porte sur {{< var etude.patients >}} patients : {{< var etude.centres >}} centres. Un cadre existe
[@dupont2020, p. 3; @martin2021]. Selon @martin2021, "le texte compte" ; voir @fig-survie, [@fig-panneau; @tbl-large],
@eq-kappa, [-@sec-critere], [la courbe @fig-ia] et @sec-dictionnaire.^[Une note avec @tbl-simple.]

## Critère de jugement {#sec-critere}

Le $\\kappa$ de Cohen :

$$
\\kappa = \\frac{p_o - p_e}{1 - p_e}
$$ {#eq-kappa}

Voir aussi @eq-deux, le [chapitre](parties/resultats.qmd) et [la section](parties/resultats.qmd#sec-survie).

$$ a = b $$ {#eq-deux}

### Détails

1. Premier
2. Deuxième
   - dedans

Terme
: Sa définition.

> Une citation en bloc.

::: {.callout-note}
## À *retenir*
Une valeur omise n'est pas juste.
:::

::: {.callout-warning title="Attention au biais"}
- un
- deux
:::

::: {.callout-important}
Sans titre.
:::

::: {.callout-tip}
Sans titre non plus.
:::

::: {.content-visible when-format="html"}
SeulementEnHtml
:::

::: {.content-hidden when-format="html"}
PartoutSaufHtml
:::

Aussi [EnWordSeulement]{.content-visible when-format="docx"}.

```bash
probatio verify runs/lung
```
"""
RESULTS = """---
title: "Résultats : la survie"
---

## Survie {#sec-survie}

![Survie globale selon la source. La bande est l'intervalle à 95 %.](/figures/a.svg){#fig-survie width=80% fig-alt="Courbe en escalier"}

::: {#fig-panneau layout-ncol=2}

![Référence](/figures/a.svg){#fig-ref}

![IA](/figures/b.svg){#fig-ia}

Deux sources côte à côte
:::

{{< include /_tableaux/large.md >}}

| A | B |
|:--|--:|
| x | 1 |

: Un tableau **simple** {#tbl-simple tbl-colwidths="[60,40]"}

{{< pagebreak >}}

Après la @fig-ref.

<!-- un commentaire, que personne ne voit -->

## Détails

Fin.
"""  # noqa: E501 - a figure is one line
WIDE = """| Variable | Exactitude | Omissions | Valeurs non documentées | Intervalle de confiance | Hétérogénéité inter-centres | Concordance | Non-infériorité | Décision |
|:--|--:|--:|--:|:--|:--|--:|:--|:--|
| Anticorps anti-PD-1 : ligne thérapeutique | 97,3 % | 1,2 % | 0,5 % | 95,1–98,6 % | Négligeable | 0,93 | Démontrée | Acceptée avec revue humaine systématique |
| Immunohistochimie programmée | 88,0 % | 7,4 % | 2,1 % | 84,2–91,1 % | Substantielle | 0,71 | Non démontrée | Insuffisamment documentée |
| adverse_events.grade_toxicite_maximale | 71,5 % | 21,4 % | 9,1 % | 65,2–77,1 % | Considérable | 0,52 | Non applicable | Anticonstitutionnellement indéterminée |

: Performance des sources par variable. Carnet `03_agreement`. {#tbl-large}
"""  # noqa: E501 - a table's row is one line
APPENDIX = """# Dictionnaire {#sec-dictionnaire}

## Codes {#sec-codes}

| Variable | Type |
|:---------|:-----|
| `pt`     | ordinale |

: Les variables {#tbl-dictionnaire}

Voir @tbl-dictionnaire et @sec-codes.
"""
REFERENCES = "# Références {.unnumbered}\n\n::: {#refs}\n:::\n"
BIB = """@article{dupont2020, author={Dupont, Anne}, title={Un cadre}, journal={Revue}, year={2020}}
@article{martin2021, author={Martin, Léa and Petit, Jean}, title={Le texte}, journal={Revue}, year={2021}}
"""
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="150" viewBox="0 0 300 150">'
    '<rect width="300" height="150" fill="{}"/></svg>'
)
FILES = {
    "_quarto.yml": CONFIGURATION,
    "_variables.yml": 'etude:\n  patients: "574"\n  centres: 15\n',
    "index.qmd": INDEX,
    "methodes.qmd": METHODS,
    "parties/resultats.qmd": RESULTS,
    "references.qmd": REFERENCES,
    "annexe.qmd": APPENDIX,
    "codes.qmd": "# Codes suivants\n\nTexte.\n",
    "references.bib": BIB,
    "_tableaux/large.md": WIDE,
    "figures/a.svg": SVG.format("#335577"),
    "figures/b.svg": SVG.format("#aa3333"),
}


def make_book(project: Path) -> Path:
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("book")
    return render_book(make_book(folder / "these"), folder / "out", formats=["html", "pdf", "docx"])


@pytest.fixture(scope="module")
def page(made: dict[str, Path]) -> BeautifulSoup:
    return BeautifulSoup(made["html"].read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def pdf_text(made: dict[str, Path]) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(["pdftotext", "-layout", str(made["pdf"]), "-"], capture_output=True, check=True)
    return plain(done.stdout.decode())


@pytest.fixture(scope="module")
def word(made: dict[str, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(made["docx"].read_bytes()))


def plain(text: str) -> str:
    """Return the text with every kind of space as one space."""
    return " ".join(text.replace(NO_BREAK, " ").replace(NARROW, " ").split())


def read_word_text(word: zipfile.ZipFile) -> str:
    root = ET.fromstring(word.read("word/document.xml"))
    return plain("".join(node.text or "" for node in root.iter() if node.tag.endswith("}t")))


def test_files_are_named_after_the_project(made):
    """Each format is written to the output folder under the project's name."""
    assert {form: path.name for form, path in made.items()} == {
        "html": "these.html",
        "pdf": "these.pdf",
        "docx": "these.docx",
    }
    assert sorted(path.name for path in made["html"].parent.iterdir()) == ["these.docx", "these.html", "these.pdf"]


def test_chapters_are_numbered_as_in_quartos_books(page):
    """Numbered chapters count from 1, unnumbered ones have no number, appendices have letters."""
    assert [plain(title.get_text()) for title in page.find_all("h1")] == [
        "Avant-propos",
        "1 Méthodes",
        "2 Résultats : la survie",
        "Références",
        "Annexe A — Dictionnaire",
        "Annexe B — Codes suivants",
    ]


def test_sections_carry_their_chapters_number(page):
    """Sections are numbered below their chapter; those of an unnumbered chapter are not."""
    assert [plain(title.get_text()) for title in page.find_all(["h2", "h3"])] == [
        "À qui s’adresse ce document",
        "1.1 Critère de jugement",
        "1.1.1 Détails",
        "2.1 Survie",
        "2.2 Détails",
        "A.1 Codes",
    ]


def test_number_depth_hides_deeper_numbers(tmp_path):
    """A heading deeper than `number-depth` shows no number."""
    project = make_book(tmp_path / "these")
    (project / "_quarto.yml").write_text(CONFIGURATION.replace("number-depth: 3", "number-depth: 2"), encoding="utf-8")
    text = render_book(project, tmp_path, formats=["html"])["html"].read_text(encoding="utf-8")
    assert plain(BeautifulSoup(text, "html.parser").find("h3").get_text()) == "Détails"


def test_captions_are_numbered_per_chapter(page):
    """Figures and tables carry the chapter's number and count anew in each chapter; panels have letters."""
    captions = [plain(item.get_text()) for item in page.select("figcaption, .table-frame > .caption, .subcaption")]
    assert captions == [
        "Figure 2.1 : Survie globale selon la source. La bande est l’intervalle à 95 %.",
        "(a) Référence",
        "(b) IA",
        "Figure 2.2 : Deux sources côte à côte",
        "Tableau 2.1 : Performance des sources par variable. Carnet 03_agreement.",
        "Tableau 2.2 : Un tableau simple",
        "Tableau A.1 : Les variables",
    ]
    assert [item.get_text() for item in page.select(".equation-number")] == ["(1.1)", "(1.2)"]


def test_references_say_the_number_and_lead_to_their_target(page):
    """Every cross-reference has Quarto's words and its link ends at the element with that label."""
    links = page.select("a.cross-reference")
    assert [(plain(link.get_text()), link["href"]) for link in links] == [
        ("Chapitre 1", "#sec-methodes"),
        ("Figure 2.1", "#fig-survie"),
        ("Figure 2.1", "#fig-survie"),
        ("Figure 2.2", "#fig-panneau"),
        ("Tableau 2.1", "#tbl-large"),
        ("Équation 1.1", "#eq-kappa"),
        ("1.1", "#sec-critere"),
        ("la courbe 2.2 (b)", "#fig-ia"),
        ("Annexe A", "#sec-dictionnaire"),
        ("Équation 1.2", "#eq-deux"),
        ("Tableau 2.2", "#tbl-simple"),
        ("Figure 2.2 (a)", "#fig-ref"),
        ("Tableau A.1", "#tbl-dictionnaire"),
        ("Section A.1", "#sec-codes"),
    ]


def test_every_inner_link_has_one_target(page):
    """No link inside the book leads nowhere, and no identifier stands twice."""
    identifiers = [item["id"] for item in page.find_all(id=True)]
    assert len(identifiers) == len(set(identifiers))
    inner = {link["href"][1:] for link in page.find_all("a", href=re.compile("^#"))}
    assert inner <= set(identifiers)
    assert {"sec-survie", "parties-resultats-title"} <= inner


def test_contents_list_figures_and_tables(page):
    """The contents name every heading; the lists name every figure and table by its first sentence."""
    contents = [plain(item.get_text()) for item in page.select("nav.contents > ul > li > a")]
    assert contents[1] == "1 Méthodes"
    assert contents[-1] == "Annexe B — Codes suivants"
    entries = [plain(item.get_text()) for item in page.select(".list-of a")]
    assert entries == [
        "Figure 2.1 : Survie globale selon la source",
        "Figure 2.2 : Deux sources côte à côte",
        "Tableau 2.1 : Performance des sources par variable",
        "Tableau 2.2 : Un tableau simple",
        "Tableau A.1 : Les variables",
    ]


def test_html_is_one_file_that_asks_for_nothing(page):
    """Nothing but a link that a reader follows leads out of the file: no image, style, font or script."""
    for item in page.find_all(True):
        for name in ("src", "srcset", "data", "poster", "action"):
            assert not item.get(name, "data:").partition("data:")[0]
        if item.name == "link":
            assert item["href"] == "data:,"
    assert not page.find_all(["script", "iframe", "object", "embed", "base"])
    styles = "".join(item.get_text() for item in page.find_all("style"))
    assert styles
    assert "url(" not in styles
    assert "@import" not in styles
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.find_all("img"))


def test_images_have_alternative_text(page):
    """An image's alternative text is `fig-alt`, else its caption."""
    assert [image["alt"] for image in page.find_all("img")] == ["Courbe en escalier", "Référence", "IA"]


def test_formulas_are_mathml(page):
    """Inline and displayed formulas are MathML, so that no program is needed to show them."""
    assert [item.get("display", "inline") for item in page.find_all("math")] == ["inline", "block", "block"]


def test_citations_follow_the_language(page):
    """Citations are written out in the book's language and lead to the list of references."""
    text = plain(page.get_text())
    assert "(Dupont 2020, 3; Martin et Petit 2021)" in text
    assert "Selon Martin et Petit (2021)" in text
    entries = [plain(item.get_text()) for item in page.select(".csl-entry")]
    assert [entry.partition(".")[0] for entry in entries] == ["Dupont, Anne", "Martin, Léa, et Jean Petit"]
    assert page.select_one("#refs").find_previous("h1").get_text() == "Références"


def test_bibliography_is_added_when_no_place_is_given(tmp_path):
    """A book that cites without `::: {#refs}` gets its references at the end, under their own title."""
    project = make_book(tmp_path / "these")
    text = CONFIGURATION.replace("    - references.qmd\n", "")
    (project / "_quarto.yml").write_text(text, encoding="utf-8")
    html = render_book(project, tmp_path, formats=["html"])["html"].read_text(encoding="utf-8")
    found = BeautifulSoup(html, "html.parser")
    assert found.find_all("h1")[-1].get_text() == "Références"
    assert len(found.select(".csl-entry")) == 2


def test_callouts_take_their_title_from_heading_attribute_or_language(page):
    """A callout's title is its heading, its `title`, or the French word of its kind."""
    titles = [item.get_text().strip() for item in page.select(".callout > .callout-title")]
    assert titles == ["À retenir", "Attention au biais", "Important", "Astuce"]


def test_conditional_content_is_kept_for_its_format_only(page, word):
    """Content for one format is absent from the others."""
    text, docx = page.get_text(), read_word_text(word)
    assert ("SeulementEnHtml" in text, "PartoutSaufHtml" in text, "EnWordSeulement" in text) == (True, False, False)
    assert ("SeulementEnHtml" in docx, "PartoutSaufHtml" in docx, "EnWordSeulement" in docx) == (False, True, True)


def test_comments_stay_in_the_source(made, word):
    """A comment of the source reaches no format."""
    assert "que personne ne voit" not in made["html"].read_text(encoding="utf-8")
    assert "que personne ne voit" not in read_word_text(word)


def test_variables_and_includes_are_replaced(page):
    """A variable's value and an included table stand in the text."""
    assert "porte sur 574 patients : 15 centres" in plain(page.get_text())
    assert "Immunohistochimie programmée" in page.get_text()


def test_run_folder_lies_over_the_project(tmp_path):
    """Variables, includes and figures of the run are taken before the project's own."""
    project, run = make_book(tmp_path / "these"), tmp_path / "run"
    (run / "_tableaux").mkdir(parents=True)
    (run / "_variables.yml").write_text('etude:\n  patients: "601"\n  centres: 9\n', encoding="utf-8")
    (run / "_tableaux" / "large.md").write_text("| N |\n|--:|\n| 7 |\n\n: Du carnet {#tbl-large}\n", encoding="utf-8")
    html = render_book(project, tmp_path, formats=["html"], run_folder=run)["html"].read_text(encoding="utf-8")
    text = plain(BeautifulSoup(html, "html.parser").get_text())
    assert "porte sur 601 patients : 9 centres" in text
    assert "Tableau 2.1 : Du carnet" in text


def test_french_spaces_do_not_break():
    """A space before a high sign or inside guillemets becomes a no-break space; code is left alone."""
    space = {"t": "Space"}
    words = [
        build_str("oui"),
        space,
        build_str(";"),
        space,
        build_str("95"),
        space,
        build_str("%"),
        space,
        build_str(":"),
    ]
    quoted = {"t": "Quoted", "c": [{"t": "DoubleQuote"}, [build_str("mot")]]}
    typeset = derive_typeset([{"t": "Para", "c": [*words, space, quoted]}], "fr")
    assert read_text(typeset) == f"oui{NARROW}; 95{NO_BREAK}%{NO_BREAK}: «{NO_BREAK}mot{NO_BREAK}»"
    code = [{"t": "Code", "c": [["", [], []], "a ; b"]}]
    assert derive_typeset(code, "fr") == code
    assert read_text(derive_typeset([*words[:3], space, quoted], "en")) == "oui ; “mot”"


def test_pdf_says_the_same_numbers(pdf_text):
    """The PDF's captions, references, lists and page heads carry the numbers of the HTML."""
    for expected in (
        "Figure 2.1 : Survie globale selon la source. La bande",
        "Figure 2.2 : Deux sources côte à côte",
        "(b) IA",
        "Tableau 2.2 : Un tableau simple",
        "Tableau A.1 : Les variables",
        "Annexe A — Dictionnaire",
        "Table des matières",
        "Liste des figures",
        "Liste des tableaux",
        "la courbe 2.2 (b)",
        "(1.1)",
        "1er mai 2026",
        "PartoutSaufHtml",
    ):
        assert expected in pdf_text
    assert "SeulementEnHtml" not in pdf_text


def test_nothing_leaves_the_pages_margins(made):
    """No word of a nine-column table with long French words crosses the A4 text width or its neighbour."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(["pdftotext", "-bbox", str(made["pdf"]), "-"], capture_output=True, check=True)
    found = BeautifulSoup(done.stdout.decode(), "html.parser")
    margin = 27 / 25.4 * 72
    for sheet in found.find_all("page"):
        assert (round(float(sheet["width"])), round(float(sheet["height"]))) == (595, 842)
        words = [[float(word[key]) for key in ("xmin", "ymin", "xmax", "ymax")] for word in sheet.find_all("word")]
        hanging = 3  # points: a comma at the end of a line hangs into the margin
        assert all(word[0] >= margin - hanging and word[2] <= 595.3 - margin + hanging for word in words)
        assert not _find_overlap(words)


def _find_overlap(words: list[list[float]]) -> list[tuple[list[float], list[float]]]:
    # A formula's signs and an exponent overlap a little by design; words of two cells would by more.
    return [
        (one, other)
        for index, one in enumerate(words)
        for other in words[index + 1 :]
        if min(one[2], other[2]) - max(one[0], other[0]) > 4 and min(one[3], other[3]) - max(one[1], other[1]) > 5
    ]


def test_pdf_is_archivable_and_tagged(made):
    """The PDF declares PDF/A-2a and PDF/UA-1, which typst has checked while it wrote it."""
    data = made["pdf"].read_bytes()
    assert data.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in data
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in data
    assert b"<pdfuaid:part>1</pdfuaid:part>" in data


def test_signs_of_the_formats_are_letters(tmp_path):
    """Signs that mean something to HTML, Typst or XML come out as they are written, in every place of a text."""
    project, signs = make_book(tmp_path / "these"), r"\# \[x\] \$ \@b \<c\> // /* & \\ %"
    configuration = CONFIGURATION.replace(
        '"Peut-on se fier aux données extraites par IA ?"', "'Un # $x$ <b> @c // & ]'"
    )
    (project / "_quarto.yml").write_text(configuration, encoding="utf-8")
    text = f"\n## Signes {signs}\n\n![Figure {signs} $x^2$.](/figures/a.svg){{#fig-z fig-alt='a \" # ] <'}}\n\n"
    text += f"::: {{.callout-tip title='T # ] $ @x'}}\nEncart {signs}\n:::\n\n| A |\n|--|\n| Cellule {signs} $x$ |\n"
    (project / "methodes.qmd").write_text(METHODS + text, encoding="utf-8")
    made = render_book(project, tmp_path, formats=["html", "pdf", "docx"])
    shown = "# [x] $ @b <c> // /* & \\ %"
    found = plain(BeautifulSoup(made["html"].read_text(encoding="utf-8"), "html.parser").get_text())
    word = read_word_text(zipfile.ZipFile(made["docx"]))
    for before in ("Signes", "Encart", "Cellule"):
        assert f"{before} {shown}" in found
        assert f"{before} {shown}" in word
    assert "<b> @c // & ]" in found
    if shutil.which("pdftotext"):
        done = subprocess.run(["pdftotext", "-layout", str(made["pdf"]), "-"], capture_output=True, check=True)
        text = plain(done.stdout.decode().replace("\u200b", ""))
        assert f"Signes {shown}" in text
        assert f"Encart {shown}" in text
        assert "<b> @c // & ]" in text


def test_docx_has_styles_captions_and_fields(word):
    """The DOCX uses Word's heading and caption styles and holds the fields of contents, lists and page number."""
    xml = word.read("word/document.xml").decode()
    text = read_word_text(word)
    for expected in ("Figure 2.1 : Survie", "(a) Référence", "Tableau 2.1 : Perf", "1.1 Critère", "Annexe A — Dict"):
        assert expected in text
    for style in ("Heading1", "Heading2", "ImageCaption", "TableCaption", "CalloutNote", "Subcaption", "Bibliography"):
        assert f'w:val="{style}"' in xml
        assert f'w:styleId="{style}"' in word.read("word/styles.xml").decode()
    assert re.findall(r"TOC [^<]*", xml) == [
        'TOC \\o "1-3" \\h \\z \\u'.replace('"', "&quot;"),
        'TOC \\h \\z \\t "Image Caption,1"'.replace('"', "&quot;"),
        'TOC \\h \\z \\t "Table Caption,1"'.replace('"', "&quot;"),
    ]
    assert 'w:w="11906"' in xml
    assert "PAGE" in word.read("word/footer1.xml").decode()


def test_docx_is_well_formed_with_raster_images(word):
    """Every part of the DOCX is XML, its images are PNG, and nothing names a path of this machine."""
    for name in word.namelist():
        data = word.read(name)
        if name.endswith((".xml", ".rels")):
            ET.fromstring(data)
            assert b"/tmp" not in data
        else:
            assert data.startswith(b"\x89PNG")


def test_docx_prefers_the_png_beside_the_svg(tmp_path):
    """A figure's PNG beside its SVG is what the DOCX holds."""
    project = make_book(tmp_path / "these")
    picture = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f0005"
        "000201a2c0b2d90000000049454e44ae426082"
    )
    (project / "figures" / "a.png").write_bytes(picture)
    made = render_book(project, tmp_path, formats=["docx"])
    word = zipfile.ZipFile(made["docx"])
    assert picture in [word.read(name) for name in word.namelist() if name.endswith(".png")]


def test_same_sources_give_the_same_bytes(made, tmp_path):
    """Rendered again from another folder, every format has identical bytes."""
    again = render_book(make_book(tmp_path / "these"), tmp_path / "out", formats=["html", "pdf", "docx"])
    assert {form: path.read_bytes() for form, path in again.items()} == {
        form: path.read_bytes() for form, path in made.items()
    }


def test_a_book_without_date_takes_the_moment_it_is_given(tmp_path, monkeypatch):
    """Without a date, PDF and DOCX carry SOURCE_DATE_EPOCH, never the hour of the rendering."""
    project = make_book(tmp_path / "these")
    (project / "_quarto.yml").write_text(CONFIGURATION.replace("  date: 2026-05-01\n", ""), encoding="utf-8")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1717200000")
    made = render_book(project, tmp_path, formats=["pdf", "docx"])
    assert b"2024-06-01T00:00:00" in made["pdf"].read_bytes()
    assert b"2024-06-01T00:00:00Z" in zipfile.ZipFile(made["docx"]).read("docProps/core.xml")


def test_a_refused_book_leaves_the_last_one_in_place(tmp_path):
    """When a source is refused, the files of the last rendering stay as they were and nothing else appears."""
    project = make_book(tmp_path / "these")
    first = render_book(project, tmp_path / "out", formats=["html"])["html"].read_bytes()
    (project / "methodes.qmd").write_text(METHODS.replace("@eq-kappa", "@eq-absente"), encoding="utf-8")
    with pytest.raises(RenderingError):
        render_book(project, tmp_path / "out", formats=["html", "docx"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["these.html"]
    assert (tmp_path / "out" / "these.html").read_bytes() == first


def test_english_books_have_english_words(tmp_path):
    """With `lang: en` chapters, references and titles speak English."""
    project = make_book(tmp_path / "these")
    text = CONFIGURATION.replace("lang: fr", "lang: en").replace("Tableau", "Table")
    (project / "_quarto.yml").write_text(text, encoding="utf-8")
    html = render_book(project, tmp_path, formats=["html"])["html"].read_text(encoding="utf-8")
    text = plain(BeautifulSoup(html, "html.parser").get_text())
    for expected in (
        "Chapter 1",
        "Appendix A — Dictionnaire",
        "Table of contents",
        "May 1, 2026",
        "Equation 1.1",
        "Tip",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("declared", "cells", "expected"),
    [
        ("[75,25]", ["a", "b"], [0.75, 0.25]),
        ("[1,1]", ["a", "b"], [0.01, 0.01]),
        ("", ["a", "b"], [None, None]),
        ("", ["mot " * 60, "12"], [0.94, 0.06]),
    ],
)
def test_column_widths_are_declared_or_follow_the_content(declared, cells, expected):
    """Declared widths are shares of the text; otherwise only a table wider than the page gets widths."""
    row = [
        ["", [], []],
        [[["", [], []], {"t": "AlignDefault"}, 1, 1, [{"t": "Plain", "c": [build_str(text)]}]] for text in cells],
    ]
    pairs = [["tbl-colwidths", declared]] if declared else []
    columns = [[{"t": "AlignLeft"}, {"t": "ColWidthDefault"}] for _ in cells]
    body = [["", [], []], 0, [], [row]]
    table = {"t": "Table", "c": [["", [], pairs], [None, []], columns, [["", [], []], []], [body], [["", [], []], []]]}
    widths = [width.get("c") for _, width in derive_sized(table, fitted=True)["c"][2]]
    assert widths == [pytest.approx(value, abs=0.02) if value else None for value in expected]


def test_the_thesis_stands_in_the_subset():
    """The shipped thesis is a book that the renderer reads, with what all documents share: words and references."""
    project = Path(__file__).parents[2] / "reports" / "thesis"
    book = read_book(project)
    assert book.words["tbl-title"] == "Tableau"
    bibliography = book.find_file(book.bibliography)
    assert bibliography == project.parent / "_shared" / "references.bib"
    assert {name.partition("2")[0] for name in read_citation_keys(bibliography)} >= {
        "aldea", "benedum", "blacketer", "elarab", "estevez", "goodman", "keloth", "liu", "swaminathan",
    }  # fmt: skip


@pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
def test_quarto_renders_the_same_numbers(page, tmp_path):
    """The same sources under Quarto give the same headings, captions, references and list of references."""
    index = render_with_quarto(make_book(tmp_path / "these"), tmp_path / "out", ["html"])["html"]
    names = ("methodes", "parties/resultats", "annexe", "codes", "references")
    pages = [
        BeautifulSoup((index.parent / f"{name}.html").read_text(encoding="utf-8"), "html.parser") for name in names
    ]

    def read(found: list[BeautifulSoup], selector: str) -> list[str]:
        return sorted({plain(item.get_text()) for each in found for item in each.select(selector)})

    ours = "figcaption, .table-frame > .caption, .subcaption"
    assert read(pages, "main figcaption") == read([page], ours)
    assert read(pages, "main .csl-entry") == read([page], ".csl-entry")
    foreword = {"Avant-propos", "À qui s’adresse ce document"}
    assert {*read(pages, "main :is(h1, h2, h3)")} == {*read([page], "h1, h2, h3")} - foreword
    theirs = [plain(item.get_text()) for each in pages for item in each.select("main a.quarto-xref")]
    mine = [plain(item.get_text()) for item in page.select("a.cross-reference")][2:]
    assert sorted(theirs) == sorted(mine)
