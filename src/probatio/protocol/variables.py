"""Models of variables: their type, levels, tolerance, and how repeated events are matched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from probatio.protocol.base import Label, Model, Name, Text, Use
from probatio.protocol.files import Pattern, Recode
from probatio.protocol.weights import Weights, check_weights

VariableType = Literal["binary", "nominal", "ordinal", "number", "date", "set", "events"]
CATEGORICAL = ("binary", "nominal", "ordinal")


class EventAttribute(Model):
    """One attribute of a repeated event, compared on matched events only."""

    label: Label
    type: Literal["nominal", "ordinal", "binary", "number", "date", "set", "text"]
    unit: Text = ""
    levels: list[Text] = []
    level_labels: dict[Text, Label] = {}
    tolerance: float = Field(default=0.0, ge=0)
    missing: list[Text] = []
    recode: Recode = Recode()

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if stray := set(self.level_labels) - set(self.levels):
            raise ValueError(f"level_labels names {sorted(stray)}, which is not a level")
        return self

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, tolerance: float, info: ValidationInfo) -> float:
        return check_tolerance(tolerance, info.data.get("type"), info.data.get("unit"))


def check_tolerance(tolerance: float, kind: str | None, unit: str | None) -> float:
    """Return a tolerance if it means something: on a number with its unit, or on a date, in days.

    Raises:
        ValueError: it does not.
    """
    if tolerance and kind == "number" and unit == "":
        raise ValueError(f"tolerance {tolerance:g} of what? give the unit of the number, as in unit: kg")
    if tolerance and kind not in ("number", "date", None):
        raise ValueError(f"tolerance goes with a number or a date, not with {kind}; drop it")
    return tolerance


class EventMatching(Model):
    """How events of two sources are paired: equal on `on`, dates of `date` within `window` days."""

    on: list[Name] = []
    date: Name
    window: int = Field(json_schema_extra={"minimum": 1})

    @field_validator("window")
    @classmethod
    def _check_window(cls, window: int) -> int:
        if window < 1:
            raise ValueError(
                f"a window of {window} days matches equal dates at most, so that a date a day off makes one event two "
                f"errors; give at least 1"
            )
        return window


class Variable(Model):
    """One variable under validation.

    `levels` are in order for an ordinal variable; a binary one has two, the second being the
    event. `tolerance` (in `unit`, or days) makes a number or date correct; a date is scored at
    the reference's precision. `weights` say how far the levels of an ordinal variable lie apart, for weighted
    kappa and AC2: linear, quadratic, or one number per pair of levels. `unit_factors` are the factors
    between the unit and others in use (88.4 from mg/dL to µmol/L of creatinine): a wrong number off by one of
    them is an error of unit.
    `visits` are the occasions at which it is due. `missing` are codes that mean not documented;
    `not_assessed` codes mean that the source was not asked or able (not due, never collected): the cell
    leaves every denominator. `recode` applies to every source unless `recode_by` has its own.
    `mentioned` is a regular expression, searched case aside, that every document stating the variable's value
    matches: an omission in a patient none of whose documents match could not be helped.
    """

    name: Name
    label: Label
    type: VariableType
    form: Text = ""
    unit: Text = ""
    levels: list[Text] = []
    level_labels: dict[Text, Label] = {}
    required: bool = True
    negative: list[Text] = []
    range: tuple[float, float] | None = None
    tolerance: float = Field(default=0.0, ge=0)
    weights: Weights | None = None
    unit_factors: list[Annotated[float, Field(gt=0)]] = []
    visits: list[Text] = []
    missing: list[Text] = []
    not_assessed: list[Text] = []
    recode: Recode = Recode()
    recode_by: dict[Name, Recode] = {}
    attributes: dict[Name, EventAttribute] = {}
    match: EventMatching | None = None
    mentioned: Pattern | None = None
    uses: list[Use] = ["steering", "research", "regulatory"]
    note: Label | None = None

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, tolerance: float, info: ValidationInfo) -> float:
        return check_tolerance(tolerance, info.data.get("type"), info.data.get("unit"))

    @field_validator("weights", mode="before")
    @classmethod
    def _check_weights(cls, weights: Any, info: ValidationInfo) -> Any:
        needed = info.data.get("type"), info.data.get("levels")
        return weights if None in needed else check_weights(weights, *needed)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _check_type(self) -> Self:
        if (self.type in (*CATEGORICAL, "set")) != bool(self.levels):
            raise ValueError(
                f"levels go with binary, nominal, ordinal and set, not with {self.type}; give or drop them"
            )
        if self.type == "binary" and len(self.levels) != 2:
            raise ValueError("a binary variable has exactly two levels, the event second")
        if self.unit_factors and (self.type != "number" or 1.0 in self.unit_factors):
            raise ValueError("unit_factors go with a number and differ from 1; correct or drop them")
        if doubled := find_doubles(self.levels):
            raise ValueError(f"levels repeat {doubled}")
        if stray := set(self.level_labels) - set(self.levels):
            raise ValueError(f"level_labels names {sorted(stray)}, which is not a level")
        return self

    @model_validator(mode="after")
    def _check_events(self) -> Self:
        if (self.type == "events") != bool(self.attributes) or (self.type == "events") != (self.match is not None):
            raise ValueError("events, and only they, have attributes and match")
        if self.match and (stray := {*self.match.on, self.match.date} - set(self.attributes)):
            raise ValueError(f"match names {sorted(stray)}, which is not an attribute")
        if self.match and self.attributes[self.match.date].type != "date":
            raise ValueError(f"match.date: {self.match.date} is not of type date")
        return self


def find_doubles(names: Iterable[str]) -> str | None:
    """Return the first name that stands twice; None without one."""
    return next((name for name, n in Counter(names).items() if n > 1), None)
