"""What a correction assumes, and what the data say of it.

| metric | term | 1 when |
|---|---|---|
| assumption | labelled_at_random | drawn by the study itself, or no sign against it in `balance_p_holm` |
| assumption | known_probability | the sampling probability is declared, or 1, or the study's own |
| assumption | positivity | no patient's probability is below `SMALLEST` (`minimum_probability`) |
| assumption | same_extractor | one and the same extractor version in labelled and unlabelled patients |
| assumption | not_used_for_tuning | development patients are declared, and left out |
| assumption | nondifferential_error | no warning of differential error in the analysis' own terms |
| assumption | enough_events | at least `FEWEST_EVENTS` labelled events per coefficient |
| balance_p, balance_p_holm (`variable`, `term`) | | test that labelled and others are alike, within sampling strata |

`assumption` is 0 where the data speak against it, not estimable where they cannot tell: 1 is no proof.

Balance: the labelled patients' sum of a score (read as this group; has the event; an attribute's level, or number)
less its expectation under random sampling within strata, over its standard deviation (Mantel 1963; Cochran 1977,
section 2.2), two-sided, Holm over all scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from probatio.correction.sample import Mask, Sample
from probatio.measures.homogeneity import compute_holm
from probatio.protocol import Analysis, Correction, Protocol
from probatio.records import Records
from probatio.replication import list_variables
from probatio.resampling import Floats
from probatio.results import Reason, Status, build_row, select_rows

Row = dict[str, Any]
SMALLEST = 0.05
FEWEST_EVENTS = 10
_MOST_LEVELS = 10


class Score(NamedTuple):
    """A score of every patient, NaN where unknown, and the row it belongs to."""

    variable: str
    term: str
    values: Floats


def list_assumptions(
    records: Records, protocol: Protocol, correction: Correction, sample: Sample, warnings: pd.DataFrame
) -> Iterator[Row]:
    """Yield the rows of one correction; the caller adds analysis, source and the correction's name.

    Args:
        records: the study's tables.
        protocol: its attributes, development column, level.
        correction: which source and analysis.
        sample: views and labels.
        warnings: rows of `measures.differential.select_warnings`.
    """
    analysis = next(each for each in protocol.analyses if each.name == correction.analysis)
    balance = [] if sample.nested else list(_list_balance(records, protocol, sample))
    yield from balance
    yield _judge_random(sample, balance, protocol)
    yield from _judge_probability(records, protocol, sample)
    yield _judge_extractor(records, protocol, correction, analysis, sample)
    declared = protocol.patients.development is not None
    yield _answer("not_used_for_tuning", declared, Reason.NONE if declared else Reason.NOT_DECLARED)
    yield _judge_differential(correction, analysis, warnings)
    yield _judge_events(sample)


def _answer(term: str, holds: bool, reason: Reason = Reason.NONE, **fields: Any) -> Row:
    """Return an assumption's row: 1, 0, or not estimable with its reason."""
    if reason:
        return build_row("assumption", term=term, status=Status.NOT_ESTIMABLE, reason=reason, **fields)
    return build_row("assumption", float(holds), term=term, **fields)


def _judge_random(sample: Sample, balance: list[Row], protocol: Protocol) -> Row:
    if sample.nested:
        return _answer("labelled_at_random", True, method="drawn")
    tested = [row for row in balance if row["metric"] == "balance_p_holm"]
    fields: Row = {"method": "mantel_holm", "level": protocol.level}
    if not tested:
        return _answer("labelled_at_random", False, Reason.ONE_CLASS_ONLY, **fields)
    against = sum(row["estimate"] < 1 - protocol.level for row in tested)
    return _answer("labelled_at_random", not against, n=len(tested), k=against, **fields)


def _list_balance(records: Records, protocol: Protocol, sample: Sample) -> Iterator[Row]:
    found = []
    for score in _list_scores(records, protocol, sample):
        p = compute_balance(score.values, sample.labelled, sample.stratum)
        if not np.isnan(p):
            found.append((score, p))
    adjusted = compute_holm(np.array([p for _, p in found]))
    for (score, p), holm in zip(found, adjusted, strict=True):
        known = ~np.isnan(score.values)
        fields = {"variable": score.variable, "term": score.term, "n": int(known.sum()),
                  "k": int((known & sample.labelled).sum())}  # fmt: skip
        yield build_row("balance_p", p, method="mantel", **fields)
        yield build_row("balance_p_holm", float(holm), method="holm", level=protocol.level, **fields)


