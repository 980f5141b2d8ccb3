"""The dashboard in a real browser: filters, keys, numbers, print, no request, a screen reader's eyes."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from chromium import Browser, Tab, needs_chromium, open_browser
from dashboard_study import RUN, make_rows
from probatio.display.dashboard import Assets, Given, derive_payload, render_page
from probatio.display.rows import label_of, read_interval, select_reporting, source_label
from probatio.protocol import Protocol, read_protocol
from probatio.results import build_row, derive_table, select_rows
from probatio.wording import read_word

pytestmark = needs_chromium
PROJECT = Path(__file__).parents[2]
AXE = os.environ.get("PROBATIO_AXE", "")
needs_axe = pytest.mark.skipif(not AXE, reason="PROBATIO_AXE does not name axe.min.js")
Open = Callable[..., Tab]


@pytest.fixture(scope="module")
def demo() -> tuple[Protocol, dict[str, pd.DataFrame]]:
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    return protocol, make_rows(protocol)


@pytest.fixture(scope="module")
def address(demo: tuple[Protocol, dict[str, pd.DataFrame]], tmp_path_factory: pytest.TempPathFactory) -> str:
    protocol, rows = demo
    return write_page(tmp_path_factory.mktemp("page") / "dashboard.html", Given(protocol, rows, RUN))


def write_page(path: Path, given: Given) -> str:
    page = render_page(derive_payload(given), Assets.read(PROJECT / "reports" / "dashboard"))
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser, address: str) -> Open:
    """Return what opens the page with an address after its sign #."""

    def start(fragment: str = "", *, url: str = address, guarded: bool = True) -> Tab:
        tab = browser.open_tab()
        tab.send("Page.setBypassCSP", enabled=not guarded)
        for domain in ("Network", "Log", "Runtime"):
            tab.send(f"{domain}.enable")
        tab.open(f"{url}#{fragment}" if fragment else url)
        return tab

    return start


def read_lines(tab: Tab, section: str) -> list[list[str]]:
    """Return the texts of a section's first table, its head left out."""
    script = (f"[...document.querySelector('#{section} table.data').tBodies[0].rows]"
              ".map(line => [...line.cells].map(cell => cell.textContent))")  # fmt: skip
    return [list(map(str, line)) for line in tab.run(script)]


def list_variables(tab: Tab) -> list[str]:
    return list(tab.run("[...document.querySelectorAll('.matrix tbody th')].map(head => head.textContent)"))


def choose(tab: Tab, name: str, value: str) -> None:
    tab.run(f"(() => {{ const field = document.getElementById('filter-{name}'); field.value = '{value}';"
            " field.dispatchEvent(new Event('change')); })()")  # fmt: skip


def search(tab: Tab, text: str) -> None:
    """Type into the search field and wait until the page has followed."""
    tab.run("document.getElementById('filter-q').focus()")
    tab.type(text)
    tab.run("new Promise(done => setTimeout(done, 400))")


def test_filters_change_rows_counts_and_address(page: Open) -> None:
    """A source, a use, a type leave their rows and columns; counts, address and what a screen reader hears follow."""
    tab = page()
    every, whole = list_variables(tab), tab.run("document.querySelectorAll('.matrix [role=gridcell]').length")
    assert len(every) == 30
    assert whole == 30 * 9
    choose(tab, "type", "date")
    dates = list_variables(tab)
    assert 0 < len(dates) < 12
    assert "Toutes les variables" not in dates
    choose(tab, "source", "ai_a")
    choose(tab, "use", "research")
    assert tab.run("document.querySelectorAll('.matrix [role=gridcell]').length") == len(dates)
    count = tab.run("document.getElementById('filter-count').textContent")
    assert count == f"Affichés\u00a0: {len(dates)} sur 29 variables, 1 sur 8 sources."
    assert tab.run("document.querySelector('[role=status]').textContent") == count
    assert {line[1] for line in read_lines(tab, "errors")} == {"IA A"}
    assert len(read_lines(tab, "errors")) == len(dates)
    shown = tab.run("document.querySelector('#errors .tools .count').textContent")
    assert shown == f"Lignes\u00a0: {len(dates)} sur 90"
    assert tab.run("location.hash") == "#source=ai_a&use=research&type=date"


