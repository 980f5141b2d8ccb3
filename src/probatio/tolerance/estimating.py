"""How much extraction error each analysis could bear, variable by variable, from the comparator's data alone.

| rows | what | `variable`, `term`, `at`, `use` |
|---|---|---|
| tolerable_error | the largest error of a path with which the conclusion stands, in `unit` | variable, path, mechanism or `worst`, use |
| tolerable_share | the same as a share of the variable's values, for paths whose error is a share | the same |
| tolerable_error_rate | the smallest tolerable share over analyses, paths and mechanisms: what `error_rate` must not pass | variable, path and mechanism that decided, use |
| tolerable_omission_rate | the same over omissions | the same |

`estimate` is where the probability falls to the declared one, `lower` and `upper` where the bounds of its Monte Carlo interval do.
`lower` is what an acceptance criterion cites: more draws can only raise it. Reason `beyond_grid`: the largest error tested is
borne, and the limit lies somewhere above. `n` patients analysed, `k` events, `replicates` draws.

The direction is the cautious one, three times. A share of wrong values is injected as wrong groups, and a wrong level need not change
the group (path `neighbour` shows how much more is borne then; it decides nothing, nor does `together`, whose error is not one variable's). The smallest share over the ways to be wrong bounds
their mixtures, as far as shifts add up: an error split between two of them moves the estimate by no more than the average
of what each would do alone. And the bound is the lower one.

| series | x, y | key |
|---|---|---|
| probability_within | error, probability with Monte Carlo interval | path in `term`, mechanism in `at`, use |
| probability_within, `stratum_by` specificity | sensitivity, probability at the specificity in `stratum` | term `sensitivity`, use |
| mean_shift | error, mean change of a log hazard ratio (or of a difference in restricted means, days), bounds one standard deviation away | path, mechanism, coefficient in `stratum` |
| lost_share | error, share of the analysed patients that errors put out of the analysis (below 0: they bring more in) | path, mechanism |

Source: sensitivity and specificity of a covariate as determinants of bias: Greenland 1996, Int J Epidemiol 25:1107; grids of plausible
errors: Lash, Fox and Fink 2009, chapter 3; here with sampling error, and for hazard ratios by injection.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.protocol.tolerance import select_analyses
from probatio.records import Records
from probatio.resampling import Draws, Floats
from probatio.results import Reason, Status, build_row, derive_series, derive_table
from probatio.tolerance.carriers import list_carriers
from probatio.tolerance.citing import derive_cited_rows, derive_share_row, derive_worst_row
from probatio.tolerance.curves import derive_curve, derive_losses, derive_shifts, derive_surface
from probatio.tolerance.mechanisms import WORST, Mechanism, compute_rates, list_mechanisms
from probatio.tolerance.paths import Path
from probatio.tolerance.probabilities import Cell, Probability, compute_probability, find_borne
from probatio.tolerance.settings import Injections, Setting, derive_injections, derive_setting

Row = dict[str, Any]
METHOD = "injection_bootstrap"


class ToleranceRows(NamedTuple):
    """Result rows and curves of the tolerance."""

    rows: pd.DataFrame
    series: pd.DataFrame


def estimate_tolerance(records: Records, protocol: Protocol, *, draws: Draws) -> ToleranceRows:
    """Inject errors into the comparator's data of every analysis of the protocol's tolerance.

    Args:
        records: the study's tables; the comparators' values are read, and no other source's.
        protocol: its tolerance, analyses and level; without a tolerance there are no rows.
        draws: replicate weights over all evaluated patients; the first of them are used.

    Raises:
        UserError: no declared event value occurs.
    """
    rows: list[Row] = []
    points: list[Row] = []
    for analysis in select_analyses(protocol):
        setting = derive_setting(records, protocol, analysis, draws)
        for found, curves in _estimate_analysis(setting):
            rows += found
            points += curves
    return ToleranceRows(derive_table([*rows, *derive_cited_rows(rows, protocol)]), derive_series(points))


def list_tolerance_variables(protocol: Protocol) -> set[str]:
    """Return the variables into which errors are injected, in any analysis."""
    chosen = select_analyses(protocol)
    return {carrier.variable for analysis in chosen for carrier in list_carriers(protocol, analysis)}


def _estimate_analysis(setting: Setting) -> Iterator[tuple[list[Row], list[Row]]]:
    carriers = setting.carriers
    doubled = pd.Series([carrier.variable for carrier in carriers], dtype=object).duplicated(keep=False)
    for carrier, shared in zip(carriers, doubled, strict=True):
        cell = {"stratum_by": "cell", "stratum": carrier.column} if shared else {}
        key: Row = {"analysis": setting.analysis.name, "source": setting.base.view.source} | cell
        key["variable"] = carrier.variable
        if setting.base.reason:
            yield [*_derive_undefined(setting, key)], []
            continue
        paths = setting.list_paths(carrier)
        injections = derive_injections(setting, carrier)
        for path in paths:
            if (path.at_risk & injections.concerned).any():
                yield estimate_path(injections, path, key)
        yield [], list(derive_surface(injections, paths, key))


def _derive_undefined(setting: Setting, key: Row) -> Iterator[Row]:
    for use in setting.protocol.uses:
        fields = _describe(setting, key | {"term": "wrong", "at": WORST, "use": use, "unit": "proportion"})
        for metric in ("tolerable_error", "tolerable_share"):
            yield build_row(metric, **fields, status=Status.NOT_ESTIMABLE, reason=setting.base.reason)


def _describe(setting: Setting, key: Row) -> Row:
    view = setting.base.view
    counts = {"n": int(view.complete.sum()), "k": int((view.event & view.complete).sum())}
    fields = {"method": METHOD, "level": setting.protocol.level, "replicates": int(setting.base.usable.sum())}
    return key | counts | fields


def estimate_path(injections: Injections, path: Path, key: Row) -> tuple[list[Row], list[Row]]:
    """Return the rows and curves of one path, over its mechanisms.

    Args:
        injections: the errors of the cell.
        path: a way in which it can be wrong.
        key: the columns that name the rows: analysis, source, variable.
    """
    setting, carrier = injections.setting, injections.carrier
    rows: list[Row] = []
    points: list[Row] = []
    for mechanism in list_mechanisms(
        setting.base.view, carrier, path, setting.tolerance.ratio, concerned=injections.concerned
    ):
        own = key | {"term": path.name, "at": mechanism.name}
        cells = list(_inject_rising(injections, path, mechanism))
        points += [*derive_shifts(cells, setting, own), *derive_losses(cells, own)]
        for use, limits in setting.limits.items():
            found = [_compute(setting, cell, limits) for cell in cells]
            points += derive_curve(cells, found, own | {"use": use})
            rows.append(_derive_tolerable(setting, path, cells, found, own | {"use": use}))
    rows += [derive_worst_row([row for row in rows if row["use"] == use]) for use in setting.limits]
    return rows + [derive_share_row(row, path, injections) for row in rows if path.is_share], points


def _compute(setting: Setting, cell: Cell, limits: Floats) -> Probability:
    return compute_probability(cell.shifts, limits, setting.protocol.level)


def _inject_rising(injections: Injections, path: Path, mechanism: Mechanism) -> Iterator[Cell]:
    """Yield the errors of a path, up to the first that no use bears."""
    setting = injections.setting
    widest = max(setting.limits.values(), key=lambda limits: float(limits[0]))
    for error in path.grid:
        rates = compute_rates(mechanism, path, error, injections.concerned)
        if rates is None:
            return
        cell = injections.compute_cell(path, error, rates)
        yield cell
        if _compute(setting, cell, widest).upper < setting.tolerance.probability:
            return


def _derive_tolerable(setting: Setting, path: Path, cells: list[Cell], found: list[Probability], key: Row) -> Row:
    fields, errors = _describe(setting, key | {"unit": path.unit}), [cell.error for cell in cells]
    if not errors:
        return build_row("tolerable_error", **fields, status=Status.NOT_ESTIMABLE, reason=Reason.BEYOND_GRID)
    limit = setting.tolerance.probability
    estimate, lower, upper = (
        find_borne(errors, [getattr(one, side) for one in found], limit) for side in Probability._fields
    )
    bounds = {"lower": lower.error, "upper": np.nan if upper.beyond else upper.error}
    reason = Reason.BEYOND_GRID if estimate.beyond else Reason.NONE
    return build_row("tolerable_error", estimate.error, **fields, **bounds, reason=reason)
