"""The dashboard without a browser: every row is in the page, nothing else is, and nothing of it runs or calls out."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_study import RUN, make_centres, make_missing, make_rows
from probatio.display.dashboard import NOTEBOOKS, Assets, Given, derive_payload, derive_policy, render_body, render_page
from probatio.display.dashboard.cells import derive_cell, round_shown
from probatio.display.dashboard.payload import write_json
from probatio.display.rows import select_reporting
from probatio.protocol import Protocol, read_protocol
from probatio.results import build_row, derive_table, select_rows
from probatio.wording import format_number, list_words

PROJECT = Path(__file__).parents[2]
ASSETS = Assets.read(PROJECT / "reports" / "dashboard")
Study = tuple[Protocol, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def demo() -> Protocol:
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


def make_payload(protocol: Protocol, rows: dict[str, pd.DataFrame], **more: Any) -> dict[str, Any]:
    return derive_payload(Given(protocol, {name: rows[name] for name in NOTEBOOKS if name in rows}, RUN, **more))


def read_back(page: str) -> dict[str, Any]:
    """Return the payload as a browser reads it from the page."""
    found = re.search(r'<script type="application/json" id="dashboard-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def make_readings() -> dict[str, pd.DataFrame]:
    """Rows of a study of two readings, without reference, AI, centres or review."""
    pair = {"source": "patient", "comparator": "physician", "variable": "karnofsky"}
    missing = {"variable": "karnofsky", "stratum_by": "centre", "source": "patient", "n": 36, "k": 1}
    return {
        "02_data_quality": derive_table([build_row("missing_rate", 1 / 36, stratum="1", **missing)]),
        "03_agreement": derive_table([build_row("agreement_rate", 0.25, n=224, k=57, **pair),
                                      build_row("presence_disagreement_rate", 0.02, n=228, k=4, **pair)]),
        "04_replication": derive_table([]),
        "08_review": derive_table([]),
        "09_acceptance": derive_table([build_row("verdict", source=source, use=use, status="not_applicable",
                                                 reason="no_reference") for source in ("patient", "physician")
                                       for use in ("steering", "research", "regulatory")]),
    }  # fmt: skip


@pytest.fixture(scope="module", params=["demo", "lung"])
def shown(request: pytest.FixtureRequest) -> tuple[Study, dict[str, Any]]:
    protocol = read_protocol(PROJECT / "protocol" / f"{request.param}.yaml")
    rows = make_rows(protocol) if request.param == "demo" else make_readings()
    return (protocol, rows), make_payload(protocol, rows)


def name_rows(payload: dict[str, Any], panel: str, *kinds: str) -> Counter[tuple[str, ...]]:
    """Return how often each name occurs among a panel's first columns, by its identifiers."""
    names = payload["names"]
    return Counter(tuple(names[kind][number]["id"] for kind, number in zip(kinds, row, strict=False))
                   for row in payload["panels"][panel]["rows"])  # fmt: skip


def test_every_verdict_is_in_the_page(shown: tuple[Study, dict[str, Any]]) -> None:
    """Each verdict row stands once in the matrix with its word, and once in what is read without a script."""
    (protocol, rows), payload = shown
    found = select_rows(rows["09_acceptance"], metric="verdict")
    expected = Counter(found[["variable", "source", "use"]].itertuples(index=False, name=None))
    assert name_rows(payload, "verdicts", "variables", "sources", "uses") == expected
    words = Counter(row[3] for row in payload["panels"]["verdicts"]["rows"])
    assert words == Counter(found["unit"].where(found["status"] == "ok", "not_applicable"))
    still = render_body(payload, ASSETS).split("<script", 1)[0]
    assert still.count("<tr><td>") == len(found)
    assert protocol.sources[0].label.en not in still or protocol.language == "en"


def test_every_criterion_is_behind_its_verdict(shown: tuple[Study, dict[str, Any]]) -> None:
    """As many criteria and decisions as there are rows, with the same words."""
    (_, rows), payload = shown
    decisions = select_rows(rows["09_acceptance"], metric="decision")
    written = payload["criteria"]["rows"]
    assert len(written) == len(select_rows(rows["09_acceptance"], metric="criterion"))
    assert Counter(row[7] for row in written) == Counter(decisions["unit"].where(decisions["status"] == "ok", ""))