def test_the_address_brings_the_same_view_back(page: Open) -> None:
    """Filters, language and the chosen cell are those of the address; what it does not know is left aside."""
    fragment = "source=ai_b&use=steering&verdict=inconclusive&lang=en&cell=ai_b%3Asex%3Asteering&form=nowhere"
    tab = page(fragment)
    assert tab.run("document.documentElement.lang") == "en"
    assert tab.run("document.getElementById('filter-source').value") == "ai_b"
    assert tab.run("document.getElementById('filter-form').value") == ""
    assert "Sex · AI B · Steering" in tab.text
    words = tab.run("[...document.querySelectorAll('.matrix .cell:not(.faded)')].map(cell => cell.className)")
    assert words
    assert all("inconclusive" in name for name in words)
    again = page(
        tab.run("(document.getElementById('filter-use').dispatchEvent(new Event('change')), location.hash)")[1:]
    )
    main = "document.getElementById('main').innerText"
    assert again.run(main) == tab.run(main)


def test_reset_shows_all_again(page: Open) -> None:
    """One button empties every filter and the address."""
    tab = page("source=ai_a&type=date&q=date")
    tab.run("document.querySelector('.reset').click()")
    assert len(list_variables(tab)) == 30
    assert tab.run("location.hash") == ""
    assert tab.run("document.getElementById('filter-q').value") == ""


def test_a_search_that_names_no_variable_stays_out_of_the_address(page: Open) -> None:
    """Part of a variable's name goes there, without regard to accents; whatever else was typed does not."""
    tab = page()
    search(tab, "metastases")
    assert list_variables(tab) == ["Métastases cérébrales"]
    assert tab.run("location.hash") == "#q=metastases"
    search(tab, " DUPONT 1952")
    assert list_variables(tab) == []
    assert "Aucune ligne" in tab.run("document.getElementById('verdicts').innerText")
    assert tab.run("location.hash") == ""


def test_by_keyboard_alone(page: Open) -> None:
    """Tab reaches all there is, with a visible outline; arrows walk the matrix, Enter and Escape open and close."""
    tab = page()
    reached, unseen = [], []
    for _ in range(45):
        tab.press("Tab")
        name, outline = tab.run(
            "(() => { const e = document.activeElement; return [e.id || e.className || e.dataset.key || e.tagName,"
            " getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth]; })()"
        )
        reached.append(name)
        if name != "BODY" and ("none" in outline or outline.endswith("0px")):
            unseen.append(name)
        if name.startswith("cell"):
            break
    assert reached[0] == "skip"
    assert {"filter-source", "filter-q", "reset"} <= set(reached)
    assert unseen == []
    where = "document.activeElement.dataset.key"
    assert tab.run(where) == "manual:all:steering"
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        tab.press(key)
    assert tab.run(where) == "ai_a:sex:steering"
    tab.press("End")
    assert tab.run(where) == "ai_b:sex:regulatory"
    tab.press("Home")
    tab.press("ArrowLeft")
    assert tab.run(where) == "manual:sex:steering"
    tab.press("Enter")
    assert "Sexe · Saisie manuelle · Pilotage" in tab.text
    assert tab.run("location.hash") == "#cell=manual%3Asex%3Asteering"
    assert tab.run(where) == "manual:sex:steering"
    tab.press("Escape")
    assert "Sexe · Saisie manuelle · Pilotage" not in tab.text
    assert tab.run("document.querySelectorAll('.matrix [tabindex=\"0\"]').length") == 1


def test_the_skip_link_and_the_sections_keep_the_address(page: Open) -> None:
    """They move the focus and leave the filters in the address alone."""
    tab = page("source=ai_a")
    tab.run("document.querySelector('.skip').click()")
    assert tab.run("document.activeElement.id") == "main"
    tab.run("document.querySelector('nav a[href=\"#drift\"]').click()")
    assert tab.run("document.activeElement.id") == "title-drift"
    tab.run("new Promise(done => setTimeout(done, 1200))")
    assert tab.run("Math.abs(document.getElementById('title-drift').getBoundingClientRect().top) < innerHeight / 2")
    assert tab.run("location.hash") == "#source=ai_a"


