"""Does error depend on the outcome, the exposure, a stratum, or on other variables' errors?

An error is W, O or U against the reference, over the values that are not B. For each analysis it is also
counted in the analysis' own terms: a patient of its population put into another group than by the
reference, among patients whose group both know.

| metric | what |
|---|---|
| differential_error_rate | error rate in each level of a factor (`stratum_by`, `stratum`) |
| differential_error_difference | rate in the second level minus the first, where there are two |
| differential_error_p | test that all levels have the same rate; see `homogeneity` |
| differential_error_p_holm | adjusted for the tests of this source, variable and analysis |
| differential_error | warning: 1 if an adjusted p is below 1 - level, else 0; `k` of `n` tests |
| error_phi | correlation over patients of errors in `variable` and in `term` |
| dependent_error | warning: 1 if a phi of this variable differs from 0 (Holm over the source's pairs) |

`term` of the first five says what the factor is: `outcome` (an endpoint's event), `exposure` (the true
class), `stratum`. Differences are those of `rates.build_difference`. A level under the protocol's smallest
stratum is suppressed and takes no part in tests. No warning is no proof: rare errors hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probatio.measures.factors import Factor, Flags, derive_flags
from probatio.measures.homogeneity import Scores, Test, compute_holm, compute_homogeneity, compute_phi
from probatio.measures.rates import build_difference, build_rate_rows, compute_reporting_interval
from probatio.resampling import compute_clustered_mean
from probatio.results import Reason, Status, build_row, derive_table, select_rows

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol
    from probatio.records import Records

Rows = list[dict[str, Any]]


def estimate_differential(comparison: Comparison, records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return error rates by outcome, exposure and stratum with their tests, dependence and warnings.

    Args:
        comparison: values beside the reference's; readings without a reference give no rows.
        records: the study's tables, for the events of endpoints.
        protocol: endpoints, analyses, strata, smallest stratum, level.

    Returns:
        The sorted table of result rows.
    """
    rows: Rows = []
    flags = list(derive_flags(comparison, records, protocol))
    for each in flags:
        rows += _estimate_flags(each, protocol)
    for source in dict.fromkeys(each.source for each in flags):
        whole = [each for each in flags if each.source == source and not each.analysis and "." not in each.variable]
        rows += _estimate_dependence(whole, float(protocol.level))
    return derive_table(rows)


def _estimate_flags(flags: Flags, protocol: Protocol) -> Rows:
    """Return everything about one source and variable: rates, differences, tests and the warning."""
    level = float(protocol.level)
    rows, tests = [], []
    for factor in flags.factors:
        fields = flags.identity | {"term": factor.kind, "stratum_by": factor.name, "level": level}
        rates, scores = _estimate_rates(flags, factor, fields, protocol)
        reason = _find_reason(scores)
        rows += rates + _derive_difference(rates, factor, reason, fields)
        if reason == Reason.NONE:
            tests.append((fields, compute_homogeneity(scores), len(scores.score), int(scores.score.sum())))
        else:
            rows.append(build_row("differential_error_p", status=Status.NOT_ESTIMABLE, reason=reason, **fields))
    return rows + list(_derive_tests(tests)) + [_derive_warning(flags, tests, level)]


def _estimate_rates(flags: Flags, factor: Factor, fields: dict[str, Any], protocol: Protocol) -> tuple[Rows, Scores]:
    """Return the rate in each level, and the values of the levels that are large enough to be tested."""
    size = len(factor.levels)
    known = factor.codes >= 0
    scores = Scores(flags.error, factor.codes, flags.patient, flags.weight).keep(known)
    mean = compute_clustered_mean(scores.score.astype(np.int8), scores.level, scores.patient, scores.weight, size)
    interval = compute_reporting_interval(mean, float(protocol.level))
    identities = [fields | {"stratum": name} for name in factor.levels]
    rows = build_rate_rows(identities, "differential_error_rate", mean, interval, level=fields["level"], unit="patient")
    small = (mean.clusters > 0) & (mean.clusters < protocol.min_stratum)
    told = [row | _SUPPRESSED if hidden else row for row, hidden in zip(rows, small, strict=True)]
    return [row for row in told if row["n"] > 0], scores.keep(~small[scores.level])


_SUPPRESSED: dict[str, Any] = {
    "estimate": np.nan, "lower": np.nan, "upper": np.nan, "k": pd.NA,
    "status": str(Status.SUPPRESSED), "reason": str(Reason.SMALL_STRATUM),
}  # fmt: skip


def _find_reason(scores: Scores) -> Reason:
    """Say why no test exists: no value, one level, or no error or nothing but errors."""
    if not len(scores.score):
        return Reason.NO_VALUES
    if not scores.score.any():
        return Reason.NO_EVENTS
    return Reason.ONE_CLASS_ONLY if scores.score.all() or len(np.unique(scores.level)) < 2 else Reason.NONE


