"""The study itself: all that a protocol declares, and that its parts fit together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from probatio.protocol.amendments import Amendment, check_amendments
from probatio.protocol.analyses import Analysis
from probatio.protocol.analysis_checks import check_analyses, derive_fields
from probatio.protocol.base import Label, Language, Model, Name, Text, Use
from probatio.protocol.confidence import Confidence
from probatio.protocol.corrections import Correction, check_corrections
from probatio.protocol.criteria import AcceptanceMatrix
from probatio.protocol.definitions import Definition, check_definitions
from probatio.protocol.descriptive import Descriptive, check_descriptive
from probatio.protocol.endpoints import Endpoint
from probatio.protocol.errors import build_fault
from probatio.protocol.files import Documents, Patients, Source, TableFile
from probatio.protocol.monitoring import Monitoring, check_monitoring
from probatio.protocol.planning import Planning
from probatio.protocol.review import Review, check_review, check_reviewed
from probatio.protocol.rules import CheckThreshold, Rule, check_rules, check_thresholds
from probatio.protocol.tolerance import Tolerance, check_tolerance_analyses
from probatio.protocol.variables import Variable, find_doubles
from probatio.protocol.written import Written


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
    written: Written = Written()
    amendments: list[Amendment] = []
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
    descriptive: list[Descriptive] = []
    corrections: list[Correction] = []
    tolerance: Tolerance | None = None
    confidence: Confidence | None = None
    review: Review | None = None
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

    @property
    def technologies(self) -> list[Source]:
        """The AI sources that lead, primary first, without those that are another one after review.

        What compares technologies with each other, or takes several sources for a vote, reads these: reviewed data
        hold the values of what was reviewed, and of what was shown.
        """
        return [source for source in self.select_sources("ai") if source.reviewed is None]

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

    def is_judged(self, source: str, comparator: str) -> bool:
        """Say whether agreement means anything: with the reference standard, or a reading made unseen."""
        return self.get_source(comparator).role == "reference" or self.is_independent(source, comparator)

    @field_validator("amendments")
    @classmethod
    def _check_amendments(cls, amendments: list[Amendment]) -> list[Amendment]:
        return check_amendments(amendments)

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

    @field_validator("descriptive")
    @classmethod
    def _check_descriptive(cls, descriptive: list[Descriptive], info: ValidationInfo) -> list[Descriptive]:
        given = info.data
        if not {"variables", "patients", "sources", "analyses"} <= set(given):
            return descriptive
        variables = {variable.name: variable for variable in given["variables"]}
        sources, analyses = ([each.name for each in given[key]] for key in ("sources", "analyses"))
        return check_descriptive(descriptive, variables, given["patients"].attributes, sources, analyses)

    @field_validator("corrections")
    @classmethod
    def _check_corrections(cls, corrections: list[Correction], info: ValidationInfo) -> list[Correction]:
        analyses, sources = info.data.get("analyses"), info.data.get("sources")
        if analyses is None or sources is None:
            return corrections
        return check_corrections(corrections, analyses, sources)

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, tolerance: Tolerance | None, info: ValidationInfo) -> Tolerance | None:
        analyses, resampling = info.data.get("analyses"), info.data.get("resampling")
        if tolerance is None or analyses is None or resampling is None:
            return tolerance
        judged = [source.name for source in info.data.get("sources", []) if source.role == "ai"]
        return check_tolerance_analyses(tolerance, analyses, resampling.replicates, judged=judged)

    @field_validator("review")
    @classmethod
    def _check_review(cls, review: Review | None, info: ValidationInfo) -> Review | None:
        variables, sources = info.data.get("variables"), info.data.get("sources")
        if review is None or variables is None or sources is None:
            return review
        return check_review(review, [variable.name for variable in variables], sources)

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
            (("descriptive", place, "population"), each.population) for place, each in enumerate(self.descriptive)
        ]
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
            if doubled := find_doubles(item.name for item in items):
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
    def _check_reviewed(self) -> Self:
        check_reviewed(self.sources, self.review)
        return self

    @model_validator(mode="after")
    def _check_runs(self) -> Self:
        if doubled := find_doubles(s.technology for s in self.sources if s.primary and s.technology):
            raise ValueError(f"sources: technology {doubled} has two primary runs; keep primary on the one that leads")
        named: list[tuple[str, str | None]] = []
        named += [(f"analyses: {each.name}: sources", name) for each in self.analyses for name in each.sources]
        named += [(f"analyses: {each.name}: terms", term.source) for each in self.analyses for term in each.terms]
        named += [(f"analyses: {each.name}: population_source", each.population_source) for each in self.analyses]
        named += [(f"endpoints: {each.name}: source", each.source) for each in self.endpoints]
        named += [(f"descriptive: {each.name}: sources", name) for each in self.descriptive for name in each.sources]
        named += [(f"definitions: {each.name}: source", each.source) for each in self.definitions]
        further = {source.name: source.technology for source in self.sources if not self.is_leading(source.name)}
        for where, name in named:
            if name is not None and name in further:
                lead = self.find_lead(name).name
                raise ValueError(f"{where}: {name} is a further run of {further[name]}; name its leading run {lead}")
        return self

    @model_validator(mode="after")
    def _check_analyses(self) -> Self:
        check_analyses(self.endpoints, self.analyses, derive_fields(self.variables, self.patients, self.sources))
        return self

    @model_validator(mode="after")
    def _check_attributes(self) -> Self:
        has_texts = self.documents is not None and (self.documents.texts or self.documents.text_table)
        if searched := [name for name, fact in self.patients.attributes.items() if fact.text and not has_texts]:
            raise ValueError(f"patients: attributes: {searched[0]}: text needs documents with texts; declare them")
        if clash := {v.name for v in self.variables} & set(self.patients.attributes):
            raise ValueError(f"patients: attributes {sorted(clash)} are variables too; rename them")
        _check_known("stratify_by", self.stratify_by, {*self.patients.attributes, "centre"})
        if self.confidence is not None and self.confidence.split is not None:
            _check_known("confidence: split", [self.confidence.split], {*self.patients.attributes})
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


def _check_known(where: str, names: Iterable[str], known: set[str]) -> None:
    if stray := sorted(set(names) - known):
        raise ValueError(f"{where}: {stray} is not declared; known: {sorted(known)}")
