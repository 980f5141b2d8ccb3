"""Centres and technologies side by side, under pseudonyms: the one place where a centre's results leave.

One variable of one centre has few errors. Pooled over the variables of single values that every larger centre has, a
centre's rates can be shown:

- error_rate, omission_rate, unsupported_share of each source against the reference, missing_rate of each source;
- centres too small for that are merged into one line, whose term is `others`, which holds two at least;
- shrunken rates, the median centre, the standard deviation between centres and the limits for a new centre, from the
  binomial-normal model of `measures.heterogeneity`, over the same counts.

Several values come from one patient: counts are divided by the design effect of the rate pooled over all patients
before intervals (Wilson) and models. Rates are rounded, to 0.1 % or up to 5 %, until they fit a range of n as wide as
the minimum; n and patients are rounded down to a multiple of it. Otherwise sources side by side would show what one
of them was not asked in a centre.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.measures.heterogeneity.counts import Counts
from probatio.measures.heterogeneity.models import estimate_likelihood
from probatio.protocol import Protocol
from probatio.provenance.release.blocks import choose_hidden
from probatio.provenance.release.counts import find_least
from probatio.provenance.release.pooling import Side, list_sides
from probatio.resampling import Floats, compute_wilson
from probatio.results import build_row, derive_table

SECTION: Final = "benchmark"
OTHERS: Final = "others"
STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
_MODELLED: Final = ("error_rate", "omission_rate")
_BEFORE_LEAVING_ONE_OUT: Final = 5
Mask = NDArray[np.bool_]


def estimate_benchmark(agreement: pd.DataFrame, quality: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the benchmark's rows, under the real names, as they may leave.

    Args:
        agreement: rows of the agreement, before anything is withheld.
        quality: rows on the quality of data.
        protocol: sources, variables, smallest stratum.
    """
    rows = [part for side in list_sides(agreement, quality, protocol) for part in _estimate_side(side, protocol)]
    return derive_table(pd.concat(rows, ignore_index=True) if rows else [], study=protocol.study, section=SECTION)


def _estimate_side(side: Side, protocol: Protocol) -> Iterator[pd.DataFrame]:
    """Yield the rows of each rate: by centre, then between centres."""
    shown = np.zeros(len(side.centres), dtype=bool)
    for metric in side.rates:
        merged = choose_merged(side, metric, shown, protocol.min_stratum)
        shown = merged if metric == "error_rate" else shown
        if not merged.all():
            lines = _derive_lines(side, metric, merged, protocol)
            yield lines
            if metric in _MODELLED:
                yield _estimate_model(side, metric, lines.loc[lines["status"] == "ok", "stratum"], protocol)


def choose_merged(side: Side, metric: str, before: Mask, minimum: int) -> Mask:
    """Return which centres are merged into the others, shape (centres,).

    Args:
        side: counts by centre.
        metric: of the rate.
        before: the centres merged for the rates shown before.
        minimum: below it a count is small.
    """
    counts = _list_counts(side, metric)
    own = np.where(before, 0.0, find_least(*(count[:-1] for count in counts)))
    return choose_hidden(own, np.maximum(np.stack(counts, axis=1), 0.0), minimum)


def _list_counts(side: Side, metric: str) -> list[Floats]:
    """Return all counts that the lines of a metric give away, beside those shown before; each (centres + 1,)."""
    pooled = side.rates[metric]
    counts = [side.patients, pooled.k, pooled.n, pooled.n - pooled.k]
    if metric in ("omission_rate", "unsupported_share"):
        counts.append(side.rates["error_rate"].k - pooled.k)
    return counts


def _derive_lines(side: Side, metric: str, merged: Mask, protocol: Protocol) -> pd.DataFrame:
    """Return one row per centre shown, then one of the others together."""
    pooled, gone = side.rates[metric], np.append(merged, True)
    counts = np.stack([pooled.k, pooled.n, side.patients], axis=1)
    lines = [({"stratum": str(side.centres[place])}, counts[place]) for place in np.flatnonzero(~merged)]
    if (others := counts[gone].sum(axis=0))[1] > 0:
        lines.append(({"term": OTHERS}, others))
    level, minimum = protocol.level, protocol.min_stratum
    fields: dict[str, Any] = {**side.key, "stratum_by": "centre", "unit": "proportion", "level": level}
    rows = [fields | key | _derive_rate(count, pooled.effect, level=level, minimum=minimum) for key, count in lines]
    return pd.DataFrame([build_row(metric, **row) for row in rows])


def _derive_rate(counts: Floats, effect: float, *, level: float, minimum: int) -> dict[str, Any]:
    """Return the rounded columns of k values of n in so many patients."""
    k, n, patients = counts.tolist()
    step = find_step(k, n, minimum)
    if n == 0 or np.isnan(step):
        silence = ("suppressed", "disclosure") if n else ("not_estimable", "empty_denominator")
        return dict(zip(("status", "reason"), silence, strict=True))
    lower, upper = (float(bound) for bound in compute_wilson(k / effect, n / effect, level))
    rates = (round(round(value / step) * step, 3) for value in (k / n, lower, upper))
    sizes = {"n": n // minimum * minimum, "clusters": patients // minimum * minimum, "cluster_unit": "patient"}
    return {**dict(zip(("estimate", "lower", "upper"), rates, strict=True)), **sizes, "method": "wilson_design_effect"}


def find_step(k: float, n: float, minimum: int) -> float:
    """Return the finest of `STEPS` such that a rate rounded to it fits a range of n as wide as the minimum, or NaN."""
    for step in STEPS:
        share = k / n if n else 0.0
        low, high = share - step / 2, share + step / 2
        if low <= 0 or k / low - k / high >= minimum:
            return step
    return float("nan")


def _estimate_model(side: Side, metric: str, shown: Iterable[str], protocol: Protocol) -> pd.DataFrame:
    """Return the rows between centres, without counts: median, spread, a new centre, the shrunken rates shown."""
    pooled = side.rates[metric]
    k, n = pooled.k[None, :-1], pooled.n[None, :-1]
    counts = Counts(metric, pd.DataFrame([dict(side.key)]), side.centres, k / pooled.effect, n / pooled.effect,
                    k.astype(np.int64), n.astype(np.int64), side.patients[None, :-1].astype(np.int64),
                    np.array(["_design_effect"]))  # fmt: skip
    rows = pd.concat(list(islice(estimate_likelihood(counts, level=protocol.level), _BEFORE_LEAVING_ONE_OUT)))
    own = (rows["stratum_by"] == "centre").to_numpy()
    rows[["n", "k"]] = pd.NA
    rows.loc[own, "clusters"] = pd.NA
    rows.loc[own, "cluster_unit"] = ""
    rows[["estimate", "lower", "upper"]] = rows[["estimate", "lower", "upper"]].round(3)
    return rows[~own | rows["stratum"].isin(set(shown))]
