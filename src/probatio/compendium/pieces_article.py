"""The pieces that only the article has: its abstract, its discussion, its main curves, and the reporting checklists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from matplotlib.figure import Figure

from probatio.compendium.piece import Made, Make, Piece, Sources, from_rows
from probatio.display import abstract, discussion, survival
from probatio.display.abstract_findings import describe_centres, describe_replicated
from probatio.display.checklist_values import Answers
from probatio.display.checklists import CHECKLISTS, name_places, render_checklist
from probatio.display.phrases import tell
from probatio.display.table import Passage, escape_prose
from probatio.protocol import Protocol
from probatio.wording import read_word

_WITH_REFERENCE, _WITH_MODEL = ("stard",), ("tripod_llm",)
"""Checklists of accuracy, and of models: without a reference standard, or without a technology, they have no object."""
_COHORT, _AGREEMENT, _REPLICATION, _ACCEPTANCE = "01_cohort", "03_agreement", "04_replication", "09_acceptance"
_SEEN: Mapping[str, Sequence[str]] = {
    "difference": ("fig-difference", "xlsx-difference-table"),
    "centres": ("fig-centre-forest", "xlsx-heterogeneity-table"),
    "replication": ("fig-main-curves", "fig-hazards", "tbl-hazard-table", "tbl-replication"),
    "review": ("fig-effort", "fig-review-effect", "tbl-effort-table", "tbl-guarantee-summary"),
    "verdicts": ("fig-verdicts", "tbl-verdict-table", "tbl-matrix"),
    "quality": ("fig-missing", "xlsx-rules"),
    "limits": ("tbl-limits",),
    "error": ("fig-errors", "fig-subgroups", "fig-changes", "xlsx-outcomes", "xlsx-chance", "xlsx-two-phase"),
}
"""What prose points to where the study has it."""


def _from_protocol(describe: Callable[..., list[str]]) -> Make:
    return lambda given: describe(given.protocol, language=given.language) or None


def _from_run(describe: Callable[..., list[str]]) -> Make:
    return lambda given: describe(given.rows, given.protocol, language=given.language) or None


def _from_rows(notebook: str, describe: Callable[..., Iterable[str]]) -> Make:
    def make(given: Sources) -> Made | None:
        rows = given.rows.get(notebook)
        return None if rows is None else list(describe(rows, given.protocol, given.language)) or None

    return make


def _see(name: str, *labels: str) -> Make:
    """Return what points to those of some figures and tables that the document has."""

    def make(given: Sources) -> Made | None:
        held = [label for label in labels if label in given.labels]
        if not held or (name == "verdicts" and given.protocol.reference is None):
            return None
        return [tell(f"see_{name}", given.language, places=name_places(held, given.language))]

    return make


def _label(name: str, make: Make) -> Make:
    """Return what makes a paragraph of the abstract behind its label, as journals print it; nothing without text."""

    def label(given: Sources) -> Made | None:
        made = make(given)
        if not isinstance(made, list):
            return None
        said = " ".join(escape_prose(sentence) for sentence in made)
        return Passage(f"**{read_word('abstract', name, given.language)}** {said}\n")

    return label


def _from_checklist(name: str) -> Make:
    def make(given: Sources) -> Made | None:
        protocol = given.protocol
        if name in _WITH_REFERENCE and protocol.reference is None:
            return None
        if name in _WITH_MODEL and not protocol.technologies:
            return None
        return render_checklist(name, Answers(given.protocol, given.rows, given.facts), given.labels)

    return make


def _make_main_curves(given: Sources) -> Figure | None:
    rows, series = given.rows.get(_REPLICATION), given.series.get(_REPLICATION)
    name = _find_main(given.protocol)
    if rows is None or series is None or series.empty or not name or (series["analysis"] != name).all():
        return None
    options = {"language": given.language, "analysis": name, "differences": True}
    return survival.render_survival_curves(rows, series, given.protocol, **options)  # type: ignore[arg-type]


def _find_main(protocol: Protocol) -> str:
    """Return the first analysis that compares sources, else the first."""
    compared = [analysis.name for analysis in protocol.analyses if len(analysis.sources) > 1]
    return next(iter([*compared, *(analysis.name for analysis in protocol.analyses)]), "")


_ABSTRACT: Sequence[tuple[str, str, Make]] = (
    ("objective", "00_protocol", _from_protocol(abstract.describe_objective)),
    ("methods", _COHORT, from_rows(_COHORT, abstract.describe_abstract_methods)),
    ("results", _ACCEPTANCE, _from_run(abstract.describe_abstract_results)),
    ("conclusions", _ACCEPTANCE, from_rows(_ACCEPTANCE, abstract.describe_conclusions)),
)
ARTICLE = (
    *(Piece(f"abstract_{name}", "txt", notebook, _label(name, make)) for name, notebook, make in _ABSTRACT),
    Piece("method_comparison", "txt", "00_protocol", _from_protocol(discussion.describe_comparison)),
    Piece("method_sources", "txt", "00_protocol", _from_protocol(discussion.describe_sources)),
    Piece("main_curves", "fig", _REPLICATION, _make_main_curves),
    Piece("discussion_findings", "txt", _ACCEPTANCE, _from_run(discussion.describe_findings)),
    Piece("discussion_published", "txt", _AGREEMENT, _from_run(discussion.describe_published)),
    Piece("limits_found", "txt", _ACCEPTANCE, _from_run(discussion.describe_limits_found)),
    Piece("verdict_counts", "txt", _ACCEPTANCE, _from_run(discussion.describe_uses)),
    Piece("centres_said", "txt", _AGREEMENT, _from_rows(_AGREEMENT, describe_centres)),
    Piece("replication_said", "txt", _REPLICATION, _from_rows(_REPLICATION, describe_replicated)),
    Piece("objective", "txt", "00_protocol", _from_protocol(abstract.describe_objective)),
    Piece("conclusions", "txt", _ACCEPTANCE, from_rows(_ACCEPTANCE, abstract.describe_conclusions)),
    *(Piece(f"see_{name}", "txt", "00_protocol", _see(name, *labels), refers=True) for name, labels in _SEEN.items()),
    *(Piece(f"checklist_{name}", "tbl", "00_protocol", _from_checklist(name), refers=True) for name in CHECKLISTS),
)