def test_no_request_leaves_the_file(page: Open, address: str) -> None:
    """Whatever is opened, chosen or printed, the file is all that was asked for; the policy had nothing to refuse."""
    tab = page()
    choose(tab, "source", "ai_a")
    tab.run("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    tab.run("document.querySelector('[data-lang=en]').click()")
    tab.send("Page.printToPDF")
    asked = [
        event["params"]["request"]["url"] for event in tab.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert set(asked) <= {address, address.split("#", maxsplit=1)[0]}
    assert len(asked) == 1
    said = [event for event in tab.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert said == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_numbers_read_as_in_every_report(
    page: Open, demo: tuple[Protocol, dict[str, pd.DataFrame]], language: Any
) -> None:
    """Each rate of the profile has the text that tables of reports give it: estimate, interval, or reason."""
    protocol, rows = demo
    tab = page(f"lang={language}")
    found = {(line[0], line[1]): line[3:] for line in read_lines(tab, "errors")}
    overall = select_reporting(rows["03_agreement"])
    metrics = ("error_rate", "wrong_rate", "omission_rate", "unsupported_share")
    for (source, variable), own in select_rows(overall, metric=metrics).groupby(["source", "variable"]):
        names = label_of(protocol, str(variable), language), source_label(protocol, str(source), language)
        for text, metric in zip(found[names], metrics, strict=True):
            expected = read_interval(own, metric, language, percent=True)
            assert re.sub(r"\u00a0†.*?\)(?= )", "", text).startswith(expected), (names, metric)
    assert len(found) == 90


def test_a_column_sorts_both_ways(page: Open) -> None:
    """By its button, lowest first, then highest; what has no number comes last both times."""
    tab = page("source=ai_a")
    head = "document.querySelectorAll('#errors th button')[6]"
    for down in (False, True):
        tab.run(f"{head}.click()")
        texts = [line[6] for line in read_lines(tab, "errors")]
        assert texts[-1] == "aucune valeur au dénominateur"
        numbers = [float(text.split("\u202f")[0].replace(",", ".")) for text in texts[:-1]]
        assert numbers == sorted(numbers, reverse=down)
        assert tab.run(f"{head}.closest('th').getAttribute('aria-sort')") == ("descending" if down else "ascending")


def copy(tab: Tab, section: str) -> list[list[str]]:
    """Return what the copy button of a section's first table gives, as a French or English spreadsheet reads it."""
    tab.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    tab.run(f"document.querySelector('#{section} .copy').click()")
    text = str(tab.run("new Promise(done => setTimeout(() => done(window.copied), 50))"))
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in text.split("\n")[0] else ","))


def test_a_table_is_copied_as_csv(page: Open) -> None:
    """With the shown rows alone, numbers in fields of their own, the decimal comma in French."""
    tab = page("source=ai_b&type=date")
    lines = copy(tab, "errors")
    assert len(lines) == 1 + len(read_lines(tab, "errors"))
    place = lines[0].index("Erreur")
    assert lines[0][place : place + 3] == ["Erreur", "Erreur\u00a0: borne basse", "Erreur\u00a0: borne haute"]
    assert all(re.fullmatch(r"\d+(,\d)?", line[place]) for line in lines[1:])
    assert "Lignes copiées" in tab.run("document.querySelector('[role=status]').textContent")
    (head, *lines), place = copy(tab, "differences"), 3
    assert [name.rpartition("\u00a0: ")[2] for name in head[place + 1 : place + 8]] == [
        "borne basse", "borne haute", "n", "k", "statut", "règle", "décision"]  # fmt: skip
    ruled = [line[place + 6 : place + 8] for line in lines if line[place + 6]]
    assert ruled
    assert {tuple(said) for said in ruled} <= {("<\u00a05\u202f%", said[1]) for said in ruled}
    assert all(said[1] for said in ruled)


def test_a_table_is_kept_as_a_file(page: Open, tmp_path: Path) -> None:
    """The same lines as are copied, with the mark by which a spreadsheet knows UTF-8; named by study and protocol."""
    tab = page("source=ai_b&type=date")
    tab.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    tab.run("document.querySelector('#errors .save').click()")
    path, end = tmp_path / "demo_errors_ffffffffffff.csv", time.monotonic() + 20
    while not path.exists() and time.monotonic() < end:
        tab.run("new Promise(done => setTimeout(done, 50))")
    text = path.read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=";")) == copy(tab, "errors")
    sent = [event for event in tab.events if event["method"] == "Network.requestWillBeSent"]
    assert all(event["params"]["request"]["url"].startswith(("file:", "blob:")) for event in sent)


