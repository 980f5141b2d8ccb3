"""Limits of conclusions, guarantees, review and verdicts: each function returns what its sentence quotes, or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from probatio.display.limits_shown import Rows, Values, read_notebook
from probatio.display.rows import read_interval, select_reporting, source_label
from probatio.display.sentences import say
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, select_rows
from probatio.wording import format_number


def find_analysis_warnings(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Error is differential or dependent in an analysis' own terms."""
    metrics = ["differential_error", "dependent_error"]
    found = select_rows(read_notebook(rows, "05_correction"), metric=metrics, status=Status.OK)
    count = int((found["estimate"] > 0).sum())
    return {"count": count, "all": len(found)} if count else None


def find_non_proportional(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """The comparator's check rejects proportional hazards."""
    found = select_rows(read_notebook(rows, "04_replication"), metric="hazard_ratio", status=Status.OK)
    names = _list_analyses(select_rows(found, reason=Reason.NON_PROPORTIONAL_HAZARDS), protocol, language)
    return {"count": len(names), "all": found["analysis"].nunique(), "names": ", ".join(names)} if names else None


def _list_analyses(rows: pd.DataFrame, protocol: Protocol, language: Language) -> list[str]:
    seen = set(rows["analysis"])
    return [analysis.label.read(language) for analysis in protocol.analyses if analysis.name in seen]


def _select_conclusions(rows: Rows) -> pd.DataFrame:
    return select_rows(read_notebook(rows, "04_replication"), metric="conclusion", status=Status.OK, stratum_by="")


def find_not_replicated(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """An analysis is outside the margin with some source, on the same patients."""
    every = _select_conclusions(rows)
    failed = every[every["estimate"] < 0]
    names = []
    for source in protocol.sources:
        own = _list_analyses(failed[failed["source"] == source.name], protocol, language)
        names += [f"{source_label(protocol, source.name, language)} ({name})" for name in own]
    return {"count": len(failed), "all": len(every), "names": ", ".join(names)} if names else None


def find_replication_open(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Neither equivalence nor difference is shown."""
    every = _select_conclusions(rows)
    count = int((every["estimate"] == 0).sum())
    return {"count": count, "all": len(every)} if count else None


def find_intolerable(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """A source errs more on a variable than the analyses were found to bear for a use."""
    limits = select_rows(read_notebook(rows, "06_tolerance"), metric="tolerable_error_rate", status=Status.OK)
    errors = select_reporting(read_notebook(rows, "03_agreement"))
    errors = select_rows(errors, metric="error_rate", status=Status.OK)
    if protocol.reference is None or limits.empty:
        return None
    errors = errors[errors["comparator"] == protocol.reference.name]
    both = limits[["variable", "use", "lower"]].merge(errors[["source", "variable", "estimate"]], on="variable")
    count = int((both["estimate"] > both["lower"]).sum())
    return {"count": count, "all": len(both)} if count else None


def find_unguaranteed(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """No threshold holds the promised error for some variables and uses."""
    every = select_rows(read_notebook(rows, "07_confidence"), metric="guaranteed_error")
    every = every[every["variable"] != ""]
    count = int((every["status"] != Status.OK).sum())
    return {"count": count, "all": len(every)} if count else None


def find_reviewer_errors(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Values stay or become wrong in review."""
    found = select_rows(read_notebook(rows, "08_review"), analysis="reviewer_error", variable="")
    rates = select_rows(found, metric="reviewer_error_rate", stratum_by="", status=Status.OK)
    if rates.empty or not (rates["estimate"] > 0).any():
        return None
    shown = select_rows(found, metric="confirmed_errors", stratum_by="shown", stratum="same", status=Status.OK)
    same = read_interval(shown, "confirmed_errors", language, percent=True)
    return {
        "rate": read_interval(rates, "reviewer_error_rate", language, percent=True),
        "same": say("limit_same", language, same=same) if len(shown) else "",
    }


def find_open_verdicts(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Some variables are neither accepted nor refused."""
    every = select_rows(read_notebook(rows, "09_acceptance"), metric="verdict", status=Status.OK)
    every = every[every["variable"] != ""]
    count = len(select_rows(every, unit="inconclusive"))
    return {"count": count, "all": len(every)} if count else None


def find_near_threshold(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Decisions that another machine's last digit could change."""
    every = select_rows(read_notebook(rows, "09_acceptance"), metric="decision", status=Status.OK)
    count = len(select_rows(every, reason=Reason.NEAR_THRESHOLD))
    return {"count": count, "all": format_number(len(every), language, digits=0)} if count else None


FINDERS: Mapping[str, Callable[[Rows, Protocol, Language], Values | None]] = {
    "analysis_warning": find_analysis_warnings,
    "non_proportional": find_non_proportional,
    "not_replicated": find_not_replicated,
    "replication_open": find_replication_open,
    "tolerance": find_intolerable,
    "guarantee": find_unguaranteed,
    "reviewers": find_reviewer_errors,
    "verdict_open": find_open_verdicts,
    "near_threshold": find_near_threshold,
}
