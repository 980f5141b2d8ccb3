"""Result rows as a run of the demonstration study has them, made up: every panel of the dashboard has some."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd

from probatio.protocol import Protocol
from probatio.results import build_row, derive_table

RUN = {"time": "2026-11-26T03:42:45+00:00", "commit": "0123456789ab", "protocol": "f" * 64, "version": "0.1.0",
       "data": "a" * 64, "files": 1, "rows": "b" * 64, "checked": True}  # fmt: skip
AIS, SOURCES = ("ai_a", "ai_b"), ("manual", "ai_a", "ai_b")
CENTRES = tuple(f"C{number:02d}" for number in range(1, 7))
SMALL = "C06"
BATCHES = ("2022-Q1", "2022-Q2", "2022-Q3")
WORDS = ("not_accepted", "inconclusive", "accepted_with_review", "accepted")
DECISIONS = ("failed", "open", "passed_with_review", "passed")
_RATES = ("error_rate", "wrong_rate", "omission_rate", "unsupported_share")
_DIFFERENCES = ("error_difference", "omission_difference", "unsupported_difference")


def make_rows(protocol: Protocol) -> dict[str, pd.DataFrame]:
    """Return rows by notebook."""
    names = [variable.name for variable in protocol.variables]
    agreement = [*make_errors(names), *make_differences(names), *make_centres(names[:3]), *make_drift(names[:2])]
    return {
        "01_cohort": derive_table([build_row("count", 9, analysis="overlap", term="reference")]),
        "02_data_quality": derive_table(make_missing(list(protocol.forms))),
        "03_agreement": derive_table(agreement),
        "04_replication": derive_table(make_conclusions(protocol)),
        "08_review": derive_table(make_review(names[:3])),
        "09_acceptance": derive_table(make_verdicts(names, list(protocol.uses))),
    }


def _share(k: int, n: int, **fields: Any) -> dict[str, Any]:
    """Return a proportion with an interval about it."""
    p = k / n
    reach = 1.1 * (p * (1 - p) / n) ** 0.5 + 0.4 / n
    fields = {"lower": max(p - reach, 0.0), "upper": min(p + reach, 1.0), "unit": "proportion", "level": 0.95, **fields}
    return build_row(fields.pop("metric"), p, n=n, k=k, **fields)


def make_verdicts(names: list[str], uses: list[str]) -> Iterator[dict[str, Any]]:
    """Yield verdicts of each variable, source and use, in turn of every kind; quality of life is asked of no AI."""
    for place, (name, source, use) in enumerate(product(names, SOURCES, uses)):
        key = {"source": source, "variable": name, "use": use}
        if name == "qol_global" and source != "manual":
            yield build_row("verdict", status="not_applicable", reason="not_assessed", **key)
            continue
        at = (place * 7 + place // 5) % 4
        rule = {"term": "error", "at": "< 0.0772 (review < 0.1)"}
        yield build_row("verdict", at, unit=WORDS[at], term="" if at == 3 else "error", n=2, **key)
        yield _share(place % 23, 232, **key | rule | {"metric": "criterion", "unit": "error_rate"})
        yield build_row("decision", at, unit=DECISIONS[at], **key, **rule)
        if at == 1:
            yield build_row("needed_patients", 300, n=232, k=68, unit="patients", **key, **rule)
        margin = {"term": "non_inferiority", "at": "< 0.05", "comparator": "manual"}
        if source != "manual":
            yield build_row(
                "criterion", 0.01, lower=-0.02, upper=0.04, n=232, k=9, unit="error_difference", **key, **margin
            )
            yield build_row("decision", 3, unit="passed", **key, **margin)
    for source, use in product(SOURCES, uses):
        yield build_row("verdict", 0, unit="not_accepted", term=names[0], n=len(names), k=11, source=source, use=use)


def make_errors(names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield rates and outcomes of each variable and source; one rate has no denominator, one few events."""
    for place, (name, source) in enumerate(product(["", *names], SOURCES)):
        key = {"source": source, "comparator": "reference", "variable": name}
        for at, metric in enumerate(_RATES):
            if name == "stage" and metric == "unsupported_share":
                yield build_row(metric, n=0, k=0, status="not_estimable", reason="empty_denominator", **key)
                continue
            reason = "few_events_caution" if place % 9 == 1 else ""
            yield _share((place * (at + 3)) % 41, 232, metric=metric, method="wilson", reason=reason, **key)
        if name:
            for outcome, count in zip("CWOUB", (200, 14, 9, 5, 4), strict=True):
                yield build_row("count", count, term=outcome, n=232, k=count, **key)


