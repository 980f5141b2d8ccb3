"""The article goes out as a journal takes it: figures at the printed size, tables as a workbook, words counted."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from probatio.compendium.article import BESIDE, FIGURES, TABLES, fill_beside, prepare_article, write_article_files
from probatio.compendium.article_workbook import Sheet, derive_article_workbook
from probatio.compendium.making import find_labels, make_piece, write_pieces
from probatio.compendium.piece import Piece, Sources
from probatio.compendium.pieces import PIECES
from probatio.display.export import LINE_ART, write_figure
from probatio.display.overlap import render_flow_overlap_figure
from probatio.display.style import WIDTHS, create_figure, create_notice, figure_size, figure_style
from probatio.display.table import Table
from probatio.display.thresholds import DITTO, render_threshold_table
from probatio.protocol import Protocol, read_protocol
from probatio.results import Reason, Status, build_row, derive_table

PROJECT = Path(__file__).parents[2]
ARTICLE = PROJECT / "reports" / "article"
SOURCE = (ARTICLE / "article.qmd").read_text(encoding="utf-8")
SMALLEST = 7.0  # points, at the printed size
MILLIMETRES = 25.4
TABLE = Table(
    ["Source", "Error"],
    [["AI A", "7.8% (6.9 to 8.7)"], ["=1+1", "no pair in common"], ["@x", "−1,204.5 (−2,000.0 to −3.0)"]],
    "ll",
)  # fmt: skip


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


def build_cohort(*sets: tuple[str, int]) -> pd.DataFrame:
    """Return the rows of a cohort: a flow of two steps, and patients by set of sources."""
    flow = [
        build_row("patients", n, analysis="flow", term=term, unit="patients") for term, n in (("read", 9), ("kept", 9))
    ]
    values = [build_row("values", 5, analysis="flow", term="assessed", source=name, unit="values")
              for name in ("reference", "manual", "ai_a", "ai_b", "second_reader", "ai_a_reviewed")]  # fmt: skip
    return derive_table([*flow, *values, *(build_row("count", n, analysis="overlap", term=term) for term, n in sets)])


def find_small_letters(figure: Figure) -> list[str]:
    """Return the visible texts of a figure that are smaller than a journal prints."""
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(Text)
            if text.get_visible() and text.get_text().strip() and text.get_fontsize() < SMALLEST]  # fmt: skip


def test_a_figure_of_the_article_is_as_wide_as_a_double_column() -> None:
    """170 mm under the journal's size, the thesis' width outside it, also after a fault within."""
    with figure_style(), figure_size("journal"):
        figure, _ = create_figure(2)
    assert figure.get_size_inches()[0] * MILLIMETRES == pytest.approx(170, abs=0.1)
    with pytest.raises(ZeroDivisionError), figure_size("journal"):
        1 / 0  # noqa: B018  # a fault while drawing
    with figure_style():
        assert create_figure(2)[0].get_size_inches()[0] == WIDTHS["thesis"]


def test_a_printed_figure_has_the_dots_of_line_art(tmp_path: Path) -> None:
    """Six hundred dots per inch as PNG, a PDF of the same bytes each time; other figures keep two hundred."""
    for turn in ("one", "two"):
        with figure_size("journal"):
            write_figure(create_notice("flow", "en"), tmp_path / turn, suffixes=("png", "pdf"), dots=LINE_ART)
    with Image.open(tmp_path / "one.png") as image:
        assert image.width == pytest.approx(WIDTHS["journal"] * 600, abs=2)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    with Image.open(write_figure(create_notice("flow", "en"), tmp_path / "thesis")[1]) as image:
        assert image.width == pytest.approx(WIDTHS["thesis"] * 200, abs=2)


@pytest.mark.parametrize("size", ["thesis", "journal"])
def test_the_flow_of_six_sources_is_readable_and_counts_every_set(size: str, protocol: Protocol) -> None:
    """No letter under 7 points; a bar per set of sources with its patients."""
    rows = build_cohort(("reference + manual", 6), ("manual", 2), ("reference + manual + ai_a", 1))
    with figure_size(size):  # type: ignore[arg-type]
        figure = render_flow_overlap_figure(rows, protocol, language="en")
    assert find_small_letters(figure) == []
    bars = figure.subfigs[1].axes[0]
    assert [text.get_text() for text in bars.texts] == ["6", "2", "1"]
    assert [round(bar.get_height()) for bar in bars.patches] == [6, 2, 1]


def test_sets_beyond_the_bars_are_counted_together(protocol: Protocol) -> None:
    """Fourteen sets make twelve bars and one that holds the rest."""
    names = [source.name for source in protocol.sources]
    sets = [" + ".join(names[: at + 1]) for at in range(8)] + [f"{names[at]} + {names[at + 1]}" for at in range(1, 7)]
    figure = render_flow_overlap_figure(build_cohort(*((term, 20) for term in sets)), protocol, language="en")
    assert [text.get_text() for text in figure.subfigs[1].axes[0].texts] == [*["20"] * 12, "40"]


def test_a_flow_without_patients_is_drawn(protocol: Protocol) -> None:
    """A run of no patient, or of suppressed counts, is a figure with little in it, not a fault."""
    hidden = build_row(
        "count", status=Status.SUPPRESSED, reason=Reason.SMALL_STRATUM, analysis="overlap", term="manual"
    )
    for rows in (build_cohort().iloc[:0], derive_table([hidden])):
        figure = render_flow_overlap_figure(rows, protocol, language="en")
        assert not figure.subfigs[1].axes[0].patches


def test_thresholds_are_those_of_the_matrix(protocol: Protocol) -> None:
    """Each variable has a line; a repeated rule is a ditto; events have no rate of error, omissions instead."""
    table = render_threshold_table(protocol, language="en")
    assert [row[0] for row in table.rows] == [variable.label.read("en") for variable in protocol.variables]
    assert table.rows[0][2] == "error <\u00a010% (review <\u00a014.2%)"
    assert "non-inferiority to manual <\u00a05%" in table.rows[0][3]
    assert table.rows[1][2:] == [DITTO] * 3
    events = next(row for row, each in zip(table.rows, protocol.variables, strict=True) if each.type == "events")
    assert events[2].startswith("omission <")
    unruled = protocol.model_copy(update={"acceptance": None})
    assert {cell for row in render_threshold_table(unruled, language="fr").rows for cell in row[2:]} == {"–"}


def test_a_workbook_holds_texts_as_printed_and_numbers_as_numbers(protocol: Protocol) -> None:
    """Estimate and both ends are numbers beside the text, a share a fraction; no formula; the same bytes twice."""
    sheets = [Sheet("Table 1", "Errors", "Notebook 03.", TABLE)]
    first, second = (derive_article_workbook(sheets, protocol, facts={"commit": "abc"}) for _ in range(2))
    assert first == second
    frame = pd.read_excel(io.BytesIO(first), sheet_name="Table 1", header=3)
    assert list(frame.columns) == ["Source", "Error", "Error: number", "Error: lower", "Error: upper"]
    assert frame.iloc[0].tolist() == ["AI A", "7.8% (6.9 to 8.7)", 0.078, 0.069, 0.087]
    assert frame.iloc[2, 2:].tolist() == [-1204.5, -2000.0, -3.0]
    assert frame["Source"].tolist()[1:] == ["'=1+1", "'@x"]
    assert frame.iloc[1, 2:].isna().all()
    assert "Errors" in pd.read_excel(io.BytesIO(first), sheet_name="Contents", header=None).to_string()


def test_figures_and_tables_go_out_under_their_numbers(protocol: Protocol, tmp_path: Path) -> None:
    """Figure 2 of the text is Figure_2; one without content has no number; a table too long for print has a sheet."""
    stage = tmp_path / "article"
    (stage / "_run").mkdir(parents=True)
    names = ["flow_overlap", "missing", "verdicts", "thresholds"]
    text = "\n".join(f"{{{{< include _run/{name}.qmd >}}}}" for name in names)
    (stage / "article.qmd").write_text(f"{text}\n\n# Supplementary material\n", encoding="utf-8")
    given, beside = prepare_article(Sources(protocol, {}, {}, "en"), stage), []
    assert (given.size, given.printed) == ("journal", {"flow_overlap", "missing", "verdicts"})
    assert (fill_beside(given, beside), beside) == (frozenset(), [])
    notice = Piece("flow_overlap", "fig", "01_cohort", lambda _: create_notice("flow", "en"))
    table = next(piece for piece in PIECES if piece.name == "thresholds")
    last = Piece("verdicts", "fig", "09_acceptance", lambda _: create_notice("verdicts", "en"))
    none = Piece("missing", "fig", "02_data_quality", lambda _: None)
    write_pieces(given, stage / "_run", [notice, none, table, last])
    write_article_files(given, stage, tmp_path / "out", [Sheet("outcomes", "Outcomes", "", TABLE)])
    figures = {path.name for path in (tmp_path / "out" / FIGURES).iterdir()}
    assert figures == {f"Figure_{n}.{suffix}" for n in (1, 2) for suffix in ("svg", "png", "pdf")}
    assert list(pd.read_excel(tmp_path / "out" / TABLES, sheet_name=None)) == ["Contents", "Table 1", "outcomes"]


def test_a_piece_that_refers_knows_the_labels_of_the_whole_document(protocol: Protocol, tmp_path: Path) -> None:
    """It is made last, and told sections and pieces alike; its references are not escaped."""
    (tmp_path / "article.qmd").write_text("# Limits {#sec-limits}\n", encoding="utf-8")
    table = Piece("thresholds", "tbl", "00_protocol", lambda _: TABLE)
    said = Piece(
        "see_error", "txt", "00_protocol", lambda given: [f"See @{sorted(given.labels)[-1]}, 3_4."], refers=True
    )
    write_pieces(Sources(protocol, {}, {}, "en", size="journal"), tmp_path / "_run", [said, table])
    assert find_labels(tmp_path) == {"sec-limits", "tbl-thresholds"}
    assert (tmp_path / "_run" / "see_error.qmd").read_text("utf-8") == "See @tbl-thresholds, 3\\_4.\n"


def test_the_sentences_of_an_article_make_a_paragraph(protocol: Protocol, tmp_path: Path) -> None:
    """A thesis lists them; a journal prints prose."""
    piece = Piece("agreement", "txt", "03_agreement", lambda _: ["One.", "Two."])
    thesis, article = (
        make_piece(piece, Sources(protocol, {}, {}, "en", size=size), tmp_path, ()) for size in ("thesis", "journal")
    )
    assert (thesis, article) == ("- One.\n- Two.\n", "One. Two.\n")


def test_prose_refers_only_to_what_every_study_has() -> None:
    """A figure that a study may lack is pointed to by a piece, which is silent there."""
    referred = set(re.findall(r"@((?:tbl|fig)-[\w-]+)", SOURCE))
    assert referred <= {"fig-flow-overlap", "fig-profile", "tbl-sources", "tbl-thresholds", "tbl-characteristics"}


def test_tables_beside_the_article_exist_and_stand_nowhere_else() -> None:
    """Each is a table of the catalogue, and none is printed as well."""
    kinds = {piece.name: piece.kind for piece in PIECES}
    assert {kinds.get(name) for name in BESIDE} == {"tbl"}
    assert not set(BESIDE) & set(re.findall(r"_run/(\w+)\.qmd", SOURCE))


def test_no_digit_is_typed_in_the_results() -> None:
    """Numbers of the results come from rows."""
    results = SOURCE[SOURCE.index("# Results") : SOURCE.index("# Discussion")]
    assert re.findall(r"\d", re.sub(r"\{\{<.*?>\}\}|\{#[^}]*\}|@[\w-]+", "", results)) == []


def test_what_a_person_must_say_is_visibly_open() -> None:
    """Ethics, contributions, data, code, protocol, funding, interests: each statement holds an open box."""
    statements = SOURCE[SOURCE.index("# Statements") : SOURCE.index("# References")]
    for name in ("Ethics", "Contributions (CRediT)", "Data", "Code", "Protocol", "Funding", "Interests"):
        (part,) = re.findall(rf"\*\*{re.escape(name)}\.\*\*(.*?)(?=\n\n)", statements, flags=re.DOTALL)
        assert "☐ *To be completed by the authors" in part, name
