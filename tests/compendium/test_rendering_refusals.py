"""What is outside the closed subset is refused with file and line; nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probatio.compendium.rendering import RenderingError, render_book
from probatio.protocol import UserError

CONFIGURATION = """project:
  type: book
lang: fr
book:
  title: Essai
  chapters:
    - index.qmd
bibliography: references.bib
"""
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
BIB = "@article{cle2020, author={Dupont, Anne}, title={Titre}, journal={Revue}, year={2020}}\n"


def make_book(folder: Path, body: str, configuration: str = CONFIGURATION) -> Path:
    """Write a book whose only chapter is a title (line 1), an empty line, and `body` (from line 3)."""
    project = folder / "essai"
    project.mkdir(parents=True, exist_ok=True)
    (project / "_quarto.yml").write_text(configuration, encoding="utf-8")
    (project / "index.qmd").write_text(f"# Titre {{#sec-titre}}\n\n{body}\n", encoding="utf-8")
    (project / "references.bib").write_text(BIB, encoding="utf-8")
    (project / "a.svg").write_text(SVG, encoding="utf-8")
    (project / "_variables.yml").write_text(
        "nombre: 12\nreel: 0.5\nlong: |\n  a\n  b\nnoeud: {x: y}\n", encoding="utf-8"
    )
    return project


def refuse(project: Path, folder: Path) -> str:
    with pytest.raises(RenderingError) as caught:
        render_book(project, folder / "out", formats=["html"])
    return str(caught.value)


REFUSED = {
    "raw html block": ("texte\n\n<div>\n\nx\n\n</div>", 5, "raw code"),
    "raw html inline": ("texte\n\ndu <b>gras</b>", 5, "raw code"),
    "raw tex": ("texte \\newpage", 3, "raw code"),
    "raw attribute block": ("a\n\n```{=html}\n<b>x</b>\n```", 5, "raw block"),
    "executable cell": ("a\n\n```{python}\n1\n```", 5, "executable cell"),
    "executed inline code": ("le total est `{python} n`", 3, "inline code that is executed"),
    "executed inline r": ("le total est `r n`", 3, "inline code that is executed"),
    "unknown shortcode": ("a\n\n{{< video x.mp4 >}}", 5, "unknown shortcode video"),
    "meta shortcode": ("{{< meta title >}}", 3, "unknown shortcode meta"),
    "escaped shortcode": ("{{{< var nombre >}}}", 3, "shortcode"),
    "missing variable": ("a\n{{< var absente.cle >}}", 4, "no such key"),
    "float variable": ("{{< var reel >}}", 3, "in quotes"),
    "variable with lines": ("{{< var long >}}", 3, "several lines"),
    "variable that is a node": ("{{< var noeud >}}", 3, "in quotes"),
    "missing include": ("a\n\n{{< include _absent.md >}}\n", 5, "no such file"),
    "include outside": ("{{< include ../../secret.md >}}\n", 3, "no such file"),
    "include of itself": ("{{< include index.qmd >}}\n", 3, "includes itself"),
    "include in a paragraph": ("mot {{< include _x.md >}}", 3, "on a line of its own"),
    "include glued to text": ("texte\n{{< include _x.md >}}", 4, "empty line"),
    "grid table": ("a\n\n+---+---+\n| a | b |\n+---+---+", 5, "grid table"),
    "simple table": ("  a    b\n ---- ----\n  1    2", 4, "table drawn with dashes"),
    "setext heading": ("Section\n-------", 4, "underlined"),
    "setext title": ("Section\n=======", 4, "underlined"),
    "horizontal rule": ("a\n\n***\n\nb", 5, "a rule"),
    "line block": ("| vers un\n| vers deux", 3, "line block"),
    "strikeout": ("du ~~texte~~ rayé", 3, "Strikeout is not in the subset"),
    "span with class": ("du [texte]{.smallcaps}", 3, "not in the subset"),
    "unknown div": ("a\n\n::: {.panel-tabset}\nx\n:::", 5, "unknown block .panel-tabset"),
    "callout-caution": ("::: {.callout-caution}\nx\n:::", 3, "unknown block .callout-caution"),
    "callout attribute": ('::: {.callout-note collapse="true"}\nx\n:::', 3, "unknown attribute collapse"),
    "callout with label": ("::: {#nte-x .callout-note}\nx\n:::", 3, "a block with :::"),
    "div without class": ("::: {#boite}\nx\n:::", 3, "a block with :::"),
    "unclosed div": ("mot\n\n::: {.callout-note}\nx", 5, "may not be closed"),
    "stray closing div": ("mot\n\n:::\n\nx", 5, "marks nothing"),
    "unknown format": ('::: {.content-visible when-format="pdf"}\nx\n:::', 3, "one of html, typst, docx"),
    "unconditional visibility": ("::: {.content-visible}\nx\n:::", 3, "when-format"),
    "panel without figures": ("::: {#fig-p layout-ncol=2}\nx\n:::", 3, "a panel holds figures"),
    "panel of many columns": ("::: {#fig-p layout-ncol=9}\n![A](a.svg)\n\nlégende\n:::", 3, "from 1 to 4"),
    "panel attribute": ("::: {#fig-p layout-nrow=2}\n![A](a.svg)\n\nlégende\n:::", 3, "unknown attribute layout-nrow"),
    "inline image": ("mot ![A](a.svg) mot", 3, "stands alone"),
    "image without caption": ("![](a.svg){#fig-a}", 3, "stands alone"),
    "image elsewhere": ("![A](https://example.org/a.svg){#fig-a}", 3, "a file of the project"),
    "image of another kind": ("![A](a.gif){#fig-a}", 3, ".svg, .png or .jpg"),
    "missing image": ("![A](absente.svg){#fig-a}", 3, "is not in the project"),
    "image outside": ("![A](../a.svg){#fig-a}", 3, "is not in the project"),
    "image width": ("![A](a.svg){#fig-a width=large}", 3, "width is a number"),
    "image attribute": ("![A](a.svg){#fig-a fig-align=left}", 3, "unknown attribute fig-align"),
    "figure label": ("![A](a.svg){#image-a}", 3, "begins with fig-"),
    "table label": ("| a | b |\n|---|---|\n| 1 | 2 |\n\n: T {#tab-x}", 7, "begins with tbl-"),
    "table widths": ('| a | b |\n|--|--|\n| 1 | 2 |\n\n: T {#tbl-x tbl-colwidths="[50]"}', 7, "one number for each"),
    "table class": ("| a | b |\n|---|---|\n| 1 | 2 |\n\n: T {#tbl-x .striped}", 7, "unknown attribute .striped"),
    "equation label in text": ("soit $$a$$ {#eq-a} ici", 3, "marks nothing"),
    "formula": ("mot\n\n$$\n\\frobnique{a}\n$$ {#eq-a}", 6, "cannot be converted"),
    "stray attribute": ("mot {#sec-x}", 3, "marks nothing"),
    "missing footnote": ("mot[^absente]", 3, "marks nothing"),
    "link to a file": ("[données](donnees.csv)", 3, "a link goes to"),
    "link to nowhere": ("[ici](#nulle-part)", 3, "leads nowhere"),
    "link attribute": ('[ici](https://example.org){target="_blank"}', 3, "unknown attribute target"),
    "code attribute": ("`x`{.python}", 3, "code has no attributes"),
    "code block attribute": ('```{.python filename="x.py"}\n1\n```', 3, "code has no attributes"),
    "example list": ("(@) un\n(@) deux", 3, "example list"),
    "second title": ("mot\n\n# Autre", 5, "second title"),
    "skipped level": ("### Trop bas", 3, "level 3 below level 1"),
    "heading in a quotation": ("> ## Non", 3, "a heading inside another block"),
    "heading class": ("## Section {.unlisted}", 3, "unknown attribute .unlisted"),
    "undefined figure": ("mot\n\nvoir @fig-absente", 5, "points to no numbered"),
    "undefined in a group": ("voir [@sec-titre; @tbl-absent]", 3, "points to no numbered"),
    "reference with a suffix": ("voir [@sec-titre, p. 3]", 3, "nothing follows the label"),
    "listing reference": ("voir @lst-code", 3, "references are to"),
    "undefined citation": ("mot\n\nselon @absent1999", 5, "neither in the bibliography"),
    "undefined in a citation group": ("mot [@cle2020; @absent1999]", 3, "neither in the bibliography"),
    "label twice": ("![A](a.svg){#fig-a}\n\n![B](a.svg){#fig-a}", 5, "stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_construct_outside_the_subset_is_refused_with_its_line(name, tmp_path):
    """Every construct outside the closed subset is one sentence with its file and line, and writes nothing."""
    body, line, fragment = REFUSED[name]
    message = refuse(make_book(tmp_path, body), tmp_path)
    assert f"essai/index.qmd:{line}: " in message
    assert fragment in message
    assert not (tmp_path / "out").exists()


def test_rendering_errors_are_the_users():
    """The command line can treat a refused source as the user's mistake."""
    assert issubclass(RenderingError, UserError)


