"""The article's sentences say what the rows say: numbers with interval and n, margins, verdicts, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probatio.display import abstract, abstract_differences, abstract_findings, discussion, phrases
from probatio.display.claims import describe_claims
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, build_row, derive_table, select_rows
from probatio.wording import format_percent

PROJECT = Path(__file__).parents[2]
LONGEST = 300
Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]


def build_difference(estimate: float, lower: float, upper: float, **fields: Any) -> dict[str, Any]:
    return build_row("error_difference", estimate, lower=lower, upper=upper, level=0.95, n=400, source="ai_a",
                     comparator="manual", **fields)  # fmt: skip


def write_all(study: Study, language: Language) -> list[str]:
    protocol, rows, _ = study
    return [
        *abstract.describe_objective(protocol, language=language),
        *abstract.describe_abstract_methods(rows["01_cohort"], protocol, language=language),
        *abstract.describe_abstract_results(rows, protocol, language=language),
        *abstract.describe_conclusions(rows["09_acceptance"], protocol, language=language),
    ]


def test_a_share_stands_with_its_interval_and_n() -> None:
    """The usual level is left out, as the methods announce it; another one is named; a French decimal is a comma."""
    row = build_row("error_rate", 0.07768, lower=0.0692, upper=0.08711, level=0.95, n=7198)
    assert phrases.quote_share(row, "en") == "7.8% (6.9 to 8.7; 7,198 values)"
    assert phrases.quote_share({**row, "level": 0.9}, "en") == "7.8% (90% CI 6.9 to 8.7; 7,198 values)"
    assert phrases.quote_share(row, "fr").startswith("7,8\u202f% (de 6,9 à 8,7")
    assert phrases.quote_points({**row, "estimate": -0.004}, "en").startswith("−0.4 points")


def test_what_is_not_estimable_is_said_with_its_reason() -> None:
    """No number stands where there is none."""
    row = build_row("error_rate", status=Status.NOT_ESTIMABLE, reason=Reason.NO_PAIRS)
    assert phrases.quote_share(row, "en") == "not given (no pair in common)"


@pytest.mark.parametrize(
    ("n", "english", "french"),
    [(0, "0 patients", "0 patient"), (1, "1 patient", "1 patient"), (2, "2 patients", "2 patients")],
)
def test_nouns_agree_with_their_number(n: int, english: str, french: str) -> None:
    """None is many in English and one in French."""
    assert phrases.count_noun(n, "patient", "en") == english
    assert phrases.count_noun(n, "patient", "fr") == french


def test_names_are_joined_as_prose_does() -> None:
    """No source, one, two, three; parts with an `and` of their own are set apart."""
    assert [phrases.join_names(names, "en") for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "", "A", "A and B", "A, B and C",
    ]  # fmt: skip
    assert phrases.join_names(["A and B", "C"], "en", apart=True) == "A and B; C"


@pytest.mark.parametrize(
    ("interval", "said"), [((0.01, 0.03), "(met)"), ((0.01, 0.06), "(not decided)"), ((0.055, 0.08), "(not met)")]
)
def test_the_margin_is_met_only_by_a_whole_interval(interval: tuple[float, float], said: str, demo: Study) -> None:
    """Research has a margin of 5 points: below it, across it, beyond it."""
    protocol = demo[0]
    rows = derive_table([build_difference(0.02, *interval, method="weighted_t")])
    assert said in " ".join(abstract_differences.describe_differences(rows, protocol, "en"))


def test_the_stricter_of_two_intervals_decides_the_margin(demo: Study) -> None:
    """An interval to accept by that reaches beyond the margin leaves it undecided, whatever the one to report."""
    protocol = demo[0]
    intervals = {"weighted_t": 0.04, "tango_weighted": 0.052}
    rows = derive_table([build_difference(0.02, 0.0, upper, method=name) for name, upper in intervals.items()])
    assert "(not decided)" in " ".join(abstract_differences.describe_differences(rows, protocol, "en"))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_abstract_is_whole_sentences_without_a_hole(language: Language, bundled: Study) -> None:
    """Every sentence ends; no code, brace, missing value or empty list shows."""
    said = write_all(bundled, language)
    assert all(sentence.endswith((".", "?")) for sentence in said)
    text = " ".join(said)
    assert not [bad for bad in ("nan", "{", "<NA>", "None", "()", " ,", "_", "  ") if bad in text]


def test_errors_in_the_abstract_are_those_of_the_rows(demo: Study) -> None:
    """The overall error of each source is read from its own row against the reference."""
    protocol, rows, _ = demo
    text = " ".join(abstract.describe_abstract_results(rows, protocol, language="en"))
    for source in abstract_findings.list_judged(protocol):
        own = select_rows(rows["03_agreement"], metric="error_rate", source=source.name, variable="", stratum_by="",
                          comparator=protocol.reference.name)  # fmt: skip
        assert f"{format_percent(float(own['estimate'].iloc[0]), 'en')} (" in text


def test_without_reference_the_abstract_speaks_of_agreement_and_never_of_error(bundled: Study) -> None:
    """Two readings agree or not; the one mention of error denies it, and no verdict is given."""
    protocol = bundled[0]
    text = " ".join(write_all(bundled, "en"))
    if protocol.reference is None:
        assert text.replace("agreement is measured, not error", "").find("error") == -1
        assert "no verdict of acceptance" in text
    else:
        assert "Verdicts hold for these versions" in text


def test_the_abstract_of_the_demonstration_study_is_short_enough(demo: Study) -> None:
    """With its background and four titles it has at most 300 words, as journals ask."""
    source = (PROJECT / "reports" / "article" / "article.qmd").read_text(encoding="utf-8")
    abstract_source = source[source.index("# Abstract") : source.index("# Introduction")]
    fixed = re.sub(r"\{\{<.*?>\}\}|^#.*$|\*", "", abstract_source, flags=re.MULTILINE)
    assert len(f"{fixed} {' '.join(write_all(demo, 'en'))}".split()) <= LONGEST


def test_conclusions_name_a_use_under_its_verdict_only(demo: Study) -> None:
    """A source refused for research and open for steering is named so, and nowhere as accepted."""
    protocol = demo[0]
    rows = derive_table([
        build_row("verdict", value, unit=unit, source="ai_a", use=use, n=29, k=k)
        for use, unit, value, k in (("steering", "inconclusive", 1, 21), ("research", "not_accepted", 0, 11))
    ])  # fmt: skip
    (said, scope) = abstract.describe_conclusions(rows, protocol, language="en")
    assert said == (
        "Verdicts (variables accepted, with or without review): "
        "inconclusive, AI A for steering (21/29); not accepted, AI A for research (11/29)."
    )
    assert scope.startswith("Verdicts hold")


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (["equivalent"], "The hazard ratio met its equivalence margin."),
        (["not_equivalent"], "The hazard ratio failed its equivalence margin."),
        (
            ["equivalent", "inconclusive"],
            "Of 2 comparisons of hazard ratios, 1 met the equivalence margin, none failed",
        ),
    ],
)
def test_replication_counts_its_conclusions(units: list[str], said: str, demo: Study) -> None:
    """One comparison is said as such; several are counted, none in words."""
    protocol = demo[0]
    rows = derive_table([
        build_row("conclusion", 0, unit=unit, analysis="os_by_brain_mets", source="ai_a", comparator="reference",
                  variable="brain_mets", term=f"level{at}", n=145)
        for at, unit in enumerate(units)
    ])  # fmt: skip
    assert " ".join(abstract_findings.describe_replicated(rows, protocol, "en")).startswith(said)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ((0.02, 0.03), "lies below the interval"),
        ((0.09, 0.12), "lies above the interval"),
        ((0.06, 0.09), "do not tell this collection"),
    ],
)
def test_manual_error_is_placed_beside_the_published_interval(
    value: tuple[float, float], key: str, demo: Study
) -> None:
    """Below, above, or overlapping 5.51 to 7.72 per cent."""
    protocol = demo[0]
    row = build_row("error_rate", sum(value) / 2, lower=value[0], upper=value[1], level=0.95, n=900, source="manual",
                    comparator="reference", method="wilson_weighted")  # fmt: skip
    rows = {"03_agreement": derive_table([row])}
    assert key in " ".join(discussion.describe_published(rows, protocol, language="en"))


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        ({"estimate": 0.02, "lower": 0.0, "upper": 0.04}, "(met)"),
        ({"status": Status.NOT_ESTIMABLE, "reason": Reason.NO_PAIRS}, "(not decided)"),
        ({"estimate": 0.02}, "(not decided)"),
    ],
)
def test_a_margin_is_not_met_by_an_interval_that_is_missing(accept: dict[str, Any], said: str, demo: Study) -> None:
    """Without the interval to accept by, that to report decides nothing."""
    key = {"source": "ai_a", "comparator": "manual"}
    rows = derive_table([
        build_difference(0.02, 0.0, 0.04, method="weighted_t"),
        build_row("error_difference", **accept, **key, method="tango_weighted"),
    ])  # fmt: skip
    text = " ".join(abstract_differences.describe_differences(rows, demo[0], "en"))
    assert said in text
    assert "+2.0 points (0.0 to 4.0" in text


def test_no_difference_over_all_variables_is_said_with_its_own_reason(demo: Study) -> None:
    """A variable whose interval is only to be read with caution is no reason for the silence over all of them."""
    key = {"source": "ai_a", "comparator": "manual"}
    caution = build_row("error_difference", 0.1, variable="sex", reason=Reason.FEW_EVENTS_CAUTION, **key)
    silent = build_row("error_difference", status=Status.NOT_ESTIMABLE, reason=Reason.NO_PAIRS, **key)
    said = [*abstract_differences.describe_differences(derive_table([caution, silent]), demo[0], "en")]
    assert said == ["Non-inferiority of AI A is not judged: no pair in common."]
    assert not [*abstract_differences.describe_differences(derive_table([caution]), demo[0], "en")]


@pytest.mark.parametrize(
    ("margin", "said"), [(0.05, "5"), (0.025, "2.5"), (0.0033, "0.33"), (0.07, "7"), (1 / 30, "3.333333")]
)
def test_a_margin_is_not_rounded(margin: float, said: str) -> None:
    """Two and a half points are neither two nor three."""
    assert phrases.quote_margin(margin, "en") == said


def test_two_variables_that_err_alike_have_no_worst(demo: Study) -> None:
    """Of variables without error, or tied, none is named the worst."""
    key = {"source": "ai_a", "comparator": "reference", "method": "wilson"}
    for errors, named in (((0.0, 0.0), False), ((0.1, 0.1), False), ((0.1, 0.2), True)):
        rows = derive_table([
            build_row("error_rate", error, n=50, variable=name, **key)
            for name, error in zip(("sex", "stage"), errors, strict=True)
        ])  # fmt: skip
        said = " ".join(abstract.describe_abstract_results({"03_agreement": rows}, demo[0], language="en"))
        assert ("highest on Stage" in said) is named


def test_a_comparison_that_was_not_judged_is_counted(demo: Study) -> None:
    """It leaves neither the abstract, nor the discussion, nor what the study allows to say."""
    protocol = demo[0]
    key = {"analysis": "os_by_brain_mets", "source": "ai_a", "comparator": "reference", "variable": "brain_mets"}
    silent = {"status": Status.NOT_APPLICABLE, "reason": Reason.NOT_DECLARED}
    replication = derive_table([
        build_row("conclusion", 1, unit="equivalent", term="yes", **key),
        build_row("conclusion", term="other", **silent, **key),
        build_row("conclusion", **silent, **(key | {"variable": "", "analysis": "survival_from_request"})),
    ])  # fmt: skip
    (said,) = abstract_findings.describe_replicated(replication, protocol, "en")
    assert said.endswith("none stayed open; not judged, 1 comparison (not declared by the protocol).")
    agreement = derive_table([build_difference(0.0, -0.01, 0.01, method="weighted_t")])
    rows = {"03_agreement": agreement, "04_replication": replication}
    found = discussion.describe_findings(rows, protocol, language="en")
    assert [text for text in found if "do not all decide" in text]
    assert "(2): replicated within the margin, 1" in describe_claims(rows, protocol, language="en")[-1]
    assert describe_claims(rows, protocol, language="en")[-1].endswith("not judged, 1.")


def test_verdicts_that_only_explore_are_said_to(demo: Study) -> None:
    """A rule changed after AI data were seen is told wherever a verdict is: in the abstract and among the claims."""
    key = {"source": "ai_a", "use": "research"}
    rows = derive_table([
        build_row("verdict", 3, unit="accepted", n=1, k=1, **key),
        build_row("verdict", 3, unit="accepted", variable="sex", **key),
        build_row("exploratory_criterion", 1, variable="sex", use="research", term="error", at="1"),
    ])  # fmt: skip
    for said in (
        abstract.describe_conclusions(rows, demo[0], language="en"),
        describe_claims({"09_acceptance": rows}, demo[0], language="en"),
    ):
        assert [text for text in said if "they confirm nothing" in text]
    plain = rows[rows["metric"] == "verdict"]
    assert "confirm" not in " ".join(abstract.describe_conclusions(plain, demo[0], language="en"))


def test_a_variable_without_a_verdict_is_counted(demo: Study) -> None:
    """All variables of a use are accounted for, with the reason of those that have no verdict."""
    key = {"source": "ai_a", "use": "research"}
    rows = derive_table([
        build_row("verdict", 3, unit="accepted", variable="sex", **key),
        build_row("verdict", status=Status.NOT_APPLICABLE, reason=Reason.NOT_ASSESSED, variable="stage", **key),
    ])  # fmt: skip
    (said,) = discussion.describe_uses({"09_acceptance": rows}, demo[0], language="fr")
    assert "sur 2 variables, acceptées, 1" in said
    assert said.endswith("refusées, 0 ; sans verdict, 1 (non demandée à cette source).")


def test_kinds_of_error_as_frequent_as_each_other_do_not_lead(demo: Study) -> None:
    """As many omissions as wrong values: neither is said to be the most frequent."""
    rows = derive_table([
        build_row("count", 4, source="ai_a", comparator="reference", variable="ecog", term=kind) for kind in "WO"
    ])  # fmt: skip
    assert len(discussion.describe_findings({"03_agreement": rows}, demo[0], language="en")) == 1


def test_a_study_without_research_is_held_to_its_own_uses(demo: Study) -> None:
    """The margin that is quoted is that of a use which the study has."""
    protocol = demo[0].model_copy(update={"uses": ["steering", "regulatory"]})
    rows = derive_table([build_difference(0.02, 0.0, 0.03, method="weighted_t")])
    (said,) = abstract_differences.describe_differences(rows, protocol, "en")
    assert "(margin 2 points for regulatory support)" in said
    assert "(not decided)" in said


def test_people_alone_are_not_called_technologies(demo: Study) -> None:
    """A study of manual collection against a reference does not ask about AI."""
    people = [source for source in demo[0].sources if source.role in ("reference", "manual")]
    study = demo[0].model_copy(update={"sources": people})
    (said,) = abstract.describe_objective(study, language="en")
    assert "AI" not in said
    assert discussion.describe_comparison(study, language="en") == []


def test_kinds_of_error_count_against_the_reference_only(demo: Study) -> None:
    """Counts against the manual collection stand in the same table and are not added."""
    protocol = demo[0]
    counted = [("reference", "W", 6), ("reference", "O", 3), ("reference", "U", 1), ("manual", "W", 50)]
    rows = derive_table([
        build_row("count", k, source="ai_a", comparator=against, variable="ecog", term=kind)
        for against, kind, k in counted
    ])  # fmt: skip
    said = discussion.describe_findings({"03_agreement": rows}, protocol, language="en")
    assert said[0].startswith("Errors of AI A, repeated events included: 10; wrong values, 60%; omissions, 30%")
    assert said[1].startswith("Wrong values are the most frequent")
