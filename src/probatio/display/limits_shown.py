"""Limits of the data and of agreement: each function returns the values that its sentence quotes, or None."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pandas as pd

from probatio.display.phrases import quote_points
from probatio.display.rows import drop_attributes, label_of, select_reporting, source_label
from probatio.protocol import Language, Protocol
from probatio.results import Reason, Status, derive_table, select_rows
from probatio.wording import format_number, format_percent

Rows = Mapping[str, pd.DataFrame]
Values = Mapping[str, object]
APART = 0.2
"""Kappa at least this far below AC1 counts as divergence; a convention, named in the sentence."""


def read_notebook(rows: Rows, notebook: str) -> pd.DataFrame:
    """Return a notebook's rows; an empty table where it did not run."""
    return rows[notebook] if notebook in rows else _derive_empty()


@cache
def _derive_empty() -> pd.DataFrame:
    return derive_table([])


def count_by_source(found: pd.DataFrame, protocol: Protocol, language: Language, *, above: float = 0) -> str:
    """Return `source: k of n` for each source with a row above a value; "" if none has."""
    texts = []
    for source in protocol.sources:
        own = found[found["source"] == source.name]
        high = int((own["estimate"] > above).sum())
        if high:
            texts.append(f"{source.label.read(language)} {high}/{len(own)}")
    return ", ".join(texts)


