"""Models of reference analyses: terms, population, strata, and what the sources are compared by."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from probatio.protocol.base import Label, Model, Name, Text, check_comparator
from probatio.protocol.estimands import Estimand
from probatio.protocol.variables import find_doubles


class Term(Model):
    """One term of a regression: groups of levels (the first is the reference), or a number per `per` units.

    Each source is read for itself, unless `source` names the one that is read for all.
    """

    variable: Name
    visit: Text = ""
    source: Name | None = None
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

    `terms` empty: the whole cohort's curve, no regression. `sources` empty: the analysis of the cohort's own
    attributes, no source compared. Each source says who is in the population, unless `population_source` is read
    for all. `strata` are variables, patient attributes or `centre`: stratified Cox and log-rank test. `cluster`:
    patients of a centre may be alike, and the standard errors allow for it.

    `margin` is a hazard ratio above 1: replicated iff the 90 % interval of the paired difference of log hazard
    ratios lies within plus or minus its logarithm. `rmst_margin`, in days, is the margin of the difference in
    restricted mean survival, which concludes where hazards are not proportional.

    `weighting` compares the two groups of the first term with the other terms as its confounders, by
    propensity weights instead of adjustment: of all patients (`ate`), of the second group (`att`), or overlap weights.
    """

    name: Name
    label: Label
    endpoint: Name
    terms: list[Term] = []
    population: dict[Name, list[Text]] = {}
    population_source: Name | None = None
    sources: list[Name] = []
    comparator: Name | None = None
    strata: list[Name] = []
    cluster: Literal["centre"] | None = None
    weighting: Literal["none", "ate", "att", "overlap"] = "none"
    margin: float = Field(default=1.15, json_schema_extra={"exclusiveMinimum": 1, "maximum": 2})
    rmst_margin: float | None = Field(default=None, gt=0)
    horizons: list[float] = []
    landmarks: list[float] = []
    estimand: Estimand | None = None

    @field_validator("margin")
    @classmethod
    def _check_margin(cls, margin: float) -> float:
        if not 1 < margin <= 2:
            raise ValueError(f"a margin of {margin:g} is no hazard ratio above 1 and at most 2; give such as 1.15")
        return margin

    @model_validator(mode="after")
    def _check_comparator(self) -> Self:
        check_comparator(self.sources, self.comparator)
        return self

    @model_validator(mode="after")
    def _check_weighting(self) -> Self:
        if self.weighting == "none":
            return self
        if not self.terms or len(self.terms[0].groups) != 2:
            raise ValueError("weighting compares two groups: give the first term two groups, or drop weighting")
        if len(self.terms) < 2:
            raise ValueError("weighting needs confounders: name them as further terms, or drop weighting")
        return self

    @model_validator(mode="after")
    def _check_strata(self) -> Self:
        if doubled := find_doubles(self.strata):
            raise ValueError(f"strata repeats {doubled}")
        if both := sorted(set(self.strata) & {term.variable for term in self.terms}):
            raise ValueError(f"{both[0]} is a term and a stratum; a stratum has no coefficient, keep it in one place")
        return self
