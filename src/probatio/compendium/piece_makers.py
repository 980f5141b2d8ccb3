"""How pieces are made that take the rows of several notebooks, or a part of them: the makers of the catalogue."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from probatio.compendium.piece import Made, Make, Sources
from probatio.display import (
    bland_altman,
    claims,
    confidence,
    literature,
    sentences,
    subgroups,
    summary,
    survival,
    tolerance,
)
from probatio.display.requirements import Theme, render_requirements
from probatio.display.sheets import Sheets, render_example_sheet, render_sheets
from probatio.display.table import Passage, Table
from probatio.protocol import Language, Use
from probatio.replication.views import list_variables
from probatio.results import select_rows

_COHORT, _AGREEMENT, _REPLICATION, _ACCEPTANCE = "01_cohort", "03_agreement", "04_replication", "09_acceptance"
_TOLERANCE, _CONFIDENCE = "06_tolerance", "07_confidence"


def from_curves(render: Callable[..., Figure], *metrics: str) -> Make:
    """Return what draws rows and curves of the replication, where one of the metrics has a curve."""

    def make(given: Sources) -> Figure | None:
        rows, series = given.rows.get(_REPLICATION), given.series.get(_REPLICATION)
        if rows is None or series is None or series.empty or select_rows(series, metric=metrics).empty:
            return None
        return render(rows, series, given.protocol, language=given.language)

    return make


def make_observed(given: Sources) -> Figure | None:
    """Draw each source's error beside what the conclusions bear."""
    rows, agreement = given.rows.get(_TOLERANCE), given.rows.get(_AGREEMENT)
    if rows is None or agreement is None or select_rows(rows, metric="tolerable_error_rate", status="ok").empty:
        return None
    return tolerance.render_observed_figure(rows, agreement, given.protocol, language=given.language)


def make_bland_altman(given: Sources) -> Figure | None:
    """Draw differences against size, where a number has them."""
    rows, series = given.rows.get(_AGREEMENT), given.series.get(_AGREEMENT)
    if rows is None or series is None or series.empty or select_rows(series, metric="difference_by_size").empty:
        return None
    return bland_altman.render_bland_altman(rows, series, given.protocol, language=given.language)


def make_subgroups(given: Sources) -> Figure | None:
    """Draw the error by stratum, where there are strata."""
    rows = given.rows.get(_AGREEMENT)
    if rows is None or subgroups.select_strata(rows, given.protocol).empty:
        return None
    return subgroups.render_subgroup_forest(rows, given.protocol, language=given.language)


def from_sheets(use: Use) -> Make:
    """Return what makes the acceptance sheets of a use."""
    return lambda given: _make_sheets(given, render_sheets, use=use)


def from_example(verdict: str) -> Make:
    """Return what makes the first sheet with a verdict, as part of a document."""

    def make(given: Sources) -> Made | None:
        made = _make_sheets(given, render_example_sheet, verdict=verdict)
        return Passage(made.derive_markdown(3)) if made else None

    return make


def _make_sheets(given: Sources, render: Callable[..., Sheets], **asked: str) -> Sheets | None:
    rows = given.rows.get(_ACCEPTANCE)
    if rows is None:
        return None
    agreement = given.rows.get(_AGREEMENT)
    made = render(rows, given.protocol, language=given.language, agreement=agreement, **asked)
    return made if made.sheets else None


def from_read(notebook: str, render: Callable[..., Figure], metric: str) -> Make:
    """Return what draws only the variables that analyses read, beside all together: few enough for a slide."""

    def make(given: Sources) -> Figure | None:
        rows, protocol = given.rows.get(notebook), given.protocol
        if rows is None:
            return None
        read = {name for analysis in protocol.analyses for name in list_variables(protocol, analysis)}
        if select_rows(rows, metric=metric, variable=sorted(read), status="ok").empty:
            return None
        return render(rows[rows["variable"].isin({*read, ""})], protocol, language=given.language)

    return make


def make_first_hazards(given: Sources) -> Figure | None:
    """Draw the hazard ratios of the first analysis that has some."""
    rows = given.rows.get(_REPLICATION)
    if rows is None or (found := select_rows(rows, metric="hazard_ratio", status="ok")).empty:
        return None
    first = next(analysis.name for analysis in given.protocol.analyses if analysis.name in set(found["analysis"]))
    return survival.render_hazard_forest(select_rows(rows, analysis=first), given.protocol, language=given.language)


def from_package(render: Callable[..., Table]) -> Make:
    """Return what makes a table of the program's own, which no study moves."""
    return lambda given: render(language=given.language)


def from_requirements(theme: Theme) -> Make:
    """Return what lists the requirements of a theme."""
    return lambda given: render_requirements(theme, language=given.language)


def from_panels(by: str) -> Make:
    """Return what draws reliability by an attribute."""

    def make(given: Sources) -> Made | None:
        series = given.series.get(_CONFIDENCE)
        if series is None or series.empty:
            return None
        return confidence.render_reliability_panels(series, given.protocol, language=given.language, by=by)

    return make


def from_run(render: Callable[..., Table]) -> Make:
    """Return what makes a table from the rows of several notebooks."""

    def make(given: Sources) -> Made | None:
        table = render(given.rows, given.protocol, language=given.language)
        return table if table.rows else None

    return make


def say_run(describe: Callable[..., list[str]]) -> Make:
    """Return what makes sentences from the rows of several notebooks."""
    return lambda given: describe(given.rows, given.protocol, language=given.language) or None


def summarise(language: Language | None = None) -> Make:
    """Return what says the study in a few sentences, in the document's language or in another."""

    def make(given: Sources) -> Made | None:
        chosen, protocol = language or given.language, given.protocol
        if _COHORT not in given.rows or given.rows[_COHORT].empty:
            return None
        made = sentences.describe_cohort(given.rows[_COHORT], protocol, language=chosen)
        return made + claims.describe_summary(given.rows, protocol, language=chosen)

    return make


def make_literature(given: Sources) -> Figure | None:
    """Draw the study beside published error rates, where it has an error over all variables."""
    rows = given.rows.get(_AGREEMENT)
    if rows is None or literature.select_pooled_errors(rows, given.protocol).empty:
        return None
    return literature.render_literature_forest(rows, given.protocol, language=given.language)


def make_summary(given: Sources) -> Table | None:
    """Return error, difference and verdict of each variable, where there is a reference."""
    rows, verdict = given.rows.get(_AGREEMENT), given.rows.get(_ACCEPTANCE)
    if rows is None or verdict is None or given.protocol.reference is None:
        return None
    table = summary.render_summary_table(rows, verdict, given.protocol, language=given.language)
    return table if table.rows else None
