"""The page over a small study under review: whoever visits it, and what its answers hold."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from starlette.types import ASGIApp

from circuit_study import CircuitStudy, make_queue
from probatio.review.circuit import Circuit
from probatio.review.log import AuditLog
from probatio.review.page.application import build_application
from probatio.review.page.desk import Desk
from probatio.review.page.sessions import Sessions
from probatio.review.page.showing import Shelf
from probatio.review.page.signing import Signer, read_key
from probatio.review.page.visit import Office
from probatio.review.tables import Case
from probatio.wording import Language

Start = Callable[..., tuple[subprocess.Popen[str], str]]
URL = "http://127.0.0.1"
_VOID = {"input", "meta", "link", "br"}


class Sheet(HTMLParser):
    """What an answer holds: its elements with attributes and text, its forms with their fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[dict[str, Any]] = []
        self.forms: list[dict[str, Any]] = []
        self._open: list[dict[str, Any]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        element = {"tag": tag, "attrs": named, "text": "", "within": [each["tag"] for each in self._open]}
        element["in_label"] = "label" in element["within"]
        self.elements.append(element)
        if tag == "form":
            self.forms.append({**named, "fields": {}})
        if tag == "input" and self.forms and "form" in element["within"] and named.get("type") == "hidden":
            self.forms[-1]["fields"][named["name"]] = named["value"]
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()["tag"] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def find(self, tag: str, **attrs: str) -> list[dict[str, Any]]:
        """Return the elements of a tag that have these attributes; `_` stands for `-`."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        return [
            each
            for each in self.elements
            if each["tag"] == tag and all(each["attrs"].get(name) == value for name, value in wanted.items())
        ]

    def get_form(self, action: str) -> dict[str, Any]:
        """Return the form that is posted to an address."""
        return next(form for form in self.forms if form["action"] == action)

    @property
    def text(self) -> str:
        """All that a reader reads."""
        return re.sub(r"\s+", " ", self.elements[0]["text"])


class Direct(httpx.BaseTransport):
    """Hands requests to an application in this process, one after the other."""

    def __init__(self, application: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(application, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@dataclass
class Visitor:
    """A browser: keeps its cookies, follows redirections, posts forms with their hidden fields."""

    client: httpx.Client
    answer: httpx.Response = field(init=False)

    @property
    def sheet(self) -> Sheet:
        return Sheet(self.answer.text)

    @property
    def path(self) -> str:
        return self.answer.url.path

    @property
    def case_id(self) -> str:
        return self.path.rpartition("/")[2]

    def go(self, path: str) -> Visitor:
        self.answer = self.client.get(path, follow_redirects=True)
        return self

    def post(self, action: str, **typed: Any) -> Visitor:
        """Post the form of the present page that goes to an address."""
        fields = {**self.sheet.get_form(action)["fields"], **typed}
        self.answer = self.client.post(action, data=fields, follow_redirects=True)
        return self

    def sign_in(self, name: str) -> Visitor:
        return self.go("/door").post("/door", reader=name)

    def decide(self, decision: str, **typed: Any) -> Visitor:
        """Decide on the case that is shown; further fields by name, those of a value with `field:` before."""
        return self.post(self.path, decision=decision, **typed)


_CASES: dict[tuple[int, bytes], list[Case]] = {}


def _derive_cases(study: CircuitStudy, queue: pd.DataFrame) -> list[Case]:
    """Return the cases of a queue, derived once."""
    key = id(study), queue.to_json().encode()
    if key not in _CASES:
        _CASES[key] = study.derive_cases(queue)
    return _CASES[key]


def _move(case: Case, by: int) -> Case:
    moved = [
        each if each.start is None or each.end is None else replace(each, start=each.start + by, end=each.end + by)
        for each in case.candidates
    ]
    return replace(case, candidates=tuple(moved))


def make_office(
    study: CircuitStudy, folder: Path, queue: pd.DataFrame | None = None, *, language: Language = "fr", token: str = "",
    readers: tuple[str, ...] = (), clock: Any = None, before: str = "", lent: bool = False,
) -> Office:  # fmt: skip
    """Open the review of a study with its log and key in a folder, as a server does when it starts.

    `before` is put before the text of every document.
    """
    cases = [_move(case, len(before)) for case in _derive_cases(study, make_queue() if queue is None else queue)]
    texts = {name: before + text for name, text in study.texts.items()}
    log = AuditLog(folder / "first.jsonl", study=study.protocol.study)
    signer = Signer(read_key(folder / "first.key"))
    timing = {} if clock is None else {"clock": clock}
    desk = Desk(Circuit(cases, study.protocol), log, lent=lent, **timing)
    sessions = Sessions(signer, language=language, token=token)
    return Office(study.protocol, desk, Shelf(study.records.documents, texts), signer, sessions, readers)


def visit(application: ASGIApp, *, url: str = URL) -> Visitor:
    """Return a new browser."""
    return Visitor(httpx.Client(transport=Direct(application), base_url=url))


def open_page(study: CircuitStudy, folder: Path, queue: pd.DataFrame | None = None, **options: Any) -> ASGIApp:
    """Return the page of a study under review."""
    return build_application(make_office(study, folder, queue, **options))


def read_address(said: str) -> str:
    """Return the address that a server printed when it started."""
    return next(word for word in said.split() if word.startswith("http://")).rstrip("/")


def read_port(address: str) -> str:
    """Return the port of an address."""
    return address.rpartition(":")[2]
