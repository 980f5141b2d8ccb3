"""The parts of a clinician's rule: what the grammar builds, the binding checks and the checks evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Kind = Literal["number", "date", "levels", "set", "events", "text"]


class RuleError(ValueError):
    """A rule that cannot be read: what is wrong, and at which character (from 1)."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"at character {at + 1}: {what}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable, at a visit, or an attribute of an event; a bare word may turn out to be a level."""

    name: str
    at: int
    visit: str = ""
    attribute: str = ""

    @property
    def text(self) -> str:
        """The reference as it is written."""
        return self.name + (f"@{self.visit}" if self.visit else "") + (f".{self.attribute}" if self.attribute else "")

    @property
    def variable(self) -> str:
        """The variable as records name it: `events.attribute` for an attribute."""
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


@dataclass(frozen=True, slots=True)
class Text:
    """A constant as written: a number, a date, or a text in quotes."""

    kind: Literal["number", "date", "quoted"]
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant once its meaning is known: a number, days since 1970 (from, to), or the place of a level."""

    low: float
    high: float
    at: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many events a patient has."""

    reference: Reference
    at: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Values added (1) and taken away (-1)."""

    items: tuple[tuple[int, Value], ...]
    at: int


Value = Reference | Text | Constant | Count | Sum


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of two values."""

    operator: Operator
    left: Value
    right: Value
    at: int


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing was delivered, or an explicit none."""

    reference: Reference
    at: int


@dataclass(frozen=True, slots=True)
class Contains:
    """A set holds a level."""

    reference: Reference
    level: str
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    item: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Several conditions: all of them, or one at least."""

    word: Literal["and", "or"]
    items: tuple[Expression, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """`=>`: the first implies the second; `<=>`: both or neither."""

    sign: Literal["=>", "<=>"]
    left: Expression
    right: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Quantified:
    """A condition that holds for any, or for all, of a patient's events."""

    word: Literal["any", "all"]
    item: Expression
    at: int
    event: str = ""


Expression = Compare | Empty | Contains | Not | Joined | Arrow | Quantified
