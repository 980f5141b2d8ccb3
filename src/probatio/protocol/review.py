"""Models of human review: what is reviewed, in which order, by whom, and a source that was reviewed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationError, model_validator

from probatio.protocol.base import Label, Model, Name, Use
from probatio.protocol.errors import build_fault

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

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

    `path` is relative to the study's data folder. The table has the columns patient_id, variable, visit, event,
    decision, value, reviewer, role, decided_at, seconds, and perhaps selection_probability. `probatio review
    decisions` writes it from the audit log.
    """

    of: Name
    path: str = Field(min_length=1)


def check_review(review: Review, variables: Sequence[str], sources: Sequence[Source]) -> Review:
    """Return the declaration when it names an AI source, known competitors and known variables.

    Raises:
        ValidationError: it does not; the error carries the key.
    """
    roles = {source.name: source.role for source in sources if source.reviewed is None}
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


def check_reviewed(sources: Sequence[Source], review: Review | None) -> None:
    """Refuse a source after review that comes from nothing, or claims to have seen less than its reviewers did.

    It is no more independent of another source than the one it comes from, nor than those whose values were shown
    to reviewers: either claim, its own or the other's, is refused.

    Raises:
        ValidationError: the error carries the key.
    """
    named = {source.name: source for source in sources}
    faults = []
    for place, source in enumerate(sources):
        if source.reviewed is None:
            continue
        of = named.get(source.reviewed.of)
        if of is None or of.role != "ai" or of.reviewed is not None:
            known = sorted(name for name, each in named.items() if each.role == "ai" and each.reviewed is None)
            said = f"{source.reviewed.of} is not an AI source with files; known: {known}"
            faults.append(build_fault(("sources", place, "reviewed", "of"), said))
    if not faults:
        faults = [fault for source in sources if source.reviewed for fault in _find_claims(source, named, review)]
    if faults:
        raise ValidationError.from_exception_data("study", faults)


def list_origins(source: Source, review: Review | None) -> list[str]:
    """Return the sources whose values a source may hold: itself, or what was reviewed and what was shown beside."""
    if source.reviewed is None:
        return [source.name]
    shown = review.competing if review and review.source == source.reviewed.of else []
    return [source.reviewed.of, *shown]


def _find_claims(source: Source, named: Mapping[str, Source], review: Review | None) -> Iterator[InitErrorDetails]:
    """Yield a fault for every claim, a reviewed source's or another's about it, that what it comes from denies."""
    places = {name: place for place, name in enumerate(named)}
    for other in named.values():
        if other.name == source.name:
            continue
        denied = [
            (mine, theirs)
            for mine in list_origins(source, review)
            for theirs in list_origins(other, review)
            if mine == theirs or not (theirs in named[mine].independent_of or mine in named[theirs].independent_of)
        ]
        for one, two in ((source, other), (other, source)):
            if denied and two.name in one.independent_of:
                mine, theirs = denied[0]
                why = f"holds values of {mine}" + (
                    "" if theirs in (mine, other.name) else f", {other.name} of {theirs}"
                )
                said = f"{one.name} is not independent of {two.name}: {source.name} {why}; drop it"
                yield build_fault(("sources", places[one.name], "independent_of"), said)
