"""The rule of acceptance of each source, variable and use: from which score on a value needs no human.

Never accepted, whatever their confidence: what does not conform, what breaks a clinicians' rule or a check of
plausibility, what has no score. The patients that fix the grid (tuning), those that choose the threshold (selection)
and those that judge the rule (evaluation) are different ones; a table that mixes them is refused.

The guarantee speaks of patients drawn as the selection patients were: these centres, this mix of documents, this
version of the source. With unequal sampling probabilities it is weighted by their inverse, and bet on even with one
value per patient: how the accepted values spread over the strata is chance too, which the exact binomial ignores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probatio.confidence.needed import Bound, find_needed_patients
from probatio.confidence.selection import Method, Sample, Selection, derive_grid, find_accepted, select_threshold
from probatio.confidence.splits import EVALUATION, SELECTION, TUNING, check_disjoint
from probatio.digest import compute_json_digest
from probatio.protocol import Protocol, Use, Variable
from probatio.resampling import Floats
from probatio.results import Reason

_DIGITS = 9


@dataclass(frozen=True)
class Rule:
    """From which score on the values of one source and variable are accepted for one use.

    Attributes:
        source, variable, use: whose rule it is.
        bound: the share of errors and the chance that the guarantee fails; None where no share is declared.
        method: the p-value.
        reason: empty: a threshold passed. Otherwise why all is reviewed.
        selection: what the fixed sequence found.
        best: place of the threshold with the smallest p-value; -1 without a grid.
        labelled: patients with a reference, of all three parts.
        needed: labelled patients that would suffice; None: no number does, or none is missing.
        plain: the threshold that one would take without a guarantee; infinite where there is none.
    """

    source: str
    variable: str
    use: Use
    bound: Bound | None
    method: Method
    reason: Reason
    selection: Selection
    best: int
    labelled: int
    needed: int | None
    plain: float

    @property
    def threshold(self) -> float:
        """The score from which values are accepted; infinite where all is reviewed."""
        return float(self.selection.thresholds[self.selection.chosen]) if self.selection.chosen >= 0 else math.inf


@dataclass(frozen=True)
class _Values:
    """Values of one source and variable: the parts with their samples, and what a patient can have at most."""

    parts: dict[str, Sample]
    all_scores: pd.DataFrame

    @property
    def is_simple(self) -> bool:
        """One value per patient, and equal weights."""
        weights = np.concatenate([part.weight for part in self.parts.values()])
        single = not self.all_scores["patient_id"].duplicated().any()
        return single and (not len(weights) or bool(np.ptp(weights) < 1e-12))

    def find_most(self, grid: Floats) -> Floats:
        """Return, per threshold, the most accepted values of a patient of the cohort times the largest weight."""
        patient = np.unique(self.all_scores["patient_id"], return_inverse=True)[1]
        accepted = find_accepted(self.all_scores["score"].to_numpy(float), grid)
        most = [int(np.bincount(patient[row], minlength=1).max()) for row in accepted]
        weights = np.concatenate([part.weight for part in self.parts.values()])
        return np.asarray(np.array(most, dtype=float) * weights.max(initial=0.0))


def find_risk(protocol: Protocol, variable: Variable, use: Use) -> float | None:
    """Return the largest share of wrong values: declared for the use, else the matrix's `error_rate` threshold.

    None where neither says a number (a cited tolerance is none: it bounds the error of all values, and comes later).
    """
    declared = protocol.confidence.risks if protocol.confidence else {}
    if use in declared:
        return declared[use]
    criteria = protocol.acceptance.select_criteria(variable.type, use) if protocol.acceptance else []
    limits = [each.limit for each in criteria if each.metric == "error_rate" and not each.is_cited]
    return limits[0] if limits else None


def derive_allowed(scored: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a score of 0 where a value may never be accepted without a human.

    Scores are rounded to nine decimals: a last digit, which moves with the machine, parts no value from its like.

    Args:
        scored: from `derive_scored`; `score` may be recalibrated.
    """
    barred = ~scored["delivered"] | ~scored["conformant"] | (scored["violated"] > 0) | scored["score"].isna()
    return scored.assign(score=scored["score"].where(~barred, 0.0).round(_DIGITS))


def derive_rules(scored: pd.DataFrame, protocol: Protocol) -> list[Rule]:
    """Return the rule of every source, variable and use of the protocol; none without `confidence`.

    Args:
        scored: from `derive_scored`; `score` recalibrated on tuning patients, or raw.
        protocol: gives the bounds, the family of delta and the number of thresholds.

    Raises:
        UserError: a patient has values in two parts.
    """
    if protocol.confidence is None:
        return []
    check_disjoint(scored["patient_id"], scored["split"])
    allowed, order = derive_allowed(scored), _derive_order(scored, protocol)
    return [
        rule
        for source in protocol.sources
        if source.name in set(scored["source"])
        for rule in _derive_source(allowed[allowed["source"] == source.name], protocol, source.name, order)
    ]


