"""Models of variables whose definition changes with time, as that of a T category with the staging manual's edition."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from probatio.protocol.base import Label, Model, Name, Text

if TYPE_CHECKING:
    from probatio.protocol.files import Patients, Source
    from probatio.protocol.study import Variable


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
        ValueError: the first that is not, with what to do.
    """
    if doubled := next((name for name, n in Counter(each.name for each in definitions).items() if n > 1), None):
        raise ValueError(f"the name {doubled} is used twice; rename one")
    levels = {variable.name: variable.levels for variable in variables if variable.type in ("nominal", "ordinal")}
    compared = {source.name for source in sources if source.role != "reference"}
    for each in definitions:
        _check_name(each, "variable", {each.variable}, set(levels), "a nominal or ordinal variable")
        _check_name(each, "source", {each.source}, compared, "a source compared with the reference")
        for key, name in (("stated", each.stated), ("used", each.used)):
            _check_name(each, key, {name}, set(patients.attributes), "an attribute of the patients")
        _check_name(each, "population", set(each.population), set(patients.attributes), "an attribute of the patients")
        named = {level for change in each.changes for level in (change.reference, change.source)}
        _check_name(each, "changes", named, set(levels[each.variable]), f"a level of {each.variable}")
    return definitions


def _check_name(definition: Definition, key: str, names: set[str], known: set[str], what: str) -> None:
    if stray := sorted(names - known):
        raise ValueError(f"{definition.name}: {key}: {stray[0]} is not {what}; known: {', '.join(sorted(known))}")