def test_from_all_variables_to_one(page: Open) -> None:
    """The verdict on all opens those it was made from; one variable's criteria leave that variable in every section."""
    tab = page("cell=ai_a%3Aall%3Aresearch")
    assert tab.run("document.querySelectorAll('#details tbody tr').length") == 29
    tab.run("document.querySelector('[data-key=\"ai_a:stage:research\"]').click()")
    place = tab.run("(() => { const box = document.getElementById('details').getBoundingClientRect();"
                    " return [box.top, box.bottom, innerHeight]; })()")  # fmt: skip
    assert place[0] < place[2]
    tab.run("document.querySelector('.follow').click()")
    assert list_variables(tab) == ["Stade"]
    assert {line[0] for line in read_lines(tab, "errors")} == {"Stade"}


def test_conclusions_are_counted_as_they_are_shown(page: Open) -> None:
    """The line above the table follows the filters, and leaves none of its rows out."""
    tab = page()
    for source in ("", "ai_a"):
        choose(tab, "source", source)
        said = tab.run("document.querySelector('#conclusions .headline').textContent")
        assert sum(map(int, re.findall(r"\d+", said))) == len(read_lines(tab, "conclusions")), said


def make_hostile(demo: tuple[Protocol, dict[str, pd.DataFrame]]) -> Given:
    """The study with labels that are markup, or formulas of a spreadsheet."""
    protocol, rows = demo
    script = "<img src=x onerror=\"document.title='taken'\"></script><script>document.title='taken'</script>"
    changes = {"title": protocol.title.model_copy(update={"fr": script, "en": script})}
    first, *others = protocol.variables
    named = first.model_copy(update={"label": first.label.model_copy(update={"fr": "=1+1", "en": f"@{script}"})})
    return Given(protocol.model_copy(update={**changes, "variables": [named, *others]}), rows, RUN)


def test_hostile_labels_are_text_on_screen_and_harmless_in_a_spreadsheet(
    page: Open, demo: tuple[Protocol, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    """Nothing of a title runs; a label that begins like a formula is copied with an apostrophe."""
    tab = page(url=write_page(tmp_path / "hostile.html", make_hostile(demo)))
    assert "<img src=x" in tab.run("document.querySelector('h1').textContent")
    assert tab.run("document.querySelectorAll('img').length + document.scripts.length") == 2
    assert not str(tab.run("document.title")).startswith("taken")
    assert tab.run("document.querySelector('.matrix tbody tr + tr .name').offsetWidth") <= 320
    assert "'=1+1" in {line[0] for line in copy(tab, "errors")}


def test_no_page_rolls_sideways(page: Open) -> None:
    """At a laptop's, tablets' and a phone's widths only tables roll, within their own frame."""
    tab = page()
    for width in (1366, 1024, 820, 600, 390):
        tab.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 900)
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), width


def test_print_repeats_heads_and_says_what_is_chosen(page: Open) -> None:
    """In print no control is left; each table names filters above and its source below, on pages that are numbered."""
    tab = page("source=ai_a")
    tab.send("Emulation.setEmulatedMedia", media="print")
    visible = "[...document.querySelectorAll('{}')].filter(each => each.offsetParent).length"
    assert tab.run(visible.format("button, select, input, nav")) == 0
    heads = tab.run("[...document.querySelectorAll('tr.print-only')].map(each => each.innerText)")
    assert heads
    assert all("Source\u00a0: IA A" in text for text in heads)
    assert tab.run("getComputedStyle(document.querySelector('.data thead')).display") == "table-header-group"
    for section in ("missing", "drift"):
        said = tab.run(f"document.getElementById('{section}').innerText")
        assert "Filtres\u00a0: Source\u00a0: IA A" in said
        assert "Carnet 0" in said
    feet = tab.run("[...document.querySelectorAll('tfoot')].map(each => each.innerText)")
    assert all("Carnet 0" in text and "commit 0123456789ab" in text for text in feet)
    made = base64.b64decode(tab.send("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type /Page\b", made)) > 5


