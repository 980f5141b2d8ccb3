"""An analysis without a contrast in the comparator's data is refused in one sentence."""

from __future__ import annotations

import pytest

from probatio.protocol import UserError
from probatio.replication import check_analyses
from survival_study import BY_STAGE, build_patients, build_protocol, build_records

DAYS = [5.0, 8.0, 3.0, 9.0]


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (["I", "II", "I", "II"], r"analyses: by_stage: stage has one class only, 'early' \(4 patients\), in registry"),
        ([None] * 4, "analyses: by_stage: no patient has endpoint and terms known in registry"),
    ],
)
def test_no_contrast_in_the_comparator_is_refused(stages: list[str | None], said: str) -> None:
    """One class only, or nobody complete: where, what, what to do."""
    patients = build_patients(4, days=DAYS, status=["dead", "alive", "dead", "dead"])
    records = build_records(patients, {("registry", "stage"): stages, ("ai", "stage"): ["I", "III", "I", "III"]})
    with pytest.raises(UserError, match=said):
        check_analyses(records, build_protocol(BY_STAGE))


def test_no_contrast_in_another_source_is_a_result() -> None:
    """The AI's own lack of contrast is for its rows to say."""
    patients = build_patients(4, days=DAYS, status=["dead", "alive", "dead", "dead"])
    records = build_records(patients, {("registry", "stage"): ["I", "III", "I", "III"], ("ai", "stage"): ["I"] * 4})
    check_analyses(records, build_protocol(BY_STAGE))
