"""From the text of a cell to its state and canonical value, by the rules declared for its variable."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

from probatio.protocol import EventAttribute, Recode, UserError, Variable
from probatio.protocol.base import DateOrder
from probatio.records.dates import AMBIGUOUS, derive_date
from probatio.records.sheets import Sheet

State = Literal["value", "negative", "not_documented", "not_assessed", "failed", "ambiguous"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?")
_SET_SEPARATORS = "|;"
_EXACT_INTEGERS = 1e16


class Canonical(NamedTuple):
    """What a cell says.

    `recoded`: the canonical value is not the text as written. A value that does not conform keeps its
    raw text. `ambiguous` is a date that cannot be read without a declared order.
    """

    state: State
    value: str = ""
    conformant: bool = True
    recoded: bool = False


@dataclass(frozen=True)
class ValueRule:
    """How the cells of one variable, or attribute of an event, are read in one file."""

    type: str
    levels: tuple[str, ...] = ()
    missing: frozenset[str] = frozenset()
    not_assessed: frozenset[str] = frozenset()
    negative: frozenset[str] = frozenset()
    recode: Recode = field(default_factory=Recode)
    decimal_marks: str = "."
    date_order: DateOrder | None = None

    @classmethod
    def from_protocol(cls, variable: Variable, attribute: str, source: str, sheet: Sheet) -> Self:
        """Return the rule of a variable (attribute "") or of an event's attribute, in one file of a source."""
        marks, order = sheet.decimal_marks, sheet.declared.date_order
        if attribute:
            owner: Variable | EventAttribute = variable.attributes[attribute]
            return cls(type=owner.type, levels=tuple(owner.levels), missing=frozenset(owner.missing),
                       recode=owner.recode, decimal_marks=marks, date_order=order)  # fmt: skip
        return cls(type=variable.type, levels=tuple(variable.levels), missing=frozenset(variable.missing),
                   not_assessed=frozenset(variable.not_assessed), negative=frozenset(variable.negative),
                   recode=variable.recode_by.get(source, variable.recode), decimal_marks=marks,
                   date_order=order)  # fmt: skip


def derive_canonical(raw: str, rule: ValueRule) -> Canonical:
    """Read one cell: codes that mean no value, then recoding, then the form of the variable's type.

    Codes are compared word for word once blanks around the text are removed; a blank cell is not
    documented. The recoded text passes through the same codes, so that a recoding to "" empties a cell.
    """
    text = raw.strip()
    if absence := _derive_absence(text, rule):
        return absence
    replaced = derive_recoded(text, rule.recode)
    if absence := _derive_absence(replaced, rule):
        return absence._replace(recoded=True)
    form = _derive_set(replaced, rule, recode=replaced == text) if rule.type == "set" else _derive_form(replaced, rule)
    if form == AMBIGUOUS and rule.type == "date":
        return Canonical("ambiguous")
    if form is None:
        return Canonical("value", raw, conformant=False)
    return Canonical("value", form, recoded=form != text)


def derive_recoded(text: str, recode: Recode) -> str:
    """Return a text recoded: word for word first, then by the pattern, which must match it whole.

    Raises:
        UserError: `to` names a group that the pattern does not have.
    """
    if text in recode.values:
        return recode.values[text].strip()
    if recode.pattern is None or recode.to is None:
        return text
    match = re.fullmatch(recode.pattern, text, re.IGNORECASE)
    try:
        return match.expand(recode.to).strip() if match else text
    except (re.error, IndexError) as error:
        raise UserError(
            f"recode: to: {recode.to} does not fit the pattern {recode.pattern} ({error}); mend it."
        ) from None


def derive_number(text: str, marks: str = ".") -> float | None:
    """Return a number written with one of the decimal marks, or None; thousands are never separated."""
    for mark in marks:
        if mark != "." and "." in text:
            continue
        if _NUMBER.fullmatch(plain := text.replace(mark, ".")):
            number = float(plain)
            return number if math.isfinite(number) else None
    return None


def derive_number_text(number: float) -> str:
    """Return the shortest text that reads back as the number, an integral one without ".0"."""
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT_INTEGERS else repr(number)


def _derive_absence(text: str, rule: ValueRule) -> Canonical | None:
    if not text or text in rule.missing:
        return Canonical("not_documented")
    if text in rule.not_assessed:
        return Canonical("not_assessed")
    return Canonical("negative") if text in rule.negative else None


def _derive_form(text: str, rule: ValueRule) -> str | None:
    if rule.type == "date":
        return derive_date(text, rule.date_order)
    if rule.type == "number":
        number = derive_number(text, rule.decimal_marks)
        return None if number is None else derive_number_text(number)
    return _derive_level(text, rule.levels)


def _derive_level(text: str, levels: tuple[str, ...]) -> str | None:
    """Return the level a text names: exactly, else case aside, else as the same number (`90.0` for `90`).

    Without levels any text stands for itself.
    """
    if text in levels or not levels:
        return text
    same = [level for level in levels if level.casefold() == text.casefold()]
    if not same and (number := derive_number(text)) is not None:
        same = [level for level in levels if derive_number(level) == number]
    return same[0] if len(same) == 1 else None


def _derive_set(text: str, rule: ValueRule, *, recode: bool) -> str | None:
    """Return the sorted members; each is recoded unless the whole text was."""
    separators = [mark for mark in _SET_SEPARATORS if not any(mark in level for level in rule.levels)]
    parts = re.split("|".join(map(re.escape, separators)), text) if separators else [text]
    written = [part.strip() for part in parts if part.strip()]
    members = [_derive_level(derive_recoded(m, rule.recode) if recode else m, rule.levels) for m in written]
    if not members or None in members:
        return None
    return "|".join(sorted({member for member in members if member is not None}))
