"""Models of files, patients, documents and sources: where the data are and how they are written."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from probatio.protocol.base import DateOrder, Label, Model, Name, Text
from probatio.protocol.review import Reviewed


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return value


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Period = Literal["month", "quarter", "half", "year"]


class TableFile(Model):
    """One table as people have it, and how it is written.

    `path` is relative to the study's data folder; `package:lifelines/datasets/lung.csv` names a
    file inside an installed package; JSON takes a pattern such as `results/*/*.json`.
    """

    path: str = Field(min_length=1)
    format: Literal["csv", "excel", "parquet", "json"] = "csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    date_order: DateOrder | None = None
    sheet: str | None = None


class PatientKey(Model):
    """How a row of a file finds its patient; exactly one way is given.

    `column`: the pseudonym is in a column (or at a JSON path). `row`: the file has no identifier and
    patients are numbered by row, as in `L{row:03d}`. `document`: a regular expression whose first
    group, searched in the file's name, gives a document_id of the documents table.
    """

    column: str | None = None
    row: str | None = None
    document: Pattern | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(way is not None for way in (self.column, self.row, self.document)) != 1:
            raise ValueError("give exactly one of column, row, document")
        if self.row is not None and "{row" not in self.row:
            raise ValueError("row needs the place of the number, as in 'L{row:03d}'")
        return self


class LongColumns(Model):
    """Names of the columns of a file in the long form, where they differ from the contract's."""

    variable: str = "variable"
    visit: str = "visit"
    event: str = "event"
    value: str = "value"
    unit: str = "unit"
    state: str = "state"
    confidence: str = "confidence"
    document_id: str = "document_id"
    start: str = "start"
    end: str = "end"
    snippet: str = "snippet"
    extractor: str = "extractor"
    extracted_at: str = "extracted_at"


class SourceFile(TableFile):
    """A file that holds values of one source, wide (a row per patient) or long (a row per value).

    In the wide layout `columns` maps `variable` or `variable@visit` to a column, or to a path such as
    `cancer_data.pt_category` in JSON; `confidence` does the same for confidences, and `extracted_at` names the
    column (or path) with the date on which the row's values became available. A long file has a date per
    value, in the column that `long.extracted_at` names; there `columns` maps a variable to what the file calls it.
    """

    layout: Literal["wide", "long"] = "wide"
    patient: PatientKey = PatientKey(column="patient_id")
    columns: dict[str, str] = {}
    confidence: dict[str, str] = {}
    extracted_at: str | None = Field(default=None, min_length=1)
    long: LongColumns = LongColumns()

    @model_validator(mode="after")
    def _check_layout(self) -> Self:
        if self.layout == "wide" and not self.columns:
            raise ValueError("the wide layout needs columns: variable -> column")
        if self.layout == "long" and self.format == "json":
            raise ValueError("JSON is read in the wide layout; drop layout: long")
        if self.layout == "long" and self.confidence:
            raise ValueError("a long file has one column of confidences; name it by long.confidence")
        if self.layout == "long" and len(set(self.columns.values())) < len(self.columns):
            raise ValueError("columns gives two variables one name; a long file has a name for each")
        if self.layout == "long" and any("@" in key for key in self.columns):
            raise ValueError("columns: a long file has its visits in a column; write the variable alone")
        if self.layout == "long" and self.extracted_at is not None:
            raise ValueError("extracted_at goes with the wide layout; rename a long file's column by long.extracted_at")
        if stray := set(self.confidence) - set(self.columns):
            raise ValueError(f"confidence names {sorted(stray)}, which columns does not")
        return self


class Recode(Model):
    r"""How raw texts become canonical values: first `values` word for word, then `pattern` -> `to`.

    `pattern` must match the whole text, case aside; `to` may use its groups, as in `T\1`.
    """

    values: dict[Text, Text] = {}
    pattern: Pattern | None = None
    to: Text | None = None

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.pattern is None) != (self.to is None):
            raise ValueError("pattern and to go together")
        return self


class AttributeFile(TableFile):
    """Another file than that of the patients in which facts about them stand."""

    patient: PatientKey = PatientKey(column="patient_id")