def test_a_verdict_whose_rule_was_changed_is_said_to_be_exploratory(demo: Protocol) -> None:
    """The verdict on the variable and that on all of them bear the mark, others do not; a sentence says so."""
    rows = make_rows(demo)["09_acceptance"]
    changed = build_row("exploratory_criterion", 1, variable="stage", use="research", term="error", unit="error_rate")
    panel = make_payload(demo, {"09_acceptance": derive_table([*rows.to_dict("records"), changed])})["panels"][
        "verdicts"
    ]
    at = [column["key"] for column in panel["columns"]].index("exploratory")
    stage = [variable.name for variable in demo.variables].index("stage") + 1
    assert {(row[0], row[2]) for row in panel["rows"] if row[at]} == {(0, 1), (stage, 1)}
    assert "exploratoires" in panel["exploratory"][0][0]


def test_no_error_row_is_left_out(shown: tuple[Study, dict[str, Any]]) -> None:
    """The profile holds every variable and source that was compared with the reference, or with another reading."""
    (protocol, rows), payload = shown
    metric = "error_rate" if protocol.reference else "agreement_rate"
    found = select_rows(select_reporting(rows["03_agreement"]), metric=metric)
    if protocol.reference:
        found = found[found["comparator"] == protocol.reference.name]
    assert name_rows(payload, "errors", "variables", "sources") == Counter(
        found[["variable", "source"]].itertuples(index=False, name=None))  # fmt: skip


def test_a_study_without_reference_or_ai_says_so(shown: tuple[Study, dict[str, Any]]) -> None:
    """Each panel without rows has a reason in both languages."""
    (protocol, _), payload = shown
    for name, panel in payload["panels"].items():
        assert panel["rows"] or all(text.strip() for text in panel["why"]), name
        assert panel["notebook"] in NOTEBOOKS
    if protocol.reference is None:
        assert [name for name, panel in payload["panels"].items() if not panel["rows"]] == [
            "differences", "new_centre", "by_centre", "review", "drift", "alarms", "conclusions"]  # fmt: skip


def test_the_same_rows_give_the_same_page(shown: tuple[Study, dict[str, Any]]) -> None:
    """Byte by byte, and far below two megabytes; one changed estimate changes it."""
    (protocol, rows), payload = shown
    page = render_page(payload, ASSETS)
    assert page == render_page(make_payload(protocol, rows), ASSETS)
    assert len(page.encode()) < 1_000_000
    changed = rows["03_agreement"].copy()
    metric = "error_rate" if protocol.reference else "agreement_rate"
    place = select_rows(select_reporting(changed), metric=metric).index[0]
    changed.loc[place, "estimate"] = 1 - changed.loc[place, "estimate"]
    assert page != render_page(make_payload(protocol, {**rows, "03_agreement": changed}), ASSETS)


def test_a_notebook_that_did_not_run_is_named(demo: Protocol) -> None:
    """A run without rows gives a page of sentences, never an error or an older number."""
    payload = make_payload(demo, {})
    assert all("n'a pas été exécuté" in panel["why"][0] for panel in payload["panels"].values())
    assert "09_acceptance n&#x27;a pas été exécuté" in render_page(payload, ASSETS)


# Numbers.


@given(st.floats(min_value=-1e6, max_value=1e6), st.integers(min_value=0, max_value=3))
def test_numbers_are_rounded_as_every_report_rounds_them(value: float, digits: int) -> None:
    """The number that the script writes with fixed decimals reads like `format_number`'s text."""
    found = round_shown(value, digits)
    assert isinstance(found, int | float)
    assert f"{abs(found):,.{digits}f}" == format_number(abs(value), "en", digits=digits)


def test_open_and_missing_bounds_survive_json() -> None:
    """Infinity is a word, since JSON has none; what is undefined is null."""
    row = build_row("x", 0.5, lower=-math.inf, n=4)
    assert derive_cell(row) == [50, "-inf", None, 4]
    assert round_shown(math.inf, 1) == "inf"
    assert derive_cell(None) is None


def test_a_row_that_is_not_ok_keeps_its_reason_and_a_hidden_count_stays_hidden() -> None:
    """Not estimable: reason and n; suppressed: the reason alone."""
    row = build_row("x", status="not_estimable", reason="empty_denominator", n=0)
    assert derive_cell(row) == ["not_estimable", "empty_denominator", 0]
    assert derive_cell(build_row("x", status="suppressed", reason="small_stratum", n=3)) == [
        "suppressed",
        "small_stratum",
    ]


# Centres.