def _list_scores(records: Records, protocol: Protocol, sample: Sample) -> Iterator[Score]:
    """Yield the source's values and events, and the patients' attributes."""
    view = sample.proxy
    for at, label in enumerate(view.coefficients):
        yield Score(label.variable, label.term, view.covariates[:, at])
    yield Score("", "event", np.where(np.isnan(view.time), np.nan, view.event.astype(float)))
    yield Score("", "complete", view.complete.astype(float))
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    for name in protocol.patients.attributes:
        if pd.api.types.is_numeric_dtype(cohort[name]):
            yield Score(name, "", cohort[name].to_numpy(dtype=float))
            continue
        texts = cohort[name].fillna("").astype(str)
        levels = sorted(set(texts) - {""})
        for level in levels if len(levels) <= _MOST_LEVELS else []:
            yield Score(name, level, np.where(texts == "", np.nan, (texts == level).to_numpy(dtype=float)))


def compute_balance(values: Floats, labelled: Mask, stratum: NDArray[np.str_]) -> float:
    """Return the two-sided p of the stratified permutation test, by its normal approximation; NaN where nothing varies.

    Args:
        values: a score per patient, NaN where unknown.
        labelled: who was drawn.
        stratum: of the sampling.
    """
    gap, variance = 0.0, 0.0
    for name in np.unique(stratum):
        own = (stratum == name) & ~np.isnan(values)
        size, drawn = int(own.sum()), int((own & labelled).sum())
        if size < 2 or drawn in (0, size):
            continue
        score = values[own]
        gap += float(values[own & labelled].sum()) - drawn * float(score.mean())
        variance += drawn * (size - drawn) / size * float(score.var(ddof=1))
    return float(2 * ndtr(-abs(gap) / np.sqrt(variance))) if variance > 0 else np.nan


def _judge_probability(records: Records, protocol: Protocol, sample: Sample) -> Iterator[Row]:
    declared = protocol.patients.sampling_probability is not None or bool(sample.nested) or bool(sample.labelled.all())
    reason = Reason.NONE if declared else Reason.NOT_DECLARED
    yield _answer("known_probability", declared, reason)
    cohort = records.patients[~records.patients["development"].astype(bool)]
    known = sample.probability if sample.nested else cohort["sampling_probability"].to_numpy(dtype=float)
    smallest = float(np.nanmin(known)) if declared else np.nan
    n = int((~np.isnan(known)).sum())
    if not declared:
        yield build_row("minimum_probability", status=Status.NOT_ESTIMABLE, reason=reason, n=n)
    else:
        yield build_row("minimum_probability", smallest, unit="proportion", n=n)
    yield _answer("positivity", smallest >= SMALLEST, reason, at=str(SMALLEST))


def _judge_extractor(
    records: Records, protocol: Protocol, correction: Correction, analysis: Analysis, sample: Sample
) -> Row:
    mine = select_rows(records.records, source=correction.source, variable=list_variables(protocol, analysis))
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    labelled = mine["patient_id"].isin(cohort.index[sample.labelled])
    unlabelled = mine["patient_id"].isin(cohort.index[~sample.labelled])
    versions = [set(mine.loc[part, "extractor"].dropna().astype(str)) - {""} for part in (labelled, unlabelled)]
    if not versions[0] | versions[1]:
        return _answer("same_extractor", False, Reason.NOT_DECLARED)
    return _answer("same_extractor", len(versions[0] | versions[1]) == 1, n=len(versions[0] | versions[1]))


def _judge_differential(correction: Correction, analysis: Analysis, warnings: pd.DataFrame) -> Row:
    own = select_rows(warnings, metric="differential_error", analysis=analysis.name, source=correction.source)
    tested = select_rows(own, status=Status.OK, variable=[term.variable for term in analysis.terms])
    if tested.empty:
        return _answer("nondifferential_error", False, Reason.NO_VALUES)
    warned = int((tested["estimate"] == 1).sum())
    return _answer("nondifferential_error", not warned, n=len(tested), k=warned)


def _judge_events(sample: Sample) -> Row:
    events, p = int(sample.gold.event[sample.gold_kept].sum()), sample.gold.covariates.shape[1]
    return _answer("enough_events", events >= FEWEST_EVENTS * p, k=events, n=int(sample.gold_kept.sum()),
                   at=str(FEWEST_EVENTS * p))  # fmt: skip
