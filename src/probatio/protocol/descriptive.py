"""Models of the results that are no survival analysis: response rate, adverse events, characteristics of patients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from probatio.protocol.base import Label, Model, Name, Text, check_comparator
from probatio.protocol.errors import build_fault
from probatio.protocol.variables import CATEGORICAL, Variable, find_doubles

if TYPE_CHECKING:
    from probatio.protocol.files import Attribute

Kind = Literal["proportion", "incidence", "characteristics"]
VisitedName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(@.+)?$", max_length=80)]
_GOES_WITH = {
    "variable": ("proportion", "incidence"),
    "visit": ("proportion",),
    "levels": ("proportion",),
    "not_evaluable": ("proportion",),
    "denominator": ("proportion", "incidence"),
    "events": ("incidence",),
    "treated": ("incidence",),
    "margin": ("proportion", "incidence"),
    "variables": ("characteristics",),
}
_NEEDED = {
    "proportion": ("variable", "levels"),
    "incidence": ("variable", "events"),
    "characteristics": ("variables",),
}


class EventWindow(Model):
    """When an event is treatment-emergent: from `start` to `days` after `stop` (none: no end).

    `start` and `stop` are date variables of the same source, `date` the event's attribute. A partial or missing date
    counts as inside unless it cannot be.
    """

    date: Name
    start: Name
    stop: Name | None = None
    days: int = Field(default=30, ge=0)


class EventRule(Model):
    """How events become a patient's worst grade: the attributes that hold term, grade and seriousness.

    `grades` are thresholds, each meaning that grade or a worse one; any grade is always counted. Terms that no
    source reports in at least `min_share` of its patients are counted together, not one by one.
    """

    term: Name = "term"
    grade: Name = "grade"
    serious: Name | None = None
    grades: list[Text] = []
    min_share: float = Field(default=0.0, ge=0, lt=1)
    window: EventWindow | None = None


class Descriptive(Model):
    """One result that is no survival analysis, from every source on the same patients.

    `proportion`: the share of patients whose `variable` is one of `levels` (response rate). With `denominator: all`
    a missing or not evaluable value counts as a failure; with `documented` both leave the denominator.
    `incidence`: the share of treated patients with an adverse event, by worst grade; `treated` is the date that
    treated patients have. With `all` a patient of whom nothing is said has no event.
    `characteristics`: `variables` or attributes of the patients, as `name` or `name@visit`.

    `margin` is a difference of proportions: equivalent iff the 90 % interval of the paired difference from the
    comparator lies within plus or minus it.
    """

    name: Name
    label: Label
    kind: Kind
    variable: Name | None = None
    visit: Text = ""
    levels: list[Text] = []
    not_evaluable: list[Text] = []
    denominator: Literal["all", "documented"] = "all"
    events: EventRule | None = None
    treated: Name | None = None
    variables: list[VisitedName] = []
    population: dict[Name, list[Text]] = {}
    sources: list[Name] = []
    comparator: Name | None = None
    margin: float | None = Field(default=None, gt=0, lt=1)

    @property
    def cells(self) -> list[tuple[str, str]]:
        """The cells under description: name and visit ("" where there is none)."""
        if self.variable is not None:
            return [(self.variable, self.visit)]
        parted = (name.partition("@") for name in self.variables)
        return [(name, visit) for name, _, visit in parted]

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        for key in sorted(self.model_fields_set & set(_GOES_WITH)):
            if self.kind not in _GOES_WITH[key]:
                raise ValueError(f"{key} goes with {' and '.join(_GOES_WITH[key])}, not with {self.kind}; drop it")
        for key in _NEEDED[self.kind]:
            if not dict(self)[key]:
                raise ValueError(f"{self.kind} needs {key}; add it")
        return self

    @model_validator(mode="after")
    def _check_comparator(self) -> Self:
        check_comparator(self.sources, self.comparator)
        if doubled := find_doubles([*self.sources]) or find_doubles([*self.levels]) or find_doubles([*self.variables]):
            raise ValueError(f"{doubled} stands twice; keep one")
        if both := sorted(set(self.levels) & set(self.not_evaluable)):
            raise ValueError(f"not_evaluable: {both[0]} is among levels too; keep it in one")
        return self


_Fault = tuple[tuple[str | int, ...], str]


def check_descriptive(
    results: list[Descriptive],
    variables: dict[str, Variable],
    attributes: dict[str, Attribute],
    sources: Iterable[str],
    analyses: Iterable[str],
) -> list[Descriptive]:
    """Return the results if every name, level and attribute in them is declared and of a type that serves.

    Raises:
        ValidationError: one is not; each error carries the place of its key, so that reading can say file and line.
    """
    faults: list[InitErrorDetails] = []
    taken, known = set(analyses), list(sources)
    for place, each in enumerate(results):
        found: list[_Fault] = []
        if each.name in taken:
            found.append((("name",), f"the name {each.name} is used twice; rename one"))
        taken.add(each.name)
        for source in sorted(set(each.sources) - set(known)):
            found.append((("sources",), f"{source} is not a source; known: {', '.join(known)}"))
        found += _check_population(each, variables, attributes)
        found += _CHECKS[each.kind](each, variables, attributes)
        faults += [build_fault((place, *where), what) for where, what in found]
    if faults:
        raise ValidationError.from_exception_data("descriptive", faults)
    return results


def _check_population(
    each: Descriptive, variables: dict[str, Variable], attributes: dict[str, Attribute]
) -> Iterator[_Fault]:
    for name in each.population:
        if name not in variables and name not in attributes:
            yield ("population",), f"{name} is neither a variable nor an attribute of the patients; declare or correct"
        elif name in variables and (variables[name].visits or variables[name].type not in CATEGORICAL):
            yield ("population",), f"{name} is not a categorical variable without visits; filter by another"
        elif name in variables and not each.sources:
            yield ("population",), f"{name} is collected by sources and none is named; name sources and a comparator"


def _check_proportion(each: Descriptive, variables: dict[str, Variable], _: Any) -> Iterator[_Fault]:
    variable = variables.get(str(each.variable))
    if variable is None or variable.type not in CATEGORICAL:
        yield ("variable",), f"{each.variable} is not a binary, nominal or ordinal variable; name one"
        return
    if each.visit not in (variable.visits or [""]):
        yield ("visit",), f"{variable.name} has no such visit; visits: {', '.join(variable.visits) or 'none'}"
    for key, levels in (("levels", each.levels), ("not_evaluable", each.not_evaluable)):
        for level in sorted(set(levels) - set(variable.levels)):
            yield (key,), f"{level} is not a level of {variable.name}; levels: {', '.join(variable.levels)}"
    if not each.sources:
        yield ("sources",), f"{variable.name} is collected by sources and none is named; name sources and a comparator"


def _check_incidence(each: Descriptive, variables: dict[str, Variable], _: Any) -> Iterator[_Fault]:
    variable, rule = variables.get(str(each.variable)), each.events
    if variable is None or variable.type != "events" or rule is None:
        yield ("variable",), f"{each.variable} is not a variable of type events; name one"
        return
    if not each.sources:
        yield ("sources",), f"{variable.name} is collected by sources and none is named; name sources and a comparator"
    for key, name, kinds in _list_attributes(rule):
        where = ("events", "window", key) if key == "date" else ("events", key)
        if name not in variable.attributes or variable.attributes[name].type not in kinds:
            yield where, f"{name} is not an attribute of {variable.name} of type {' or '.join(kinds)}; correct it"
        elif key == "grade":
            levels = variable.attributes[name].levels
            yield from (
                (("events", "grades"), f"{grade} is not a level of {name}; levels: {', '.join(levels)}")
                for grade in rule.grades
                if grade not in levels
            )
    window = rule.window
    dates: list[tuple[tuple[str, ...], str | None]] = [(("treated",), each.treated)]
    dates += (
        [(("events", "window", "start"), window.start), (("events", "window", "stop"), window.stop)] if window else []
    )
    for path, named in dates:
        if named and (named not in variables or variables[named].type != "date" or variables[named].visits):
            yield path, f"{named} is not a date variable without visits; name one"


def _list_attributes(rule: EventRule) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the keys that name an attribute of the event, the name, and the types that serve."""
    yield "term", rule.term, ("nominal", "text")
    yield "grade", rule.grade, ("ordinal",)
    if rule.serious is not None:
        yield "serious", rule.serious, ("binary",)
    if rule.window is not None:
        yield "date", rule.window.date, ("date",)


def _check_characteristics(
    each: Descriptive, variables: dict[str, Variable], attributes: dict[str, Attribute]
) -> Iterator[_Fault]:
    for place, (name, visit) in enumerate(each.cells):
        where = ("variables", place)
        if name in attributes:
            if visit:
                yield where, f"{name} is an attribute of the patients and has no visits; drop @{visit}"
            elif attributes[name].type == "date" and attributes[name].period is None:
                yield where, f"{name} is a date, which has no share and no mean; give it a period or drop it"
            continue
        if name not in variables or variables[name].type not in (*CATEGORICAL, "number", "set"):
            yield where, f"{name} is not an attribute, a category, a number or a set; declare it or drop it"
        elif visit not in (variables[name].visits or [""]):
            known = ", ".join(f"{name}@{visit}" for visit in variables[name].visits) or name
            yield where, f"{name} has no such visit; write {known}"
        elif not each.sources:
            yield where, f"{name} is collected by sources and none is named; name sources and a comparator"


_CHECKS = {
    "proportion": _check_proportion,
    "incidence": _check_incidence,
    "characteristics": _check_characteristics,
}
