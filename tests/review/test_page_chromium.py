"""The page in a real browser: by keyboard alone, two readers at once, without script, with a screen reader's eyes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from page_study import Start, open_page, read_address, read_port

from chromium import Browser, Tab, needs_chromium, open_browser
from circuit_study import CELLS, CircuitStudy, make_queue
from probatio.review.log import read_entries
from probatio.review.page.serving import bind_socket

pytestmark = needs_chromium
Serve = Callable[..., tuple[str, Path]]
AXE = os.environ.get("PROBATIO_AXE", "")
WEIGHT = ("P1", "weight", "start", "")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture
def serve(circuit_study: CircuitStudy, tmp_path: Path) -> Iterator[Serve]:
    """Return what starts a server of a queue and gives its address and log."""
    servers = []

    def start(cells: Any = CELLS, **options: Any) -> tuple[str, Path]:
        double = options.pop("double", ())
        page = open_page(circuit_study, tmp_path, make_queue(cells, double=double), **options)
        listening = bind_socket("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(page, log_config=None, log_level="critical", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{listening.getsockname()[1]}", tmp_path / "first.jsonl"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()


def sign_in(tab: Tab, address: str, name: str) -> None:
    """Go through the door by keyboard: its field has the focus."""
    tab.open(address)
    if tab.run("document.activeElement.id") != "reader":
        tab.run("document.getElementById('reader').focus()")
    tab.type(name)
    tab.press("Enter", moves=True)


def read_decisions(log: Path) -> list[tuple[str, str, str]]:
    return [(e.who, e.content["decision"], e.content["value"]) for e in read_entries(log) if e.kind == "decision"]


def test_cases_are_decided_by_keyboard_alone(browser: Browser, serve: Serve) -> None:
    """A letter or a figure and Enter decides; V and a text corrects; X, N, S, P, Z, T and ? do what the help says."""
    address, log = serve([("P1", "stage", "", ""), WEIGHT, ("P1", "sex", "", ""), ("P2", "stage", "", "")])
    tab = browser.open_tab()
    sign_in(tab, address, "AB")
    first = tab.path
    tab.press("a")
    assert tab.run("document.querySelector('input[name=decision]:checked').value") == "candidate:A"
    tab.press("Enter", moves=True)
    tab.press("v")
    tab.type("62,5")
    assert tab.run("document.querySelector('input[name=decision]:checked').value") == "typed"
    tab.press("Escape")
    tab.press("n")
    tab.type("pesée x")
    tab.press("Escape")
    tab.press("Enter", moves=True)
    tab.press("s", moves=True)
    skipped = tab.path
    tab.press("1")
    tab.press("Enter", moves=True)
    assert tab.path != skipped
    tab.press("x")
    tab.press("Enter", moves=True)
    said = read_decisions(log)
    assert said[:2] == [("AB", "confirmed", "IV"), ("AB", "corrected", "62.5")]
    assert [decision for _, decision, _ in said[3:]] == ["absent"]
    tab.press("t", moves=True)
    assert tab.path == "/overview"
    tab.open(address + first)
    tab.press("?")
    assert tab.run("document.getElementById('keys').open") is True


def test_a_french_keyboards_upper_row_chooses(browser: Browser, serve: Serve) -> None:
    """The key that bears 1 chooses the first value, also where it types & without Shift."""
    address, _ = serve([("P1", "stage", "", "")])
    tab = browser.open_tab()
    sign_in(tab, address, "AB")
    tab.send("Input.dispatchKeyEvent", type="keyDown", key="&", code="Digit1", text="&", windowsVirtualKeyCode=49)
    assert tab.run("document.querySelector('input[name=decision]:checked').value") == "candidate:A"


def test_taking_back_and_going_back_by_keyboard(browser: Browser, serve: Serve) -> None:
    """Z takes the last decision back and shows its case; P leads to the case before."""
    address, log = serve()
    tab = browser.open_tab()
    sign_in(tab, address, "AB")
    first = tab.path
    tab.press("x")
    tab.press("Enter", moves=True)
    second = tab.path
    tab.press("z", moves=True)
    assert tab.path == first
    assert [entry.kind for entry in read_entries(log)][-2:] == ["withdrawn", "shown"] or "withdrawn" in [
        entry.kind for entry in read_entries(log)
    ]
    tab.press("l")
    tab.press("Enter", moves=True)
    assert tab.path == second
    tab.press("p", moves=True)
    assert tab.path == first


def test_tab_reaches_everything_and_the_focus_is_seen(browser: Browser, serve: Serve) -> None:
    """From the top, Tab leads through documents, values, comment and Save, each with a visible outline."""
    address, _ = serve()
    tab = browser.open_tab()
    sign_in(tab, address, "AB")
    reached, unseen = set(), []
    for _ in range(40):
        tab.press("Tab")
        name, outline = tab.run(
            "(() => { const e = document.activeElement; return [e.name || e.id || e.className || e.tagName,"
            " getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth]; })()"
        )
        reached.add(name)
        if name != "BODY" and ("none" in outline or outline.endswith("0px")):
            unseen.append(name)
    assert {"skip", "language", "decision", "comment", "do", "text"} <= reached
    assert unseen == []


def test_the_span_is_in_view(browser: Browser, serve: Serve) -> None:
    """In a long document the marked passage is scrolled into sight, and the page itself stays at its top."""
    address, _ = serve([("P1", "stage", "", "")], before="Ligne sans rien.\n" * 200)
    tab = browser.open_tab()
    sign_in(tab, address, "AB")
    inside = tab.run(
        "(() => { const box = document.querySelector('div.text').getBoundingClientRect();"
        " const mark = document.querySelector('mark.span').getBoundingClientRect();"
        " return mark.top >= box.top && mark.bottom <= box.bottom && scrollY === 0; })()"
    )
    assert inside is True


def test_two_readers_at_once(browser: Browser, serve: Serve) -> None:
    """Two browsers get two cases; on one case the later decision is refused and its text stays in the form."""
    address, log = serve([WEIGHT, ("P1", "sex", "", "")])
    one, two = browser.open_tab(), browser.open_tab()
    sign_in(one, address, "AB")
    sign_in(two, address, "CD")
    assert one.path != two.path
    two.open(address + one.path)
    for tab, text in ((one, "61"), (two, "62")):
        tab.press("v")
        tab.type(text)
        tab.press("Enter", moves=True)
    assert "tranché entre-temps" in two.text
    assert two.run("document.querySelector('[name=\"field:weight\"]').value") == "62"
    assert two.run("document.activeElement.id") == "refusal"
    assert read_decisions(log) == [("AB", "corrected", "61")]


@pytest.mark.skipif(os.name == "nt", reason="signals are not those of Windows")
def test_a_server_killed_and_restarted(browser: Browser, opened_study: CircuitStudy, start: Start) -> None:
    """With the server gone, Enter says so and keeps what was typed; once it runs again, Enter saves it."""
    process, said = start("--port", "0")
    address, log = read_address(said), opened_study.root / "review" / "first.jsonl"
    tab = browser.open_tab()
    sign_in(tab, address, "AB")
    tab.press("x")
    tab.press("Enter", moves=True)
    tab.press("l")
    tab.press("n")
    tab.type("avant la panne")
    process.kill()
    process.communicate()
    assert [decision for _, decision, _ in read_decisions(log)] == ["absent"]
    tab.press("Escape")
    tab.press("Enter")
    end = time.monotonic() + 20
    while tab.run("document.getElementById('offline').hidden") and time.monotonic() < end:
        time.sleep(0.05)
    assert "ne répond pas" in tab.text
    assert tab.run("document.getElementById('comment').value") == "avant la panne"
    start("--port", read_port(address))
    tab.press("Enter", moves=True)
    assert [decision for _, decision, _ in read_decisions(log)] == ["absent", "unreadable"]
    assert next(e for e in reversed(read_entries(log)) if e.kind == "decision").content["comment"] == "avant la panne"
    assert tab.path.startswith("/case/")


def test_without_script(browser: Browser, serve: Serve) -> None:
    """With JavaScript off the same case is decided with Tab, blank and Enter."""
    address, log = serve([WEIGHT])
    tab = browser.open_tab(scripts=False)
    sign_in(tab, address, "AB")
    tab.run("document.querySelector('[name=\"field:weight\"]').focus()")
    tab.type("62")
    tab.press("Enter")
    deadline = time.monotonic() + 10
    while "Choisissez" not in tab.text and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "Choisissez une valeur" in tab.text
    tab.run("document.querySelector('[value=typed]').focus()")
    tab.press(" ")
    tab.press("Enter")
    while not read_decisions(log) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read_decisions(log) == [("AB", "corrected", "62")]


def test_html_of_a_document_is_not_run(browser: Browser, serve: Serve) -> None:
    """The script in the letter is text on the page; nothing of it was executed."""
    address, _ = serve([("P1", "stage", "", ""), ("P1", "sites", "", "")])
    tab = browser.open_tab()
    tab.send("Page.addScriptToEvaluateOnNewDocument", source="window.alert = () => { document.title = 'taken'; };")
    sign_in(tab, address, "AB")
    assert "<script>alert(1)</script>" in tab.text
    assert tab.run("document.title") != "taken"
    assert tab.run("document.scripts.length") == 1
    tab.press("x")
    tab.press("Enter", moves=True)
    assert "<b>foie</b>" in tab.text
    assert tab.run("document.querySelectorAll('b').length") == 0


@pytest.mark.parametrize("width", [1366, 820, 600])
def test_nothing_is_cut_off_and_targets_are_large(browser: Browser, serve: Serve, width: int) -> None:
    """At a laptop's and tablets' widths no page scrolls sideways; choices and buttons are 44 pixels high."""
    address, _ = serve()
    tab = browser.open_tab()
    tab.send("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=width < 900)
    sign_in(tab, address, "AB")
    for path in (tab.path, "/overview", "/adjudication"):
        tab.open(address + path)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        low = "[...document.querySelectorAll('button, .choice, summary, select, input[type=text]')]"
        assert tab.run(f"{low}.filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).length") == 0
    columns = tab.run("matchMedia('(max-width: 900px)').matches")
    assert columns is (width < 900)


@pytest.mark.skipif(not AXE, reason="PROBATIO_AXE does not name axe.min.js")
@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing_serious(browser: Browser, serve: Serve, language: str) -> None:
    """axe-core finds no serious or critical fault on any page, in either language (WCAG 2.1 AA and its own rules)."""
    address, _ = serve(language=language, double=(1,))
    tab = browser.open_tab()
    tab.send("Page.setBypassCSP", enabled=True)
    source = Path(AXE).read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}

    def check() -> None:
        tab.run(source)
        answer = tab.run(
            "axe.run().then(r => [r.passes.length, r.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)])])"
        )
        assert answer[0] > 20
        for impact, name, nodes in answer[1]:
            found.setdefault(f"{impact} {name}", []).extend(f"{tab.path}: {node}" for node in nodes)

    tab.open(address)
    check()
    sign_in(tab, address, "AB")
    for _ in range(len(CELLS)):
        check()
        tab.press("s", moves=True)
    tab.press("Enter", moves=True)
    check()
    for path in ("/overview", "/adjudication", "/nowhere"):
        tab.open(address + path)
        check()
    assert {name: nodes[:3] for name, nodes in found.items()} == {}


def test_a_third_reader_settles_by_keyboard(browser: Browser, serve: Serve) -> None:
    """Two readings that disagree are settled by a third person with a letter and Enter; axe finds nothing there."""
    address, log = serve([WEIGHT], double=(1,))
    for name, text in (("AB", "62"), ("CD", "63")):
        tab = browser.open_tab()
        sign_in(tab, address, name)
        tab.press("v")
        tab.type(text)
        tab.press("Enter", moves=True)
    third = browser.open_tab()
    sign_in(third, address, "EF")
    third.open(f"{address}/adjudication")
    third.run("document.querySelector('button[value=adjudication]').focus()")
    third.press("Enter", moves=True)
    assert "Les deux lectures divergent" in third.text
    if AXE:
        third.send("Page.setBypassCSP", enabled=True)
        third.open(address + third.path)
        third.run(Path(AXE).read_text(encoding="utf-8"))
        assert third.run("axe.run().then(r => r.violations.map(v => v.id))") == []
    third.press("a")
    third.press("Enter", moves=True)
    assert read_decisions(log)[-1] == ("EF", "confirmed", "61.5")
