"""What goes out beside the article: its figures as files of their own, and all its tables as one workbook."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from probatio.compendium.article_workbook import Sheet, derive_article_workbook
from probatio.compendium.making import GENERATED, find_title
from probatio.compendium.origins import describe_origin
from probatio.compendium.piece import Piece, Sources
from probatio.compendium.pieces import PIECES
from probatio.display.table import Table
from probatio.results import write_bytes

ARTICLE = "article"
FIGURES, TABLES = "article_figures", "article_tables.xlsx"
BESIDE = (
    "outcomes", "omissions", "chance", "classes", "numbers", "dates", "sets", "events", "difference_table",
    "worst_stratum", "differential", "two_phase", "readers_table", "repeatability", "heterogeneity_table", "case_mix",
    "completeness", "rules", "survival", "alarms", "attribution_table", "deciding",
)  # fmt: skip
"""Tables too long for print: they stand in the workbook alone."""
_SUPPLEMENT = "# Supplementary material"
_INCLUDED = re.compile(r"\{\{< include _run/(\w+)\.qmd >\}\}")
_FIGURE = re.compile(r"\{#fig-[\w-]+")


def prepare_article(given: Sources, stage: Path) -> Sources:
    """Return the sources of the article, with the figures to be printed: those before its supplement.

    Args:
        given: protocol, rows and series.
        stage: the staged document.
    """
    main = _read_text(stage).partition(_SUPPLEMENT)[0]
    printed = frozenset(name for name in _INCLUDED.findall(main) if _find_piece(name).kind == "fig")
    return replace(given, size="journal", printed=printed)


def fill_beside(given: Sources, beside: list[Sheet]) -> frozenset[str]:
    """Put the tables of the workbook alone into a list; return their labels, which prose refers to."""
    beside += [sheet for piece in map(_find_piece, BESIDE) for sheet in _make_sheet(piece, given, piece.name)]
    return frozenset(f"xlsx-{sheet.name.replace('_', '-')}" for sheet in beside)


def write_article_files(given: Sources, stage: Path, output: Path, beside: Sequence[Sheet]) -> None:
    """Write `article_figures/Figure_1.pdf`, `.svg`, `.png` … and `article_tables.xlsx`, numbered as in the article.

    Args:
        given: as `prepare_article` returned it.
        beside: the tables of the workbook alone, likewise.
        stage: the staged document with its pieces.
        output: the folder to write to; its figures of an earlier run go.
    """
    included = _INCLUDED.findall(_read_text(stage))
    _copy_figures(included, stage / GENERATED, output / FIGURES)
    sheets = [*_list_printed(included, given, stage / GENERATED), *beside]
    write_bytes(output / TABLES, derive_article_workbook(sheets, given.protocol, facts=given.facts))


def _read_text(stage: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(stage.glob("*.qmd")))


def _find_piece(name: str) -> Piece:
    return _CATALOGUE.get(name) or Piece(name, "txt", "", lambda given: None)


_CATALOGUE: Mapping[str, Piece] = {piece.name: piece for piece in PIECES}


def _copy_figures(included: Sequence[str], folder: Path, output: Path) -> None:
    """Copy the figures that the document has, in its order: number n is Figure n of the text."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    held = [name for name in included if _FIGURE.search((folder / f"{name}.qmd").read_text(encoding="utf-8"))]
    for number, name in enumerate(held, start=1):
        for path in sorted(folder.glob(f"{name}.*")):
            if path.suffix in (".svg", ".png", ".pdf"):
                shutil.copyfile(path, output / f"Figure_{number}{path.suffix}")


def _list_printed(included: Sequence[str], given: Sources, folder: Path) -> list[Sheet]:
    """Return the tables of the text, in its order, which is that of their numbers."""
    out: list[Sheet] = []
    for piece in map(_find_piece, included):
        if piece.kind == "tbl" and f"{{#{piece.identifier}" in (folder / f"{piece.name}.qmd").read_text("utf-8"):
            out += _make_sheet(piece, given, f"Table {len(out) + 1}")
    return out


def _make_sheet(piece: Piece, given: Sources, name: str) -> list[Sheet]:
    made = piece.make(given)
    if not isinstance(made, Table):
        return []
    return [Sheet(name, find_title(piece.name, given), describe_origin(piece, given).replace("\\", ""), made)]