def test_names_of_centres_occur_nowhere_under_pseudonyms(demo: Protocol) -> None:
    """Searched in the whole page; the worst centre and the map of missing values bear pseudonyms too."""
    names = ["CHU de Xville-Nord", "Clinique Ÿ"]
    centres, missing = make_centres(["stage"], (*names,)), make_missing(["access"], (*names,))
    given = {"03_agreement": derive_table(centres), "02_data_quality": derive_table(missing)}
    page = render_page(make_payload(demo, given, pseudonyms={names[0]: "centre-b", names[1]: "centre-a"}), ASSETS)
    assert not [name for name in names if name in page or json.dumps(name)[1:-1] in page]
    payload = read_back(page)
    assert sorted(payload["names"]["centres"]) == ["centre-a", "centre-b"]
    assert payload["hidden_names"] is True


def test_the_order_of_centres_betrays_no_name(demo: Protocol) -> None:
    """Centres are listed by pseudonym, whatever their names."""
    payload = make_payload(
        demo, {"03_agreement": derive_table(make_centres(["stage"], ("A", "B")))}, pseudonyms={"A": "z", "B": "y"}
    )
    listed = [payload["names"]["centres"][row[2]] for row in payload["panels"]["by_centre"]["rows"]]
    assert listed == ["y", "z"] * 3


def test_a_small_centre_is_counted_and_not_shown(demo: Protocol) -> None:
    """Neither its name nor its number of patients is in the page; that there is one is said."""
    rows = derive_table(make_centres(["stage"], ("Aa", "Bb", "Tiny"), small="Tiny"))
    payload = make_payload(demo, {"03_agreement": rows})
    assert payload["panels"]["by_centre"]["left_out"] == [1, 3]
    assert "Tiny" not in render_page(payload, ASSETS)


def test_missing_values_are_held_against_the_limit(demo: Protocol) -> None:
    """Above the protocol's share is marked; at or below is not."""
    shared = {"source": "manual", "term": "access", "stratum_by": "centre", "n": 100}
    rows = derive_table([build_row("missing_rate", k / 100, stratum=f"C{k}", k=k, **shared) for k in (9, 10, 11)])
    found = make_payload(demo, {"02_data_quality": rows})["panels"]["missing"]["rows"]
    assert sorted((row[4][0], row[5]) for row in found) == [(9, "within"), (10, "within"), (11, "above")]


def test_patients_without_a_centre_are_no_centre(demo: Protocol) -> None:
    """They are in no count of centres; that they are not shown is said, and where they are enough they have a line."""
    cells = {"metric": "missing_rate", "source": "manual", "term": "access", "stratum_by": "centre"}
    few = build_row(**cells, stratum="", status="suppressed", reason="small_stratum")
    many = build_row(**cells, estimate=0.1, stratum="", n=20, k=2)
    rows = [build_row(**cells, estimate=0.1, stratum="C1", n=20, k=2)]
    panels = [make_payload(demo, {"02_data_quality": derive_table([*rows, row])})["panels"]["missing"]
              for row in (few, many)]  # fmt: skip
    assert [(panel["left_out"], panel["unplaced"], len(panel["rows"])) for panel in panels] == [
        ([0, 1], True, 1),
        ([0, 1], False, 2),
    ]


def test_a_centre_without_a_pseudonym_is_refused(demo: Protocol) -> None:
    """Its own name never stands in for one that is lacking."""
    rows = {"03_agreement": derive_table(make_centres(["stage"], ("A", "B")))}
    with pytest.raises(KeyError):
        make_payload(demo, rows, pseudonyms={"A": "z"})


def test_a_withheld_outcome_leaves_no_bar(demo: Protocol) -> None:
    """Shares of the other outcomes alone would be wrong; without any that is withheld they are those of all."""
    counts = [build_row("count", k, source="ai_a", comparator="reference", variable="stage", term=term)
              for term, k in zip("CWOUB", (90, 4, 3, 2, 1), strict=True)]  # fmt: skip
    rate = build_row("error_rate", 0.09, source="ai_a", comparator="reference", variable="stage", n=99, k=9)
    shown = []
    for status in ("ok", "suppressed"):
        counts[1] |= {
            "status": status,
            "estimate": 4 if status == "ok" else None,
            "reason": "" if status == "ok" else "disclosure",
        }
        rows = {"03_agreement": derive_table([rate, *counts])}
        shown.append(make_payload(demo, rows)["panels"]["errors"]["rows"][0][2])
    assert shown == [[90, 4, 3, 2, 1], None]


