"""Model of confidence: how confidences become a rule of acceptance with a guaranteed error rate."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probatio.protocol.base import Label, Model, Name, Text, Use

Part = Annotated[float, Field(gt=0, lt=1)]


class Costs(Model):
    """What an error and a minute cost, in euros: they weigh the curve of costs and decide no verdict.

    `false_value`: a wrong or unsupported value that stays in the data. `omission`: a value that stays missing.
    `minute`: of a person who reviews.
    """

    false_value: float = Field(gt=0)
    omission: float = Field(gt=0)
    minute: float = Field(gt=0)


class Confidence(Model):
    """Which values are accepted without a human: at most a share `risk` of them wrong, with probability 1 - `delta`.

    Patients are split by chance, within centres, into `tuning` (recalibrates confidences and fixes the grid of
    thresholds), `selection` (chooses the threshold, with the guarantee) and the rest (evaluates); or `split` names
    the attribute of the patients that says which of `tuning`, `selection`, `evaluation` each is in. `risks` gives the
    largest share of wrong values for a use; without one it is the threshold of the acceptance matrix's `error_rate`
    for the variable's type. `family`: delta holds for each `variable` and use, or at once for all variables of a
    use (`use`, each getting an equal part).

    `recalibration`: `isotonic`, `logistic`, or `pooled` (logistic, with each small stratum drawn towards the whole).
    Reliability is shown in `bins` of equal mass; `grid` thresholds are tried, strict to lax.
    """

    delta: float = Field(default=0.05, gt=0, lt=0.5)
    family: Literal["variable", "use"] = "variable"
    risks: dict[Use, Part] = {}
    tuning: Part = 0.25
    selection: Part = 0.5
    split: Name | None = None
    recalibration: Literal["isotonic", "logistic", "pooled"] = "pooled"
    bins: int = Field(default=10, ge=2, le=50)
    grid: int = Field(default=20, ge=2, le=200)
    costs: Costs | None = None
    justification: Label
    source: Text

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if self.tuning + self.selection >= 1:
            raise ValueError(
                f"tuning {self.tuning:g} and selection {self.selection:g} leave no patient to evaluate on; "
                f"let their sum stay below 1"
            )
        return self
