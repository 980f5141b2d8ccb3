"""The facts of patients that are not under validation: read strictly, because nothing judges them later."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from probatio.protocol import Attribute, Period, UserError
from probatio.records.canonical import derive_number, derive_recoded
from probatio.records.dates import AMBIGUOUS, derive_date
from probatio.records.sheets import Sheet

_FLAGS = {
    **dict.fromkeys(("1", "yes", "y", "true", "oui", "o", "vrai", "x"), True),
    **dict.fromkeys(("", "0", "no", "n", "false", "non", "faux"), False),
}

# The letter of a part of the year, and how many months it lasts.
_PARTS = {"quarter": ("Q", 3), "half": ("H", 6)}
_CODES = "add their codes to missing or recode them"


def derive_attribute(
    sheet: Sheet, attribute: Attribute, lines: pd.DataFrame, name: str, found: list[str] | None = None
) -> pd.Series:
    """Return an attribute of the patients on `lines`: text, a float for numbers without `cut`, ISO dates.

    `found` holds the texts where they come from elsewhere (the patients' documents) than from the sheet.

    A missing text or date is "", a missing number NaN. With `cut`, a number equal to a limit falls in
    the higher class. With `period`, a date too coarse to be placed (a year, for quarters) is missing.

    Raises:
        UserError: numbers or dates that cannot be read (count and first line, never the text).
    """
    if found is not None:
        raw, where = found, f"documents: attribute {name}"
    elif attribute.column is None:
        raw = [search_first(attribute.pattern or "", text) for text in lines["patient_id"]]
        where = f"{sheet.name}: attribute {name}"
    else:
        raw = read_lines(sheet, attribute.column, lines)
        where = f"{sheet.name}: column {attribute.column} (attribute {name})"
    texts = pd.Series(raw, index=lines.index, dtype=object)
    texts = texts.map({text: derive_fact(text, attribute) for text in set(raw)})
    if attribute.type == "date":
        dates = parse_dates(texts, lines, sheet, where)
        return dates if attribute.period is None else derive_periods(dates, attribute.period)
    if attribute.type == "number":
        numbers = parse_numbers(texts, lines, sheet, where)
        return _derive_classes(numbers, attribute) if attribute.cut else numbers
    return texts


def derive_periods(dates: pd.Series, period: Period) -> pd.Series:
    """Return the calendar period of ISO dates, as 2022-Q1; "" where the date is missing or too coarse.

    The texts of one period sort in the order of time.
    """
    return dates.map({date: _derive_period(date, period) for date in dates.unique()}).astype(object)


def derive_flag(sheet: Sheet, column: str | None, lines: pd.DataFrame, *, default: bool) -> pd.Series:
    """Return a yes/no column as booleans.

    Raises:
        UserError: a text that means neither yes nor no.
    """
    if column is None:
        return pd.Series(default, index=lines.index, dtype=bool)
    texts = pd.Series(read_lines(sheet, column, lines), index=lines.index, dtype=object).str.casefold()
    if strange := sorted(set(texts) - set(_FLAGS)):
        wrong = texts.isin(strange)
        raise UserError(
            f"{sheet.name}:{lines['line'][wrong].iloc[0]}: column {column}: {int(wrong.sum())} cells from this line on "
            f"are neither yes nor no; write yes or no."
        )
    return texts.map(_FLAGS).astype(bool)


def read_lines(sheet: Sheet, column: str, lines: pd.DataFrame) -> list[str]:
    """Return a column's texts on the rows that `lines` keeps of the sheet, blanks removed."""
    texts = sheet.read_column(column)
    return [texts[row].strip() for row in lines.index]


def parse_numbers(texts: pd.Series, lines: pd.DataFrame, sheet: Sheet, where: str) -> pd.Series:
    """Return texts as floats, blank ones as NaN.

    Raises:
        UserError: some are not numbers.
    """
    known = {text: derive_number(text, sheet.decimal_marks) for text in texts.unique() if text}
    advice = f"{_CODES}, and check the decimal mark"
    _check_read(
        texts, {text for text, number in known.items() if number is None}, lines, where, what="numbers", advice=advice
    )
    return texts.map({**known, "": np.nan}).astype(float)


def parse_dates(texts: pd.Series, lines: pd.DataFrame, sheet: Sheet, where: str, *, advice: str = _CODES) -> pd.Series:
    """Return texts as ISO dates at their own precision, blank ones as ""; `advice` says what to do with others.

    Raises:
        UserError: some are no dates, or have day and month in an undeclared order.
    """
    known = {text: derive_date(text, sheet.declared.date_order) for text in texts.unique() if text}
    unordered = {text for text, date in known.items() if date == AMBIGUOUS}
    order = "declare date_order (DMY or MDY) for this file"
    _check_read(texts, unordered, lines, where, what="unambiguous dates", advice=order)
    wrong = {text for text, date in known.items() if date is None}
    _check_read(texts, wrong, lines, where, what="dates", advice=advice)
    return texts.map({**known, "": ""})


def search_first(pattern: str, text: str) -> str:
    """Return the first group of a pattern searched in a text (the whole match if it has none), or ""."""
    match = re.search(pattern, text)
    return "" if match is None else (match[1] if match.re.groups else match[0]) or ""


def derive_fact(text: str, attribute: Attribute) -> str:
    """Return what a text says of an attribute once recoded; "" for a code that means missing."""
    if text in attribute.missing:
        return ""
    replaced = derive_recoded(text, attribute.recode)
    return "" if replaced in attribute.missing else replaced


def _check_read(texts: pd.Series, wrong: set[str], lines: pd.DataFrame, where: str, *, what: str, advice: str) -> None:
    if wrong:
        hit = lines[texts.isin(wrong)]
        raise UserError(f"{where}: {len(hit)} cells are not {what} (first at line {hit['line'].iloc[0]}); {advice}.")


def _derive_classes(numbers: pd.Series, attribute: Attribute) -> pd.Series:
    classes = np.searchsorted(attribute.cut, numbers.to_numpy(), side="right")
    labels = pd.Series(np.array([*attribute.labels], dtype=object)[classes], index=numbers.index)
    return labels.mask(numbers.isna(), "")


def _derive_period(date: str, period: Period) -> str:
    year, month = date[:4], date[5:7]
    if period == "year":
        return year
    if not month or period == "month":
        return f"{year}-{month}" if month else ""
    letter, months = _PARTS[period]
    return f"{year}-{letter}{(int(month) - 1) // months + 1}"