class Attribute(Model):
    """A fact of the patient that is not under validation: a stratum, a covariate, an outcome.

    Exactly one of `column` (of the patients file, or of `file` where one is given), `pattern` (first
    group, searched in the patient_id) and `text` (first group, searched in the texts of the patient's
    kept documents; documents that do not agree leave the fact missing). `cut` turns a number into
    classes: limits in increasing order, labels one more. `period` turns a date into the ordered calendar
    period it falls in, written `2022-01`, `2022-Q1`, `2022-H1` or `2022`. `level_labels` word the classes
    for readers.
    """

    label: Label
    column: str | None = None
    file: AttributeFile | None = None
    pattern: Pattern | None = None
    text: Pattern | None = None
    type: Literal["text", "number", "date"] = "text"
    missing: list[Text] = []
    recode: Recode = Recode()
    period: Period | None = None
    cut: list[float] = []
    labels: list[Text] = []
    level_labels: dict[Text, Label] = {}

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if sum(origin is not None for origin in (self.column, self.pattern, self.text)) != 1:
            raise ValueError("give exactly one of column, pattern, text")
        if self.file is not None and self.column is None:
            raise ValueError("file goes with column: name the column of that file")
        if self.cut and (self.type != "number" or len(self.labels) != len(self.cut) + 1):
            raise ValueError("cut needs type number and one label more than limits")
        if self.cut != sorted(set(self.cut)):
            raise ValueError("cut needs limits in increasing order")
        if self.period is not None and self.type != "date":
            raise ValueError(f"period goes with type date, not with {self.type}; declare type: date or drop it")
        return self


class Patients(Model):
    """The patients table: who is in the study, where, and with which known facts.

    `cohort: documents` keeps the patients who have a kept document (the file may hold others).
    `development` names the column that flags patients used to tune an extractor; evaluation leaves
    them out and counts them. `reference_sampled` flags those whose reference was collected.
    """

    file: TableFile
    patient: PatientKey = PatientKey(column="patient_id")
    cohort: Literal["rows", "documents"] = "rows"
    centre: Attribute | None = None
    attributes: dict[Name, Attribute] = {}
    development: str | None = None
    reference_sampled: str | None = None
    sampling_stratum: str | None = None
    sampling_probability: str | None = None


class Documents(Model):
    """The documents: a table with columns document_id, patient_id, type, date, or text files.

    For text files `file.path` is a pattern; `document` is searched in the file's name and
    `patient` in its text (first group, or the whole match). `keep: first` keeps each patient's
    document whose document_id sorts first as a string.
    """

    file: TableFile | None = None
    texts: str | None = None
    document: Pattern | None = None
    patient: Pattern | None = None
    text_table: TableFile | None = None
    type: Text = "document"
    keep: Literal["all", "first"] = "all"

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if (self.file is None) == (self.texts is None):
            raise ValueError("give exactly one of file, texts")
        if self.texts is not None and (self.document is None or self.patient is None):
            raise ValueError("texts needs the patterns document and patient")
        return self


class Source(Model):
    """One reading of the patients: the reference, a manual collection, a technology, a reading.

    `assessed`: `all` (every patient of the cohort was to be filled), `rows` (those with a row or
    file). Exceptions are listed in the study's `assessments` file. `independent_of` names the
    sources whose work this one did not see. Runs, prompts or versions of one AI share a `technology`;
    the `primary` one (at most one), else the first, leads: it alone is measured, and the others are compared
    with it for repeatability. `minutes_per_patient` and `euros_per_patient` are the effort that the
    study recorded, on average.
    """

    name: Name
    label: Label
    role: Literal["reference", "manual", "ai", "reading"]
    version: Text | None = None
    independent_of: list[Name] = []
    primary: bool = False
    technology: Name | None = None
    minutes_per_patient: float | None = Field(default=None, gt=0)
    euros_per_patient: float | None = Field(default=None, gt=0)
    assessed: Literal["all", "rows"] = "all"
    files: list[SourceFile] = []
    reviewed: Reviewed | None = None
    limits: list[Label] = []

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if bool(self.files) == (self.reviewed is not None):
            raise ValueError("give exactly one of files (with one file or more), reviewed")
        if self.reviewed is None:
            return self
        if self.role != "ai":
            raise ValueError("reviewed goes with role ai: it is an AI source after review")
        given = {"technology": self.technology, "primary": self.primary, "assessed": self.assessed == "rows"}
        if stray := [key for key, value in given.items() if value]:
            raise ValueError(f"{stray[0]} goes with files; drop it: a reviewed source has what it comes from")
        return self

    @model_validator(mode="after")
    def _check_technology(self) -> Self:
        if self.technology is not None and self.role != "ai":
            raise ValueError("technology goes with role ai; drop it")
        return self
