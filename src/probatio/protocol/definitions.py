"""Models of variables whose definition changes with time, as that of a T category with the staging manual's edition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import Field, ValidationError, model_validator

from probatio.protocol.base import Label, Model, Name, Text
from probatio.protocol.errors import build_fault

if TYPE_CHECKING:
    from probatio.protocol.files import Patients, Source
    from probatio.protocol.variables import Variable


class DefinitionChange(Model):
    """What becomes of one level when a source reads by a definition that the reference does not follow.

    `reference` is the level by the reference's definition, `source` the level by the other one; `because`
    quotes the two definitions.
    """

    reference: Text
    source: Text
    because: Label

    @model_validator(mode="after")
    def _check_differ(self) -> Self:
        if self.reference == self.source:
            raise ValueError(f"reference and source are both {self.reference}; a change has two levels")
        return self


class Definition(Model):
    """How much of a source's disagreement with the reference a change of definition can explain.

    `stated` and `used` are attributes of the patients: the definition that the patient's document names, and
    the one that `source` says it used. `reference` lists the definitions that the reference follows.
    `changes` are the only disagreements that another definition can bring: the rest is something else.
    """

    name: Name
    label: Label
    variable: Name
    source: Name
    stated: Name
    used: Name
    reference: list[Text] = Field(min_length=1)
    population: dict[Name, list[Text]] = {}
    changes: list[DefinitionChange] = []


def check_definitions(
    definitions: list[Definition], variables: list[Variable], patients: Patients, sources: list[Source]
) -> list[Definition]:
    """Return the definitions if every name and level in them is declared.

    Raises:
        ValidationError: one is not; each error carries the place of its key, so that reading can say file and line.
    """
    levels = {variable.name: variable.levels for variable in variables if variable.type in ("nominal", "ordinal")}
    compared = [source.name for source in sources if source.role != "reference"]
    faults, seen = [], set[str]()
    for place, each in enumerate(definitions):
        if each.name in seen:
            faults.append(build_fault((place, "name"), f"the name {each.name} is used twice; rename one"))
        seen.add(each.name)
        for key, names, known, what in _list_names(each, levels, [*patients.attributes], compared):
            if stray := sorted(set(names) - set(known)):
                said = f"{stray[0]} is not {what}; known: {', '.join(known)}"
                faults.append(build_fault((place, key), said))
    if faults:
        raise ValidationError.from_exception_data("definitions", faults)
    return definitions


def _list_names(
    definition: Definition, levels: dict[str, list[str]], attributes: list[str], compared: list[str]
) -> Iterator[tuple[str, list[str], list[str], str]]:
    """Yield each key of a definition with the names it holds, those that it may hold, and what they are."""
    yield "variable", [definition.variable], [*levels], "a nominal or ordinal variable"
    yield "source", [definition.source], compared, "a source compared with the reference"
    yield "stated", [definition.stated], attributes, "an attribute of the patients"
    yield "used", [definition.used], attributes, "an attribute of the patients"
    yield "population", [*definition.population], attributes, "an attribute of the patients"
    moved = [level for change in definition.changes for level in (change.reference, change.source)]
    if definition.variable in levels:
        yield "changes", moved, levels[definition.variable], f"a level of {definition.variable}"
