"""All that the page shows, as one structure of names, words and panels; the page's script adds no number to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from probatio.display.dashboard.cells import both
from probatio.display.dashboard.centres import derive_by_centre, derive_new_centre
from probatio.display.dashboard.conclusions import derive_conclusions
from probatio.display.dashboard.drift import derive_alarms, derive_drift
from probatio.display.dashboard.errors import derive_differences, derive_errors
from probatio.display.dashboard.missing import derive_missing
from probatio.display.dashboard.names import Names
from probatio.display.dashboard.panel import Panel
from probatio.display.dashboard.review import derive_review
from probatio.display.dashboard.verdicts import derive_criteria, derive_verdicts
from probatio.display.sentences import describe_cohort
from probatio.display.style import OUTCOME_COLOURS, VERDICT_COLOURS, VERDICT_MARKS
from probatio.protocol import Protocol
from probatio.wording import list_words

_KINDS = ("dashboard", "verdict", "decision", "reason", "type", "status", "equivalence")
_COHORT, _QUALITY, _AGREEMENT, _REPLICATION = "01_cohort", "02_data_quality", "03_agreement", "04_replication"
_REVIEW, _ACCEPTANCE = "08_review", "09_acceptance"
_OF_CENTRES = ("new_centre", "by_centre", "missing")

NOTEBOOKS = (_COHORT, _QUALITY, _AGREEMENT, _REPLICATION, _REVIEW, _ACCEPTANCE)
"""Those whose rows the page shows."""


@dataclass(frozen=True)
class Given:
    """What a page is made from.

    Attributes:
        protocol: the study.
        rows: by notebook.
        run: what the page says of the run: `time` (ISO), `commit`, `protocol`, `version`, `data` (digest of the list
            of all files), `files` (how many), `rows` (digest of what the notebooks wrote), `checked` (whether data
            were compared with the run's when the page was made). No file is named: a file may bear a name of a
            patient or a centre.
        pseudonyms: what each centre is called.
        standing: counts of a review that is open; None where none is.
        minimum: smallest count in the rows, which then are those of a release; None where they are the run's own.
    """

    protocol: Protocol
    rows: Mapping[str, pd.DataFrame]
    run: Mapping[str, Any]
    pseudonyms: Mapping[str, str] = field(default_factory=dict)
    standing: Mapping[str, float] | None = None
    minimum: int | None = None


def derive_payload(given: Given) -> dict[str, Any]:
    """Return names, words and panels of the page; the same rows give the same structure."""
    names = Names(given.protocol, given.pseudonyms)
    panels = {panel.name: panel.describe() for panel in _list_panels(given, names)}
    verdicts = given.rows.get(_ACCEPTANCE)
    protocol = given.protocol
    return {
        "study": {
            "name": protocol.study,
            "title": [protocol.title.fr, protocol.title.en],
            "language": protocol.language,
            # A limit is free text, of which no rule of disclosure knows what it counts.
            "limits": [[limit.fr, limit.en] for limit in protocol.limits] if given.minimum is None else [],
            "cohort": _describe_cohort(given),
        },
        "run": dict(given.run),
        "rules": {
            "missing": 100 * protocol.missing_limit,
            "stratum": protocol.min_stratum,
            "level": 100 * protocol.level,
            "weighted": _is_weighted(given.rows.get(_AGREEMENT)),
            "reference": protocol.reference is not None,
        },
        "hidden_names": bool(given.pseudonyms) or given.minimum is not None,
        "below": None if given.minimum is None else given.minimum - 1,
        "panels": panels,
        "criteria": derive_criteria(verdicts, names) if verdicts is not None else {"texts": [], "rows": []},
        "names": names.describe(),
        "words": {kind: list_words(kind) for kind in _KINDS},
        "look": {"verdicts": VERDICT_COLOURS, "marks": VERDICT_MARKS, "outcomes": list(OUTCOME_COLOURS.values())},
    }


def _is_weighted(rows: pd.DataFrame | None) -> bool:
    """Say whether rates are weighted by the sampling of the reference, so that they are not k/n."""
    return rows is not None and bool(rows["method"].astype(str).str.contains("weighted").any())


def _describe_cohort(given: Given) -> list[str]:
    """Return in both languages how many patients and centres there are."""
    rows = given.rows.get(_COHORT)
    if rows is None or rows.empty or _hides_patients(rows):
        return ["", ""]
    return [" ".join(describe_cohort(rows, given.protocol, language="fr")),
            " ".join(describe_cohort(rows, given.protocol, language="en"))]  # fmt: skip


def _hides_patients(rows: pd.DataFrame) -> bool:
    """Say whether a count is withheld of which the number of patients is the sum."""
    return not rows.loc[rows["analysis"] == "overlap", "estimate"].notna().all()


def _list_panels(given: Given, names: Names) -> list[Panel]:
    rows = given.rows
    verdicts = rows.get(_ACCEPTANCE)
    makers: list[tuple[str, str, Callable[[pd.DataFrame], Panel]]] = [
        ("verdicts", _ACCEPTANCE, lambda own: derive_verdicts(own, names)),
        ("errors", _AGREEMENT, lambda own: derive_errors(own, names)),
        ("differences", _AGREEMENT, lambda own: derive_differences(own, verdicts, names)),
        ("new_centre", _AGREEMENT, lambda own: derive_new_centre(own, names)),
        ("by_centre", _AGREEMENT, lambda own: derive_by_centre(own, names)),
        ("missing", _QUALITY, lambda own: derive_missing(own, names)),
        ("review", _REVIEW, lambda own: derive_review(own, names, given.standing)),
        ("drift", _AGREEMENT, lambda own: derive_drift(own, names)),
        ("alarms", _AGREEMENT, lambda own: derive_alarms(own, names)),
        ("conclusions", _REPLICATION, lambda own: derive_conclusions(own, names)),
    ]
    panels = [
        make(rows[notebook]) if notebook in rows else _say_absent(name, notebook) for name, notebook, make in makers
    ]
    return panels if given.minimum is None else [_say_withheld(panel) for panel in panels]


def _say_withheld(panel: Panel) -> Panel:
    """Return a panel of a release; an empty one says that its rows may be those that do not leave."""
    if panel.rows or not panel.columns:
        return panel
    key = "withheld_centres" if panel.name in _OF_CENTRES else "withheld_panel"
    return replace(panel, why=both("dashboard", key))


def _say_absent(name: str, notebook: str) -> Panel:
    """Return a panel of a notebook that did not run."""
    said = [text.format(notebook=notebook) for text in both("dashboard", "not_run")]
    return Panel(name, notebook, (), why=said)


def write_json(payload: Mapping[str, Any]) -> str:
    """Return the structure as JSON that no HTML parser can mistake for markup.

    `<`, `>` and `&` are written as escapes: neither `</script` nor `<!--` can occur. So are U+2028 and U+2029.
    """
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
