"""Tables and the figure of numbers, dates, sets and windows, on the bundled studies and on rows by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_display_pieces import Study, find_cut_labels

from probatio.display.export import write_figure
from probatio.display.values import (
    render_date_lag_figure,
    render_date_table,
    render_number_table,
    render_set_table,
    render_window_table,
)
from probatio.measures.repeated import WINDOWS
from probatio.protocol import Protocol
from probatio.results import build_row, derive_table, select_rows

TABLES = [render_number_table, render_date_table, render_set_table]


@pytest.mark.parametrize("render", TABLES)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_tables_are_whole(render: Any, language: Any, bundled: Study) -> None:
    """Every cell is a text in the language, none a bare code or a missing value; French takes the comma."""
    protocol, rows, _ = bundled
    table = render(rows["03_agreement"], protocol, language=language)
    declared = {variable.type for variable in protocol.variables}
    wanted = {render_number_table: "number", render_date_table: "date", render_set_table: "set"}[render]
    assert bool(table.rows) or wanted not in declared
    texts = [text for row in table.rows for text in row]
    assert not {"nan", "None", "<NA>", "no_interval", "one_value"} & set(texts)
    if language == "fr":
        assert not any(
            a.isdigit() and b == "." and c.isdigit() for t in texts for a, b, c in zip(t, t[1:], t[2:], strict=False)
        )


def test_the_number_table_shows_the_rows(bundled: Study) -> None:
    """Creatinine's line has its unit, its n, and the bias of its row, rounded."""
    protocol, rows, _ = bundled
    if "creatinine" not in {variable.name for variable in protocol.variables}:
        pytest.skip("this study has no creatinine")
    row = select_rows(rows["03_agreement"], metric="bias", variable="creatinine", source="ai_a", stratum_by="")
    row = row[row["comparator"] == protocol.reference.name].iloc[0]
    table = render_number_table(rows["03_agreement"], protocol, language="en")
    shown = [line for line in table.rows if "µmol/L" in line[0] and str(row["n"]) == line[3]]
    assert any(line[4].startswith(f"{row['estimate']:.2f}".replace("-", "−")) for line in shown)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_lag_figure_is_whole_and_reproducible(language: Any, bundled: Study, tmp_path: Path) -> None:
    """No label is cut, and the figure drawn twice has the same bytes; without dates a notice says so."""
    protocol, rows, _ = bundled
    digests = []
    for turn in ("first", "second"):
        figure = render_date_lag_figure(rows["03_agreement"], protocol, language=language)
        assert find_cut_labels(figure) == []
        paths = write_figure(figure, tmp_path / turn)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert digests[0] == digests[1]


def build_windows(protocol: Protocol, variable: str) -> pd.DataFrame:
    """Rows of one source at every window, F1 rising with it."""
    reference = protocol.reference
    assert reference is not None
    key = {"source": "ai_a", "comparator": reference.name, "variable": variable, "n": 100, "level": 0.95}
    rows = []
    for rank, days in enumerate(WINDOWS):
        for metric in ("event_omission_rate", "event_unsupported_share", "event_f1"):
            value = 0.5 + rank / 20
            rows.append(build_row(metric, value, at=str(days), lower=value - 0.1, upper=value + 0.1, **key))
    return derive_table(rows)


def test_the_window_table_goes_from_narrow_to_wide(bundled: Study) -> None:
    """Windows stand in the order of days, not of text, each with its own numbers."""
    protocol, _, _ = bundled
    events = [variable.name for variable in protocol.variables if variable.type == "events"]
    if not events:
        pytest.skip("this study has no repeated events")
    table = render_window_table(build_windows(protocol, events[0]), protocol, language="en")
    assert [row[2] for row in table.rows] == [str(days) for days in WINDOWS]
    assert [row[5].split()[0] for row in table.rows] == ["50.0%", "55.0%", "60.0%", "65.0%", "70.0%", "75.0%"]


@pytest.mark.parametrize("render", [*TABLES, render_window_table])
def test_without_rows_a_table_is_empty(render: Any, bundled: Study) -> None:
    """No row of the kind: a table with its head only, and no failure."""
    assert render(derive_table([]), bundled[0], language="en").rows == []
