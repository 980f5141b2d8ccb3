"""Who is analysed, who is not and why, what ended follow-up, and the flow between the cohorts of two sources.

Rows of each source (`n`: patients of the population, but for `ended_by`: patients analysed):

| metric | term | estimate |
|---|---|---|
| count | population, complete, analysed | patients |
| excluded | why a patient of the population is not complete (`EXCLUSIONS` but `population`) | patients |
| a problem of the endpoint (`PROBLEMS`) | | patients of the population who have it |
| ended_by | every reason that the endpoint declares | patients whose follow-up it ended |

Of the population, `complete` and the reasons of `excluded` add up to all: of several reasons the first counts.

Rows of a source against the comparator, each with its own complete patients (`cohort_flow`; `n`: the comparator's
patients for `kept` and `lost_…`, the source's for `gained_…`):

| term | patients analysed |
|---|---|
| kept | by both |
| lost_<reason> | by the comparator alone: why the source has them not |
| gained_<reason> | by the source alone: why the comparator has them not |

`kept` and the lost are the comparator's cohort, `kept` and the gained the source's. An error of eligibility or an
endpoint that cannot be dated is thus a flow between cohorts, whatever becomes of the estimates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probatio.protocol import Analysis, Endpoint, Protocol
from probatio.records import Records
from probatio.replication.views import View, list_variables
from probatio.results import build_row
from probatio.survival.endpoints import PROBLEMS

Row = dict[str, Any]
Mask = NDArray[np.bool_]
EXCLUSIONS = ("not_assessed", "population", "endpoint", "negative_time", "late_entry", "covariate")
"""Why a source has not a patient, in order: asked for nothing that the analysis reads, as outside the reference's
sample; not of the population; no endpoint; event or news before the origin; under observation only after the end; a
term or stratum unknown. The first is no error of the source."""
FLOW = ("kept", *(f"lost_{name}" for name in EXCLUSIONS), *(f"gained_{name}" for name in EXCLUSIONS))


def derive_asked(records: Records, protocol: Protocol, analysis: Analysis, source: str) -> Mask:
    """Return the evaluated patients of whom a source was asked anything that the analysis reads from it, shape (n,)."""
    patients = records.patients[~records.patients["development"].astype(bool)].sort_index().index
    variables, table = list_variables(protocol, analysis), records.assessments
    if not source or not variables or table.empty:
        return np.ones(len(patients), dtype=bool)
    mine = table[(table["source"] == source) & table["variable"].isin(variables)]
    asked: Mask = np.asarray(patients.isin(mine["patient_id"]), dtype=bool)
    return asked


def derive_cohort_rows(view: View, kept: Mask, endpoint: Endpoint, asked: Mask) -> Iterator[Row]:
    """Yield the rows of one source: counts, exclusions, problems of the endpoint, what ended follow-up.

    Args:
        view: what the source says.
        kept: patients analysed, all complete in the view, shape (n,).
        endpoint: its reasons.
        asked: as `derive_asked` returns it.
    """
    inside = int(view.inside.sum())
    shared = {"source": view.source, "unit": "patients"}
    for term, mask in (("population", view.inside), ("complete", view.complete), ("analysed", kept)):
        yield _count("count", mask, inside, shared | {"term": term})
    why = derive_exclusions(view, asked)
    for name in EXCLUSIONS:
        if name != "population":
            yield _count("excluded", (why == name) & view.inside, inside, shared | {"term": name})
    for problem in PROBLEMS:
        yield _count(problem, view.outcome[problem].to_numpy(dtype=bool) & view.inside, inside, shared)
    ended = view.outcome["ended_by"].to_numpy(dtype=object)
    for reason in endpoint.reasons:
        yield _count("ended_by", (ended == reason) & kept, int(kept.sum()), shared | {"term": reason})


def derive_flow_rows(view: View, base: View, asked: Mask, base_asked: Mask) -> Iterator[Row]:
    """Yield the flow between the cohort of the comparator and that of another source, each its complete patients.

    Args:
        view: what the source says.
        base: what the comparator says, of the same patients.
        asked: whom the source was asked about, as `derive_asked` returns it.
        base_asked: whom the comparator was.
    """
    shared = {"source": view.source, "comparator": base.source, "unit": "patients"}
    n, own = int(base.complete.sum()), int(view.complete.sum())
    yield _count("cohort_flow", base.complete & view.complete, n, shared | {"term": "kept"})
    absent = {"lost": derive_exclusions(view, asked), "gained": derive_exclusions(base, base_asked)}
    for word, having, total in (("lost", base, n), ("gained", view, own)):
        why = absent[word]
        for name in EXCLUSIONS:
            yield _count("cohort_flow", having.complete & (why == name), total, shared | {"term": f"{word}_{name}"})


def derive_exclusions(view: View, asked: Mask) -> NDArray[np.str_]:
    """Return why each patient is not complete, the first of `EXCLUSIONS` that holds; "" if complete; shape (n,)."""
    negative, late = (view.outcome[name].to_numpy(dtype=bool) for name in ("negative_time", "late_entry"))
    unknown = np.isnan(view.time) & ~negative & ~late
    met = (~asked, ~view.inside, unknown, negative, late, ~view.complete)
    return np.where(view.complete, "", np.select(met, EXCLUSIONS, ""))


def _count(metric: str, mask: Mask, n: int, fields: Row) -> Row:
    k = int(np.count_nonzero(mask))
    return build_row(metric, k, n=n, k=k, **fields)
