"""Models of the acceptance matrix: type of variable x use -> criteria, each with its reason."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from probatio.protocol.base import Label, Model, Name, Text, Use

CriterionMetric = Literal[
    "error_rate", "error_rate_all", "omission_rate", "unsupported_rate", "unsupported_share",
    "non_conformant_rate", "accuracy_documented", "macro_f1", "kappa", "ac1",
    "error_difference", "omission_difference", "unsupported_difference",
]  # fmt: skip


class Criterion(Model):
    """One rule: the bound of a metric's interval against a threshold.

    `bound: upper` passes when the upper bound lies below `threshold` (errors, differences);
    `bound: lower` when the lower bound lies above it (agreement). `review` is the laxer threshold
    at which the data may be used with human review; none means that review cannot save it.
    """

    name: Name
    metric: CriterionMetric
    bound: Literal["upper", "lower"]
    threshold: float
    review: float | None = None
    justification: Label
    source: Text

    @model_validator(mode="after")
    def _check_review(self) -> Self:
        if self.review is not None and (self.review < self.threshold) == (self.bound == "upper"):
            raise ValueError("review must be laxer than threshold")
        return self


class CriterionSet(Model):
    """The criteria of some types of variable for some uses."""

    types: list[Literal["binary", "nominal", "ordinal", "number", "date", "set", "events"]] = Field(min_length=1)
    uses: list[Use] = Field(min_length=1)
    criteria: list[Criterion] = Field(min_length=1)


class AcceptanceMatrix(Model):
    """The whole matrix, written before the data are seen."""

    version: Text = "1"
    note: Label | None = None
    sets: list[CriterionSet] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_unique(self) -> Self:
        seen: set[tuple[str, str, str]] = set()
        for group in self.sets:
            for key in ((t, u, c.name) for t in group.types for u in group.uses for c in group.criteria):
                if key in seen:
                    raise ValueError(f"criterion {key[2]} stands twice for {key[0]} x {key[1]}")
                seen.add(key)
        return self

    def select_criteria(self, variable_type: str, use: str) -> list[Criterion]:
        """Return the criteria of one type of variable for one use, in the order written."""
        return [c for group in self.sets if variable_type in group.types and use in group.uses for c in group.criteria]