def test_error_in_an_included_file_names_that_file(tmp_path):
    """A refused construct in an included text is reported at its own file and line."""
    project = make_book(tmp_path, "mot\n\n{{< include _partie.md >}}\n")
    (project / "_partie.md").write_text("bien\n\nmot <b>gras</b>\n", encoding="utf-8")
    assert "essai/_partie.md:3: raw code" in refuse(project, tmp_path)


def test_included_file_has_no_front_matter(tmp_path):
    """An included file that sets metadata is refused, since Quarto would merge it."""
    project = make_book(tmp_path, "{{< include _partie.md >}}\n")
    (project / "_partie.md").write_text("---\ntitle: x\n---\n", encoding="utf-8")
    assert "essai/_partie.md:1: an included file has no front matter" in refuse(project, tmp_path)


def test_construct_in_a_code_block_is_text(tmp_path):
    """Inside a code block the marks of refused constructs are plain text."""
    body = "```markdown\n<div>\n::: x\n+---+\n***\n# Autre\n![A](absente.gif)\n```"
    made = render_book(make_book(tmp_path, body), tmp_path / "out", formats=["html"])
    assert "::: x" in made["html"].read_text(encoding="utf-8")


CONFIGURATIONS = {
    "unknown key": ("theme: cosmo\n", ":9: theme: unknown key"),
    "unknown book key": ("", "book.repo-url: unknown key"),
    "not a book": ("", "project.type: only books"),
    "language": ("", "lang: the renderer writes French and English"),
    "moving date": ("", "book.date: a date that moves"),
    "missing chapter": ("", ":8: book.chapters[1]: no file absent.qmd"),
    "part": ("", ":8: book.chapters[1]: expected the name of a .qmd file"),
    "index last": ("", "book.chapters[0]: the first chapter of a Quarto book is index.qmd"),
    "bibliography": ("", ":8: bibliography: no file absent.bib"),
    "no numbers": ("number-sections: false\n", "number-sections: this cannot be switched off"),
    "depth": ("toc-depth: many\n", "toc-depth: expected a number"),
    "crossref": ("crossref:\n  fig-labels: roman\n", ":10: crossref.fig-labels: unknown key"),
    "twice": ("lang: fr\n", ":9: lang: stands twice"),
    "yaml": ("a: [\n", "not valid YAML"),
    "metadata elsewhere": ("metadata-files: [other.yml]\n", ":9: metadata-files[0]: no such file; name one of ../_sha"),
    "metadata above": ("metadata-files: [../_shared/../essai/a.svg]\n", ":9: metadata-files[0]: no such file"),
    "metadata missing": ("metadata-files: [../_shared/absent.yml]\n", ":9: metadata-files[0]: no such file"),
    "metadata in one word": ("metadata-files: ../_shared/words.yml\n", "metadata-files[0]: no such file"),
    "metadata twice": (
        "toc-depth: 2\nmetadata-files: [../_shared/words.yml]\n",
        "_shared/words.yml:1: toc-depth: stands",
    ),
    "shared key": ("metadata-files: [../_shared/wrong.yml]\n", "_shared/wrong.yml:2: crossref.fig-labels: unknown key"),
}
EDITS = {
    "unknown book key": ("  title: Essai\n", "  title: Essai\n  repo-url: x\n"),
    "not a book": ("type: book", "type: website"),
    "language": ("lang: fr", "lang: de"),
    "moving date": ("  title: Essai\n", "  title: Essai\n  date: today\n"),
    "missing chapter": ("    - index.qmd\n", "    - index.qmd\n    - absent.qmd\n"),
    "part": ("    - index.qmd\n", "    - index.qmd\n    - part: Un\n"),
    "index last": ("    - index.qmd\n", "    - autre.qmd\n    - index.qmd\n"),
    "bibliography": ("references.bib", "absent.bib"),
}