def test_without_script_the_verdicts_are_read(browser: Browser, address: str) -> None:
    """A viewer that runs no script shows the title and every verdict in words."""
    tab = browser.open_tab(scripts=False)
    tab.open(address)
    assert "Étude de démonstration" in tab.text
    assert tab.text.count("Non concluant") > 20
    assert "n'exécute pas de script" in tab.text
    assert "Réservé au comité" in tab.text


def test_a_study_of_two_readings_opens(page: Open, tmp_path: Path) -> None:
    """Without verdicts, AI or centres each section says so in a sentence, and nothing fails."""
    protocol = read_protocol(PROJECT / "protocol" / "lung.yaml")
    verdict = build_row("verdict", source="patient", use="research", status="not_applicable", reason="no_reference")
    agreement = build_row(
        "agreement_rate", 0.25, n=224, k=57, source="patient", comparator="physician", variable="karnofsky"
    )
    rows = {"03_agreement": derive_table([agreement]), "09_acceptance": derive_table([verdict])}
    tab = page("lang=fr", url=write_page(tmp_path / "lung.html", Given(protocol, rows, RUN)))
    assert read_word("reason", "no_reference", "fr") in tab.text
    assert tab.run("document.getElementById('title-errors').textContent") == "Les lectures concordent-elles\u00a0?"
    assert tab.run("document.getElementById('filter-verdict')") is None
    assert "Le carnet 08_review n'a pas été exécuté" in tab.run("document.getElementById('review').textContent")
    assert [event for event in tab.events if event["method"] == "Runtime.exceptionThrown"] == []


def test_a_released_page_says_what_it_is(
    page: Open, demo: tuple[Protocol, dict[str, pd.DataFrame]], tmp_path: Path
) -> None:
    """That it may circulate stands on top, no day of a run does, and a chart whose batches are withheld says so."""
    protocol, rows = demo
    held = rows["03_agreement"].copy()
    batches = held["metric"].isin(["period_rate", "cusum", "control_limit_upper"])
    held.loc[batches, ["estimate", "lower", "upper", "n", "k"]] = None
    held.loc[batches, ["status", "reason"]] = ["suppressed", "disclosure"]
    run = {"commit": "0123456789ab", "protocol": "f" * 64, "version": "0.1.0"}
    given = Given(protocol, {"03_agreement": held, "09_acceptance": rows["09_acceptance"]}, run, minimum=10)
    tab = page(url=write_page(tmp_path / "released.html", given))
    head = tab.run("document.querySelector('header').innerText")
    assert "aucun effectif de patients ou de valeurs de 1 à 9" in head
    assert "Commit 0123456789ab, protocole ffffffffffff." in head
    assert "retenu\u00a0: un petit effectif serait révélé" in tab.run("document.querySelector('.charts').textContent")
    assert tab.run("document.querySelectorAll('.chart').length") == 0
    whole = tab.run("document.getElementById('main').textContent")
    assert not [wrong for wrong in ("undefined", "NaN", "Invalid", "2026") if wrong in whole]
    assert [event for event in tab.events if event["method"] == "Runtime.exceptionThrown"] == []


@needs_axe
@pytest.mark.parametrize("language", ["fr", "en"])
def test_axe_finds_nothing(page: Open, language: str) -> None:
    """axe-core finds no fault of any weight, with a cell's criteria and every folded table open (WCAG 2.1 AA).

    Few variables are chosen: it looks at each node, and more of the same kind would only take longer.
    """
    tab = page(f"lang={language}&cell=ai_a%3Asex%3Aresearch&type=binary", guarded=False)
    tab.run("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    # axe passes over what is not laid out yet.
    tab.run("document.querySelectorAll('section').forEach(each => { each.style.contentVisibility = 'visible'; })")
    tab.run(Path(AXE).read_text(encoding="utf-8"))
    found = "r.violations.map(v => [v.impact, v.id, v.nodes.slice(0, 3).map(n => n.html)])"
    answer = tab.run(f"axe.run().then(r => [r.passes.length, {found}])")
    assert answer[0] > 20
    assert answer[1] == []
