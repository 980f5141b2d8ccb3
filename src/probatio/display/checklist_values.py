"""What a run says to the items of a reporting checklist: short texts read from protocol and result rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import pandas as pd

from probatio.display.abstract_differences import find_judged_use
from probatio.display.agreement import find_margin
from probatio.display.phrases import count_noun, join_names, quote_margin
from probatio.protocol import Protocol
from probatio.results import Status, select_rows
from probatio.wording import format_percent, read_word

Rows = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Answers:
    """What answers are read from: the protocol, the rows of the notebooks that ran, facts of the run's manifest."""

    protocol: Protocol
    rows: Rows
    facts: Mapping[str, str] = field(default_factory=dict)

    def select(self, notebook: str, **values: str) -> pd.DataFrame:
        """Return a notebook's rows with these values; none where it did not run."""
        rows = self.rows.get(notebook)
        return pd.DataFrame(columns=["estimate", "n", "k"]) if rows is None else select_rows(rows, **values)

    def sum(self, notebook: str, **values: str) -> int:
        """Return the sum of the estimates of these rows."""
        return int(self.select(notebook, **values)["estimate"].sum())


def _say_patients(given: Answers) -> str:
    if given.select("01_cohort", analysis="flow").empty:
        return ""
    flow = {name: given.sum("01_cohort", analysis="flow", metric="patients", term=name, source="")
            for name in ("read", "evaluated", "labelled")}  # fmt: skip
    labelled = f", {flow['labelled']:,} with reference" if given.protocol.reference else ""
    return f"{count_noun(flow['read'], 'patient', 'en')} read, {flow['evaluated']:,} evaluated{labelled}"


def _say_centres(given: Answers) -> str:
    number = len(given.select("01_cohort", analysis="centres"))
    return count_noun(number, "centre", "en") if number else ""


def _say_held_out(given: Answers) -> str:
    aside = given.sum("01_cohort", analysis="flow", metric="patients", term="rejected_development")
    if aside:
        return f"{count_noun(aside, 'patient', 'en')} used for development set aside"
    if not given.protocol.technologies:
        return "Not applicable: no technology is judged"
    declared = given.protocol.patients.development is not None
    return "No patient was used for development" if declared else "It is not declared who was used for development"


def _say_sources(given: Answers) -> str:
    return join_names([source.label.read("en") for source in given.protocol.sources], "en")


def _say_versions(given: Answers) -> str:
    named = [f"{each.label.read('en')}: {each.version or 'version not declared'}"
             for each in given.protocol.select_sources("ai", runs=True) if each.reviewed is None]  # fmt: skip
    return "; ".join(named)


def _say_independence(given: Answers) -> str:
    """Name every two leading sources that are not declared independent, with the reference or with each other."""
    leading = [each for each in given.protocol.leading if each.reviewed is None]
    tied = [f"{one.label.read('en')} and {other.label.read('en')}" for one, other in combinations(leading, 2)
            if not given.protocol.is_independent(one.name, other.name)]  # fmt: skip
    if tied:
        return f"Not declared independent of each other: {join_names(tied, 'en', apart=True)}"
    return "All sources declared independent of each other"


def _say_sampling(given: Answers) -> str:
    if given.protocol.patients.sampling_probability:
        return "Labelled patients drawn with a known probability, which weights the estimates"
    return "" if given.protocol.reference is None else "No sampling probability declared"


def _say_unlabelled(given: Answers) -> str:
    if given.select("01_cohort", analysis="flow").empty or given.protocol.reference is None:
        return ""
    n = given.sum("01_cohort", analysis="flow", metric="patients", term="unlabelled", source="")
    return f"{count_noun(n, 'patient', 'en')} without reference"


def _say_flow(step: str, words: str) -> Callable[[Answers], str]:
    def say_flow(given: Answers) -> str:
        if given.select("01_cohort", analysis="flow").empty:
            return ""
        n = given.sum("01_cohort", analysis="flow", metric="values", term=step)
        return f"Values that {words}: {n:,}"

    return say_flow


def _say_overlap(given: Answers) -> str:
    sets = len(given.select("01_cohort", analysis="overlap"))
    return f"{sets} set{'s' * (sets != 1)} of sources" if sets else ""


def _say_variables(given: Answers) -> str:
    return count_noun(len(given.protocol.variables), "variable", "en")


def _say_uses(given: Answers) -> str:
    return join_names([read_word("use", use, "en").lower() for use in given.protocol.uses], "en")


def _say_level(given: Answers) -> str:
    return f"{format_percent(given.protocol.level, 'en', digits=0)} intervals"


def _say_clusters(given: Answers) -> str:
    resampling = given.protocol.resampling
    centres = "the centres are fixed" if resampling.estimand == "these_centres" else "the centres are drawn too"
    return f"Patients, {resampling.replicates:,} replicates; {centres}"


