"""How many patients an open criterion would need, at the alternative written before the data were seen.

Never at the estimate: a power computed from the result only says again that the result is open.

| metric | what |
|---|---|
| needed_patients | patients with which the criterion passes with the plan's power, and with every larger number |
| needed_assurance | probability that it passes with so many, averaged over the plan's prior around the expected rate |

`n` is how many patients of the source the criterion was judged on, `k` how many are missing. Where none is
missing the study was large enough, had the source been as good as planned: more patients alone will seldom
help. A look at the data that led to more patients must be paid for: by fresh patients alone, or by
alpha-spending.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from probatio.acceptance.deciding import Row
from probatio.planning.profiles import Profile, find_size, select_criteria
from probatio.planning.proportions import compute_assurance
from probatio.protocol import Criterion, Planning, Protocol, Use, Variable
from probatio.results import Reason, Status, build_row


def estimate_needs(
    judged: Row, criterion: Criterion, protocol: Protocol, *, variable: Variable, use: Use, key: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one open criterion; none without a plan, or for a count.

    Args:
        judged: the row it was judged on.
        criterion: the criterion.
        protocol: with the plan's alternatives.
        variable: the variable judged.
        use: the use judged.
        key: the columns that name the rows: source, variable, use, term, at.
    """
    if protocol.planning is None or criterion.is_counted:
        return
    planned = next(p for p in select_criteria(protocol, use, variable) if p.criterion.name == criterion.name)
    seen = _read_patients(judged)
    fields = key | {"unit": "patients", "n": seen, "cluster_unit": "patient", "level": protocol.level}
    if planned.profile is None:
        yield build_row("needed_patients", status=Status.NOT_APPLICABLE, reason=planned.reason, **fields)
        return
    yield from _estimate_size(planned.profile, protocol.planning, (1 - protocol.level) / 2, fields)


def _estimate_size(
    profile: Profile, planning: Planning, alpha: float, fields: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    rate = profile.discordance is None
    fields = fields | {"method": "exact_binomial" if rate else "score_paired"}
    size = find_size(profile, planning.power, alpha)
    if size is None:
        yield build_row("needed_patients", status=Status.NOT_ESTIMABLE, reason=Reason.NOT_REACHED, **fields)
        return
    needed = profile.count_patients(size.lasting)
    missing = None if fields["n"] is None else max(needed - fields["n"], 0)
    yield build_row("needed_patients", needed, k=missing, **fields)
    if rate and planning.prior_patients is not None:
        worth = profile.count_effective(needed)
        mean = compute_assurance(worth, profile.expected, profile.limit, alpha, weight=planning.prior_patients)
        yield build_row("needed_assurance", float(mean[0]), **(fields | {"unit": "proportion", "k": None}))


def _read_patients(judged: Row) -> int | None:
    """Return the patients behind a number: its clusters where they are patients; None where it does not say."""
    if judged["cluster_unit"] != "patient" or pd.isna(judged["clusters"]):
        return None
    return int(judged["clusters"])
