"""What a reader may type for a variable: its fields, with their levels, units and plausible limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from probatio.protocol import EventAttribute, Protocol, Variable
from probatio.records.event_text import derive_line_text
from probatio.wording import Language

Kind = Literal["level", "levels", "number", "date", "text"]

_KINDS: Final[dict[str, Kind]] = {"number": "number", "date": "date", "set": "levels"}


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

    def is_outside(self, value: str) -> bool:
        """Say whether a canonical number lies outside the limits of plausibility."""
        return self.limits is not None and not self.limits[0] <= float(value) <= self.limits[1]


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


def join_typed(fields: Sequence[Field], typed: Mapping[str, Sequence[str]]) -> str:
    """Return what was typed into the fields as one text: a set between bars, a line as `term: fatigue; grade: 2`.

    Args:
        fields: as `derive_fields` made them.
        typed: the texts of each field by its name.
    """
    values = {
        field.name: "|".join(part.strip() for part in typed.get(field.name, ()) if part.strip()) for field in fields
    }
    return derive_line_text(values) if len(fields) > 1 else values[fields[0].name]


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
