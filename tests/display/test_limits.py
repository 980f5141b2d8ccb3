"""Limits, claims, published figures and alternative texts: found where rows show them, silent where they do not."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from probatio.compendium.pieces import PIECES, Sources
from probatio.display import limits_judged, limits_shown
from probatio.display.alternative import describe_figure
from probatio.display.claims import describe_claims
from probatio.display.limits import (
    describe_absent_limits,
    describe_limits,
    find_limits,
    is_looked_for,
    read_limits,
    render_limit_table,
)
from probatio.display.literature import VERIFIED, read_literature, render_literature_table
from probatio.protocol import Protocol, read_protocol
from probatio.results import Reason, Status, build_row, derive_table
from probatio.wording import has_word

PROJECT = Path(__file__).parents[2]
Study = tuple[Protocol, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def demo() -> Protocol:
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


def rate(metric: str, estimate: float, **fields: Any) -> Row:
    """A row of a rate with an interval a tenth wide."""
    return build_row(metric, estimate, **({"lower": estimate - 0.05, "upper": estimate + 0.05} | fields))


def silent(metric: str, status: Status, reason: Reason, **fields: Any) -> Row:
    return build_row(metric, status=status, reason=reason, **fields)


A, REF = {"source": "ai_a"}, {"source": "ai_a", "comparator": "reference"}
# key: the notebook, rows that show the limit, rows that were looked at and do not.
CASES: dict[str, tuple[str, list[Row], list[Row]]] = {
    "reference_sample": ("01_cohort",
        [build_row("patients", n, analysis="flow", term=t) for t, n in (("labelled", 8), ("evaluated", 10))],
        [build_row("patients", 10, analysis="flow", term=t) for t in ("labelled", "evaluated")]),
    "reference_partial": ("01_cohort",
        [build_row("patients", n, analysis="flow", term=t) for t, n in (("labelled", 8), ("evaluated", 10))],
        [build_row("patients", 10, analysis="flow", term=t) for t in ("labelled", "evaluated")]),
    "development": ("01_cohort", [build_row("patients", 3, analysis="flow", term="rejected_development")],
        [build_row("patients", 3, analysis="flow", term="read")]),
    "small_centres": ("01_cohort", [build_row("count", 9, analysis="centres", stratum="C1")],
        [build_row("count", 10, analysis="centres", stratum="C1")]),
    "pending": ("03_agreement", [build_row("pending_values", 2)], [build_row("pending_values", 0)]),
    "nested_centres": ("03_agreement",
        [build_row("design_nested", 1, stratum_by="age_group", reason=Reason.NESTED_CENTRES)],
        [build_row("design_nested", 0.2, stratum_by="age_group")]),
    "confounded_sources": ("03_agreement",
        [build_row("design_confounded", 1, **REF, reason=Reason.CONFOUNDED_CENTRES)],
        [build_row("design_confounded", 0, **REF)]),
    "imbalance": ("03_agreement",
        [rate(m, x, **REF, variable="sex") for m, x in (("kappa", 0.1), ("ac1", 0.9))],
        [rate(m, x, **REF, variable="sex") for m, x in (("kappa", 0.8), ("ac1", 0.9))]),
    "differential": ("03_agreement", [build_row("differential_error", 1, **A, variable="sex")],
        [build_row("differential_error", 0, **A, variable="sex")]),
    "dependent": ("03_agreement", [build_row("dependent_error", 1, **A, variable="sex")],
        [build_row("dependent_error", 0, **A, variable="sex")]),
    "monitoring": ("03_agreement", [build_row("monitoring_signal", 1, **A, variable="sex")],
        [build_row("monitoring_signal", 0, **A, variable="sex")]),
    "shared": ("03_agreement",
        [rate("shared_error_rate", 0.1, source="ai_a", comparator="manual", variable="sex")],
        [rate("shared_error_rate", 0.02, lower=0, source="ai_a", comparator="manual", variable="sex")]),
    "versions": ("03_agreement", [rate("error_change", 0.06, source="ai_a_v1", comparator="ai_a")],
        [rate("error_change", 0.04, source="ai_a_v1", comparator="ai_a")]),
    "missing": ("02_data_quality",
        [rate("missing_rate", 0.11, source="manual", stratum_by="centre", stratum="C1", term="access")],
        [rate("missing_rate", 0.10, source="manual", stratum_by="centre", stratum="C1", term="access")]),
    "analysis_warning": ("05_correction", [build_row("dependent_error", 1, **A)], [build_row("dependent_error", 0)]),
    "non_proportional": ("04_replication",
        [build_row("hazard_ratio", 1.5, analysis="os_by_brain_mets", reason=Reason.NON_PROPORTIONAL_HAZARDS)],
        [build_row("hazard_ratio", 1.5, analysis="os_by_brain_mets")]),
    "not_replicated": ("04_replication",
        [build_row("conclusion", -1, **REF, analysis="os_by_brain_mets", term="yes")],
        [build_row("conclusion", -1, **REF, analysis="os_by_brain_mets", stratum_by="patients", stratum="own"),
         build_row("conclusion", 1, **REF, analysis="os_by_brain_mets", term="yes")]),
    "replication_open": ("04_replication", [build_row("conclusion", 0, **REF, analysis="os_by_brain_mets")],
        [build_row("conclusion", 1, **REF, analysis="os_by_brain_mets")]),
    "guarantee": ("07_confidence",
        [silent("guaranteed_error", Status.NOT_ESTIMABLE, Reason.NONE_GUARANTEED, **A, variable="sex", use="research")],
        [build_row("guaranteed_error", 0.05, **A, variable="sex", use="research")]),
    "reviewers": ("08_review",
        [rate("reviewer_error_rate", 0.1, source="ai_a_reviewed", analysis="reviewer_error")],
        [rate("reviewer_error_rate", 0.0, source="ai_a_reviewed", analysis="reviewer_error")]),
    "verdict_open": ("09_acceptance",
        [build_row("verdict", 1, **A, variable="sex", use="research", unit="inconclusive")],
        [build_row("verdict", 3, **A, variable="sex", use="research", unit="accepted"),
         build_row("verdict", 1, **A, variable="", use="research", unit="inconclusive")]),
    "near_threshold": ("09_acceptance", [build_row("decision", 1, **A, reason=Reason.NEAR_THRESHOLD)],
        [build_row("decision", 1, **A)]),
    "few_events": ("03_agreement", [rate("wrong_rate", 0.1, reason=Reason.FEW_EVENTS_CAUTION)],
        [rate("wrong_rate", 0.1)]),
    "undefined": ("03_agreement", [silent("f1", Status.NOT_ESTIMABLE, Reason.NO_PAIRS)], [rate("f1", 0.5)]),
    "suppressed": ("03_agreement", [silent("f1", Status.SUPPRESSED, Reason.SMALL_STRATUM)], [rate("f1", 0.5)]),
}  # fmt: skip
FROM_PROTOCOL = {"no_reference", "contamination", "anchored"}
FROM_TWO = {"tolerance"}


def test_every_limit_is_looked_for_and_worded() -> None:
    """Catalogue and finders name the same limits; both languages quote the same values."""
    keys = [limit.key for limit in read_limits()]
    assert sorted(keys) == sorted({**limits_shown.FINDERS, **limits_judged.FINDERS})
    assert set(keys) == set(CASES) | FROM_PROTOCOL | FROM_TWO
    for limit in read_limits():
        fields = [{name for _, name, _, _ in Formatter().parse(limit.evidence[each]) if name} for each in ("en", "fr")]
        assert fields[0] == fields[1], limit.key


@pytest.mark.parametrize("key", CASES)
def test_a_limit_is_found_where_rows_show_it_and_only_there(key: str, demo: Protocol) -> None:
    """The rows that show a limit, and rows just short of it; without rows nothing is found."""
    notebook, showing, short = CASES[key]
    if key == "reference_partial":
        undrawn = demo.patients.model_copy(update={"sampling_probability": None})
        demo = demo.model_copy(update={"patients": undrawn})
    for rows, found in ((showing, True), (short, False), ([], False)):
        seen = {each.limit.key for each in find_limits({notebook: derive_table(rows)}, demo, language="fr")}
        assert (key in seen) is found


def test_an_error_above_the_tolerable_one_is_found(demo: Protocol) -> None:
    """The error is held against the lower bound of what the analyses bear, as criteria do."""
    limit = rate("tolerable_error_rate", 0.1, source="reference", variable="sex", use="research")
    for error, found in ((0.06, True), (0.04, False)):
        rows = {"06_tolerance": derive_table([limit]), "03_agreement": derive_table([rate("error_rate", error, **REF,
                variable="sex")])}  # fmt: skip
        seen = {each.limit.key: each.evidence for each in find_limits(rows, demo, language="en")}
        assert ("tolerance" in seen) is found
        assert not found or "1 of 1" in seen["tolerance"]


def test_what_the_protocol_leaves_open_is_a_limit(demo: Protocol) -> None:
    """A manual collection that saw the AI, and development patients that nobody named."""
    sources = [source.model_copy(update={"independent_of": []}) for source in demo.sources]
    unnamed = demo.patients.model_copy(update={"development": None})
    anchored = demo.model_copy(update={"sources": sources, "patients": unnamed})
    assert {"anchored", "contamination"} <= {each.limit.key for each in find_limits({}, anchored, language="fr")}
    assert not {"anchored", "contamination"} & {each.limit.key for each in find_limits({}, demo, language="fr")}


def test_not_found_is_not_the_same_as_not_looked_for(demo: Protocol) -> None:
    """A limit whose rows the run lacks is said to be unknown; one whose rows are silent, not found."""
    rows = {"03_agreement": derive_table([build_row("monitoring_signal", 0, **A, variable="sex")])}
    found, unknown = describe_absent_limits(rows, demo, language="en")
    assert "alarms of monitoring" in found
    assert "alarms of monitoring" not in unknown
    assert "guarantee not reached" in unknown


def test_what_a_study_cannot_have_is_not_said_to_be_absent() -> None:
    """Two readings without reference, manual collection or AI: no anchoring, contamination or tolerance to look for."""
    lung = read_protocol(PROJECT / "protocol" / "lung.yaml")
    conclusion = {"analysis": "karnofsky_cox", "source": "patient", "comparator": "physician", "term": "30-70"}
    rows = {
        "01_cohort": derive_table([build_row("patients", 9, analysis="flow", term="evaluated")]),
        "04_replication": derive_table([
            build_row("conclusion", 0, **conclusion, stratum_by="patients", stratum="own"),
            silent("conclusion", Status.NOT_APPLICABLE, Reason.NOT_DECLARED, **conclusion),
        ]),
        "06_tolerance": derive_table([rate("tolerable_error_rate", 0.1, source="physician")]),
    }  # fmt: skip
    seen = {limit.key: is_looked_for(limit, rows, lung) for limit in read_limits()}
    assert not any(seen[key] for key in ("anchored", "contamination", "tolerance", "reference_sample", "development"))
    assert not any(seen[key] for key in ("reference_partial", "not_replicated", "replication_open"))
    assert seen["no_reference"]


def test_counts_that_are_suppressed_show_no_limit(demo: Protocol) -> None:
    """Numbers of patients that may not be told are no numbers to compare."""
    rows = [silent("patients", Status.SUPPRESSED, Reason.SMALL_STRATUM, analysis="flow", term=term)
            for term in ("labelled", "evaluated", "rejected_development")]  # fmt: skip
    seen = {each.limit.key for each in find_limits({"01_cohort": derive_table(rows)}, demo, language="en")}
    assert seen == {"suppressed"}


def test_weights_are_spoken_of_only_where_there_are_some(demo: Protocol) -> None:
    """A reference known for some patients by chance of the archives is not called a sample."""
    undrawn = demo.patients.model_copy(update={"sampling_probability": None})
    rows = {"01_cohort": derive_table(CASES["reference_sample"][1])}
    for protocol, weighted in ((demo, True), (demo.model_copy(update={"patients": undrawn}), False)):
        (text,) = [said for said in describe_limits(rows, protocol, language="en") if "8 of 10" in said]
        assert ("weighted" in text) is weighted


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_bundled_studies_name_their_limits(bundled: Study, language: Any) -> None:
    """A table of four texts a line, a sentence per limit, and claims that end."""
    protocol, rows, _ = bundled
    table = render_limit_table(rows, protocol, language=language)
    assert len(table.rows) > 3
    assert all(all(cells) for cells in table.rows)
    said = describe_limits(rows, protocol, language=language)
    assert len(said) > len(table.rows)
    assert all(text.endswith(".") for text in [*said, *describe_claims(rows, protocol, language=language)])


def test_claims_say_what_the_interval_says(demo: Protocol) -> None:
    """Fewer errors, more, or neither; accepted variables are named, none is claimed without a verdict."""
    for value, said in ((-0.1, "less often;"), (0.1, "more often;"), (0.01, "neither")):
        row = rate("error_difference", value, source="ai_a", comparator="manual")
        (text,) = describe_claims({"03_agreement": derive_table([row])}, demo, language="en")
        assert said in text
    verdict = build_row("verdict", 3, **A, variable="sex", use="research", unit="accepted")
    (text,) = describe_claims({"09_acceptance": derive_table([verdict])}, demo, language="en")
    assert "research, 1 and 0 of 1 (Sex)" in text
    assert describe_claims({}, demo, language="en") == [
        "This run holds no result that would allow anything to be said of error."
    ]
    assert describe_claims({}, demo.model_copy(update={"sources": []}), language="en")[0].startswith(
        "Without reference"
    )
    assert "few events" not in describe_absent_limits({}, demo, language="en")[0]


def test_published_figures_have_a_source_and_only_verified_ones_are_drawn() -> None:
    """Every figure has its status worded; a rate that would be drawn is verified; keys stand in the references."""
    keys = set(re.findall(r"@\w+\{(\w+),", (PROJECT / "reports" / "_shared" / "references.bib").read_text("utf-8")))
    for each in read_literature():
        assert has_word("evidence", each.status)
        assert each.source
        assert not each.key or each.key in keys
        if each.estimate == each.estimate:
            assert each.status == VERIFIED
            assert not each.lower > each.estimate
            assert not each.upper < each.estimate
    pooled = next(each for each in read_literature() if each.anchor == "A4")
    assert (pooled.estimate, pooled.lower, pooled.upper) == (0.0657, 0.0551, 0.0772)


def test_cited_works_and_gaps_stand_in_the_state_of_the_art(demo: Protocol) -> None:
    """Each published figure's work is cited by the chapter that shows the table, and the gaps are rows of it."""
    chapter = (PROJECT / "reports" / "thesis" / "02-etat-de-l-art.qmd").read_text("utf-8")
    assert [each.key for each in read_literature() if each.key and f"@{each.key}" not in chapter] == []
    body = render_literature_table(demo, language="fr").rows
    assert sum(row[2] == "non trouvé" for row in body) >= 4


@pytest.mark.parametrize(("name", "said"), [
    ("profile", "En abscisse : Part des valeurs"), ("errors", "Légende : "), ("curves", "En ordonnée : "),
    ("flow", "On y lit : "), ("gaps", "courrier administratif"),
])  # fmt: skip
def test_an_alternative_text_says_what_is_drawn(name: str, said: str, bundled: Study) -> None:
    """Axes, lines, legend or boxes are named; nothing in it ends an attribute, and it says more than the caption."""
    protocol, rows, series = bundled
    piece = next(piece for piece in PIECES if piece.name == name)
    made = piece.make(Sources(protocol, rows, series, "fr"))
    if protocol.study != "demo" and not isinstance(made, Figure):
        pytest.skip("the study has no such figure")
    assert isinstance(made, Figure)
    made.canvas.draw()
    text = describe_figure(made, "Titre", "fr")
    assert text.startswith("Titre. ")
    assert len("Titre. ") < len(text) <= 900
    assert not set('"\n\\') & set(text)
    if protocol.study == "demo":
        assert said in text
        assert name != "profile" or protocol.variables[0].label.read("fr") in text
