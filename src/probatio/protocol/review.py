"""Models of human review: what is reviewed, in which order, by whom, and a source that was reviewed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationError, model_validator

from probatio.protocol.base import Label, Model, Name, Use
from probatio.protocol.errors import build_fault

if TYPE_CHECKING:
    from probatio.protocol.files import Source

Share = Annotated[float, Field(ge=0, le=1)]


class Budget(Model):
    """How much can be reviewed: exactly one of a share of the values, a number of them, or minutes."""

    share: float | None = Field(default=None, gt=0, le=1)
    values: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(way is not None for way in (self.share, self.values, self.minutes)) != 1:
            raise ValueError("give exactly one of share, values, minutes")
        return self


class Review(Model):
    """The targeted review of one source.

    `source` is reviewed for `use`. Values come in the order of expected gain: probability of error times what an
    error of that variable does to the analyses. A share `concordant` of the budget goes to values that sources agree
    on, drawn by chance with a known probability, so that errors they share are seen. `competing` names the sources
    whose values are shown beside, without saying whose they are; a source shown is no longer independent of the
    reviewed data. A share `double` of the cases is read by two people, a third one settles what they disagree on.
    `minutes_per_value` is what one value takes. `floor` is the consequence of an error of a variable that no analysis
    reads, as a share of what the conclusions bear: it still matters for the descriptive report.
    `may_decide` says for each use who is entitled to.
    """

    source: Name
    use: Use = "research"
    budget: Budget
    concordant: Share = 0.1
    competing: list[Name] = []
    double: Share = 0.1
    minutes_per_value: float = Field(default=1.0, gt=0)
    floor: float = Field(default=0.05, gt=0, le=1)
    variables: list[Name] = []
    may_decide: dict[Use, Label] = {}
    justification: Label


class Reviewed(Model):
    """A source that is another one after review: `of`, with the decisions in a table.

    The table has the columns patient_id, variable, visit, event, decision, value, reviewer, role, decided_at,
    seconds. `probatio review decisions` writes it from the audit log.
    """

    of: Name
    path: str = Field(min_length=1)


def check_review(review: Review, variables: Sequence[str], sources: Sequence[Source]) -> Review:
    """Return the declaration when it names an AI source, known competitors and known variables.

    Raises:
        ValidationError: it does not; the error carries the key.
    """
    roles = {source.name: source.role for source in sources}
    faults = []
    if roles.get(review.source) != "ai":
        known = sorted(name for name, role in roles.items() if role == "ai")
        faults.append(build_fault(("source",), f"{review.source} is not an AI source; known: {known}"))
    for place, name in enumerate(review.competing):
        if name not in roles or name == review.source or roles[name] == "reference":
            said = f"{name} cannot be shown beside {review.source}; name another source, and not the reference"
            faults.append(build_fault(("competing", place), said))
    for place, name in enumerate(review.variables):
        if name not in variables:
            faults.append(build_fault(("variables", place), f"{name} is not a variable"))
    if faults:
        raise ValidationError.from_exception_data("review", faults)
    return review
