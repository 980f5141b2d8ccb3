"""Models of data-quality rules: what a clinician asserts of each patient, and what share may break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from probatio.protocol.base import Label, Model, Name, Text
from probatio.protocol.binding import bind_rule
from probatio.protocol.errors import build_fault
from probatio.protocol.expression import RuleError
from probatio.protocol.grammar import parse_rule

if TYPE_CHECKING:
    from probatio.protocol.variables import Variable

Severity = Literal["fatal", "convention", "characterization"]
CheckName = Literal[
    "value_conforms", "document_known", "value_present", "range_low", "range_high", "start_before_end",
    "date_before_document",
]  # fmt: skip


def _check_expression(text: str) -> str:
    parse_rule(text)
    return text


class Rule(Model):
    """One rule that holds for a plausible patient, such as `death_date >= diagnosis_date`.

    `threshold` is the share of patients that may break it: a source fails above it (strictly, as in
    Blacketer et al. 2021); 0 lets no patient pass. `source` says where the threshold comes from.
    """

    name: Name
    label: Label
    expression: Annotated[str, AfterValidator(_check_expression)]
    severity: Severity = "characterization"
    threshold: float = Field(default=0.0, ge=0, lt=1)
    source: Text
    justification: Label


class CheckThreshold(Model):
    """A study's own threshold of a check of the catalogue; `variables` empty: for every variable.

    The first entry that names a variable counts. A threshold of 1 never fails: the check is counted only.
    """

    name: CheckName
    variables: list[Name] = []
    threshold: float = Field(ge=0, le=1)
    source: Text
    justification: Label


def check_rules(rules: list[Rule], variables: Mapping[str, Variable]) -> list[Rule]:
    """Return the rules when each one has a meaning on these variables.

    Raises:
        ValidationError: one names what is not declared, or compares what cannot be compared; each
            error carries the place of its rule, so that reading can say file and line.
    """
    faults = []
    for place, rule in enumerate(rules):
        try:
            bind_rule(rule.expression, variables)
        except RuleError as error:
            faults.append(build_fault((place, "expression"), str(error)))
        if rule.name in [other.name for other in rules[:place]]:
            faults.append(build_fault((place, "name"), f"the name {rule.name} is used twice; choose another"))
    if faults:
        raise ValidationError.from_exception_data("rules", faults)
    return rules


def check_thresholds(checks: list[CheckThreshold], variables: Mapping[str, Variable]) -> list[CheckThreshold]:
    """Return the thresholds when each variable they name is declared.

    Raises:
        ValidationError: one is not.
    """
    faults = [
        build_fault((place, "variables"), f"{sorted(stray)} is not a variable; correct the name")
        for place, check in enumerate(checks)
        if (stray := set(check.variables) - set(variables))
    ]
    if faults:
        raise ValidationError.from_exception_data("checks", faults)
    return checks