def find_no_reference(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """No source is the reference."""
    return {} if protocol.reference is None else None


def _count_patients(rows: Rows, term: str) -> int:
    flow = select_rows(read_notebook(rows, "01_cohort"), analysis="flow", metric="patients", status=Status.OK)
    found = select_rows(flow, term=term)
    return int(found["estimate"].iloc[0]) if len(found) else 0


def find_reference_sample(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Fewer patients have the reference than are evaluated, drawn with a probability that is known."""
    return _count_labelled(rows, protocol) if protocol.patients.sampling_probability else None


def find_reference_partial(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Fewer patients have the reference than are evaluated, and nothing says how they came to have it."""
    return None if protocol.patients.sampling_probability else _count_labelled(rows, protocol)


def _count_labelled(rows: Rows, protocol: Protocol) -> Values | None:
    labelled, evaluated = (_count_patients(rows, term) for term in ("labelled", "evaluated"))
    if protocol.reference is None or labelled >= evaluated:
        return None
    return {"labelled": labelled, "evaluated": evaluated}


def find_development(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Some patients tuned a technology and were left out."""
    count = _count_patients(rows, "rejected_development")
    return {"count": count} if count else None


def find_contamination(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """There is a technology, and no column says which patients tuned it."""
    return {} if protocol.technologies and protocol.patients.development is None else None


def find_small_centres(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Some centres have fewer patients than a stratum needs."""
    counts = select_rows(read_notebook(rows, "01_cohort"), analysis="centres", metric="count")["estimate"]
    small = int((counts < protocol.min_stratum).sum())
    return {"small": small, "all": len(counts), "least": protocol.min_stratum} if small else None


def find_pending(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """The reference of some values is still being adjudicated."""
    found = select_rows(read_notebook(rows, "03_agreement"), metric="pending_values", status=Status.OK)
    count = int(found["estimate"].sum())
    return {"count": count} if count else None


def find_nested(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Knowing the centre tells an attribute of the patient."""
    found = select_rows(read_notebook(rows, "03_agreement"), metric="design_nested", reason=Reason.NESTED_CENTRES)
    names = [
        f"{label_of(protocol, row['stratum_by'], language)} ({format_percent(row['estimate'], language, digits=0)})"
        for row in found.to_dict("records")
    ]
    return {"names": ", ".join(names)} if names else None


def find_confounded(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Two sources were not read in the same centres."""
    reason = Reason.CONFOUNDED_CENTRES
    found = select_rows(read_notebook(rows, "03_agreement"), metric="design_confounded", reason=reason)
    names = [_name_pair(row["source"], row["comparator"], protocol, language) for row in found.to_dict("records")]
    return {"names": ", ".join(names)} if names else None


def _name_pair(one: str, other: str, protocol: Protocol, language: Language) -> str:
    return " – ".join(source_label(protocol, name, language) for name in (one, other))


def find_imbalance(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Kappa and AC1 say different things of the same table."""
    overall = select_reporting(read_notebook(rows, "03_agreement"))
    key = ["source", "comparator", "variable"]
    kappa, ac1 = (select_rows(overall, metric=name, status=Status.OK)[[*key, "estimate"]] for name in ("kappa", "ac1"))
    both = kappa.merge(ac1, on=key, suffixes=("_kappa", "_ac1"))
    both = both.assign(gap=both["estimate_ac1"] - both["estimate_kappa"]).sort_values(["gap", *key], kind="stable")
    apart = both[both["gap"] >= APART]
    if apart.empty:
        return None
    last = apart.iloc[-1]
    return {
        "count": len(apart),
        "all": len(both),
        "gap": format_number(APART, language, digits=1),
        "variable": label_of(protocol, last["variable"], language),
        "source": source_label(protocol, last["source"], language),
        "kappa": format_number(last["estimate_kappa"], language),
        "ac1": format_number(last["estimate_ac1"], language),
    }


def find_anchored(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """A manual collection is not declared independent of a technology."""
    pairs = [(manual.name, technology.name)
             for manual in protocol.select_sources("manual") for technology in protocol.select_sources("ai")
             if technology.reviewed is None and not protocol.is_independent(manual.name, technology.name)]  # fmt: skip
    names = [_name_pair(*pair, protocol, language) for pair in pairs]
    return {"names": ", ".join(names)} if names else None


def _select_warnings(rows: Rows, metric: str) -> pd.DataFrame:
    found = select_rows(read_notebook(rows, "03_agreement"), metric=metric, analysis="", status=Status.OK)
    return drop_attributes(found[found["variable"] != ""])


def find_differential(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Error depends on outcome, class or stratum."""
    counts = count_by_source(_select_warnings(rows, "differential_error"), protocol, language)
    return {"counts": counts} if counts else None


def find_dependent(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Errors of several variables go together."""
    counts = count_by_source(_select_warnings(rows, "dependent_error"), protocol, language)
    return {"counts": counts} if counts else None


def find_monitoring(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """A chart raised an alarm."""
    found = select_rows(read_notebook(rows, "03_agreement"), metric="monitoring_signal", status=Status.OK)
    counts = count_by_source(drop_attributes(found[found["variable"] != ""]), protocol, language)
    return {"counts": counts} if counts else None


def find_shared(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Where an AI and a human agree, both are wrong now and then."""
    found = select_reporting(read_notebook(rows, "03_agreement"))
    found = select_rows(found, metric="shared_error_rate", status=Status.OK)
    found = found[found["lower"] > 0].sort_values(["estimate", "variable"], kind="stable")
    if found.empty:
        return None
    last = found.iloc[-1]
    return {
        "highest": format_percent(last["estimate"], language),
        "variable": label_of(protocol, last["variable"], language),
        "source": _name_pair(last["source"], last["comparator"], protocol, language),
    }


def find_versions(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """A further run or version errs more, or less, beyond chance, over all variables."""
    found = select_reporting(read_notebook(rows, "03_agreement"))
    found = select_rows(found, metric="error_change", variable="", status=Status.OK)
    found = found[(found["lower"] > 0) | (found["upper"] < 0)]
    names = [
        f"{source_label(protocol, row['source'], language)} {quote_points(row, language)}"
        for row in found.to_dict("records")
    ]
    return {"names": ", ".join(names)} if names else None


def find_missing(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Some centres leave more of a form empty than the protocol's limit."""
    cells = select_rows(read_notebook(rows, "02_data_quality"), metric="missing_rate", stratum_by="centre", variable="",
                        status=Status.OK)  # fmt: skip
    counts = count_by_source(cells, protocol, language, above=protocol.missing_limit)
    limit = format_percent(protocol.missing_limit, language, digits=0)
    return {"counts": counts, "limit": limit} if counts else None


def _list_counts(rows: Rows, **wanted: Any) -> Iterator[tuple[str, int]]:
    for notebook in sorted(rows):
        if count := len(select_rows(rows[notebook], **wanted)):
            yield notebook, count


def _word_counts(rows: Rows, language: Language, **wanted: Any) -> Values | None:
    counts = list(_list_counts(rows, **wanted))
    if not counts:
        return None
    names = ", ".join(f"{notebook} {format_number(count, language, digits=0)}" for notebook, count in counts)
    return {"count": format_number(sum(count for _, count in counts), language, digits=0), "names": names}


def find_few_events(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Intervals that are known to fall short of their level."""
    cautions = [Reason.FEW_EVENTS_CAUTION, Reason.EFFECTIVE_SIZE_CAUTION]
    found = _word_counts(rows, language, status=Status.OK, reason=cautions)
    every = sum(count for _, count in _list_counts(rows, status=Status.OK))
    return None if found is None else {**found, "all": format_number(every, language, digits=0)}


def find_undefined(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Rows that are not estimable."""
    return _word_counts(rows, language, status=Status.NOT_ESTIMABLE)


def find_suppressed(rows: Rows, protocol: Protocol, language: Language) -> Values | None:
    """Rows of strata too small to be shown."""
    return _word_counts(rows, language, status=Status.SUPPRESSED)


FINDERS: Mapping[str, Callable[[Rows, Protocol, Language], Values | None]] = {
    "no_reference": find_no_reference,
    "reference_sample": find_reference_sample,
    "reference_partial": find_reference_partial,
    "pending": find_pending,
    "nested_centres": find_nested,
    "confounded_sources": find_confounded,
    "small_centres": find_small_centres,
    "imbalance": find_imbalance,
    "anchored": find_anchored,
    "development": find_development,
    "contamination": find_contamination,
    "differential": find_differential,
    "dependent": find_dependent,
    "shared": find_shared,
    "versions": find_versions,
    "monitoring": find_monitoring,
    "missing": find_missing,
    "few_events": find_few_events,
    "undefined": find_undefined,
    "suppressed": find_suppressed,
}
