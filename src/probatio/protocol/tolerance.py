"""Model of tolerance: how much extraction error the analyses are asked to bear, decided before AI data are read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from probatio.protocol.base import Label, Model, Name, Text, Use
from probatio.protocol.errors import build_fault

if TYPE_CHECKING:
    from probatio.protocol.analyses import Analysis
    from probatio.protocol.study import Protocol

Share = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[int, Field(ge=1, le=3660)]
Margin = Annotated[float, Field(json_schema_extra={"exclusiveMinimum": 1, "maximum": 2})]
Conclusion = Literal["every_term", "first_term"]


class Tolerance(Model):
    """Errors injected into the comparator's data, and what must still hold.

    The conclusion stands when the log hazard ratio moves by at most the logarithm of the margin, with `probability`
    over injections and samples of patients. `conclusion: every_term` asks it of every coefficient of the
    regression, `first_term` of the first term's alone. `margins` are hazard ratios above 1 for some uses; without
    one a use takes the analysis' own. An analysis with an `rmst_margin` must keep its difference in restricted mean
    survival at the last horizon within that too. `analyses` empty: every analysis with sources and terms.

    Grids, rising: `errors` (shares of wrong values, also 1 - sensitivity and 1 - specificity of a term of two
    groups), `omissions` (shares of missing values), `lag_days` and `spread_days` of dates, `noise` of numbers
    (standard deviations of the variable). A date that is wrong is off by `wrong_days`. Under a differential
    mechanism errors are `ratio` times as frequent in one half of the patients (with and without the event; exposed
    or not) as in the other. `draws` pairs of an injection and a bootstrap sample of patients stand behind each
    probability.
    """

    analyses: list[Name] = []
    conclusion: Conclusion = "every_term"
    margins: dict[Use, Margin] = {}
    probability: float = Field(default=0.90, gt=0.5, lt=1)
    draws: int = Field(default=400, ge=50, le=100_000)
    errors: list[Share] = Field(default=[0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3], min_length=1)
    omissions: list[Share] = Field(default=[0.02, 0.05, 0.1, 0.2, 0.3, 0.5], min_length=1)
    lag_days: list[Days] = Field(default=[7, 15, 30, 60, 90, 180], min_length=1)
    spread_days: list[Days] = Field(default=[7, 15, 30, 60, 90, 180], min_length=1)
    noise: list[Annotated[float, Field(gt=0, le=5)]] = Field(default=[0.1, 0.2, 0.5, 1.0], min_length=1)
    wrong_days: Days = 90
    ratio: float = Field(default=2.0, json_schema_extra={"exclusiveMinimum": 1, "maximum": 100})
    justification: Label
    source: Text

    @field_validator("errors", "omissions", "lag_days", "spread_days", "noise")
    @classmethod
    def _check_rising(cls, grid: list[float]) -> list[float]:
        if any(later <= sooner for sooner, later in pairwise(grid)):
            raise ValueError(f"{grid} does not rise; write each error once, the smallest first")
        return grid

    @field_validator("ratio")
    @classmethod
    def _check_ratio(cls, ratio: float) -> float:
        if not 1 < ratio <= 100:
            raise ValueError(
                f"a ratio of {ratio:g} is no error more frequent in one half of the patients; give such as 2"
            )
        return ratio

    @model_validator(mode="after")
    def _check_margins(self) -> Self:
        for use, margin in self.margins.items():
            if not 1 < margin <= 2:
                raise ValueError(
                    f"margins: {use}: {margin:g} is no hazard ratio above 1 and at most 2; give such as 1.15"
                )
        return self


def check_tolerance_analyses(
    tolerance: Tolerance, analyses: Sequence[Analysis], replicates: int, *, judged: Collection[str]
) -> Tolerance:
    """Return the declaration when its analyses have sources, no comparator is under judgement, and its draws exist.

    Args:
        tolerance: the declaration.
        analyses: the study's.
        replicates: of its resampling.
        judged: the AI sources, whose data are not to be read for it.

    Raises:
        ValidationError: they do not; the error carries the key, so that reading can say file and line.
    """
    known = {analysis.name: bool(analysis.sources and analysis.terms) for analysis in analyses}
    faults = []
    for place, name in enumerate(tolerance.analyses):
        if name not in known:
            faults.append(build_fault(("analyses", place), f"{name} is not an analysis; known: {sorted(known)}"))
        elif not known[name]:
            said = (
                f"{name} has no source or no term, and so no error that moves a hazard ratio; drop it, or give it both"
            )
            faults.append(build_fault(("analyses", place), said))
    chosen = [analysis for analysis in analyses if not tolerance.analyses or analysis.name in tolerance.analyses]
    for analysis in chosen:
        if analysis.comparator in judged:
            said = (
                f"{analysis.name} has the AI source {analysis.comparator} as its comparator, and a tolerance is "
                f"computed before AI data are read; leave it out"
            )
            faults.append(build_fault(("analyses",), said))
    if not any(known.values()):
        said = "no analysis has sources and terms, so that there is nothing to inject errors into; drop tolerance"
        faults.append(build_fault(("analyses",), said))
    if tolerance.draws > replicates:
        said = f"{tolerance.draws} draws, and resampling has {replicates} replicates; lower draws or raise replicates"
        faults.append(build_fault(("draws",), said))
    if faults:
        raise ValidationError.from_exception_data("tolerance", faults)
    return tolerance


def select_analyses(protocol: Protocol) -> list[Analysis]:
    """Return the analyses whose tolerance is declared: those named, or all with sources and terms."""
    names = protocol.tolerance.analyses if protocol.tolerance else []
    chosen = [each for each in protocol.analyses if each.sources and each.terms and protocol.tolerance]
    return [analysis for analysis in chosen if not names or analysis.name in names]


def list_tolerance_sources(protocol: Protocol) -> list[str]:
    """Return the sources that are read: the comparators, and those from which an endpoint is always read.

    A study without such analyses reads its reference, or its first source: there is nothing to be judged by.
    """
    chosen = select_analyses(protocol)
    endpoints = [protocol.get_endpoint(analysis.endpoint).source for analysis in chosen]
    names = [*(analysis.comparator for analysis in chosen), *endpoints]
    return sorted({name for name in names if name}) or [(protocol.reference or protocol.sources[0]).name]
