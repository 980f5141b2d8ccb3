"""The reference part of `protocol/README.md`: one table of keys per model, grouped by the question it answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from probatio.protocol.reference import describe_default, describe_type, find_key, list_models

BEGIN, END = "<!-- reference: written by `probatio schema` -->", "<!-- end of the reference -->"


@dataclass(frozen=True)
class Question:
    """A question that a person asks, and the models whose keys answer it."""

    text: str
    models: tuple[str, ...]


QUESTIONS = (
    Question("What is the study, and who answers for it?", ("Protocol", "Written", "Milestone", "Amendment")),
    Question("Who are the patients?", ("Patients", "PatientKey", "Attribute", "AttributeFile")),
    Question("Who are the sources, and where are their files?",
             ("Source", "SourceFile", "TableFile", "LongColumns", "Reviewed", "Documents", "Recode", "Adjudication")),
    Question("What are the variables?", ("Variable", "EventAttribute", "EventMatching")),
    Question("Which results must the data reproduce?",
             ("Endpoint", "EndpointRule", "Analysis", "Term", "Estimand", "IntercurrentEvent", "Descriptive",
              "EventRule", "EventWindow", "Resampling")),
    Question("How much error do these results bear, and can it be corrected?",
             ("Tolerance", "Correction", "Labelled", "Simex", "Imputation", "BiasAnalysis", "BetaPrior")),
    Question("Are the data plausible?", ("Rule", "CheckThreshold", "Definition", "DefinitionChange")),
    Question("What is accepted, for which use?", ("AcceptanceMatrix", "CriterionSet", "Criterion")),
    Question("How many patients are needed?", ("Planning", "Alternative", "CentrePlan")),
    Question("Which values may be accepted without a human, and who reviews the others?",
             ("Confidence", "Costs", "Review", "Budget")),
    Question("How does an accepted source go on being checked?", ("Monitoring",)),
)  # fmt: skip


def derive_reference() -> str:
    """Return the reference: a section per question, then per model what it is and its keys."""
    named = {model.__name__: model for model in list_models()}
    return "\n".join(line for question in QUESTIONS for line in _write_question(question, named))


def _write_question(question: Question, named: dict[str, type[BaseModel]]) -> Iterator[str]:
    yield f"## {question.text}\n"
    for name in question.models:
        yield from _write_model(named[name])


def _write_model(model: type[BaseModel]) -> Iterator[str]:
    yield f"### {model.__name__}\n"
    yield f"{_summarise(model)}\n"
    yield "| Key | Type | Default | Meaning | Example |"
    yield "|:---|:---|:---|:---|:---|"
    inherited = {key for base in model.__mro__[1:] if issubclass(base, BaseModel) for key in base.model_fields}
    for key, field in model.model_fields.items():
        if key not in inherited and (said := find_key(model, key)):
            cells = (f"`{key}`", describe_type(field.annotation), describe_default(field), said.meaning,
                     f"`{said.example}`")  # fmt: skip
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    if inherited:
        base = next(base for base in model.__mro__[1:] if issubclass(base, BaseModel) and base.model_fields)
        yield f"\nIt also has the keys of [{base.__name__}](#{base.__name__.lower()})."
    yield ""


def _summarise(model: type[BaseModel]) -> str:
    """Return the first paragraph of what the model says of itself, on one line."""
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split())


def put_reference(text: str) -> str:
    """Return a README with the reference between its marks.

    Raises:
        ValueError: the marks are not there.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"protocol/README.md lacks the marks {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{derive_reference()}\n{END}{tail}"
