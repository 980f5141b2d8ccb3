"""Models of endpoints and reference analyses."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from probatio.protocol.base import Label, Model, Name, Text
from probatio.protocol.variables import find_doubles


class Endpoint(Model):
    """A time to event: either `time` and `event`, or dates `origin`, `events` (first one), `censoring`.

    Names are variables (taken from each source, or from `source` where given) or patient
    attributes. `event_values` are those that mean that the event happened. Times are in days.
    """

    name: Name
    label: Label
    source: Name | None = None
    time: Name | None = None
    event: Name | None = None
    event_values: list[Text] = []
    origin: Name | None = None
    events: list[Name] = []
    censoring: list[Name] = []

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        by_time = self.time is not None and self.event is not None and bool(self.event_values)
        by_date = self.origin is not None and bool(self.events) and bool(self.censoring)
        if by_time == by_date:
            raise ValueError("give time, event and event_values, or origin, events and censoring")
        return self


class Term(Model):
    """One term of a regression: groups of levels (the first is the reference), or a number per `per` units."""

    variable: Name
    visit: Text = ""
    label: Label | None = None
    groups: dict[Text, list[Text]] = {}
    per: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        if bool(self.groups) == (self.per is not None):
            raise ValueError("give groups (at least two) or per")
        if self.groups and len(self.groups) < 2:
            raise ValueError("groups needs at least two")
        if doubled := find_doubles(level for levels in self.groups.values() for level in levels):
            raise ValueError(f"groups repeat the level {doubled}")
        return self


class Analysis(Model):
    """One reference analysis, run on every source: Kaplan-Meier by the first term, Cox on all terms.

    `sources` empty: the analysis of the cohort's own attributes, no source compared. `margin` is a
    hazard ratio above 1: replicated iff the 90 % interval of the paired difference of log hazard
    ratios lies within plus or minus its logarithm.
    """

    name: Name
    label: Label
    endpoint: Name
    terms: list[Term] = Field(min_length=1)
    population: dict[Name, list[Text]] = {}
    sources: list[Name] = []
    comparator: Name | None = None
    margin: float = Field(default=1.15, json_schema_extra={"exclusiveMinimum": 1, "maximum": 2})
    horizons: list[float] = []
    landmarks: list[float] = []
    estimand: Label | None = None

    @field_validator("margin")
    @classmethod
    def _check_margin(cls, margin: float) -> float:
        if not 1 < margin <= 2:
            raise ValueError(f"a margin of {margin:g} is no hazard ratio above 1 and at most 2; give such as 1.15")
        return margin

    @model_validator(mode="after")
    def _check_comparator(self) -> Self:
        if bool(self.sources) != (self.comparator is not None):
            raise ValueError("sources and comparator go together")
        if self.comparator is not None and self.comparator not in self.sources:
            raise ValueError(f"comparator {self.comparator} is not among sources")
        return self
