"""Models of endpoints: a time to event from dates, by rules that carry their reasons, or from time and indicator."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from probatio.protocol.base import Label, Model, Name, Text
from probatio.protocol.variables import find_doubles

PartialRule = Literal["middle", "first", "last", "missing"]
"""What completes a partial date: the middle of its month or year (the 15th; 1 July), its first or last day, nothing."""
Pick = Literal["first", "last", "next"]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$", max_length=81)]
"""A variable, a patient attribute, or an attribute of repeated events as rules name it: `prior_lines.start`."""

CUT_OFF = "cut_off"
INDICATOR_REASONS = ("event", "competing", "censored")
"""What ended follow-up where a time and an indicator are given."""
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_DATED = ("origin", "events", "competing", "censor_at", "censoring", "entry", "cut_off")
_TIMED = ("time", "event", "event_values", "competing_values", "entry_time")


class EndpointRule(Model):
    """One date that ends follow-up, and why. A bare name is the rule of that date, its reason the variable's name.

    `where` names other variables and the levels at which the rule counts, `unless` those at which it does not; on
    attributes of the same repeated events they choose among the events (`dose_changes.type: [reduction]`). `pick`
    says which of a patient's events: the first, the last, or the next one after the origin.
    """

    date: FieldName
    reason: Name
    label: Label | None = None
    where: dict[FieldName, list[Text]] = {}
    unless: dict[FieldName, list[Text]] = {}
    pick: Pick = "first"

    @property
    def events(self) -> str:
        """The repeated events whose attribute the date is; "" for a variable or patient attribute."""
        return self.date.partition(".")[0] if "." in self.date else ""

    @property
    def conditions(self) -> list[str]:
        """The names that `where` and `unless` ask about, once each."""
        return list(dict.fromkeys([*self.where, *self.unless]))

    @model_validator(mode="before")
    @classmethod
    def _derive_rule(cls, written: Any) -> Any:
        return {"date": written, "reason": written.partition(".")[0]} if isinstance(written, str) else written

    @model_validator(mode="after")
    def _check_rule(self) -> Self:
        if "pick" in self.model_fields_set and not self.events:
            raise ValueError(f"pick goes with an attribute of repeated events, and {self.date} is one date; drop pick")
        asked = (("where", self.where, "counts"), ("unless", self.unless, "does not count"))
        for key, levels, verb in asked:
            if empty := [name for name, held in levels.items() if not held]:
                raise ValueError(f"{key}: {empty[0]} has no level; name those at which the rule {verb}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let editors accept a bare name."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["required"] = ["date", "reason"]
        return {"anyOf": [{"type": "string"}, schema]}


class Endpoint(Model):
    """A time to event in days: dates and rules (`origin`, `events`, `censoring`), or `time`, `event`, `event_values`.

    Names are variables (taken from each source, or from `source` where given), patient attributes, or
    attributes of repeated events. Of the dated form:

    - `events`: the first of them is the event. `competing`: the first of these, if earlier, is a competing one.
    - `censor_at`: follow-up is censored there, though an event may come later (a new treatment, say).
    - `censoring`: last evidence of being free of the event; the latest counts.
    - `cut_off`: an ISO date, or a name: what comes later is not counted, and follow-up ends there.
    - `entry`: when the patient came under observation (delayed entry); before the origin it counts as the origin.
    - `partial`: how a partial date is completed.

    On one day an event comes before censoring; of two events, the one whose rule is written first, those of
    `events` before those of `competing`. Of the other form: `event_values` mean the event, `competing_values` a
    competing one, any other value censoring; `entry_time` is in days since the origin.
    """

    name: Name
    label: Label
    source: Name | None = None
    time: Name | None = None
    event: Name | None = None
    event_values: list[Text] = []
    competing_values: list[Text] = []
    entry_time: Name | None = None
    origin: FieldName | None = None
    events: list[EndpointRule] = []
    competing: list[EndpointRule] = []
    censor_at: list[EndpointRule] = []
    censoring: list[EndpointRule] = []
    entry: FieldName | None = None
    cut_off: Text | None = None
    partial: PartialRule = "middle"

    @property
    def is_dated(self) -> bool:
        """Whether the endpoint is made of dates."""
        return self.origin is not None

    @property
    def rules_by_key(self) -> dict[str, list[EndpointRule]]:
        """The rules by the key under which they stand, in order of precedence on one day."""
        return {"events": self.events, "competing": self.competing, "censor_at": self.censor_at,
                "censoring": self.censoring}  # fmt: skip

    @property
    def rules(self) -> list[EndpointRule]:
        """Every rule, in order of precedence on one day: events, competing events, censoring."""
        return [rule for rules in self.rules_by_key.values() for rule in rules]

    @property
    def reasons(self) -> list[str]:
        """Everything that may end follow-up, in order of precedence."""
        if not self.is_dated:
            return [name for name in INDICATOR_REASONS if name != "competing" or self.competing_values]
        last = [CUT_OFF] if self.cut_off else []
        own = [rule.reason for rule in (*self.events, *self.competing, *self.censor_at)]
        return list(dict.fromkeys([*own, *last, *(rule.reason for rule in self.censoring)]))

    @property
    def has_competing(self) -> bool:
        """Whether a competing event is declared."""
        return bool(self.competing or self.competing_values)

    @property
    def has_entry(self) -> bool:
        """Whether patients may come under observation after the origin."""
        return bool(self.entry or self.entry_time)

    def list_fields(self) -> list[str]:
        """Return every name that the endpoint reads, once each: variables, attributes, `events.attribute`."""
        names = [self.time, self.event, self.entry_time, self.origin, self.entry]
        names += [None if is_iso_date(self.cut_off) else self.cut_off]
        names += [name for rule in self.rules for name in (rule.date, *rule.conditions)]
        return [name for name in dict.fromkeys(names) if name]

    @field_validator("cut_off")
    @classmethod
    def _check_cut_off(cls, text: str | None) -> str | None:
        if text is None or is_iso_date(text) or re.fullmatch(r"[a-z][a-z0-9_]*", text):
            return text
        raise ValueError(f"{text} is no date; write it as 2025-06-30, or name a variable or patient attribute")

    @model_validator(mode="after")
    def _check_form(self) -> Self:
        by_time = self.time is not None and self.event is not None and bool(self.event_values)
        by_date = self.origin is not None and bool(self.events) and bool(self.censoring)
        if by_time == by_date:
            raise ValueError("give time, event and event_values, or origin, events and censoring")
        form, others = ("dates", _TIMED) if by_date else ("a time and an indicator", _DATED)
        written = dict(self)
        if stray := [key for key in others if written[key]]:
            raise ValueError(f"{stray[0]} does not go with an endpoint made of {form}; drop it")
        if both := sorted(set(self.event_values) & set(self.competing_values)):
            raise ValueError(f"{both[0]} stands among event_values and competing_values; keep it in one")
        return self

    @model_validator(mode="after")
    def _check_reasons(self) -> Self:
        kinds = {key: {rule.reason for rule in rules} for key, rules in self.rules_by_key.items()}
        if doubled := find_doubles(reason for reasons in kinds.values() for reason in sorted(reasons)):
            where = " and ".join(key for key, reasons in kinds.items() if doubled in reasons)
            raise ValueError(f"the reason {doubled} stands in {where}; a reason says one thing, rename one")
        if any(CUT_OFF in reasons for reasons in kinds.values()):
            raise ValueError(f"the reason {CUT_OFF} is kept for the key cut_off; rename the rule's")
        return self


def is_iso_date(text: str | None) -> bool:
    """Say whether a text is a day of the calendar, written as 2025-06-30."""
    if not text or not _ISO_DATE.match(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def list_rule_keys(endpoint: Endpoint) -> Iterator[tuple[tuple[str | int, ...], EndpointRule]]:
    """Yield each rule with the place of its key below the endpoint."""
    for key, rules in endpoint.rules_by_key.items():
        for place, rule in enumerate(rules):
            yield (key, place), rule
