"""Give a rule its meaning: names must be declared, levels must exist, compared values must be of one kind."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

from probatio.protocol.expression import (
    Arrow,
    Compare,
    Constant,
    Contains,
    Count,
    Empty,
    Expression,
    Joined,
    Kind,
    Not,
    Quantified,
    Reference,
    RuleError,
    Sum,
    Text,
    Value,
)
from probatio.protocol.grammar import parse_rule

if TYPE_CHECKING:
    from probatio.protocol.variables import EventAttribute, Variable

_EPOCH = dt.date(1970, 1, 1)
_KINDS: dict[str, Kind] = {"binary": "levels", "nominal": "levels", "ordinal": "levels", "number": "number",
                           "date": "date", "set": "set", "events": "events", "text": "text"}  # fmt: skip


@dataclass(frozen=True)
class BoundRule:
    """A rule whose every name and level is known.

    Attributes:
        expression: its parts, constants resolved.
        event: the repeated event over which the whole rule is read (it must hold for each one); "" for none.
        references: the variables it reads, each once, in order of first mention.
    """

    expression: Expression
    event: str
    references: tuple[Reference, ...]


def bind_rule(text: str, variables: Mapping[str, Variable]) -> BoundRule:
    """Return a rule with its names and levels resolved.

    Raises:
        RuleError: the text is no rule, or names what is not declared, or compares what cannot be compared.
    """
    binder = _Binder(variables)
    expression = binder.bind(parse_rule(text))
    return BoundRule(expression, binder.event, tuple(binder.references.values()))


def compute_date_bounds(text: str) -> tuple[int, int]:
    """Return the first and last day (since 1970) of an ISO date, possibly partial.

    Raises:
        ValueError: there is no such date.
    """
    year, *rest = (int(part) for part in text.split("-"))
    least, most = [*rest, 1, 1][:2], [*rest]
    if not most:
        most.append(12)
    if len(most) == 1:
        most.append(calendar.monthrange(year, most[0])[1])
    first, last = dt.date(year, *least), dt.date(year, *most)
    return (first - _EPOCH).days, (last - _EPOCH).days


class _Binder:
    """Walks a rule once; `event` is the repeated event of the scope it is in."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self._variables = variables
        self.event = ""
        self._inside = False
        self.references: dict[str, Reference] = {}

    def bind(self, node: Expression) -> Expression:
        if isinstance(node, Compare):
            return self._bind_comparison(node)
        if isinstance(node, Empty):
            self._find_declared(node.reference)
            return node
        if isinstance(node, Contains):
            return self._bind_contains(node)
        if isinstance(node, Quantified):
            return self._bind_quantified(node)
        return self._bind_connective(node)

    def _bind_connective(self, node: Not | Joined | Arrow) -> Expression:
        if isinstance(node, Not):
            return replace(node, item=self.bind(node.item))
        if isinstance(node, Joined):
            return replace(node, items=tuple(self.bind(item) for item in node.items))
        return replace(node, left=self.bind(node.left), right=self.bind(node.right))

    def _bind_quantified(self, node: Quantified) -> Quantified:
        if self._inside:
            raise RuleError("any and all cannot stand within each other; split the rule", node.at)
        outer, self.event, self._inside = self.event, "", True
        item = self.bind(node.item)
        if not self.event:
            raise RuleError(f"{node.word}(...) needs an attribute of events, as in events.grade; name one", node.at)
        event, self.event, self._inside = self.event, outer, False
        return replace(node, item=item, event=event)

    def _bind_contains(self, node: Contains) -> Contains:
        declared = self._find_declared(node.reference)
        if declared.type != "set":
            raise RuleError(f"contains takes a set, and {node.reference.text} is of type {declared.type}", node.at)
        _find_place(node.level, node.reference, list(declared.levels), node.at)
        return node

    def _bind_comparison(self, node: Compare) -> Compare:
        left_levels, right_levels = self._find_levels(node.left), self._find_levels(node.right)
        if left_levels and right_levels and left_levels[0] != right_levels[0]:
            raise RuleError("the two variables have different levels; compare each with a level", node.at)
        known = left_levels or right_levels
        if known is None:
            return self._bind_measures(node)
        levels, ordered, reference = known
        if node.operator not in ("=", "!=") and not ordered:
            raise RuleError(f"{reference.text} has no order, so only = and != compare it", node.at)
        left_value = node.left if left_levels else self._bind_level(node.left, reference, levels)
        right_value = node.right if right_levels else self._bind_level(node.right, reference, levels)
        return replace(node, left=left_value, right=right_value)

    def _bind_measures(self, node: Compare) -> Compare:
        """Bind a comparison of numbers or of dates; four digits beside a date are a year."""
        left, right = self._bind_value(node.left), self._bind_value(node.right)
        if left[1] == "date" and _is_year(node.right):
            right = self._bind_text(replace(node.right, kind="date"))
        elif right[1] == "date" and _is_year(node.left):
            left = self._bind_text(replace(node.left, kind="date"))
        if left[1] != right[1]:
            raise RuleError(f"a {left[1]} cannot be compared with a {right[1]}", node.at)
        return replace(node, left=left[0], right=right[0])

    def _find_levels(self, value: Value) -> tuple[list[str], bool, Reference] | None:
        """Return levels, whether they are in order, and the variable, where a value is a categorical variable."""
        if not isinstance(value, Reference) or (self._is_bare(value) and value.name not in self._variables):
            return None
        declared = self._find_declared(value)
        if _KINDS[declared.type] != "levels":
            return None
        return list(declared.levels), declared.type == "ordinal", value

    def _bind_level(self, value: Value, reference: Reference, levels: list[str]) -> Constant:
        if isinstance(value, Reference) and not self._is_bare(value):
            raise RuleError(
                f"{reference.text} has levels, and {value.text} has none; they cannot be compared", value.at
            )
        if isinstance(value, Reference) and value.name in self._variables:
            what = "a variable" if value.name not in levels else "a variable and a level (put the level in quotes)"
            raise RuleError(f"{value.name} is {what}; {reference.text} is compared with a level", value.at)
        if isinstance(value, Sum | Count | Constant):
            raise RuleError(f"{reference.text} has levels; compare it with one of them, not with a number", value.at)
        written = value.name if isinstance(value, Reference) else value.text
        place = _find_place(written, reference, levels, value.at)
        return Constant(place, place, value.at)

    def _bind_value(self, value: Value) -> tuple[Value, Kind]:
        if isinstance(value, Text):
            return self._bind_text(value)
        if isinstance(value, Sum):
            return self._bind_sum(value)
        if isinstance(value, Count):
            if self._find_declared(value.reference).type != "events":
                raise RuleError(f"count takes repeated events, and {value.reference.text} is none", value.at)
            return value, "number"
        if isinstance(value, Constant):
            raise RuleError("a constant stands where none can be", value.at)
        kind = _KINDS[self._find_declared(value).type]
        if kind not in ("number", "date"):
            hint = {"set": "use contains(...)", "events": "use count(...) or an attribute"}.get(kind, "use empty(...)")
            raise RuleError(f"{value.text} is of kind {kind} and cannot be compared here; {hint}", value.at)
        return value, kind

    def _bind_text(self, value: Text) -> tuple[Value, Kind]:
        if value.kind == "quoted":
            raise RuleError(f"{value.text!r} is compared with what has no levels; take the quotes away", value.at)
        if value.kind == "number":
            return Constant(float(value.text), float(value.text), value.at), "number"
        try:
            low, high = compute_date_bounds(value.text)
        except ValueError:
            raise RuleError(f"{value.text} is no date of the calendar; correct it", value.at) from None
        return Constant(low, high, value.at), "date"

    def _bind_sum(self, node: Sum) -> tuple[Value, Kind]:
        bound = [(sign, *self._bind_value(value)) for sign, value in node.items]
        dates = sum(sign for sign, _, kind in bound if kind == "date")
        if dates not in (0, 1):
            raise RuleError("dates can be moved by days or taken from each other, not added", node.at)
        return replace(node, items=tuple((sign, value) for sign, value, _ in bound)), "date" if dates else "number"

    def _is_bare(self, reference: Reference) -> bool:
        return not (reference.visit or reference.attribute)

    def _find_declared(self, reference: Reference) -> Variable | EventAttribute:
        variable = self._variables.get(reference.name)
        if variable is None:
            raise RuleError(f"{reference.name} is not a variable; declare it or correct the name", reference.at)
        if reference.visit not in (variable.visits or [""]):
            known = (
                f"at visits: write {reference.name}@{variable.visits[0]}" if variable.visits else "once: drop the visit"
            )
            raise RuleError(f"{reference.text}: {reference.name} is due {known}", reference.at)
        self.references.setdefault(reference.text, reference)
        if not reference.attribute:
            return variable
        if reference.attribute not in variable.attributes:
            raise RuleError(f"{reference.text}: {reference.name} has no such attribute; correct it", reference.at)
        if self.event not in ("", reference.name):
            raise RuleError(
                f"attributes of {self.event} and {reference.name} in one condition; use any(...)", reference.at
            )
        self.event = reference.name
        return variable.attributes[reference.attribute]


def _is_year(value: Value) -> TypeGuard[Text]:
    return isinstance(value, Text) and value.kind == "number" and len(value.text) == 4 and value.text.isdecimal()


def _find_place(level: str, reference: Reference, levels: list[str], at: int) -> int:
    if level not in levels:
        raise RuleError(f"{level!r} is not a level of {reference.text}; levels: {', '.join(levels)}", at)
    return levels.index(level)