def test_a_conclusion_without_counts_is_shown(demo: Protocol) -> None:
    """Patients that are not told are no zero and no failure."""
    analysis = demo.analyses[0]
    row = build_row("conclusion", analysis=analysis.name, source=analysis.sources[0], term="x", variable="ecog",
                    method="log_hazard_ratio", status="not_applicable", reason="not_declared")  # fmt: skip
    (line,) = make_payload(demo, {"04_replication": derive_table([row])})["panels"]["conclusions"]["rows"]
    assert line[3:5] == [None, None]


def test_an_open_review_is_counted(demo: Protocol) -> None:
    """Its counts stand beside the rows of the notebook."""
    rows = {"08_review": derive_table([build_row("queued_share", 0.3, source="ai_a", use="research", n=100, k=30)])}
    tiles = make_payload(demo, rows, standing={"cases": 30, "open": 12})["panels"]["review"]["standing"]
    assert [value for _, value in tiles] == [30, 12]


# Safety.


def test_markup_in_labels_is_text(demo: Protocol) -> None:
    """A title that closes the script or opens another is neither; the page has its own two scripts only."""
    evil = "</title></script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>"
    title = demo.title.model_copy(update={"fr": evil, "en": evil})
    payload = make_payload(demo.model_copy(update={"title": title, "limits": [title]}), {})
    page = render_page(payload, ASSETS)
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "<!--" not in page
    assert read_back(page)["study"]["title"] == [evil, evil]


@settings(max_examples=60)
@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=8))
def test_no_text_leaves_the_data_block(value: Any) -> None:
    """Whatever it holds, JSON in the page has no markup character, and reads back equal."""
    text = write_json({"x": value})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"x": value}


def list_blocks(page: str) -> Iterator[tuple[str, str]]:
    """Yield each style and script with its digest as a policy names it."""
    for tag, text in re.findall(r"<(style|script)>(.*?)</\1>", page, re.DOTALL):
        yield tag, f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_admits_the_pages_own_style_and_script_alone(demo: Protocol) -> None:
    """Their digests are those of the very text; nothing else may load, connect, submit or frame."""
    page = render_page(make_payload(demo, {}), ASSETS)
    found = dict(list_blocks(page))
    own = f"script-src {found['script']}; style-src {found['style']}"
    assert derive_policy(ASSETS) == f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    assert f'content="{derive_policy(ASSETS)}"' in page.replace("&#39;", "'")


BANNED = (
    "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "fetch(", "XMLHttp",
    "WebSocket", "sendBeacon", "localStorage", "cookie", "@import", "url(http", " style=", "import(",
)  # fmt: skip


def test_the_page_names_no_address_and_runs_no_text() -> None:
    """No address but the name of SVG, no inline style or handler, no evaluation, no markup from text."""
    whole = ASSETS.shell + ASSETS.style + ASSETS.script
    assert re.findall(r"https?://[^\"' )]+", whole) == ["http://www.w3.org/2000/svg"]
    assert [banned for banned in BANNED if banned in whole] == []


def test_names_in_the_scripts_are_told_apart() -> None:
    """All scripts share one scope: no function or constant is defined twice."""
    defined = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", ASSETS.script, re.MULTILINE)
    assert [name for name, count in Counter(defined).items() if count > 1] == []


MADE = re.compile(r"filter_|short_|signal_|csv_|standing_|reading_|readings_")
"""Beginnings of words that the script, or the room, puts together."""


def test_every_word_of_the_page_exists_and_is_used() -> None:
    """A key without wording would show bare; a wording without use is left over."""
    words = set(list_words("dashboard"))
    sections = re.findall(r'"(\w+)"', re.findall(r"const SECTIONS = \[(.*?)\]", ASSETS.script)[0])
    asked = {f"{name}_{part}" for name in sections for part in ("title", "lead", "short")}
    asked |= set(re.findall(r'\bword\("(\w+)"(?:\)|, \{ )', ASSETS.script))
    source = "".join(path.read_text("utf-8") for path in (PROJECT / "src/probatio/display/dashboard").glob("*.py"))
    quoted = set(re.findall(r'"(\w+)"', source + ASSETS.script)) | set(
        re.findall(r"words\.dashboard\.(\w+)", ASSETS.script)
    )
    assert asked - words == set()
    assert {key for key in words - asked - quoted if not MADE.match(key)} == set()


def test_scripts_are_short() -> None:
    """As in the house: files of some 150 lines, lines that fit."""
    for path in (PROJECT / "reports" / "dashboard" / "script").glob("*.js"):
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) < 260, path.name
