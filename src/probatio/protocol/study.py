"""Models of variables, endpoints, analyses and the study itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from probatio.protocol.base import Label, Language, Model, Name, Text, Use
from probatio.protocol.criteria import AcceptanceMatrix
from probatio.protocol.definitions import Definition, check_definitions
from probatio.protocol.errors import build_fault
from probatio.protocol.files import Documents, Patients, Pattern, Recode, Source, TableFile
from probatio.protocol.monitoring import Monitoring, check_monitoring
from probatio.protocol.planning import Planning
from probatio.protocol.rules import CheckThreshold, Rule, check_rules, check_thresholds
from probatio.protocol.weights import Weights, check_weights

VariableType = Literal["binary", "nominal", "ordinal", "number", "date", "set", "events"]
CATEGORICAL = ("binary", "nominal", "ordinal")


class EventAttribute(Model):
    """One attribute of a repeated event, compared on matched events only."""

    label: Label
    type: Literal["nominal", "ordinal", "binary", "number", "date", "set", "text"]
    unit: Text = ""
    levels: list[Text] = []
    tolerance: float = Field(default=0.0, ge=0)
    missing: list[Text] = []
    recode: Recode = Recode()

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, tolerance: float, info: ValidationInfo) -> float:
        return check_tolerance(tolerance, info.data.get("type"), info.data.get("unit"))


def check_tolerance(tolerance: float, kind: str | None, unit: str | None) -> float:
    """Return a tolerance if it means something: on a number with its unit, or on a date, in days.

    Raises:
        ValueError: it does not.
    """
    if tolerance and kind == "number" and unit == "":
        raise ValueError(f"tolerance {tolerance:g} of what? give the unit of the number, as in unit: kg")
    if tolerance and kind not in ("number", "date", None):
        raise ValueError(f"tolerance goes with a number or a date, not with {kind}; drop it")
    return tolerance


class EventMatching(Model):
    """How events of two sources are paired: equal on `on`, dates of `date` within `window` days."""

    on: list[Name] = []
    date: Name
    window: int = Field(json_schema_extra={"minimum": 1})

    @field_validator("window")
    @classmethod
    def _check_window(cls, window: int) -> int:
        if window < 1:
            raise ValueError(
                f"a window of {window} days matches equal dates at most, so that a date a day off makes one event two "
                f"errors; give at least 1"
            )
        return window


class Variable(Model):
    """One variable under validation.

    `levels` are in order for an ordinal variable; a binary one has two, the second being the
    event. `tolerance` (in `unit`, or days) makes a number or date correct; a date is scored at
    the reference's precision. `weights` say how far the levels of an ordinal variable lie apart, for weighted
    kappa and AC2: linear, quadratic, or one number per pair of levels. `unit_factors` are the factors
    between the unit and others in use (88.4 from mg/dL to µmol/L of creatinine): a wrong number off by one of
    them is an error of unit.
    `visits` are the occasions at which it is due. `missing` are codes that mean not documented;
    `not_assessed` codes mean that the source was not asked or able (not due, never collected): the cell
    leaves every denominator. `recode` applies to every source unless `recode_by` has its own.
    `mentioned` is a regular expression, searched case aside, that every document stating the variable's value
    matches: an omission in a patient none of whose documents match could not be helped.
    """

    name: Name
    label: Label
    type: VariableType
    form: Text = ""
    unit: Text = ""
    levels: list[Text] = []
    level_labels: dict[Text, Label] = {}
    required: bool = True
    negative: list[Text] = []
    range: tuple[float, float] | None = None
    tolerance: float = Field(default=0.0, ge=0)
    weights: Weights | None = None
    unit_factors: list[Annotated[float, Field(gt=0)]] = []
    visits: list[Text] = []
    missing: list[Text] = []
    not_assessed: list[Text] = []
    recode: Recode = Recode()
    recode_by: dict[Name, Recode] = {}
    attributes: dict[Name, EventAttribute] = {}
    match: EventMatching | None = None
    mentioned: Pattern | None = None
    uses: list[Use] = ["steering", "research", "regulatory"]
    note: Label | None = None

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, tolerance: float, info: ValidationInfo) -> float:
        return check_tolerance(tolerance, info.data.get("type"), info.data.get("unit"))

    @field_validator("weights", mode="before")
    @classmethod
    def _check_weights(cls, weights: Any, info: ValidationInfo) -> Any:
        needed = info.data.get("type"), info.data.get("levels")
        return weights if None in needed else check_weights(weights, *needed)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _check_type(self) -> Self:
        if (self.type in (*CATEGORICAL, "set")) != bool(self.levels):
            raise ValueError(
                f"levels go with binary, nominal, ordinal and set, not with {self.type}; give or drop them"
            )
        if self.type == "binary" and len(self.levels) != 2:
            raise ValueError("a binary variable has exactly two levels, the event second")
        if self.unit_factors and (self.type != "number" or 1.0 in self.unit_factors):
            raise ValueError("unit_factors go with a number and differ from 1; correct or drop them")
        if doubled := _find_doubles(self.levels):
            raise ValueError(f"levels repeat {doubled}")
        if stray := set(self.level_labels) - set(self.levels):
            raise ValueError(f"level_labels names {sorted(stray)}, which is not a level")
        return self

    @model_validator(mode="after")
    def _check_events(self) -> Self:
        if (self.type == "events") != bool(self.attributes) or (self.type == "events") != (self.match is not None):
            raise ValueError("events, and only they, have attributes and match")
        if self.match and (stray := {*self.match.on, self.match.date} - set(self.attributes)):
            raise ValueError(f"match names {sorted(stray)}, which is not an attribute")
        if self.match and self.attributes[self.match.date].type != "date":
            raise ValueError(f"match.date: {self.match.date} is not of type date")
        return self


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
        if doubled := _find_doubles(level for levels in self.groups.values() for level in levels):
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


class Adjudication(Model):
    """The reference was looked up by whether two sources agree: all their discordances, a random sample of the rest.

    Values are then weighted by how many of their kind they stand for. Which cells were looked up follows from the
    reference and the assessments file, which lists the others (`out_of_sample`, or `pending`).
    """

    between: Annotated[list[Name], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _check_two(self) -> Self:
        if len(set(self.between)) != 2:
            raise ValueError("between names one source twice; name the two whose agreement decided")
        return self


class Resampling(Model):
    """Replicates, and what is random: patients within `these_centres`, or a `new_centre`."""

    seed: int = Field(ge=0)
    replicates: int = Field(default=2000, ge=100, le=100_000)
    estimand: Literal["these_centres", "new_centre"] = "these_centres"


class Protocol(Model):
    """What is decided before the data are seen."""

    study: Name
    title: Label
    language: Language = "en"
    version: Text = "1"
    data: str
    downloads: str | None = None
    patients: Patients
    documents: Documents | None = None
    assessments: TableFile | None = None
    sources: list[Source] = Field(min_length=1)
    variables: list[Variable] = Field(min_length=1)
    forms: dict[Text, Label] = {}
    stratify_by: list[Name] = []
    min_stratum: int = Field(default=10, ge=2)
    missing_limit: float = Field(default=0.10, gt=0, lt=1)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    uses: list[Use] = ["steering", "research", "regulatory"]
    resampling: Resampling
    adjudication: Adjudication | None = None
    endpoints: list[Endpoint] = []
    analyses: list[Analysis] = []
    definitions: list[Definition] = []
    acceptance: AcceptanceMatrix | None = None
    planning: Planning | None = None
    monitoring: Monitoring | None = None
    rules: list[Rule] = []
    checks: list[CheckThreshold] = []
    limits: list[Label] = []

    def get_variable(self, name: str) -> Variable:
        """Return a variable by name; raises KeyError."""
        return _get_named(self.variables, name)

    def get_source(self, name: str) -> Source:
        """Return a source by name; raises KeyError."""
        return _get_named(self.sources, name)

    def get_endpoint(self, name: str) -> Endpoint:
        """Return an endpoint by name; raises KeyError."""
        return _get_named(self.endpoints, name)

    @property
    def reference(self) -> Source | None:
        """The reference source, or None in a study of readings without a truth."""
        return next((source for source in self.sources if source.role == "reference"), None)

    @property
    def leading(self) -> list[Source]:
        """The sources that are measured, in the protocol's order: all but further runs of a technology."""
        return [source for source in self.sources if self.is_leading(source.name)]

    def is_leading(self, name: str) -> bool:
        """Say whether a source leads its technology, or belongs to none; raises KeyError."""
        return self.find_lead(name).name == name

    def find_lead(self, name: str) -> Source:
        """Return the leading run of a source's technology: the `primary` one, else the first; raises KeyError.

        A source without technology leads itself.
        """
        own = self.get_source(name)
        runs = [source for source in self.sources if own.technology and source.technology == own.technology]
        return next((source for source in runs if source.primary), runs[0] if runs else own)

    def select_sources(self, *roles: str, runs: bool = False) -> list[Source]:
        """Return the sources of the given roles, primary first, then in the protocol's order.

        Only leading runs, as everything but repeatability wants them; with `runs` the further ones too.
        """
        chosen = [source for source in (self.sources if runs else self.leading) if source.role in roles]
        return sorted(chosen, key=lambda source: (roles.index(source.role), not source.primary))

    def is_independent(self, first: str, second: str) -> bool:
        """Say whether two sources worked without seeing each other."""
        one, two = self.get_source(first), self.get_source(second)
        return second in one.independent_of or first in two.independent_of

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, rules: list[Rule], info: ValidationInfo) -> list[Rule]:
        variables = info.data.get("variables")
        return rules if variables is None else check_rules(rules, {v.name: v for v in variables})

    @field_validator("monitoring")
    @classmethod
    def _check_monitoring(cls, monitoring: Monitoring | None, info: ValidationInfo) -> Monitoring | None:
        patients, sources = info.data.get("patients"), info.data.get("sources")
        if monitoring is None or patients is None or sources is None:
            return monitoring
        reference = any(source.role == "reference" for source in sources)
        return check_monitoring(monitoring, patients.attributes, reference=reference)

    @field_validator("checks")
    @classmethod
    def _check_thresholds(cls, checks: list[CheckThreshold], info: ValidationInfo) -> list[CheckThreshold]:
        variables = info.data.get("variables")
        return checks if variables is None else check_thresholds(checks, {v.name: v for v in variables})

    @field_validator("definitions")
    @classmethod
    def _check_definitions(cls, definitions: list[Definition], info: ValidationInfo) -> list[Definition]:
        needed = [info.data.get(name) for name in ("variables", "patients", "sources")]
        return definitions if None in needed else check_definitions(definitions, *needed)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _check_development(self) -> Self:
        """Refuse an evaluation that asks for the patients that an extractor was tuned on."""
        facts, column = self.patients.attributes, self.patients.development
        flags = {name for name, fact in facts.items() if column and fact.file is None and fact.column == column}
        asking: list[tuple[tuple[str | int, ...], Iterable[str]]] = [(("stratify_by",), self.stratify_by)]
        asking += [(("analyses", place, "population"), each.population) for place, each in enumerate(self.analyses)]
        asking += [
            (("definitions", place, "population"), each.population) for place, each in enumerate(self.definitions)
        ]
        said = "tells who was used for development, and evaluation leaves them out; drop it"
        faults = [
            build_fault(where, f"{name} {said}") for where, names in asking for name in sorted(flags & set(names))
        ]
        if faults:
            raise ValidationError.from_exception_data("study", faults)
        return self

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for what, items in (("sources", self.sources), ("variables", self.variables),
                            ("endpoints", self.endpoints), ("analyses", self.analyses)):  # fmt: skip
            if doubled := _find_doubles(item.name for item in items):
                raise ValueError(f"{what}: the name {doubled} is used twice")
        if sum(source.role == "reference" for source in self.sources) > 1:
            raise ValueError("sources: only one may have the role reference")
        return self

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        names, sources = {v.name for v in self.variables}, {s.name for s in self.sources}
        for source in self.sources:
            if stray := set(source.independent_of) - sources:
                raise ValueError(f"sources: {source.name}: independent_of names {sorted(stray)}, not a source")
            for file in source.files:
                if stray := {key.partition("@")[0] for key in file.columns} - names:
                    raise ValueError(f"sources: {source.name}: columns names {sorted(stray)}, not a variable")
        if self.adjudication is not None:
            judged = {s.name for s in self.sources if s.role != "reference"}
            _check_known("adjudication: between", self.adjudication.between, judged)
        for variable in self.variables:
            if stray := set(variable.recode_by) - sources:
                raise ValueError(f"variables: {variable.name}: recode_by names {sorted(stray)}, not a source")
        return self

    @model_validator(mode="after")
    def _check_runs(self) -> Self:
        if doubled := _find_doubles(s.technology for s in self.sources if s.primary and s.technology):
            raise ValueError(f"sources: technology {doubled} has two primary runs; keep primary on the one that leads")
        named = [(f"analyses: {each.name}: sources", name) for each in self.analyses for name in each.sources]
        named += [(f"endpoints: {each.name}: source", each.source) for each in self.endpoints if each.source]
        named += [(f"definitions: {each.name}: source", each.source) for each in self.definitions]
        further = {source.name: source.technology for source in self.sources if not self.is_leading(source.name)}
        for where, name in named:
            if name in further:
                lead = self.find_lead(name).name
                raise ValueError(f"{where}: {name} is a further run of {further[name]}; name its leading run {lead}")
        return self

    @model_validator(mode="after")
    def _check_analyses(self) -> Self:
        sources, endpoints = {s.name for s in self.sources}, {e.name for e in self.endpoints}
        known = {v.name for v in self.variables} | set(self.patients.attributes)
        has_texts = self.documents is not None and (self.documents.texts or self.documents.text_table)
        if searched := [name for name, fact in self.patients.attributes.items() if fact.text and not has_texts]:
            raise ValueError(f"patients: attributes: {searched[0]}: text needs documents with texts; declare them")
        if clash := {v.name for v in self.variables} & set(self.patients.attributes):
            raise ValueError(f"patients: attributes {sorted(clash)} are variables too; rename them")
        for analysis in self.analyses:
            used = {term.variable for term in analysis.terms} | set(analysis.population)
            _check_known(f"analyses: {analysis.name}", used, known)
            _check_known(f"analyses: {analysis.name}: sources", analysis.sources, sources)
            _check_known(f"analyses: {analysis.name}: endpoint", [analysis.endpoint], endpoints)
        for endpoint in self.endpoints:
            used = {n for n in (endpoint.time, endpoint.event, endpoint.origin) if n}
            _check_known(f"endpoints: {endpoint.name}", used | {*endpoint.events, *endpoint.censoring}, known)
            _check_known(f"endpoints: {endpoint.name}: source", [endpoint.source] if endpoint.source else [], sources)
        _check_known("stratify_by", self.stratify_by, {*self.patients.attributes, "centre"})
        for group in self.acceptance.sets if self.acceptance else []:
            for criterion in group.criteria:
                _check_known(f"acceptance: criterion {criterion.name}: strata", criterion.strata, {*self.stratify_by})
        for index, alternative in enumerate(self.planning.alternatives if self.planning else []):
            names = {v.name for v in self.variables}
            _check_known(f"planning.alternatives[{index}].variables", alternative.variables, names)
        return self


_Named = TypeVar("_Named", Variable, Source, Endpoint)


def _get_named(items: list[_Named], name: str) -> _Named:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)


def _find_doubles(names: Iterable[str]) -> str | None:
    return next((name for name, n in Counter(names).items() if n > 1), None)


def _check_known(where: str, names: Iterable[str], known: set[str]) -> None:
    if stray := sorted(set(names) - known):
        raise ValueError(f"{where}: {stray} is not declared; known: {sorted(known)}")
