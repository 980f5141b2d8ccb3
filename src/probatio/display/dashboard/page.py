"""The page: its shell, its style and script, its data, and the first thing to read for those without a script.

Nothing is fetched: the policy in the head admits the page's own style and script by their digests, and no address.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from probatio.display.dashboard.payload import write_json

SHELL, STYLE = "page.html", "dashboard.css"


@dataclass(frozen=True)
class Assets:
    """The page's shell, style and script, as they lie in `reports/dashboard/`; scripts in the order of their names."""

    shell: str
    style: str
    script: str

    @classmethod
    def read(cls, folder: Path) -> Assets:
        """Read them from a folder.

        Raises:
            OSError: one of them is missing.
        """
        scripts = [path.read_text(encoding="utf-8") for path in sorted((folder / "script").glob("*.js"))]
        if not scripts:
            raise FileNotFoundError(f"{folder}/script: no script of the page")
        joined = "\n".join(scripts)
        script = f'"use strict";\n(() => {{\n{joined}}})();\n'
        return cls((folder / SHELL).read_text(encoding="utf-8"), (folder / STYLE).read_text(encoding="utf-8"), script)


def render_page(payload: Mapping[str, Any], assets: Assets) -> str:
    """Return the page as one HTML document; the same payload and assets give the same text."""
    title = payload["study"]["title"][_at(payload)]
    return _fill(assets, whole=True, language=payload["study"]["language"], title=title, policy=derive_policy(assets),
                 style=_keep(assets.style), body=_keep(render_body(payload, assets, styled=False)))  # fmt: skip


def render_body(payload: Mapping[str, Any], assets: Assets, *, styled: bool = True) -> str:
    """Return what stands in the page's body: style (where `styled`), what is read without a script, data, script.

    Another renderer sets it into its own page as raw HTML.
    """
    return _fill(assets, whole=False, style=_keep(assets.style if styled else ""), script=_keep(assets.script),
                 data=_keep(write_json(payload)),
                 still=_keep(render_still(payload)))  # fmt: skip


def _fill(assets: Assets, **values: Any) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(assets.shell).render(**values)


def _keep(text: str) -> Markup:
    """Return a text that the shell takes as it is."""
    return Markup(text)  # noqa: S704 - made here, escaped where it came from outside


def derive_policy(assets: Assets) -> str:
    """Return the content security policy: nothing but this style and this script, no connection, no form, no frame."""
    rules = {
        "default-src": "'none'",
        "script-src": _name_digest(assets.script),
        "style-src": _name_digest(assets.style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _name_digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _at(payload: Mapping[str, Any]) -> int:
    return 0 if payload["study"]["language"] == "fr" else 1


def render_still(payload: Mapping[str, Any]) -> str:
    """Return title and verdicts as plain HTML: what a viewer shows that runs no script; the script replaces it."""
    at, words, panel = _at(payload), payload["words"], payload["panels"]["verdicts"]
    title, said = payload["study"]["title"][at], words["dashboard"]["without_script"][at]
    below = payload["below"]
    circulation = words["dashboard"]["circulation" if below is None else "released"][at].replace("{below}", str(below))
    parts = [f"<h1>{html.escape(title)}</h1>", *(f"<p>{html.escape(text)}</p>" for text in (circulation, said))]
    if not panel["rows"]:
        return "\n".join([*parts, f"<p>{html.escape(panel['why'][at])}</p>"])
    head = [column["title"][at] for column in panel["columns"][:4]]
    lines = [_list_still(row, payload, at) for row in panel["rows"]]
    table = _row("th", head) + "".join(_row("td", line) for line in lines)
    return "\n".join([*parts, f"<table>{table}</table>"])


def _list_still(row: Sequence[Any], payload: Mapping[str, Any], at: int) -> list[str]:
    names, words = payload["names"], payload["words"]
    labels = [
        names[kind][number]["label"][at] for kind, number in zip(("variables", "sources", "uses"), row, strict=False)
    ]
    reason = f" ({words['reason'][row[4]][at]})" if row[4] else ""
    return [*labels, words["verdict"][row[3]][at] + reason]


def _row(tag: str, texts: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts) + "</tr>\n"
