"""What a caption says of its rows is found by looking, not typed: it is enough, and nothing of it is idle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given as draw
from hypothesis import settings
from hypothesis import strategies as st

from probatio.compendium.looking import look_at_piece
from probatio.compendium.making import make_piece
from probatio.compendium.origins import (
    Origin,
    derive_origin_table,
    describe_origin,
    find_origins,
    read_origins,
    select_sources,
)
from probatio.compendium.piece import Piece, Sources
from probatio.compendium.pieces import PIECES
from probatio.display.table import Table
from probatio.protocol import read_protocol
from probatio.results import build_row, derive_csv, derive_table

PROJECT = Path(__file__).parents[2]
METRICS = [f"m{index:02d}" for index in range(10)]
ALL = [Origin(notebook, "rows", metric) for notebook in ("03_agreement", "04_replication") for metric in METRICS]


@pytest.fixture(scope="module")
def given() -> Sources:
    """Ten metrics of one notebook, and the same of another one."""
    rows = derive_table([build_row(metric, 0.5, n=10, k=5) for metric in METRICS])
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml")
    return Sources(protocol, {"03_agreement": rows, "04_replication": rows}, {}, "en")


@settings(max_examples=6, deadline=None)
@draw(needed=st.sets(st.sampled_from(ALL)))
def test_what_a_piece_reads_is_found(given: Sources, needed: set[Origin]) -> None:
    """Whatever metrics a piece shows, these are found, and no others; from a wrong start too."""

    def look(kept: Sources) -> bytes:
        return b"".join(derive_csv(select_sources(kept, [origin]).rows[origin.notebook]) for origin in sorted(needed))

    assert find_origins(given, look) == sorted(needed)
    assert find_origins(given, look, known=ALL[:3]) == sorted(needed)


def test_a_piece_that_fails_without_its_rows_needs_them(given: Sources) -> None:
    """Rows without which a piece cannot be made belong to it, even where it never shows them."""

    def make(kept: Sources) -> Table:
        return Table(["n"], [[str(len(kept.rows["03_agreement"].query("metric == 'm03'").iloc[0]))]], "r")

    piece = Piece("matrix", "tbl", "03_agreement", make)
    assert find_origins(given, lambda kept: look_at_piece(piece, kept)) == [Origin("03_agreement", "rows", "m03")]


def _name(monkeypatch: pytest.MonkeyPatch, origins: list[Origin]) -> Piece:
    monkeypatch.setattr("probatio.compendium.origins.read_origins", lambda: {"matrix": tuple(origins)})
    return Piece("matrix", "tbl", "03_agreement", lambda _: Table(["a"], [["1"]], "l"))


def test_a_caption_names_notebook_and_rows(given: Sources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Five metrics are named, of more four and the number of others; those that the run lacks are not."""
    piece = _name(monkeypatch, ALL[:5])
    assert describe_origin(piece, given) == "Notebook 03_agreement, rows m00, m01, m02, m03, m04."
    assert "Notebook 03\\_agreement, rows m00, m01" in make_piece(piece, given, tmp_path, ())
    piece = _name(monkeypatch, [*ALL[:7], ALL[-1], Origin("03_agreement", "rows", "absent")])
    said = describe_origin(piece, replace(given, language="fr"))
    assert (
        said == "Carnet 03_agreement, lignes m00, m01, m02, m03 et 3 autres\u00a0; Carnet 04_replication, lignes m09."
    )


def test_a_caption_counts_what_would_fill_it(given: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table made from the rows of many notebooks names these, and how many metrics it takes."""
    notebooks = ("01_a", "02_b", "03_c", "04_d")
    piece = _name(monkeypatch, [Origin(notebook, "rows", "m01") for notebook in notebooks])
    many = replace(given, rows=dict.fromkeys(notebooks, given.rows["03_agreement"]))
    assert describe_origin(piece, many) == "Notebooks 01_a, 02_b, 03_c, 04_d, 1 metrics of their rows."


def test_one_changed_value_changes_the_table_of_origins(given: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest beside a figure is that of its rows: another value, another digest; other rows do not move it."""
    piece = _name(monkeypatch, ALL[:2])
    rows = given.rows["03_agreement"]

    def derive(metric: str) -> str:
        changed = rows.assign(estimate=rows["estimate"].where(rows["metric"] != metric, 0.6))
        return derive_origin_table([piece], replace(given, rows={**given.rows, "03_agreement": changed}), "tbl-origins")

    before = derive_origin_table([piece], given, "tbl-origins")
    assert "| @tbl-matrix | 03\\_agreement | m00, m01 | 2 |" in before
    assert derive("m01") != before == derive("m09")


def test_every_figure_and_table_made_from_rows_has_its_origins() -> None:
    """A caption without rows is one of the protocol, of the program, or of what no bundled study has to show."""
    named, shown = set(read_origins()), [piece for piece in PIECES if piece.kind != "txt"]
    without = {"secondary", "interim", *(piece.name for piece in shown if piece.notebook in ("", "00_protocol"))}
    assert named <= {piece.name for piece in shown}
    assert {piece.name for piece in shown} - named <= without
