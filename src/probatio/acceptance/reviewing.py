"""What *accepted with review* asks for: the share of values to review, and the error guaranteed among the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from probatio.results import Reason, Status, build_row

REVIEWED = ("review_share", "guaranteed_error")
_KEY = ("source", "variable", "use")
_COPIED = (
    "estimate", "lower", "upper", "level", "method", "unit", "n", "k", "clusters", "cluster_unit", "status", "reason",
)  # fmt: skip


def estimate_review(verdicts: Sequence[Mapping[str, Any]], rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield `review_share` and `guaranteed_error` beside each verdict that is *accepted with review*.

    They are those of the confidence notebook, for the same source, variable and use; a verdict over all variables of a
    use gets what holds for all of them. Values without a confidence (a manual collection) are all to review: both rows
    are not applicable, `no_score`. None in a study without rows of confidence.

    Args:
        verdicts: rows `verdict`.
        rows: rows of the confidence notebook among others.
    """
    known = {
        (row["metric"], *(row[name] for name in _KEY)): row
        for row in rows[rows["metric"].isin(REVIEWED)].to_dict("records")
    }
    asked = [verdict for verdict in verdicts if known and verdict["unit"] == "accepted_with_review"]
    for verdict in asked:
        key = {name: verdict[name] for name in _KEY}
        for metric in REVIEWED:
            found = known.get((metric, *key.values()))
            if found is None:
                yield build_row(metric, status=Status.NOT_APPLICABLE, reason=Reason.NO_SCORE, **key)
            else:
                yield build_row(metric, **{name: _read(found[name]) for name in _COPIED}, **key)


def _read(value: Any) -> Any:
    return None if pd.isna(value) else value
