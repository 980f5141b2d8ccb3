"""A rule changed after AI data were seen is visible wherever a verdict is: in tables, matrix, sheets and sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probatio.display.amendments import describe_amended, render_amendment_table
from probatio.display.sheets import render_sheets
from probatio.display.statement import Signatures, Statement
from probatio.display.verdicts import render_deciding_table, render_verdict_matrix, render_verdict_table
from probatio.measures.design import estimate_design
from probatio.protocol import Language, Protocol, Revision, read_protocol, read_revisions
from probatio.results import build_row, derive_table

PATH = Path(__file__).parents[2] / "protocol" / "demo.yaml"


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read_protocol(PATH)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """One source, two variables and their common verdict for steering; the rule of stage was changed late."""
    key = {"source": "ai_a", "use": "steering"}
    made = [build_row("exploratory_criterion", 1, variable="stage", use="steering", term="error", at="2"),
            build_row("verdict", 1, unit="accepted", term="stage", n=2, k=2, **key)]  # fmt: skip
    for name in ("stage", "sex"):
        judged = {"variable": name, "term": "error", "at": "< 0.1", **key}
        made += [build_row("verdict", 1, unit="accepted_with_review", variable=name, term="error", n=1, k=1, **key),
                 build_row("criterion", 0.05, lower=0.01, upper=0.09, unit="error_rate", n=100, k=5, **judged),
                 build_row("decision", 1, unit="passed", **judged)]  # fmt: skip
    return derive_table(made)


@pytest.mark.parametrize(("language", "word"), [("fr", "(exploratoire)"), ("en", "(exploratory)")])
def test_verdicts_say_that_they_explore(protocol: Protocol, rows: pd.DataFrame, language: Language, word: str) -> None:
    """The verdict over all variables and the touched variable's are marked; the other variable's is not."""
    (overall,) = render_verdict_table(rows, protocol, language=language).rows
    assert overall[2].endswith(word)
    marked = {line[0]: line[3].endswith(word) for line in render_deciding_table(rows, protocol, language=language).rows}
    assert [*marked.values()] == [False, True]
    figure = render_verdict_matrix(rows, protocol, language=language)
    marks = [text.get_text() for text in figure.axes[0].texts]
    assert sum(mark.endswith("*") for mark in marks) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[-1] == f"* {word[1:-1]}"
    notes = {sheet.variable: [*sheet.notes] for sheet in render_sheets(rows, protocol, language=language).sheets}
    assert (len(notes["stage"]), notes["sex"]) == (1, [])


def test_nothing_is_marked_without_a_late_change(protocol: Protocol, rows: pd.DataFrame) -> None:
    """Verdicts of rules that stood before carry no mark, and the legend explains none."""
    plain = rows[rows["metric"] != "exploratory_criterion"]
    assert render_verdict_table(plain, protocol, language="en").rows[0][2] == "Accepted"
    figure = render_verdict_matrix(plain, protocol, language="en")
    assert not [text for text in figure.axes[0].texts if text.get_text().endswith("*")]
    assert not [text for text in figure.legends[0].get_texts() if "exploratory" in text.get_text()]


def test_sentences_count_amendments(protocol: Protocol, rows: pd.DataFrame) -> None:
    """The counts are those of the rows; a protocol never amended says so; without rows nothing is said."""
    settings = derive_table(estimate_design(protocol, read_revisions(PATH, protocol)))
    given = {"00_protocol": settings, "09_acceptance": rows}
    said = describe_amended(given, protocol, language="en")
    assert said[0] == "Amendments to the protocol: 1; decided after data had been seen: 1; after AI data: 0."
    assert "(criteria: 1; variables: 1)" in said[1]
    first = protocol.model_copy(update={"amendments": []})
    never = derive_table(estimate_design(first))
    assert describe_amended({"00_protocol": never}, first, language="fr") == [
        "Aucune règle n'a changé depuis la première version du protocole."
    ]
    assert describe_amended({}, protocol, language="fr") == []


def test_the_table_names_what_counts_and_counts_what_is_worded(protocol: Protocol) -> None:
    """Keys are named with both values, wordings are counted, and the version is named by its digest."""
    (line,) = render_amendment_table(read_revisions(PATH, protocol), protocol, language="en").rows
    assert line[0] == "1 · November 24, 2026"
    assert line[1] == "Reference"
    assert line[3] == "monitoring.assurance: – → 0.9; 3 wordings"
    assert protocol.amendments[0].previous.startswith(line[4])


def _word_change(protocol: Protocol, before: dict[str, Any], after: dict[str, Any]) -> str:
    revision = Revision(protocol.amendments[0], before, after)
    return render_amendment_table([revision], protocol, language="en").rows[0][3]


def test_no_change_of_a_rule_is_counted_as_a_wording(protocol: Protocol) -> None:
    """The source of an endpoint, a recoded text and who is included are named; a citation and a label are counted."""
    before = {"endpoints": [{"name": "os", "source": "manual"}], "written": {"inclusion": [{"en": "Adults"}]},
              "variables": [{"name": "sex", "label": {"fr": "Sexe"}, "recode": {"values": {"fr": "F"}}}]}  # fmt: skip
    after = {"endpoints": [{"name": "os", "source": "ai_a"}], "written": {"inclusion": [{"en": "All"}]},
             "variables": [{"name": "sex", "label": {"fr": "Genre"}, "recode": {"values": {"fr": "M"}}}]}  # fmt: skip
    assert _word_change(protocol, before, after) == (
        "endpoints[os].source: manual → ai_a; written.inclusion[0].en: Adults → All; "
        "variables[sex].recode.values.fr: F → M; 1 wording"
    )


def test_long_values_are_shown_where_they_differ(protocol: Protocol) -> None:
    """Two values alike over more characters than a cell holds do not look the same."""
    before, after = ({"data": f"{'a' * 90}{end}"} for end in ("1", "2"))
    assert _word_change(protocol, before, after) == f"data: …{'a' * 20}1 → …{'a' * 20}2"


def test_a_statement_is_text_or_an_open_box() -> None:
    """Several sentences are numbered, signs of Markdown stay signs; nothing written is a box, never an empty line."""
    assert Statement(["a *b*"], "To do", "Say it.").derive_markdown() == "a \\*b\\*\n"
    assert Statement(["a", "b"], "To do", "Say it.", ["c"]).derive_markdown() == "1. a\n2. b\n\n- c\n"
    box = Statement([], "To do", "Say it.").derive_markdown()
    assert box == '::: {.callout-important title="To do"}\nSay it.\n:::\n'


def test_each_signature_has_the_whole_digest() -> None:
    """A name that is not known is a line to write on."""
    made = Signatures([("Sponsor", "X"), ("Methodologist", "")], "ab" * 32, ["Digest:", "Date:", "Signature:"])
    text = made.derive_markdown()
    assert text.count("ab" * 32) == 2
    assert "**Sponsor**\\\nX\\\n" in text
    assert "**Methodologist**\\\n……" in text
