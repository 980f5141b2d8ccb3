"""Model of routine use: how an accepted source goes on being checked, batch after batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from probatio.protocol.base import Label, Model, Name, Text
from probatio.protocol.files import Attribute

MonitoredMetric = Literal["error_rate", "omission_rate", "unsupported_share"]
Rate = Annotated[float, Field(gt=0, lt=1)]


class Monitoring(Model):
    """What is watched once a source is in use, and how often the watch may cry wolf.

    `by` is a patient attribute whose classes, in text order (2024-03, 2024-04; 2024-Q1), are the batches.
    The rate in control is that of the first `baseline` batches, or given for each metric by `in_control`.
    `out_of_control` is the odds ratio of an error to be detected. `run_length` is the mean
    number of batches, at least, before a source's variable raises an alarm although nothing has changed.
    An estimated rate may lie below the true one, and alarms then come sooner. With `assurance`, such as
    0.9, the charts take the baseline's upper bound of that one-sided confidence as the rate in control: the run
    length holds with that probability, and smaller changes go unseen for longer.
    """

    by: Name
    metrics: list[MonitoredMetric] = Field(default=["error_rate"], min_length=1)
    baseline: int | None = Field(default=None, ge=1)
    in_control: dict[MonitoredMetric, Rate] = {}
    assurance: float | None = Field(default=None, gt=0.5, lt=1)
    out_of_control: float = Field(gt=1, le=100)
    run_length: float = Field(ge=2, le=100_000)
    justification: Label
    source: Text

    @model_validator(mode="after")
    def _check_metrics(self) -> Self:
        if len(set(self.metrics)) < len(self.metrics):
            raise ValueError("metrics names one metric twice; drop the second")
        return self

    @model_validator(mode="after")
    def _check_baseline(self) -> Self:
        if (self.baseline is None) == (not self.in_control):
            raise ValueError("give baseline (a number of first batches) or in_control (a rate per metric), one of them")
        if self.assurance is not None and self.in_control:
            raise ValueError("assurance goes with baseline: a declared rate has no uncertainty; drop one of them")
        if self.in_control and set(self.in_control) != set(self.metrics):
            raise ValueError(f"in_control needs a rate for each of {self.metrics} and for nothing else; correct it")
        return self


def check_monitoring(monitoring: Monitoring, attributes: Mapping[str, Attribute], *, reference: bool) -> Monitoring:
    """Return the declaration when its batches are classes of a declared attribute and there is a truth to hold.

    Raises:
        ValidationError: they are not; the error carries the key, so that reading can say file and line.
    """
    fault = _find_fault(monitoring.by, attributes, reference=reference)
    if fault:
        told = PydanticCustomError("value_error", "{error}", {"error": fault})
        details = InitErrorDetails(type=told, loc=("by",), input=monitoring.by)
        raise ValidationError.from_exception_data("monitoring", [details])
    return monitoring


def _find_fault(by: str, attributes: Mapping[str, Attribute], *, reference: bool) -> str:
    if not reference:
        return "monitoring compares batches with a reference, and no source has that role; add one or drop monitoring"
    if by not in attributes:
        return f"{by} is not an attribute of the patients; known: {sorted(attributes)}"
    declared = attributes[by]
    if declared.type != "text" and not declared.cut and declared.period is None:
        return f"{by} is a {declared.type} without classes; give it cut (number) or period (date)"
    return ""
