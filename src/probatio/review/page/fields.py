"""What a reader may type for a variable: its fields, and dates and numbers as French people write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from babel import Locale

from probatio.protocol import EventAttribute, Protocol, Variable
from probatio.records.canonical import derive_number, derive_number_text
from probatio.records.dates import derive_date
from probatio.records.event_text import derive_line_text
from probatio.wording import Language

Kind = Literal["level", "levels", "number", "date", "text"]

_KINDS: Final[dict[str, Kind]] = {"number": "number", "date": "date", "set": "levels"}
_WORDED = re.compile(r"(?:(\d{1,2})(?:er|st|nd|rd|th)? )?([a-z]{3,9})\.? (\d{4})")
_THOUSANDS = re.compile(r"(?<=\d)\s(?=\d{3}(?!\d))")


@dataclass(frozen=True)
class Field:
    """One field of the form: of a variable, or of one attribute of an event's line.

    `levels` pairs each level with its label; `limits` are those of plausibility, None where none are declared.
    """

    name: str
    label: str
    kind: Kind
    unit: str
    levels: tuple[tuple[str, str], ...]
    limits: tuple[float, float] | None

    def read(self, typed: Sequence[str]) -> str:
        """Return what was typed in the form that the data have, "" for nothing; what is none stays as typed."""
        text = "|".join(part.strip() for part in typed if part.strip())
        if self.kind == "date":
            return read_date(text)
        return read_number(text, self.unit) if self.kind == "number" else text

    def is_outside(self, value: str) -> bool:
        """Say whether a value lies outside the limits of plausibility."""
        number = derive_number(value) if self.limits else None
        return number is not None and self.limits is not None and not self.limits[0] <= number <= self.limits[1]


def derive_fields(protocol: Protocol, variable: str, language: Language) -> tuple[Field, ...]:
    """Return the fields that a value of a variable needs: one, or one per attribute of an event's line.

    Args:
        protocol: the study.
        variable: its name, or `variable.attribute`.
        language: of the labels.
    """
    name, _, attribute = variable.partition(".")
    declared = protocol.get_variable(name)
    if attribute:
        return (_build_field(attribute, declared.attributes[attribute], language),)
    if declared.type == "events":
        return tuple(_build_field(each, of, language) for each, of in declared.attributes.items())
    return (_build_field(name, declared, language),)


def read_value(fields: Sequence[Field], typed: Mapping[str, Sequence[str]]) -> str:
    """Return what was typed into the fields as one text, an event's line as `term: fatigue; grade: 2`.

    Args:
        fields: as `derive_fields` made them.
        typed: the texts of each field by its name.
    """
    values = {field.name: field.read(typed.get(field.name, ())) for field in fields}
    return derive_line_text(values) if len(fields) > 1 else values[fields[0].name]


def read_date(text: str) -> str:
    """Return a date in ISO form, read with the day first or with its month in French or English words.

    `03/05/2024`, `3 mai 2024` and `may 2024` are read; what is no date stays as it is.
    """
    match = _WORDED.fullmatch(_derive_plain(text))
    months = {number for name, number in _read_months().items() if match and name.startswith(match[2])}
    if match and len(months) == 1:
        text = "/".join(part for part in (match[1], str(months.pop()), match[3]) if part)
    return derive_date(text, "DMY") or text


def read_number(text: str, unit: str = "") -> str:
    """Return a number with a decimal point, as shortly as it can be written; what is none stays as it is.

    A decimal comma, blanks between thousands, a typographer's minus and the variable's own unit are read.
    """
    bare = text.removesuffix(unit).rstrip() if unit else text
    number = derive_number(_THOUSANDS.sub("", bare).replace("−", "-"), ".,")
    return text if number is None else derive_number_text(number)


def _build_field(name: str, declared: Variable | EventAttribute, language: Language) -> Field:
    labels = {level: label.read(language) for level, label in declared.level_labels.items()}
    return Field(
        name=name,
        label=declared.label.read(language),
        kind=_KINDS.get(declared.type, "level" if declared.levels else "text"),
        unit=declared.unit,
        levels=tuple((level, labels.get(level, level)) for level in declared.levels),
        limits=declared.range if isinstance(declared, Variable) else None,
    )


def _derive_plain(text: str) -> str:
    """Return a text in small letters without accents, with single blanks."""
    bare = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return " ".join(bare.casefold().split())


@cache
def _read_months() -> dict[str, int]:
    calendars = [Locale(language).months["format"]["wide"] for language in ("fr", "en")]
    return {_derive_plain(name): number for calendar in calendars for number, name in calendar.items()}
