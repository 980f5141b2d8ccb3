"""Run the catalogue and the protocol's rules on every source; count, judge, and list what breaks them.

A row says which share breaks a check, of what, and whether that is more than the threshold (strictly:
equality passes, as in Blacketer et al. 2021). One of four answers: passed, failed, not applicable, error.
Shares describe the records as they are: no sampling weight is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from probatio.checks.catalogue import TESTS, Test, derive_scope, derive_threshold, read_catalogue
from probatio.checks.cells import Delivered, SourceCells
from probatio.checks.rules import NOT_APPLICABLE, VIOLATED, compute_verdicts
from probatio.checks.shares import derive_share_rows
from probatio.protocol import Protocol, Rule, Variable
from probatio.protocol.binding import BoundRule, bind_rule
from probatio.records import Records
from probatio.results import Reason, derive_csv

PASSED, FAILED = "passed", "failed"
RULE = "rule"
VIOLATION_COLUMNS = ("source", "rule", "severity", "variable", "visit", "event", "patient_id", "centre", "value")
_FAULTS = (ArithmeticError, LookupError, TypeError, ValueError)
# A text that a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Finding:
    """What one check of one source looked at.

    Attributes:
        analysis: Kahn's category, or "rule".
        name: the check or rule.
        threshold: the share that may break it.
        severity: fatal, convention or characterization.
        source, variable: whose values, of what ("" for a rule, or for the whole source).
        observed: one line per value (per patient, for a rule): visit, event, patient, value, violated.
        reason: why nothing was looked at, if nothing was.
    """

    analysis: str
    name: str
    threshold: float
    severity: str
    source: str
    variable: str
    observed: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"patient": [], "violated": []}, dtype=int))
    reason: Reason = Reason.EMPTY_DENOMINATOR


def estimate_checks(records: Records, protocol: Protocol, *, tests: Mapping[str, Test] = TESTS) -> pd.DataFrame:
    """Return one row per leading source and check of the catalogue (per variable) or rule, overall and by centre.

    Rows: metric `check`; `term` the check, `analysis` its category (`rule` for a clinician's rule),
    `at` the threshold, `estimate` the share that breaks it, k of n, with Wilson's interval (clustered by
    patient where one has several values); `unit` says `passed` or `failed`. Where there is nothing to
    look at the status is not_applicable, and after a fault error. Centres under the protocol's minimum
    are suppressed.

    Args:
        records: the study's tables.
        protocol: gives rules, thresholds and the confidence level.
        tests: the tests of the catalogue to run, by name; all of them by default.
    """
    delivered = Delivered(records, protocol)
    findings = list(_find_all(delivered, tests))
    identity = pd.DataFrame(
        {
            "analysis": [found.analysis for found in findings],
            "source": [found.source for found in findings],
            "variable": [found.variable for found in findings],
            "term": [found.name for found in findings],
            "at": [str(found.threshold) for found in findings],
            "reason": [str(found.reason) for found in findings],
        },
        dtype=object,
    )
    tables = [found.observed[["patient", "violated"]].assign(finding=at) for at, found in enumerate(findings)]
    observed = pd.concat([t for t in tables if len(t)] or [pd.DataFrame(columns=["patient", "violated", "finding"])])
    return derive_share_rows(
        identity, observed.astype(np.int64), delivered.centre,
        level=protocol.level, least=protocol.min_stratum,
    )  # fmt: skip


def derive_violations(records: Records, protocol: Protocol) -> bytes:
    """Return `violations.csv`, every value or patient that breaks a check (confidential: it names patients).

    Columns: source, rule, severity, variable, visit, event, patient_id, centre, value. A rule's `variable`
    lists the variables it reads; a text that a spreadsheet would take for a formula gets an apostrophe.
    """
    table = list_violations(records, protocol)[list(VIOLATION_COLUMNS)]
    return derive_csv(table.map(_derive_harmless))


def list_violations(records: Records, protocol: Protocol, *, tests: Mapping[str, Test] = TESTS) -> pd.DataFrame:
    """Return the same table with `analysis` (Kahn's category, or "rule") and `threshold` beside; confidential.

    With `tests` only those of the catalogue are run, beside the protocol's rules.
    """
    delivered = Delivered(records, protocol)
    columns = [*VIOLATION_COLUMNS, "analysis", "threshold"]
    listed = [_list_violations(found, delivered, columns) for found in _find_all(delivered, tests)]
    table = pd.concat([part for part in listed if len(part)] or [pd.DataFrame(columns=columns)])
    return table.sort_values(list(VIOLATION_COLUMNS), kind="stable", ignore_index=True)


def _derive_harmless(text: object) -> str:
    written = str(text)
    return f"'{written}" if written.startswith(_FORMULA) else written


def _list_violations(found: Finding, delivered: Delivered, columns: list[str]) -> pd.DataFrame:
    broken = found.observed[found.observed["violated"].astype(bool)]
    patient = broken["patient"].to_numpy(dtype=np.int64)
    listed = broken.assign(
        source=found.source,
        rule=found.name,
        severity=found.severity,
        analysis=found.analysis,
        threshold=found.threshold,
        patient_id=delivered.patients.to_numpy()[patient],
        centre=delivered.centre[patient],
    )
    return listed.reindex(columns=columns, fill_value="").fillna("")


def _find_all(delivered: Delivered, tests: Mapping[str, Test]) -> Iterator[Finding]:
    for name in read_catalogue():
        if name in tests:
            yield from _find_catalogue(name, delivered, tests[name])
    bound = {rule.name: bind_rule(rule.expression, _list_variables(delivered.protocol)) for rule in _rules(delivered)}
    for source in delivered.protocol.leading:
        cells = SourceCells(delivered, source.name)
        for rule in _rules(delivered):
            yield _find_rule(rule, bound[rule.name], cells, source.name)


def _rules(delivered: Delivered) -> list[Rule]:
    return delivered.protocol.rules


def _list_variables(protocol: Protocol) -> dict[str, Variable]:
    return {variable.name: variable for variable in protocol.variables}


def _find_catalogue(name: str, delivered: Delivered, test: Test) -> Iterator[Finding]:
    """Yield a finding per source and variable to which a check applies; a fault is a finding, not the end."""
    check, protocol = read_catalogue()[name], delivered.protocol
    reason = Reason.EMPTY_DENOMINATOR
    try:
        observed = dict(iter(test(delivered).groupby(["source", "variable"], sort=False)))
    except _FAULTS:
        observed, reason = {}, Reason.CHECK_ERROR
    asked = set(delivered.asked[["source", "variable"]].drop_duplicates().itertuples(index=False, name=None))
    for source in protocol.leading:
        cites = check.level != "citation" or source.name in delivered.citing
        for variable in derive_scope(check, protocol) if cites else [""]:
            if variable and (source.name, variable.partition(".")[0]) not in asked:
                continue
            threshold = derive_threshold(check, variable, protocol)
            own = observed.get((source.name, variable))
            more = {} if own is None else {"observed": own}
            yield Finding(check.analysis, name, threshold, check.severity, source.name, variable, reason=reason, **more)


def _find_rule(rule: Rule, bound: BoundRule, cells: SourceCells, source: str) -> Finding:
    try:
        verdicts = compute_verdicts(bound, cells)
    except _FAULTS:
        return Finding(RULE, rule.name, rule.threshold, rule.severity, source, "", reason=Reason.CHECK_ERROR)
    reason = Reason.EMPTY_DENOMINATOR if cells.was_asked(bound.references) else Reason.NOT_ASSESSED
    patient = np.flatnonzero(verdicts != NOT_APPLICABLE)
    named = "|".join(reference.text for reference in bound.references)
    observed = pd.DataFrame({"patient": patient, "variable": named, "violated": verdicts[patient] == VIOLATED})
    return Finding(RULE, rule.name, rule.threshold, rule.severity, source, "", observed, reason)
