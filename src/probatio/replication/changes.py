"""Patients whose category changes with the source: how many, which way, and agreement beyond chance.

| metric | method | n, k |
|---|---|---|
| changed_rate | clopper_pearson | patients documented in both, those whose category differs |
| higher_rate, lower_rate (ordered categories) | clopper_pearson | the same, those higher (lower) in the source |
| kappa_linear, kappa_quadratic (ordered categories) | fleiss_cohen_everitt | the same, those who agree |

A rate can be equal in two sources of which every tenth patient changed: this table is beside it for that reason.
Weighted kappa: Cohen 1968; standard error Fleiss, Cohen and Everitt 1969.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from probatio.measures.chance import compute_agreement_weights, compute_kappa, compute_simple_error
from probatio.replication.accounts import Account, Question, Scale
from probatio.replication.agreement import withhold_row
from probatio.replication.differences import Row
from probatio.replication.estimate import describe_undefined
from probatio.replication.paired_proportions import NEVER_ASKED, Setting
from probatio.resampling import CAUTION_PATIENTS, Floats, compute_clopper_pearson
from probatio.results import Reason, build_row

_POWERS = {"kappa_linear": 1, "kappa_quadratic": 2}
_ROUNDING = 1e-12


def estimate_changes(accounts: list[Account], setting: Setting) -> Iterator[Row]:
    """Yield, for each source and category, how many patients it puts elsewhere than the comparator does.

    Args:
        accounts: what each source says.
        setting: level, comparator, and which sources are independent of it.
    """
    base = next((account for account in accounts if account.source == setting.comparator), None)
    keys = dict.fromkeys(key for account in accounts for key in account.scales)
    for key in keys:
        for account in accounts:
            if base is None or account is base:
                continue
            shared: Row = {"source": account.source, "comparator": base.source, "variable": key.variable, "at": key.at}
            if key not in account.scales or key not in base.scales:
                yield build_row("changed_rate", **shared, term=_name(key), **NEVER_ASKED)
                continue
            rows = _compare_scales(key, account.scales[key], base.scales[key], setting.level, shared)
            judged = account.source in setting.judged
            yield from rows if judged else (withhold_row(row) for row in rows)


def _name(key: Question) -> str:
    return key.metric if key.metric == "worst_grade" else ""


def _compare_scales(key: Question, one: Scale, other: Scale, level: float, shared: Row) -> Iterator[Row]:
    both = (one.codes >= 0) & (other.codes >= 0)
    ours, theirs = one.codes[both], other.codes[both]
    shared = shared | {"term": _name(key), "level": level, "n": len(ours)}
    kinds = {"changed_rate": ours != theirs}
    if one.ordered:
        kinds |= {"higher_rate": ours > theirs, "lower_rate": ours < theirs}
    for metric, mask in kinds.items():
        yield _derive_rate(metric, int(mask.sum()), shared | {"method": "clopper_pearson", "unit": "proportion"})
    for metric, power in _POWERS.items() if one.ordered else ():
        table = np.zeros((one.classes, one.classes))
        np.add.at(table, (theirs, ours), 1.0)
        yield _derive_kappa(metric, table, power, shared | {"method": "fleiss_cohen_everitt"})


def _derive_rate(metric: str, k: int, fields: Row) -> Row:
    n = fields["n"]
    if not n:
        return build_row(metric, **fields, **describe_undefined(Reason.NO_PAIRS))
    lower, upper = compute_clopper_pearson(k, n, fields["level"])
    return build_row(metric, k / n, lower=float(lower), upper=float(upper), k=k, **fields)


def _derive_kappa(metric: str, table: Floats, power: int, fields: Row) -> Row:
    fields = fields | {"k": int(np.trace(table))}
    kinds = min(int((table.sum(axis=axis) > 0).sum()) for axis in (0, 1))
    if kinds < 2:
        reason = Reason.NO_PAIRS if not fields["n"] else Reason.ONE_CLASS_ONLY
        return build_row(metric, **fields, **describe_undefined(reason))
    found = compute_kappa(table, compute_agreement_weights(len(table), power))
    error = compute_simple_error(found, table)
    if not error > _ROUNDING:
        return build_row(metric, found.estimate, reason=Reason.NO_INTERVAL, **fields)
    half = float(ndtri((1 + fields["level"]) / 2)) * error
    bounds = {"lower": max(found.estimate - half, -1.0), "upper": min(found.estimate + half, 1.0)}
    few = fields["n"] - fields["k"] < CAUTION_PATIENTS
    return build_row(metric, found.estimate, reason=Reason.FEW_EVENTS_CAUTION if few else "", **bounds, **fields)
