"""The human-oversight dossier: rules of takeover, reviews, alarms and articles, each from rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probatio.display.articles import read_articles, render_article_table
from probatio.display.oversight import render_oversight_alarm_table, render_reviewed_table, render_takeover_table
from probatio.protocol import Protocol, read_protocol
from probatio.results import Reason, Status, build_row, derive_table
from probatio.wording import read_word

PROJECT = Path(__file__).parents[2]
Languages = pytest.mark.parametrize("language", ["fr", "en"])


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


def make_rows() -> dict[str, pd.DataFrame]:
    """Rows of a run in which ECOG has a rule for research and none for regulatory support."""
    research = {"source": "ai_a", "variable": "ecog", "use": "research"}
    dossier = research | {"use": "regulatory"}
    refused: dict[str, Any] = {"status": Status.NOT_ESTIMABLE, "reason": Reason.TOO_FEW_EVENTS}
    confidence = [
        build_row("accept_threshold", 0.93, **research),
        build_row("review_share", 0.25, lower=0.2, upper=0.31, **research),
        build_row("guaranteed_error", 0.0772, level=0.95, **research),
        build_row("accept_threshold", **refused, **dossier),
        build_row("review_share", 1.0, **dossier),
    ]
    review = []
    for variable, k, n in (("ecog", 40, 160), ("", 90, 400)):
        own = {"source": "ai_a_reviewed", "variable": variable}
        review += [
            build_row("reviewed_share", k / n, k=k, n=n, analysis="decisions", **own),
            build_row("override_rate", 0.2, lower=0.1, upper=0.34, k=8, n=40, analysis="decisions", **own),
            build_row("confirmed_errors", 0.05, lower=0.01, upper=0.2, k=1, n=20, analysis="reviewer_error", **own),
        ]
    whole = {"source": "ai_a_reviewed"}
    review += [
        build_row("override_rate", 0.4, analysis="drawn", **whole),
        build_row("unresolved", 2, analysis="decisions", **whole),
        build_row("review_minutes", 31.6, analysis="effort", **whole),
    ]
    agreement = [
        build_row("differential_error", 1.0, source="ai_a", variable="ecog", term="event"),
        build_row("differential_error", 0.0, source="ai_a", variable="stage", term="event"),
        build_row("monitoring_signal", 2.0, source="ai_b", variable="stage"),
    ]
    log = [build_row("audit_verified", 0.0), build_row("audit_stale_decisions", 0.0)]
    tables = {"07_confidence": confidence, "08_review": review + log, "03_agreement": agreement}
    return {name: derive_table(rows, study="demo", section=name, protocol_digest="0") for name, rows in tables.items()}


@Languages
def test_a_rule_says_threshold_share_guarantee_and_who_decides(protocol: Protocol, language: Any) -> None:
    """One line per variable and use; where nothing is guaranteed all is reviewed, and the reason is said."""
    table = render_takeover_table(make_rows(), protocol, language=language)
    (research, dossier) = table.rows
    assert "93" in research[2]
    assert research[3].startswith("25")
    assert re.search(r"7[.,]7", research[4])
    assert research[5] == protocol.review.may_decide["research"].read(language)  # type: ignore[union-attr]
    assert read_word("reason", "too_few_events", language) in dossier[2]
    assert dossier[4] == "–"
    assert dossier[0] == "", "a variable's name stands once"


def test_a_threshold_that_all_reach_is_said_in_words(protocol: Protocol) -> None:
    """Where every score passes, the rule names no number."""
    rows = make_rows()
    found = rows["07_confidence"]
    rows["07_confidence"] = found.assign(estimate=found["estimate"].where(found["metric"] != "accept_threshold", 0.0))
    (research, _) = render_takeover_table(rows, protocol, language="en").rows
    assert research[2] == read_word("takeover", "any", "en")


@Languages
def test_reviewed_values_end_with_their_total(protocol: Protocol, language: Any) -> None:
    """Counts, overrides, confirmed errors and minutes by variable; the last line is that of all variables."""
    table = render_reviewed_table(make_rows(), protocol, language=language)
    assert [row[1] for row in table.rows] == ["40/160", "90/400"]
    assert table.rows[-1][0] == read_word("figure", "all_variables", language)
    assert [row[4:] for row in table.rows] == [["–", "–"], ["2", "32"]]
    assert table.rows[-1][2].startswith("20"), "the rate among the values reviewed, not that of the random part"


def test_only_what_alarms_is_an_alarm(protocol: Protocol) -> None:
    """A dependent error, a control chart's alarm and a log that does not hold are listed; what is in order is not."""
    table = render_oversight_alarm_table(make_rows(), protocol, language="en")
    assert [row[0] for row in table.rows] == [
        read_word("alarm", name, "en") for name in ("differential_error", "monitoring_signal", "audit_verified")
    ]
    assert "Stage" not in table.rows[0][2]
    sound = make_rows() | {
        "08_review": derive_table([build_row("audit_verified", 1.0)]),
        "03_agreement": derive_table([]),
    }
    assert not render_oversight_alarm_table(sound, protocol, language="en").rows


@Languages
def test_each_requirement_names_its_evidence_or_says_that_it_is_absent(protocol: Protocol, language: Any) -> None:
    """A requirement counts the numbers of this run behind its answer; none: absent. Nothing is claimed without rows."""
    rows = make_rows()
    table = render_article_table(rows, protocol, language=language)
    shown = dict(zip([each.evidence for each in read_articles()], table.rows, strict=True))
    assert shown["takeover"][3:] == ["07_confidence", "1"]
    assert shown["accuracy"][3:] == ["–", read_word("figure", "absent", language)]
    nothing = render_article_table({}, protocol, language=language)
    assert {row[-1] for row in nothing.rows} == {read_word("figure", "absent", language)}


def test_articles_12_to_15_are_each_answered_by_numbers_that_exist() -> None:
    """Each of the four articles has requirements, in order; each names a worded metric of a notebook of the house."""
    articles = read_articles()
    numbers = [int(re.match(r"\d+", each.article)[0]) for each in articles]  # type: ignore[index]
    assert numbers == sorted(numbers)
    assert set(numbers) == {12, 13, 14, 15}
    assert len({each.evidence for each in articles}) == len(articles)
    assert all(each.requirement["fr"] and each.answer["en"] for each in articles)


def test_a_study_without_confidence_or_review_has_no_rule(protocol: Protocol) -> None:
    """Nothing ran: empty tables, which the dossier words as absent."""
    for render in (render_takeover_table, render_reviewed_table, render_oversight_alarm_table):
        assert not render({}, protocol, language="fr").rows