def _derive_difference(rates: Rows, factor: Factor, reason: Reason, fields: dict[str, Any]) -> Rows:
    """Return the difference of two levels' rates; none for a factor of more levels."""
    if len(factor.levels) != 2:
        return []
    fields = fields | {"stratum": f"{factor.levels[1]} - {factor.levels[0]}"}
    by_level = {rate["stratum"]: rate for rate in rates if rate["status"] == Status.OK}
    if len(by_level) < 2:
        lacking = Reason.SMALL_STRATUM if len(rates) == 2 else Reason.ONE_CLASS_ONLY
        reason = lacking if reason in (Reason.NONE, Reason.ONE_CLASS_ONLY) else reason
        return [build_row("differential_error_difference", status=Status.NOT_ESTIMABLE, reason=reason, **fields)]
    first, second = (by_level[name] for name in factor.levels)
    return [build_difference("differential_error_difference", first, second, **fields)]


_Tests = list[tuple[dict[str, Any], Test, int, int]]


def _derive_tests(tests: _Tests) -> Iterator[dict[str, Any]]:
    adjusted = compute_holm(np.array([test.p for _, test, _, _ in tests]))
    for (fields, test, n, k), p in zip(tests, adjusted, strict=True):
        yield build_row("differential_error_p", test.p, method=test.method, n=n, k=k, **fields)
        yield build_row("differential_error_p_holm", float(p), method="holm", n=n, k=k, **fields)


def _derive_warning(flags: Flags, tests: _Tests, level: float) -> dict[str, Any]:
    fields = flags.identity | {"level": level, "method": "holm"}
    if not tests:
        reason = Reason.ONE_CLASS_ONLY if flags.error.any() else Reason.NO_EVENTS
        return build_row("differential_error", status=Status.NOT_ESTIMABLE, reason=reason, n=0, **fields)
    below = compute_holm(np.array([test.p for _, test, _, _ in tests])) < 1 - level
    return build_row("differential_error", float(below.any()), n=len(tests), k=int(below.sum()), **fields)


def _estimate_dependence(whole: list[Flags], level: float) -> Rows:
    """Return phi of every two variables of one source, and a warning per variable."""
    rows: Rows = []
    found: list[tuple[str, str, float]] = []
    tables = {each.variable: each.derive_by_patient() for each in whole}
    for at, one in enumerate(whole):
        for two in whole[at + 1 :]:
            both = pd.concat([tables[one.variable], tables[two.variable]], axis=1, join="inner").to_numpy(dtype=bool)
            fields = one.identity | {"term": two.variable, "level": level, "n": len(both), "clusters": len(both)}
            if not len(both) or (both.all(axis=0) | ~both.any(axis=0)).any():
                reason = Reason.ONE_CLASS_ONLY if len(both) else Reason.NO_PAIRS
                rows.append(build_row("error_phi", status=Status.NOT_ESTIMABLE, reason=reason, **fields))
                continue
            phi = compute_phi(both[:, 0], both[:, 1], level)
            found.append((one.variable, two.variable, phi.p))
            reason = Reason.NO_INTERVAL if np.isnan(phi.lower) else Reason.NONE
            fields |= {"k": int(both.all(axis=1).sum()), "method": "fisher_z", "reason": reason}
            rows.append(build_row("error_phi", phi.phi, lower=phi.lower, upper=phi.upper, **fields))
    return rows + list(_derive_dependence_warnings(whole, found, level))


def _derive_dependence_warnings(
    whole: list[Flags], found: list[tuple[str, str, float]], level: float
) -> Iterator[dict[str, Any]]:
    adjusted = compute_holm(np.array([p for _, _, p in found]))
    for each in whole:
        mine = [p for (one, two, _), p in zip(found, adjusted, strict=True) if each.variable in (one, two)]
        fields = each.identity | {"level": level, "method": "holm", "n": len(mine)}
        if not mine:
            reason = Reason.ONE_CLASS_ONLY if each.error.any() else Reason.NO_EVENTS
            yield build_row("dependent_error", status=Status.NOT_ESTIMABLE, reason=reason, **fields)
            continue
        below = sum(p < 1 - level for p in mine)
        yield build_row("dependent_error", float(below > 0), k=int(below), **fields)


def select_warnings(rows: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the warnings that concern each analysis: of differential error in its own terms, of dependent error.

    Args:
        rows: rows of the agreement notebook.
        protocol: analyses and their terms.

    Returns:
        Rows of metric `differential_error` and `dependent_error`, `analysis` filled in; empty without a reference.
    """
    warned = select_rows(rows, metric=["differential_error", "dependent_error"])
    parts = [warned[warned["analysis"] != ""]]
    for analysis in protocol.analyses:
        named = [term.variable for term in analysis.terms]
        own = select_rows(warned, metric="dependent_error", variable=named, source=analysis.sources)
        parts.append(own.assign(analysis=analysis.name))
    return pd.concat(parts, ignore_index=True)
