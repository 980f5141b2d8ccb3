"""The benchmark as people read it: one page in each language, which needs nothing from outside."""

from __future__ import annotations

import html
import io

import pandas as pd

from probatio.display.benchmark import render_benchmark_figure, render_benchmark_table, render_between_table
from probatio.display.export import derive_stable_identifiers
from probatio.display.style import figure_style
from probatio.display.table import Table
from probatio.wording import Language, read_word

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px;margin:1rem 0}"
    "th,td{padding:.2rem .7rem .2rem 0;vertical-align:top;white-space:nowrap}"
    "thead th{border-bottom:1px solid #1a1a1a;white-space:normal}tbody td{border-bottom:1px solid #eee}"
    ".wide{overflow-x:auto}svg{max-width:100%;height:auto}.wide:focus-visible{outline:2px solid #00567f}"
    "@page{size:A4 landscape;margin:12mm}"
    "@media print{body{margin:0;padding:0;max-width:none;font-size:11px}.wide{overflow:visible}"
    "table{font-size:8pt!important}tr,figure{break-inside:avoid}}"
)
_HEAD = (
    '<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
    '<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width, initial-scale=1">'
)


def derive_benchmark_page(rows: pd.DataFrame, study: str, minimum: int, language: Language) -> bytes:
    """Return a page with the benchmark's tables and figure, from released rows."""

    def say(key: str) -> str:
        return html.escape(read_word("benchmark", key, language).format(minimum=minimum))

    title = f"{html.escape(study)}: {say('title')}" if language == "en" else f"{html.escape(study)} : {say('title')}"
    parts = [f"<h1>{title}</h1>", f"<p>{say('about')}</p>"]
    figure = render_benchmark_figure(rows, language=language)
    if figure is None:
        parts.append(f"<p>{say('nothing')}</p>")
    else:
        with figure_style():
            out = io.BytesIO()
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        drawing = derive_stable_identifiers(out.getvalue()).decode("utf-8")
        drawing = drawing[drawing.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{say("figure")}"', 1)
        parts += [f"<figure>{drawing}<figcaption>{say('figure')}</figcaption></figure>"]
        parts += [_derive_table(render_benchmark_table(rows, language=language), say("title"))]
        parts += [f"<p>{say('dash')}</p>", f"<h2>{say('between')}</h2>"]
        parts += [_derive_table(render_between_table(rows, language=language), say("between"))]
    head = f"{_HEAD}<title>{title}</title><style>{_STYLE}</style>"
    body = "\n".join(parts)
    page = f'<html lang="{language}"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>'
    return f"<!DOCTYPE html>\n{page}\n".encode()


def _derive_table(table: Table, name: str) -> str:
    """Return a table in a frame of its own, which rolls sideways, by keyboard too."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{name}">{table._repr_html_()}</div>'
