"""Tables are written so that no value can break or forge the page."""

from __future__ import annotations

import pypandoc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probatio.display.table import Table


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a|b", "*x*", "$y$", "[@ref]", "{{< include x >}}", "`code`"]
)
def test_values_stay_text_in_a_pipe_table(text: str) -> None:
    """Markup in a value is shown as written: pandoc reads back the very text."""
    markdown = Table(["v"], [[text]], "l").derive_markdown("caption", "tbl-x")
    plain = pypandoc.convert_text(markdown, "plain", format="markdown-smart", extra_args=["--wrap=none"])
    assert text in plain


def test_html_is_escaped_in_notebooks() -> None:
    """A value cannot become an element of the page."""
    shown = Table(["v"], [["<img src=x onerror=1>"]], "l")._repr_html_()
    assert "<img" not in shown


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12), min_size=1, max_size=4))
def test_one_line_per_row(texts: list[str]) -> None:
    """No text, however odd, splits a row of the pipe table or shifts its columns."""
    lines = Table(["c"] * len(texts), [texts], "l" * len(texts)).derive_markdown("x", "tbl-x").split("\n")
    assert len(lines[2].replace("\\|", "").split("|")) == len(texts) + 2
    assert lines[3] == ""


def test_a_table_with_a_missing_cell_is_refused() -> None:
    """Rows and alignments fit the columns."""
    with pytest.raises(ValueError, match="one alignment and one text per column"):
        Table(["a", "b"], [["1"]], "ll")