@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_configuration_outside_the_subset_is_refused(name, tmp_path):
    """A key of `_quarto.yml` that the renderer would not honour is refused with its line and path."""
    added, expected = CONFIGURATIONS[name]
    configuration = CONFIGURATION.replace(*EDITS[name]) if name in EDITS else CONFIGURATION
    project = make_book(tmp_path, "mot", configuration + added)
    (project / "autre.qmd").write_text("# Autre\n", encoding="utf-8")
    shared = tmp_path / "_shared"
    shared.mkdir()
    (shared / "words.yml").write_text("toc-depth: 3\n", encoding="utf-8")
    (shared / "wrong.yml").write_text("crossref:\n  fig-labels: roman\n", encoding="utf-8")
    assert expected in refuse(project, tmp_path)


def test_documents_share_what_lies_beside_them(tmp_path):
    """What `metadata-files` name is added to the own keys; files of `../_shared` are found, others above are not."""
    added = "metadata-files: [../_shared/a.yml, ../_shared/b.yml]\ncrossref:\n  tbl-prefix: Tab.\n"
    configuration = CONFIGURATION.replace(": references.bib", ": ../_shared/autre.bib") + added
    project = make_book(tmp_path, "mot [@cle2020]\n\n{{< include ../_shared/texte.md >}}\n", configuration)
    texts = {
        "a.yml": "crossref:\n  tbl-title: Tab.\nformat:\n  html: {theme: default}\n",
        "b.yml": "format:\n  html: {toc: true}\n  docx: default\n",
        "autre.bib": BIB,
        "texte.md": "| a |\n|---|\n| 1 |\n\n: Partagé {#tbl-x}\n\n@tbl-x\n",
    }
    (tmp_path / "_shared").mkdir()
    for name, text in texts.items():
        (tmp_path / "_shared" / name).write_text(text, encoding="utf-8")
    text = render_book(project, tmp_path / "out", formats=["html"])["html"].read_text(encoding="utf-8")
    assert "Tab.\u00a01.1\u00a0:" in text
    assert ">Tab.\u00a01.1</a>" in text
    assert "Dupont" in text
    (tmp_path / "secret.md").write_text("mot", encoding="utf-8")
    assert "no such file" in refuse(make_book(tmp_path, "{{< include ../_shared/../secret.md >}}\n"), tmp_path)


