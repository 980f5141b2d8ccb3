"""Models of the acceptance matrix: type of variable x use -> criteria, each with its reason."""

from __future__ import annotations

import math
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from probatio.protocol.base import Label, Model, Name, Text, Use
from probatio.protocol.rules import Severity

RateMetric = Literal[
    "error_rate", "error_rate_all", "omission_rate", "unsupported_rate", "unsupported_share", "non_conformant_rate",
    "missing_rate", "shared_error_rate", "two_phase_error_rate",
]  # fmt: skip
"""Rates over all patients: the lower, the better."""
StratumMetric = Literal["worst_stratum_error_rate", "worst_stratum_omission_rate"]
"""The highest rate among the strata of an attribute, bounds simultaneous over them."""
CentreMetric = Literal["prediction_error_rate", "prediction_omission_rate"]
"""The rate of a centre not seen yet: its prediction interval is judged."""
DifferenceMetric = Literal["error_difference", "omission_difference", "unsupported_difference"]
"""AI minus manual on the same patients: the threshold is a margin."""
AgreementMetric = Literal[
    "accuracy_documented", "macro_f1", "kappa", "kappa_linear", "kappa_quadratic", "ac1", "ac2_linear",
    "ac2_quadratic", "ccc", "within_days", "event_date_f1", "event_date_sensitivity", "event_date_ppv",
    "element_f1", "element_precision", "element_recall", "event_f1", "event_precision", "event_recall",
]  # fmt: skip
"""Agreement with the reference: the higher, the better."""
CountMetric = Literal["failed_checks", "differential_error", "dependent_error", "monitoring_signal"]
"""Counts of what was found in all the records, or warnings (1 or 0): judged as they are, without an interval."""
CriterionMetric = Literal[RateMetric, StratumMetric, CentreMetric, DifferenceMetric, AgreementMetric, CountMetric]

COUNTED = get_args(CountMetric)
DIFFERENCES = get_args(DifferenceMetric)
WORST_STRATUM = get_args(StratumMetric)
NEW_CENTRE = get_args(CentreMetric)
WHERE_ABSENT = ("unsupported_rate", "unsupported_difference")
"""Metrics over the cells where the reference has no value; where one is always due there are none to speak of."""
CITED = {"error_rate": "tolerable_error_rate", "omission_rate": "tolerable_omission_rate"}
"""Metrics whose threshold may be the largest error that the analyses bear, and the metric of that error's row."""
_HIGHER_IS_BETTER = get_args(AgreementMetric)
_WITH_DAYS = ("within_days", "event_date_f1", "event_date_sensitivity", "event_date_ppv")


class Criterion(Model):
    """One rule: the bound of a metric's interval against a threshold.

    `bound: upper` passes when the upper bound lies below `threshold` (errors, differences);
    `bound: lower` when the lower bound lies above it (agreement). `review` is the laxer threshold
    at which the data may be used with human review; none means that review cannot save it.

    Rates and agreements lie in [0, 1]. A difference's threshold is a margin above 0: zero or less would ask
    for superiority. `at` is the window in days of `within_days` and `event_date_*`. `strata` are the
    attributes of `stratify_by` whose worst stratum is judged; none: all of them but the centre, whose
    criterion is the prediction for a new centre. `failed_checks` counts the checks and rules about
    the variable that fail, of the `severity` listed (none: of any); `threshold: 1` lets none fail.

    `threshold: tolerance` cites the largest error, or omission, that the analyses reading the variable bear for the
    use, as the run computed it from the reference before it read the source judged; rounded down. `review` counts
    only where it is laxer.
    """

    name: Name
    metric: CriterionMetric
    bound: Literal["upper", "lower"]
    threshold: float | Literal["tolerance"]
    review: float | None = None
    at: Text = ""
    strata: list[Name] = []
    severity: list[Severity] = []
    justification: Label
    source: Text

    @property
    def is_difference(self) -> bool:
        """The metric compares an AI with manual collection."""
        return self.metric in DIFFERENCES

    @property
    def is_counted(self) -> bool:
        """The metric is a count, judged without an interval."""
        return self.metric in COUNTED

    @property
    def is_cited(self) -> bool:
        """The threshold is the tolerance that the run computed."""
        return self.threshold == "tolerance"

    @property
    def limit(self) -> float:
        """The threshold as a number; NaN, on whose right side nothing lies, while a cited one is unknown."""
        return math.nan if self.threshold == "tolerance" else self.threshold

    def word_threshold(self) -> str:
        """Return the threshold as rows name it: a number, or the word `tolerance`."""
        return str(self.threshold) if self.is_cited else f"{self.limit:g}"

    @model_validator(mode="after")
    def _check_cited(self) -> Self:
        if self.is_cited and self.metric not in CITED:
            raise ValueError(
                f"threshold: the tolerance is one of {' and '.join(CITED)}, not of {self.metric}; give a number"
            )
        return self

    @model_validator(mode="after")
    def _check_review(self) -> Self:
        if self.is_cited or self.review is None:
            return self
        if (self.review < self.limit) == (self.bound == "upper"):
            raise ValueError("review must be laxer than threshold")
        return self

    @model_validator(mode="after")
    def _check_side(self) -> Self:
        right = "lower" if self.metric in _HIGHER_IS_BETTER else "upper"
        if self.bound != right:
            better = "higher" if right == "lower" else "lower"
            raise ValueError(f"{self.metric} is better when {better}: its bound is {right}; correct bound")
        return self

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        for name, value in (("threshold", self.limit), ("review", self.review)):
            if value is None or math.isnan(value):
                continue
            if self.is_difference and not 0 < value < 1:
                raise ValueError(
                    f"{name} {value:g}: the margin of a difference lies between 0 and 1 (zero or less would ask for "
                    f"superiority); give how much worse than manual is still acceptable"
                )
            if self.is_counted and value <= 0:
                raise ValueError(f"{name} {value:g}: a count is below {name} only if that is above 0; give 1 for none")
            if not (self.is_difference or self.is_counted) and not 0 < value < 1:
                raise ValueError(f"{name} {value:g}: {self.metric} lies between 0 and 1; give a share, as 0.1 for 10 %")
        return self

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if bool(self.at) != (self.metric in _WITH_DAYS):
            raise ValueError(f"at, a window in days, goes with {', '.join(_WITH_DAYS)}, and they need it")
        if self.strata and self.metric not in WORST_STRATUM:
            raise ValueError(f"strata goes with {' and '.join(WORST_STRATUM)}; drop it")
        if self.severity and self.metric != "failed_checks":
            raise ValueError("severity goes with failed_checks; drop it")
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
