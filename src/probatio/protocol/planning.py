"""Models of the plan: what is expected before the data are seen, and the power wanted for it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from probatio.protocol.base import Model, Name, Use
from probatio.protocol.criteria import CriterionMetric

PlannedType = Literal["binary", "nominal", "ordinal", "number", "date", "set", "events"]
Share = Annotated[float, Field(ge=0, lt=1)]


class Alternative(Model):
    """What is expected of some types of variable, or of named variables, for some uses.

    `expected` gives each criterion's metric its expected value (rates between 0 and 1, differences
    AI - manual between -1 and 1); `discordance` is the share of pairs in which exactly one of AI and
    manual errs. A named variable's own alternative comes before that of its type.
    `values_per_patient` not given: one per visit. `missing` not given: the plan's.
    """

    types: list[PlannedType] = []
    variables: list[Name] = []
    uses: list[Use] = ["steering", "research", "regulatory"]
    expected: dict[CriterionMetric, Annotated[float, Field(gt=-1, lt=1)]] = Field(min_length=1)
    discordance: Share | None = None
    values_per_patient: int | None = Field(default=None, ge=1)
    missing: Share | None = None

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if bool(self.types) == bool(self.variables):
            raise ValueError("give types or variables, one of them")
        return self

    @model_validator(mode="after")
    def _check_expected(self) -> Self:
        differences = {name: value for name, value in self.expected.items() if name.endswith("_difference")}
        if stray := sorted(name for name, value in self.expected.items() if name not in differences and value < 0):
            raise ValueError(f"expected: {stray[0]} is a rate; give a number from 0 to 1")
        if differences and self.discordance is None:
            raise ValueError("an expected difference needs discordance, the share of pairs in which only one errs")
        if differences and max(map(abs, differences.values())) > (self.discordance or 0):
            raise ValueError("discordance cannot be smaller than the expected difference; raise it")
        return self


class CentrePlan(Model):
    """Between centres: how many, the expected error, its logits' standard deviation `tau`.

    `limit` is what the upper end of the prediction interval for a new centre shall not pass.
    """

    number: int = Field(ge=2)
    error_rate: float = Field(gt=0, lt=1)
    tau: float = Field(ge=0, le=5)
    limit: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _check_side(self) -> Self:
        if self.error_rate >= self.limit:
            raise ValueError("error_rate must lie below limit; otherwise no number of centres is enough")
        return self


class Planning(Model):
    """The plan: patients, power, and the alternatives at which it is to hold.

    `missing` is the share of planned values that will not be compared; `intraclass_correlation` that of
    errors within a patient; `correlation` that between criteria and variables when all must pass;
    `half_width` the precision wanted of each rate; `prior_patients` the weight, in values, of the
    beta prior around each expected rate over which assurance averages the power.
    """

    patients: int = Field(ge=1, le=10_000_000)
    power: float = Field(default=0.9, gt=0, lt=1)
    missing: Share = 0.0
    intraclass_correlation: Share = 0.0
    correlation: Share = 0.0
    half_width: float | None = Field(default=None, gt=0, lt=0.5)
    prior_patients: float | None = Field(default=None, gt=0)
    alternatives: list[Alternative] = Field(min_length=1)
    centres: CentrePlan | None = None
