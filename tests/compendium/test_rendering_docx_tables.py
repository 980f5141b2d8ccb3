"""Tables of the Word document: the more columns the finer the letters, and words stay whole where the page allows."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from probatio.compendium.rendering import render_book

CONFIGURATION = "project:\n  type: default\nlang: en\n"
WORD = "differentiation"
NARROW = f"""| a | b | c | {WORD} |
|---|---|---|---|
| {"text " * 40} | {"text " * 40} | 1 | 2 |

: A column asked to be too narrow. {{#tbl-narrow tbl-colwidths="[47,47,3,3]"}}
"""


def build_table(columns: int) -> str:
    head = "|" + "|".join(f" c{at} " for at in range(columns)) + "|"
    return f"{head}\n{'|---' * columns}|\n{head.replace('c', 'x')}\n\n: Of {columns}. {{#tbl-of{columns}}}\n"


@pytest.fixture(scope="module")
def word(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("word")
    project = folder / "paper"
    project.mkdir()
    tables = "\n\n".join([*(build_table(columns) for columns in (3, 6, 9)), NARROW])
    (project / "_quarto.yml").write_text(CONFIGURATION, encoding="utf-8")
    (project / "paper.qmd").write_text(f'---\ntitle: "T"\n---\n\n# One\n\n- a\n- b\n\n{tables}', encoding="utf-8")
    path: Path = render_book(project, folder / "out", formats=["docx"])["docx"]
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(f"word/{name}.xml").decode() for name in ("document", "styles", "settings")}


def test_the_more_columns_the_finer_the_letters(word):
    """Cells have the style of a table of so many columns, heads too; the style has the size of the printed table."""
    sizes = []
    for table in re.findall(r"<w:tbl>.*?</w:tbl>", word["document"], re.DOTALL)[:3]:
        styles = set(re.findall(r'<w:pStyle w:val="(\w+)"', table))
        assert len(styles) == 1
        style = re.search(rf'styleId="{styles.pop()}".*?</w:style>', word["styles"], re.DOTALL)
        sizes.append(int(re.search(r'<w:sz w:val="(\d+)"', style[0])[1]))
    assert sizes == [18, 16, 15]


def test_a_column_too_narrow_for_its_word_takes_from_those_with_room(word):
    """Three of a hundred would break the word; what it takes, the wide columns give, and the sum stays."""
    grid = re.findall(r"<w:tbl>.*?</w:tbl>", word["document"], re.DOTALL)[3]
    widths = [int(width) for width in re.findall(r'<w:gridCol w:w="(\d+)"', grid)]
    shares = [width / sum(widths) for width in widths]
    letters = 442 * shares[3] / 9.25 / 0.54
    assert letters > len(WORD)
    assert shares[2] >= 0.03
    assert shares[0] == pytest.approx(shares[1], abs=0.002)
    assert shares[0] < 0.47


def test_word_breaks_words_by_its_rules_and_rows_stay_on_one_page(word):
    """Text is hyphenated, not cut, in what may be narrow; an article's own text is not; no row is split by a page."""
    assert "<w:autoHyphenation" in word["settings"]
    assert "<w:suppressAutoHyphens" in re.search(r'styleId="BodyText".*?</w:style>', word["styles"], re.DOTALL)[0]
    assert "<w:cantSplit" in re.search(r'styleId="Table".*?</w:style>', word["styles"], re.DOTALL)[0]


def test_lists_have_the_size_of_the_text(word):
    """What stands in a list is text, not a table's cell."""
    assert "<w:sz " not in re.search(r'styleId="Compact".*?</w:style>', word["styles"], re.DOTALL)[0]
