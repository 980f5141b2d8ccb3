"""Variables, how each is read, and what the acceptance matrix asks of it for every use; from the protocol alone."""

from __future__ import annotations

from probatio.acceptance.estimating import describe_rule
from probatio.display.design import describe_values
from probatio.display.rows import criterion_label
from probatio.display.table import Table
from probatio.display.verdicts import read_rule
from probatio.protocol import Criterion, Language, Protocol, Use, Variable
from probatio.wording import EMPTY, read_word

DITTO = "″"
_RATES = ("error_rate", "omission_rate", "unsupported_share")
_MARGINS = ("error_difference", "omission_difference", "unsupported_difference")


def render_threshold_table(protocol: Protocol, *, language: Language) -> Table:
    """Return per variable: its type, levels or unit, visits, and per use the thresholds and the margin.

    Of the rates the error is shown, or omission and unsupported values where the matrix asks for no error (events);
    of the differences the margin of the error. The matrix in full is another table.
    """
    body = [
        [variable.label.read(language), _describe(variable, language),
         *(_list_thresholds(variable, use, protocol, language) for use in protocol.uses)]
        for variable in protocol.variables
    ]  # fmt: skip
    shown = [line if above is None else [*line[:2], *_repeat(above[2:], line[2:])]
            for above, line in zip([None, *body], body, strict=False)]  # fmt: skip
    head = [read_word("column", name, language) for name in ("variable", "definition")]
    uses = [read_word("use", use, language) for use in protocol.uses]
    return Table([*head, *uses], shown, "ll" + "l" * len(uses), widths=(19, 27, *[54 // len(uses)] * len(uses)))


def _repeat(above: list[str], cells: list[str]) -> list[str]:
    """Return cells with a ditto mark for what the line above says too."""
    return [DITTO if cell == over and cell != EMPTY else cell for over, cell in zip(above, cells, strict=True)]


def _describe(variable: Variable, language: Language) -> str:
    values = describe_values(variable, language)
    visits = ", ".join(variable.visits)
    parts = [read_word("type", variable.type, language), values if values != EMPTY else "", visits]
    return "; ".join(part for part in parts if part)


def _list_thresholds(variable: Variable, use: Use, protocol: Protocol, language: Language) -> str:
    if use not in variable.uses or protocol.acceptance is None or protocol.reference is None:
        return EMPTY
    asked = [each for each in protocol.acceptance.select_criteria(variable.type, use) if not each.is_cited]
    rates = [each for metric in _RATES for each in asked if each.metric == metric]
    shown = rates[:1] if rates and rates[0].metric == _RATES[0] else rates
    shown += [each for each in asked if each.metric == _MARGINS[0]]
    return "; ".join(_word(each, language) for each in shown) or EMPTY


def _word(criterion: Criterion, language: Language) -> str:
    rule = read_rule(describe_rule(criterion), criterion.metric, language)
    name = criterion_label(criterion.name, criterion.metric, language)
    return f"{name[:1].lower() + name[1:]} {rule}"
