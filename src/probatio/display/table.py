"""A table of texts: shown in notebooks as HTML, written into reports as a Quarto pipe table."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"


@dataclass(frozen=True)
class Table:
    """Columns with titles, rows of texts, an alignment per column (`l`, `r`, `c`)."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str
    widths: Sequence[int] = field(default=())

    def __post_init__(self) -> None:
        if len(self.align) != len(self.columns) or any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a table needs one alignment and one text per column")

    def __repr__(self) -> str:
        """Return the table as plain text, which is what notebook tests compare."""
        lines = [list(self.columns), *(list(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        return "\n".join("  ".join(_pad(t, w, a) for t, w, a in zip(line, widths, self.align, strict=True)).rstrip()
                         for line in lines)  # fmt: skip

    def _repr_html_(self) -> str:
        sides = {"l": "left", "r": "right", "c": "center"}
        css = [f"text-align:{sides[a]}" for a in self.align]
        head = "".join(f'<th style="{c}">{html.escape(t)}</th>' for t, c in zip(self.columns, css, strict=True))
        body = "".join(
            "<tr>" + "".join(f'<td style="{c}">{html.escape(t)}</td>' for t, c in zip(row, css, strict=True)) + "</tr>"
            for row in self.rows
        )
        return f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def derive_markdown(self, caption: str, identifier: str) -> str:
        """Return a Quarto pipe table with its caption (markdown) and cross-reference identifier (`tbl-…`)."""
        rule = {"l": ":---", "r": "---:", "c": ":---:"}
        lines = [_line(self.columns), "|" + "|".join(rule[a] for a in self.align) + "|"]
        lines += [_line(row) for row in self.rows]
        widths = f' tbl-colwidths="[{",".join(str(w) for w in self.widths)}]"' if self.widths else ""
        return "\n".join(lines) + f"\n\n: {caption} {{#{identifier}{widths}}}\n"


@dataclass(frozen=True)
class Passage:
    """A text of a report in Quarto's Markdown, made of the package's own words: it needs no run."""

    text: str

    def derive_markdown(self) -> str:
        """Return the text as it stands."""
        return self.text


def leave_repeated(rows: Sequence[Sequence[str]], columns: int = 1) -> list[list[str]]:
    """Return rows whose first cells are empty where they repeat those of the row above: long names stand once."""
    out = []
    for above, row in zip([None, *rows], rows, strict=False):
        shown = list(row)
        for at in range(columns):
            if above is None or list(above[: at + 1]) != list(row[: at + 1]):
                break
            shown[at] = ""
        out.append(shown)
    return out


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(text) for text in texts) + " |"


_PROSE: Mapping[int, str] = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|$^~@"} | {"\n": " "})
_MARKDOWN: Mapping[int, str] = {**_PROSE, **str.maketrans({c: f"\\{c}" for c in "'\""})}


def escape_prose(text: str) -> str:
    """Return a text that Markdown shows as it stands; quotation marks stay, for typography to curl them."""
    return text.translate(_PROSE)


def _escape(text: str) -> str:
    return text.translate(_MARKDOWN)


def _pad(text: str, width: int, align: str) -> str:
    return text.rjust(width) if align == "r" else text.center(width) if align == "c" else text.ljust(width)
