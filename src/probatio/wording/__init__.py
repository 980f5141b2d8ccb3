"""Every label in French and English, and the formats of numbers, intervals and dates.

Words are data (`words.csv`: kind, key, English, French). Numbers follow the language through Babel:
decimal comma and narrow no-break spaces in French.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal

from babel.dates import format_date as _format_date
from babel.numbers import format_decimal

Language = Literal["en", "fr"]
EMPTY = "–"
_NO_BREAK, _NARROW = "\u00a0", "\u202f"
BETWEEN: Mapping[Language, str] = {"en": "; ", "fr": f"{_NO_BREAK}; "}
"""What stands between the parts of a list that have commas themselves."""


@cache
def _read_words() -> dict[tuple[str, str], dict[str, str]]:
    text = files(__name__).joinpath("words.csv").read_text(encoding="utf-8")
    return {(row["kind"], row["key"]): row for row in csv.DictReader(io.StringIO(text, newline=""))}


def read_word(kind: str, key: str, language: Language) -> str:
    """Return the wording of a key, in one language.

    Raises:
        KeyError: the pair has no wording.
    """
    return _read_words()[kind, key][language]


def has_word(kind: str, key: str) -> bool:
    """Say whether a key is worded."""
    return (kind, key) in _read_words()


def list_words(kind: str) -> dict[str, list[str]]:
    """Return every wording of a kind by its key, in French and in English."""
    return {key: [row["fr"], row["en"]] for (own, key), row in _read_words().items() if own == kind}


def format_number(value: float, language: Language, *, digits: int = 2, sign: bool = False) -> str:
    """Return a number with fixed decimals; an undefined one is a dash, an infinite one ∞."""
    if value is None or math.isnan(value):
        return EMPTY
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = _format_size(abs(value), language, digits)
    is_zero = not any(character in "123456789" for character in text)
    mark = "" if is_zero else "−" if value < 0 else "+" if sign else ""
    return mark + text


@lru_cache(maxsize=1 << 14)
def _format_size(size: float, language: Language, digits: int) -> str:
    """Return a number that is not negative; ticks and tables show the same ones time and again."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(size, pattern, locale=language, decimal_quantization=True)


def format_percent(value: float, language: Language, *, digits: int = 1, sign: bool = False, unit: bool = True) -> str:
    """Return a proportion as a percentage; French sets a no-break space before the sign."""
    text = format_number(100 * value, language, digits=digits, sign=sign)
    if not unit or text == EMPTY:
        return text
    return f"{text}{_NARROW if language == 'fr' else ''}%"


def format_level(value: float, language: Language) -> str:
    """Return a level of confidence as prose writes it: `95%` or `97.5%` in English, `95 %` in French."""
    whole = abs(100 * value - round(100 * value)) < 1e-9
    return f"{format_number(100 * value, language, digits=0 if whole else 1)}{' ' if language == 'fr' else ''}%"


def format_interval(lower: float, upper: float, language: Language, *, digits: int = 2, percent: bool = False) -> str:
    """Return both limits between brackets; the dash reads well with negative limits in both languages."""
    scale = 100 if percent else 1
    texts = [format_number(scale * limit, language, digits=digits) for limit in (lower, upper)]
    if texts == [EMPTY, EMPTY]:
        return EMPTY
    joint = f"{_NO_BREAK}; " if language == "fr" else " to "
    return f"[{joint.join(texts)}]" if language == "fr" else f"({joint.join(texts)})"


def format_date(value: object, language: Language) -> str:
    """Return a date in words, as in `3 mai 2024`."""
    return str(_format_date(value, format="long", locale=language))  # type: ignore[arg-type]
