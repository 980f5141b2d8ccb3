"""Models of the correction: the best estimate when all patients have a source's data and some have the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from probatio.protocol.base import Label, Model, Name
from probatio.protocol.errors import build_fault

if TYPE_CHECKING:
    from probatio.protocol.analyses import Analysis
    from probatio.protocol.files import Source

CorrectionMethod = Literal["predict_then_debias", "mc_simex", "multiple_imputation", "bias_analysis"]
METHODS: tuple[CorrectionMethod, ...] = ("predict_then_debias", "mc_simex", "multiple_imputation", "bias_analysis")
Positive = Annotated[float, Field(gt=0)]


class Labelled(Model):
    """Who has the reference: those sampled for it (nothing given), or a share of them, drawn again and again.

    With `share` all patients have the reference and the correction sees a random part of them at a time: what it
    should find is known.
    """

    share: float | None = Field(default=None, gt=0, lt=1)
    splits: int = Field(default=200, ge=20, le=10_000)

    @model_validator(mode="after")
    def _check_share(self) -> Self:
        if self.share is None and "splits" in self.model_fields_set:
            raise ValueError("splits are repeated draws of a share; give share too, or drop splits")
        return self


class Simex(Model):
    """Amounts of error added to the source's own, and the curve that leads back to none."""

    lambdas: list[Positive] = Field(default=[0.5, 1.0, 1.5, 2.0], min_length=2)
    extrapolation: list[Literal["quadratic", "log_linear"]] = Field(default=["quadratic", "log_linear"], min_length=1)
    replicates: int = Field(default=200, ge=50, le=10_000)

    @model_validator(mode="after")
    def _check_lambdas(self) -> Self:
        if len(set(self.lambdas)) != len(self.lambdas):
            raise ValueError("lambdas repeat a value; give different ones")
        return self


class Imputation(Model):
    """How many completed data sets."""

    imputations: int = Field(default=30, ge=2, le=1000)


class BetaPrior(Model):
    """A Beta distribution: as if `a` of `a + b` true cases (or others) had been read right."""

    a: Positive
    b: Positive


class BiasAnalysis(Model):
    """What is believed of sensitivity and specificity: read off the labelled sample, or declared."""

    iterations: int = Field(default=1000, ge=100, le=100_000)
    by_event: bool = True
    sensitivity: BetaPrior | None = None
    specificity: BetaPrior | None = None

    @model_validator(mode="after")
    def _check_both(self) -> Self:
        if (self.sensitivity is None) != (self.specificity is None):
            raise ValueError("give sensitivity and specificity, or neither: then the labelled sample tells them")
        return self


class Correction(Model):
    """One analysis corrected: a source's data on all patients, the reference's on the labelled ones."""

    name: Name
    label: Label
    analysis: Name
    source: Name
    methods: list[CorrectionMethod] = Field(default=list(METHODS), min_length=1)
    labelled: Labelled = Labelled()
    simex: Simex = Simex()
    imputation: Imputation = Imputation()
    bias_analysis: BiasAnalysis = BiasAnalysis()


def check_corrections(
    corrections: list[Correction], analyses: list[Analysis], sources: list[Source]
) -> list[Correction]:
    """Return the corrections if each names an analysis, and a source of it that the reference can correct.

    Raises:
        ValidationError: one does not; each error carries the place of its key, so that reading can say file and line.
    """
    known, seen, faults = {each.name: each for each in analyses}, set[str](), []
    for place, each in enumerate(corrections):
        if each.name in seen:
            faults.append(build_fault((place, "name"), f"the name {each.name} is used twice; rename one"))
        seen.add(each.name)
        if each.analysis not in known:
            said = f"{each.analysis} is not an analysis; known: {', '.join(known)}"
            faults.append(build_fault((place, "analysis"), said))
        elif said := _find_unfit(each, known[each.analysis], sources):
            faults.append(build_fault((place, "source"), said))
    if faults:
        raise ValidationError.from_exception_data("corrections", faults)
    return corrections


def _find_unfit(correction: Correction, analysis: Analysis, sources: list[Source]) -> str:
    """Return why a source cannot be corrected in an analysis, as a sentence; "" if it can."""
    reference = next((source.name for source in sources if source.role == "reference"), "")
    if not reference:
        return "no source has the role reference: readings without a truth cannot be corrected; drop the correction"
    if reference not in analysis.sources:
        return f"{analysis.name} does not read the reference {reference}; add it to the analysis' sources"
    if analysis.weighting != "none":
        return f"{analysis.name} weights by propensity, which no correction follows; name an adjusted analysis"
    others = [name for name in analysis.sources if name != reference]
    if correction.source not in others:
        return f"{correction.source} is not a source of {analysis.name} to correct; known: {', '.join(others)}"
    return ""