def make_differences(names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield differences of each variable and AI from manual collection."""
    for place, (name, source, metric) in enumerate(product(["", *names], AIS, _DIFFERENCES)):
        value = (place % 13 - 6) / 100
        yield build_row(metric, value, lower=value - 0.03, upper=value + 0.03, n=232, k=20, unit="proportion",
                        method="newcombe", source=source, comparator="manual", variable=name)  # fmt: skip


def make_centres(names: list[str], centres: tuple[str, ...] = CENTRES, small: str = SMALL) -> Iterator[dict[str, Any]]:
    """Yield error by centre, observed and shrunken, then over centres; those of the small one are suppressed."""
    for name, source in product(names, SOURCES):
        key = {"source": source, "comparator": "reference", "variable": name}
        for place, (centre, metric) in enumerate(product(centres, ("error_rate", "shrunken_error_rate"))):
            own = {**key, "stratum_by": "centre", "stratum": centre}
            if centre == small:
                yield build_row(metric, n=3, status="suppressed", reason="small_stratum", **own)
            else:
                yield _share(place % 7, 40, metric=metric, **own)
        pooled = {"method": "binomial_normal", "clusters": len(centres), "cluster_unit": "centre", **key}
        for metric in ("centre_median_error_rate", "prediction_error_rate"):
            yield _share(20, 232, metric=metric, **pooled)
        yield build_row("centre_sd_error_rate", 0.4, lower=0.0, upper=1.1, n=232, k=20, unit="log_odds", **pooled)
        yield _share(9, 40, metric="worst_stratum_error_rate", term=centres[0], stratum_by="centre", **key)


def make_missing(forms: list[str], centres: tuple[str, ...] = CENTRES) -> Iterator[dict[str, Any]]:
    """Yield missing shares of two sources by centre and form; some above a tenth, the small centre's hidden."""
    for place, (source, form, centre) in enumerate(product(("manual", "ai_a"), forms, centres)):
        key = {"source": source, "term": form, "stratum_by": "centre", "stratum": centre}
        if centre == SMALL:
            yield build_row("missing_rate", n=3, status="suppressed", reason="small_stratum", **key)
        else:
            yield _share(place * 5 % 23, 100, metric="missing_rate", **key)


def make_drift(names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield charts of three batches: one says what is normal, one is within its limits, one above."""
    for name, source in product(["", *names], SOURCES):
        key = {"source": source, "comparator": "reference", "variable": name, "term": "error_rate"}
        for batch, signal in zip(BATCHES, (None, 0, 1), strict=True):
            own = {**key, "stratum_by": "inclusion_period", "stratum": batch}
            yield _share(20 + 15 * (signal or 0), 100, metric="period_rate", **own)
            yield build_row("control_limit_lower", 0.05, n=90, **own)
            yield build_row("control_limit_upper", 0.3, n=90, **own)
            for metric in ("control_signal", "cusum", "cusum_signal"):
                silent = {"status": "not_applicable", "reason": "baseline_batch"} if signal is None else {}
                yield build_row(metric, signal, n=90, **own, **silent)
        yield build_row("in_control_rate", 0.2, n=100, k=20, **key)
        yield build_row("cusum_limit", 0.8, **key)
        alarms = {"source": source, "comparator": "reference", "variable": name}
        yield build_row("monitoring_signal", 1, n=2, k=1, **alarms)
        for metric in ("baseline_rate", "period_change"):
            yield _share(20, 100, metric=metric, **key)
        yield build_row("period_trend_p", 0.031, n=300, k=60, **key)


def make_review(names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a queue, what was decided on it, two readers, and an audit log that was not kept."""
    for name in ["", *names]:
        queue = {"source": "ai_a", "use": "research", "variable": name}
        yield build_row("queued_share", 0.3, n=1000, k=300, **queue)
        done = {"source": "ai_a_reviewed", "comparator": "ai_a", "variable": name}
        yield build_row("reviewed_share", 0.25, n=1000, k=250, analysis="decisions", **done)
        yield _share(40, 250, metric="override_rate", analysis="decisions", **done)
        yield _share(35, 40, metric="mended_errors", analysis="reviewer_error", **done)
        yield _share(4, 210, metric="introduced_errors", analysis="reviewer_error", **done)
    for reader in ("1", "2"):
        yield _share(20, 125, metric="reader_override_rate", analysis="decisions", term=reader, source="ai_a_reviewed")
    yield build_row("audit_verified", analysis="audit", source="ai_a", status="not_applicable", reason="no_values")


def make_conclusions(protocol: Protocol) -> Iterator[dict[str, Any]]:
    """Yield a conclusion of each kind for the first analysis."""
    analysis = protocol.analyses[0]
    for source, unit in zip(("manual", *AIS), ("equivalent", "inconclusive", "not_equivalent"), strict=True):
        key = {
            "analysis": analysis.name,
            "source": source,
            "comparator": "reference",
            "variable": "brain_mets",
            "term": "yes",
        }
        yield build_row("conclusion", 0, unit=unit, n=145, k=16, method="log_hazard_ratio", level=0.9, at="1.15", **key)
        yield build_row(
            "delta_log_hazard_ratio", -0.014, lower=-0.153, upper=0.125, level=0.9, method="paired_t", **key
        )
