"""The table of what reviewers decided: its columns and its words."""

from __future__ import annotations

from typing import Final, Literal, get_args

Decision = Literal["confirmed", "chosen", "corrected", "absent", "unreadable"]
"""`confirmed`: the reviewed source's own value stands. `chosen`: a competing value. `corrected`: another value, typed.
`absent`: the documents do not hold it. `unreadable`: they do not allow to decide."""
Role = Literal["first", "second", "adjudicator"]

DECISIONS: Final = get_args(Decision)
ROLES: Final = get_args(Role)
DECISION_COLUMNS: Final = (
    "patient_id", "variable", "visit", "event", "decision", "value", "reviewer", "role", "decided_at", "seconds",
)  # fmt: skip
