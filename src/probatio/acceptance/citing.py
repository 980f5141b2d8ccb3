"""Criteria whose threshold is the largest error that the analyses bear, as the tolerance notebook computed it."""

from __future__ import annotations

import math
from typing import Any

from probatio.acceptance.deciding import Row
from probatio.acceptance.judging import Evidence
from probatio.protocol import Criterion, Use
from probatio.protocol.criteria import CITED
from probatio.results import Reason, Status, build_row
from probatio.tolerance import list_tolerance_variables, read_cited

_DIGITS = 4


def find_cited(evidence: Evidence, variable: str, use: Use, criterion: Criterion) -> Row | None:
    """Return the row whose error a criterion cites; None for a criterion with a threshold of its own.

    Without one, an answer that never passes silently:

    - not applicable, `not_declared`: the protocol asks for no tolerance;
    - not applicable, `no_analysis`: no analysis reads the variable, and its error moves none;
    - not estimable, `missing_row`: otherwise.

    Args:
        evidence: the study's rows.
        variable: the variable judged.
        use: the use judged.
        criterion: the criterion.
    """
    if not criterion.is_cited:
        return None
    metric, protocol = CITED[criterion.metric], evidence.protocol
    if protocol.tolerance is None:
        return _derive_silent(criterion, Status.NOT_APPLICABLE, Reason.NOT_DECLARED)
    if variable not in list_tolerance_variables(protocol):
        return _derive_silent(criterion, Status.NOT_APPLICABLE, Reason.NO_ANALYSIS)
    return evidence.tolerable.get(
        (metric, variable, use), _derive_silent(criterion, Status.NOT_ESTIMABLE, Reason.MISSING_ROW)
    )


def judge_cited(judged: Row, cited: Row | None) -> Row:
    """Return the row that a criterion is judged on: without an error to cite, one that has no number."""
    if cited is None or cited["status"] == Status.OK or judged["status"] == Status.NOT_APPLICABLE:
        return judged
    return build_row(str(judged["metric"]), status=cited["status"], reason=cited["reason"])


def derive_cited_criterion(criterion: Criterion, cited: Row | None) -> Criterion:
    """Return the criterion with the error it cites as its threshold, rounded down, or as it is.

    A review threshold that is not laxer than it falls away.
    """
    if cited is None or cited["status"] != Status.OK:
        return criterion
    threshold = math.floor(read_cited(cited) * 10**_DIGITS) / 10**_DIGITS
    review = criterion.review if criterion.review is not None and criterion.review > threshold else None
    changed: dict[str, Any] = {"threshold": threshold, "review": review}
    return criterion.model_copy(update=changed)


def _derive_silent(criterion: Criterion, status: Status, reason: Reason) -> Row:
    return build_row(criterion.metric, status=status, reason=reason)