def _say_margin(given: Answers) -> str:
    use = find_judged_use(given.protocol)
    margin = find_margin(given.protocol, "error_difference", use)
    named = read_word("use", use, "en").lower()
    if margin is None or given.protocol.reference is None:
        return ""
    return f"{quote_margin(margin, 'en')} points for {named}, beside the limit of error"


def _say_paired(given: Answers) -> str:
    found = given.select("03_agreement", metric="error_difference", stratum_by="", variable="", status=Status.OK)
    values = sorted({int(n) for n in found["n"].dropna()})
    return f"{values[0]:,} to {values[-1]:,} values compared in pairs" if values else ""


def _say_verdicts(given: Answers) -> str:
    found = given.select("09_acceptance", metric="verdict", status=Status.OK)
    number = int(found["variable"].ne("").sum()) if len(found) else 0
    return f"{number:,} verdict{'s' * (number != 1)} on a variable for a use" if number else ""


def _say_analyses(given: Answers) -> str:
    number = len(given.protocol.analyses)
    return f"{number} analys{'e' if number != 1 else 'i'}s declared" if number else ""


def _say_checks(given: Answers) -> str:
    number = len(given.select("02_data_quality", metric="check"))
    return f"{number:,} checks" if number else ""


def _say_runs(given: Answers) -> str:
    further = [each.label.read("en") for each in given.protocol.sources if not given.protocol.is_leading(each.name)]
    return f"Further runs or versions: {join_names(further, 'en')}" if further else ""


def _say_readers(given: Answers) -> str:
    found = given.select("03_agreement", metric="krippendorff_alpha", term="human_human", status=Status.OK)
    number = found["variable"].nunique() if len(found) else 0
    return f"Agreement between readers on {count_noun(number, 'variable', 'en')}" if number else ""


def _say_concordant(given: Answers) -> str:
    found = given.select("03_agreement", metric="two_phase_error_rate", status=Status.OK)
    return "Errors shared by sources that agree are estimated" if len(found) else ""


def _say_confidence(given: Answers) -> str:
    found = given.select("07_confidence", metric="confidence_gap", status=Status.OK)
    return "Stated confidence compared with the share of right values" if len(found) else ""


def _say_reviewers(given: Answers) -> str:
    found = given.select("08_review", metric="reviewed_share", variable="", stratum_by="", status=Status.OK)
    named = [f"{given.protocol.get_source(row['source']).label.read('en')}: "
             f"{format_percent(float(row['estimate']), 'en', digits=0)} of the values reviewed"
             for row in found.to_dict("records")]  # fmt: skip
    return "; ".join(named)


def _say_effort(given: Answers) -> str:
    found = given.select("02_data_quality", metric="minutes_per_patient", status=Status.OK)
    return f"Minutes per patient declared for {len(found)} source{'s' * (len(found) != 1)}" if len(found) else ""


def _say_reference(given: Answers) -> str:
    return (
        given.protocol.reference.label.read("en")
        if given.protocol.reference
        else "No reference standard: agreement is measured"
    )


def _say_rows(given: Answers) -> str:
    return f"{sum(map(len, given.rows.values())):,} result rows"


def _fact(name: str, words: str) -> Callable[[Answers], str]:
    return lambda given: f"{words} {given.facts[name]}" if given.facts.get(name, "–") != "–" else ""


def _always(words: str) -> Callable[[Answers], str]:
    return lambda given: words


VALUES: Mapping[str, Callable[[Answers], str]] = {
    "analyses": _say_analyses,
    "centres": _say_centres,
    "checks": _say_checks,
    "clusters": _say_clusters,
    "commit": _fact("commit", "Code at commit"),
    "concordant": _say_concordant,
    "confidence": _say_confidence,
    "digest": _fact("protocol_short", "Protocol digest"),
    "effort": _say_effort,
    "evaluation": _always("Evaluation; no model is built or tuned here"),
    "held_out": _say_held_out,
    "independence": _say_independence,
    "level": _say_level,
    "margin": _say_margin,
    "non_conformant": _say_flow("non_conformant", "do not conform, which counts as wrong"),
    "not_assessed": _say_flow("not_assessed", "were not assessed and are in no denominator"),
    "not_diagnostic": _always("Not applicable: no diagnosis is made"),
    "not_interventional": _always("Not applicable: reading documents touches no patient"),
    "not_summarization": _always("Not applicable: values are extracted, no text is summarised"),
    "overlap": _say_overlap,
    "paired": _say_paired,
    "patients": _say_patients,
    "readers": _say_readers,
    "reference": _say_reference,
    "reviewers": _say_reviewers,
    "rows": _say_rows,
    "runs": _say_runs,
    "sampling": _say_sampling,
    "sources": _say_sources,
    "tables": _always("All tables also in article_tables.xlsx"),
    "title": _always("Title of the manuscript"),
    "unlabelled": _say_unlabelled,
    "uses": _say_uses,
    "variables": _say_variables,
    "verdicts": _say_verdicts,
    "versions": _say_versions,
}
"""The answer to each key of the checklists' column `value`; an empty text says that the run has none."""