def _derive_order(scored: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """Return each patient's place in the order of testing: by chance, from the protocol's seed and the name alone."""
    seed, names = protocol.resampling.seed, scored["patient_id"].drop_duplicates()
    keys = {name: compute_json_digest([seed, "guarantee", name]) for name in names}
    return pd.Series({name: place for place, name in enumerate(sorted(keys, key=lambda name: keys[name]))}, dtype=int)


def _derive_source(scored: pd.DataFrame, protocol: Protocol, source: str, order: pd.Series) -> Iterator[Rule]:
    known = {str(name): _derive_values(part, order) for name, part in scored.groupby("variable", sort=False)}
    for use in protocol.uses:
        asked = [each for each in protocol.variables if use in each.uses and each.name in known]
        risks = {each.name: find_risk(protocol, each, use) for each in asked}
        size = sum(risk is not None for risk in risks.values())
        for name, risk in risks.items():
            yield _derive_rule(known[name], protocol, risk, size, key=(source, name, use))


def _derive_values(part: pd.DataFrame, order: pd.Series) -> _Values:
    delivered = part[part["delivered"]]
    parts = {name: _derive_sample(part[part["split"] == name], order) for name in (TUNING, SELECTION, EVALUATION)}
    return _Values(parts, delivered)


def _derive_sample(part: pd.DataFrame, order: pd.Series) -> Sample:
    labelled = part[part["error"].notna()]
    members = labelled["patient_id"].drop_duplicates()
    place = {name: at for at, name in enumerate(sorted(members, key=lambda name: order[name]))}
    values = labelled[labelled["delivered"]]
    codes = values["patient_id"].map(place).to_numpy(dtype=np.int64)
    columns = [values[name].to_numpy(dtype=float) for name in ("score", "error", "weight")]
    return Sample(columns[0], columns[1], codes, columns[2], len(members))


def _derive_rule(
    values: _Values, protocol: Protocol, risk: float | None, size: int, *, key: tuple[str, str, Use]
) -> Rule:
    labelled = sum(part.patients for part in values.parts.values())
    method: Method = "exact_binomial" if values.is_simple else "betting"
    if risk is None or protocol.confidence is None:
        return Rule(*key, None, method, Reason.NOT_DECLARED, _stay(values), -1, labelled, None, math.inf)
    parts = protocol.confidence.delta / (size if protocol.confidence.family == "use" else 1)
    bound, tuning, selection = Bound(risk, parts), values.parts[TUNING], values.parts[SELECTION]
    grid = derive_grid(tuning, risk, parts, steps=protocol.confidence.grid, selection=selection.patients)
    found = select_threshold(
        tuning, selection, grid, alpha=risk, delta=parts, most=values.find_most(grid), method=method
    )
    best = int(np.argmin(found.p)) if len(grid) else -1
    reason, needed = Reason.NONE, None
    if found.chosen < 0:
        needed = _find_needed(values, grid[best] if len(grid) else 0.0, bound, method, labelled)
        reason = _find_reason(values, grid, needed)
    return Rule(*key, bound, method, reason, found, best, labelled, needed, _find_plain(values, risk))


def _stay(values: _Values) -> Selection:
    return Selection(np.empty(0), np.empty(0), values.parts[SELECTION].count(np.empty(0)), -1)


def _find_needed(values: _Values, threshold: float, bound: Bound, method: Method, labelled: int) -> int | None:
    selection, at = values.parts[SELECTION], np.array([threshold])
    if not selection.patients:
        return None
    most = float(values.find_most(at)[0])
    size = find_needed_patients(selection, threshold, bound, most=most, method=method)
    return None if size is None else math.ceil(size * labelled / selection.patients)


def _find_reason(values: _Values, grid: Floats, needed: int | None) -> Reason:
    if not any(part.patients for part in values.parts.values()):
        return Reason.NO_REFERENCE
    if not (values.all_scores["score"] > 0).any():
        return Reason.NO_SCORE
    if needed is None:
        return Reason.RISK_NOT_BELOW
    return Reason.NONE_GUARANTEED if len(grid) else Reason.TOO_FEW_LABELLED


def _find_plain(values: _Values, risk: float) -> float:
    """Return the laxest threshold whose observed risk in tuning and selection is at most the bound."""
    parts = [values.parts[TUNING], values.parts[SELECTION]]
    score, error, weight = (np.concatenate([getattr(p, name) for p in parts]) for name in ("score", "error", "weight"))
    ranked = np.argsort(-score, kind="stable")
    ranked = ranked[score[ranked] > 0]
    share = np.cumsum((weight * error)[ranked]) / np.cumsum(weight[ranked]) if len(ranked) else np.empty(0)
    last = np.append(np.diff(score[ranked]) != 0, True)[: len(ranked)]
    kept = np.flatnonzero(last & (share <= risk))
    return float(score[ranked[kept[-1]]]) if len(kept) else math.inf