def test_missing_project_and_unknown_format_are_refused(tmp_path):
    """A folder without book and a format that does not exist are the user's mistakes."""
    assert "no such file" in refuse(tmp_path / "rien", tmp_path)
    with pytest.raises(RenderingError, match="format 'epub' is unknown"):
        render_book(make_book(tmp_path, "mot"), tmp_path / "out", formats=["epub"])


def test_front_matter_is_closed(tmp_path):
    """A chapter's front matter holds its title and nothing else, and has an end."""
    project = make_book(tmp_path, "mot")
    (project / "index.qmd").write_text("---\ntitle: Un\nformat: pdf\n---\n\nmot\n", encoding="utf-8")
    assert "essai/index.qmd:3: format: unknown key" in refuse(project, tmp_path)
    (project / "index.qmd").write_text("---\ntitle: Un\n", encoding="utf-8")
    assert "essai/index.qmd:1: the front matter has no end" in refuse(project, tmp_path)


def test_chapter_begins_with_its_title(tmp_path):
    """A chapter without title, or with text before it, is refused."""
    project = make_book(tmp_path, "mot")
    (project / "index.qmd").write_text("Texte.\n\n# Titre\n", encoding="utf-8")
    assert "essai/index.qmd:1: a chapter begins with its title" in refuse(project, tmp_path)


def test_label_in_an_unnumbered_chapter_is_refused(tmp_path):
    """Quarto cannot number a figure of an unnumbered chapter, so its label is refused."""
    project = make_book(tmp_path, "mot")
    (project / "index.qmd").write_text("# Préface {.unnumbered}\n\n![A](a.svg){#fig-a}\n", encoding="utf-8")
    assert "essai/index.qmd:3: the label fig-a stands in a chapter without number" in refuse(project, tmp_path)


FRAGMENTS = st.sampled_from(
    [
        "mot", "## Section {#sec-a}", "### Bas", "@sec-a", "[@cle2020]", "@fig-a", "**gras", "*it*", "`code`", "$x$",
        "$$", "$$ {#eq-a}", "![A](a.svg){#fig-a}", "| a | b |", "|---|---|", "| 1 | 2 |", ": T {#tbl-a}", ":::",
        "::: {.callout-note}", "::: {.callout-tip title=\"T\"}", "> bloc", "- un", "  - deux", "1. un", "Terme",
        ": def",
        "```", "```python", "{{< var nombre >}}", "{{< pagebreak >}}", "[^1]", "[^1]: note", "<!-- c -->", "<b>", "\\x",
        "::: {#fig-p layout-ncol=2}", "::: {#refs}", "https://example.org", "[l](#sec-titre)", "é « à » : ; ?", "---",
        "::: {.content-visible when-format=\"html\"}", "{#fig-x}", "\"mot\"", "l'an", "95 %", "@", "$", "[", "|", "#",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(st.lists(st.tuples(FRAGMENTS, st.sampled_from(["\n", "\n\n", " "])), max_size=12))
def test_any_text_is_rendered_or_refused_with_a_line(tmp_path, parts):
    """Whatever the text, it renders, or it is refused in one sentence with a file and line; it never crashes."""
    project = make_book(tmp_path, "".join(text + end for text, end in parts))
    refusal, text = "", "</html>"
    try:
        made = render_book(project, tmp_path / "out", formats=["html"])
        text = made["html"].read_text(encoding="utf-8")
    except RenderingError as error:
        refusal = str(error)
    assert "</html>" in text
    assert re.fullmatch(r"(.*essai/index\.qmd:\d+: \S.*)?", refusal)
