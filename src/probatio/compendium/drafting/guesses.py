"""What a column seems to hold: its type, its levels, the codes for what is not documented."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from probatio.protocol.base import DateOrder
from probatio.records.dates import AMBIGUOUS, derive_date

MISSING = ("NA", "N/A", "ND", "NR", "NC", "NSP", "NK", "UNK", "unknown", "inconnu", "inconnue", "non renseigné",
           "non documenté", "not documented", "missing", ".", "-", "?")  # fmt: skip
_YES_NO = ({"no", "yes"}, {"non", "oui"}, {"n", "y"}, {"n", "o"}, {"0", "1"}, {"absent", "present"})
_EVENTS = ("yes", "oui", "y", "o", "1", "present")
_MOST_LEVELS = 20
_MOST_STEPS = 11
_OFTEN = 3
"""A level is proposed when it is seen this often: a rarer text may be a patient's own words."""
_MOSTLY = 0.9
_ROMAN = re.compile(r"[IVX]+")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Guess:
    """What a column of one or more files seems to hold.

    `type` is "" for free text, which is left out. `rare`: how many texts were seen too seldom to be proposed as levels.
    `recode`: writings that differ from a level by case alone.
    """

    type: str
    levels: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rare: int = 0
    recode: dict[str, str] = field(default_factory=dict)


def guess_unit(header: str) -> str:
    """Return the unit at the end of a header, as in `Weight (kg)` or `Weight [kg]`; empty without one."""
    found = re.search(r"[(\[]([^()\[\]]{1,12})[)\]]\s*$", header)
    return found[1].strip() if found else ""


def guess_column(cells: Sequence[str], *, unit: bool = False) -> Guess:
    """Return what the texts of a column, of all files together, seem to hold; with a unit, numbers are no scale."""
    texts = [text.strip() for text in cells if text.strip()]
    missing = tuple(sorted({text for text in texts if text.casefold() in {code.casefold() for code in MISSING}}))
    known = [text for text in texts if text not in missing]
    if not known:
        return Guess("", missing=missing)
    if _compute_share(known, _is_date) >= _MOSTLY:
        return Guess("date", missing=missing)
    if _compute_share(known, _is_number) >= _MOSTLY and (unit or not _is_scale(known)):
        return Guess("number", missing=missing)
    return _guess_levels(known, missing)


def _guess_levels(known: Sequence[str], missing: tuple[str, ...]) -> Guess:
    levels, rare, recode = _find_levels(known)
    initials = _find_initials(levels)
    levels, recode = [level for level in levels if level not in initials], recode | initials
    if rare > len(known) / 10 or not 1 < len(levels) <= _MOST_LEVELS:
        return Guess("", missing=missing)
    if {level.casefold() for level in levels} in _YES_NO:
        ordered = sorted(levels, key=lambda level: level.casefold() in _EVENTS)
        return Guess("binary", tuple(ordered), missing, rare, recode)
    if _is_scale(known):
        return Guess("ordinal", tuple(sorted(levels, key=float)), missing, rare, recode)
    return Guess("nominal", tuple(levels), missing, rare, recode)


def _compute_share(texts: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, texts)) / len(texts)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    return not _NUMBER.fullmatch(text) and derive_date(text, None) is not None


def _is_scale(texts: Sequence[str]) -> bool:
    steps = {text for text in texts if text.isdigit()}
    return len(steps) <= _MOST_STEPS and _compute_share(texts, lambda text: text in steps and len(text) <= 3) >= _MOSTLY


def _find_levels(texts: Sequence[str]) -> tuple[list[str], int, dict[str, str]]:
    """Return the levels, how many texts are too rare to be one, and the writings that differ by case from a level."""
    counts = Counter(texts)
    spelling: dict[str, str] = {}
    for text, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        spelling.setdefault(text.casefold(), text)
    total = Counter({spelling[text.casefold()]: 0 for text in counts})
    for text, count in counts.items():
        total[spelling[text.casefold()]] += count
    levels = sorted(level for level, count in total.items() if count >= _OFTEN)
    recode = {text: spelling[text.casefold()] for text in sorted(counts)
              if text != spelling[text.casefold()] and spelling[text.casefold()] in levels}  # fmt: skip
    return levels, sum(count for level, count in total.items() if count < _OFTEN), recode


def _find_initials(levels: Sequence[str]) -> dict[str, str]:
    """Return the levels that are one letter for the one word that begins with it: `F` for `Femme`, no stage `I`."""
    out = {}
    for level in levels:
        words = [word for word in levels if word != level and word.casefold().startswith(level.casefold())]
        if len(level) == 1 and len(words) == 1 and words[0].isalpha() and not _ROMAN.fullmatch(words[0]):
            out[level] = words[0]
    return out


def guess_decimal(columns: Sequence[Sequence[str]]) -> str:
    """Return the mark that parts decimals in the numbers of a file."""
    numbers = [text.strip() for cells in columns for text in cells if _NUMBER.fullmatch(text.strip())]
    commas, points = (sum(mark in text for text in numbers) for mark in ",.")
    return "," if commas > points else "."


def guess_order(columns: Sequence[Sequence[str]]) -> DateOrder | None:
    """Return the order of day and month in a file's dates; None where every date begins with its year.

    A file whose days never exceed 12 is taken to put the day first, as French exports do: the draft says so.
    """
    found: set[DateOrder] = set()
    ends_with_year = False
    for text in (text.strip() for cells in columns for text in cells):
        if _is_date(text) and derive_date(text, None) == AMBIGUOUS:
            ends_with_year = True
            readable: list[DateOrder] = [order for order in ("DMY", "MDY") if derive_date(text, order)]
            if len(readable) == 1:
                found.add(readable[0])
    return "MDY" if found == {"MDY"} else "DMY" if ends_with_year else None
