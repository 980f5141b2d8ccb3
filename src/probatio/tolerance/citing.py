"""From tolerable errors to the one that a criterion cites: worst mechanism, share of values, smallest of all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probatio.protocol import Protocol
from probatio.results import Reason, Status, build_row
from probatio.tolerance.mechanisms import WORST
from probatio.tolerance.paths import Path
from probatio.tolerance.settings import Injections

Row = dict[str, Any]
CITED_PATHS: Mapping[str, tuple[str, ...]] = {
    "tolerable_error_rate": ("wrong", "false_negative", "false_positive", "omission", "unsupported"),
    "tolerable_omission_rate": ("omission",),
}
"""Metrics that criteria cite, and the paths whose smallest tolerable share each is."""


def derive_worst_row(rows: Sequence[Row]) -> Row:
    """Return the row of the mechanism that bears least, under the name `worst`; undefined where one is."""
    undefined = [row for row in rows if row["status"] != Status.OK]
    return (undefined[0] if undefined else min(rows, key=_read_lower)) | {"at": WORST}


def _read_lower(row: Row) -> tuple[float, float]:
    return row["lower"], row["estimate"]


def derive_share_row(row: Row, path: Path, injections: Injections) -> Row:
    """Return a tolerable error as a share of the values that `error_rate` or `omission_rate` counts.

    A false negative rate counts those who have the class; the share counts all with a value. Unsupported values
    add to numerator and denominator.
    """
    known = float((injections.carrier.find_known(injections.setting.texts) & injections.concerned).sum())
    at_risk = float((path.at_risk & injections.concerned).sum())

    def convert(error: float) -> float:
        wrong = error * at_risk
        return wrong / (known + wrong) if path.name == "unsupported" else wrong / known

    numbers = {name: convert(row[name]) for name in ("estimate", "lower", "upper")}
    return row | numbers | {"metric": "tolerable_share", "unit": "proportion"}


def derive_cited_rows(rows: Sequence[Row], protocol: Protocol) -> Iterator[Row]:
    """Yield, per variable and use, the smallest tolerable share, and the analysis, path and mechanism that decided."""
    shares = [row for row in rows if row["metric"] == "tolerable_share"]
    for variable in dict.fromkeys(row["variable"] for row in shares):
        for use in protocol.uses:
            own = [row for row in shares if row["variable"] == variable and row["use"] == use]
            for metric, paths in CITED_PATHS.items():
                yield _derive_cited(metric, [row for row in own if row["term"] in paths or row["status"] != Status.OK])


def _derive_cited(metric: str, own: Sequence[Row]) -> Row:
    undefined = [row for row in own if row["status"] != Status.OK]
    if undefined or not own:
        return (
            build_row(metric, status=Status.NOT_ESTIMABLE, reason=Reason.NO_VALUES)
            if not own
            else (undefined[0] | {"metric": metric, "stratum_by": "", "stratum": ""})
        )
    named = [row for row in own if row["at"] != WORST]
    smallest = min(named, key=_read_lower)
    return smallest | {"metric": metric, "stratum_by": "", "stratum": ""}


def read_cited(row: Mapping[str, Any]) -> float:
    """Return the error that a criterion may cite: the lower bound; NaN where there is none."""
    return float(row["lower"]) if row["status"] == Status.OK else math.nan
