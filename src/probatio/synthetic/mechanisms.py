"""Error mechanisms: one small pure function per code, and the table of their probabilities.

A mechanism takes one true text and gives the wrong text, or the same text where it does not apply (nothing
to omit, no day to exchange). Chance comes in from outside as a number in [0, 1): the functions hold no state
and draw nothing, so that two sources given the same chance make the same mistake: a shared error.

Codes: O omission, U unsupported, N neighbouring level, G negation or family history missed, X unit, S day and
month exchanged, L lag, C copied forward, T taken at the wrong time, F form that does not conform; R (events
merged or split) works on whole lines and lives in `events`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

import numpy as np

from probatio.digest import compute_digest
from probatio.synthetic.design import READERS, Array, derive_number_texts


@dataclass(frozen=True)
class Rule:
    """How a mechanism works on one variable: what the functions need to know beside the value."""

    code: str
    detail: str = ""
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mechanism:
    """One line of the table: a code on a variable (or on an attribute, as `adverse_events.grade`).

    `probability` is per source, for a typed document of a centre of difficulty 0; `shared` is the
    probability, in an ambiguous document, that manual collection and every AI make the very same error.
    `early_death` is added to the logit in patients who die early; `when` restricts to a mask.
    """

    variable: str
    code: str
    detail: str
    when: str
    early_death: float
    probability: dict[str, float]
    shared: float
    why: str


def _read_table() -> bytes:
    return resources.files("probatio.synthetic").joinpath("mechanisms.csv").read_bytes().replace(b"\r\n", b"\n")


def compute_table_digest() -> str:
    """Return the SHA-256 of the mechanism table (LF line ends)."""
    return compute_digest(_read_table())


@cache
def read_mechanisms(variable: str) -> tuple[Mechanism, ...]:
    """Return the mechanisms of one variable or attribute, in the order of the table.

    The first mechanism that changes a value wins; the later ones leave it alone.
    """
    rows = csv.DictReader(io.StringIO(_read_table().decode("utf-8")))
    return tuple(_derive_mechanism(row) for row in rows if row["variable"] == variable)


def _derive_mechanism(row: dict[str, str]) -> Mechanism:
    return Mechanism(
        variable=row["variable"],
        code=row["code"],
        detail=row["detail"],
        when=row["when"],
        early_death=float(row["early_death"]),
        probability={source: float(row[source]) for source in READERS},
        shared=float(row["shared"]),
        why=row["why"],
    )


def compute_omission(value: str, chance: float, other: str, rule: Rule) -> str:
    """O: nothing is entered; with detail `item`, one item of a set is forgotten."""
    if rule.detail != "item" or not value:
        return ""
    items = value.split("|")
    del items[int(chance * len(items))]
    return "|".join(items)


def compute_unsupported(value: str, chance: float, other: str, rule: Rule) -> str:
    """U: a value where there is none: an item, a level, a number in a range, a date after `other`."""
    if rule.detail == "item":
        return _add_item(value, chance, rule)
    if ">" in rule.detail:
        return _map_level(value, rule)
    if value:
        return value
    low, high = _read_range(rule.detail.rpartition("+")[2])
    if "+" in rule.detail:
        return (date.fromisoformat(other) + timedelta(days=low + int(chance * (high - low)))).isoformat()
    return str(5 * round((low + chance * (high - low)) / 5))


def compute_neighbour(value: str, chance: float, other: str, rule: Rule) -> str:
    """N: the level before or after; a count one off; with detail `@dose`, another dose of the label."""
    if not value:
        return value
    if ">" in rule.detail:
        return _map_level(value, rule)
    levels = ("60", "120", "180") if rule.detail == "@dose" else rule.levels
    if not levels:
        return str(max(int(value) + (1 if chance < 0.5 else -1), 0))
    place = levels.index(value) + (1 if chance < 0.5 else -1)
    return levels[place] if 0 <= place < len(levels) else levels[1 if place < 0 else -2]


def compute_missed_negation(value: str, chance: float, other: str, rule: Rule) -> str:
    """G: what is ruled out, or belongs to a relative, is taken for the patient's."""
    return _add_item(value, chance, rule) if rule.detail == "item" else _map_level(value, rule)


def compute_unit(value: str, chance: float, other: str, rule: Rule) -> str:
    """X: the number in another unit; detail `*factor`."""
    if not value:
        return value
    number = np.array([round(float(value) * float(rule.detail.removeprefix("*")), 1)])
    return str(derive_number_texts(number)[0])


def compute_exchanged_date(value: str, chance: float, other: str, rule: Rule) -> str:
    """S: day and month exchanged; a date known to the month takes the month that the day would give."""
    if len(value) == 7:
        return f"{value[:5]}{1 + int(chance * 12):02d}"
    if not value or int(value[8:]) > 12:
        return value
    return f"{value[:5]}{value[8:]}-{value[5:7]}"


def compute_lag(value: str, chance: float, other: str, rule: Rule) -> str:
    """L: a date some days later or earlier; detail `low:high` in days, the precision is kept."""
    if not value:
        return value
    low, high = _read_range(rule.detail)
    days = low + int(chance * (high - low + 1))
    full = value if len(value) == 10 else f"{value}-15"
    return (date.fromisoformat(full) + timedelta(days=days)).isoformat()[: len(value)]


def compute_copy(value: str, chance: float, other: str, rule: Rule) -> str:
    """C: the value of an earlier document, copied forward."""
    return _map_level(value, rule) if ">" in rule.detail else (other or value) if value else value


def compute_wrong_time(value: str, chance: float, other: str, rule: Rule) -> str:
    """T: the value at another time: another document's (`@next`, `@previous`), level's or date's."""
    if ":" in rule.detail:
        return compute_lag(value, chance, other, rule)
    return compute_copy(value, chance, other, rule)


def compute_unreadable(value: str, chance: float, other: str, rule: Rule) -> str:
    """F: the true value in a form that does not conform: a range, a sign, words, a date without day."""
    if not value:
        return value
    if ">" in rule.detail:
        return _map_level(value, rule)
    if rule.detail == "comma":
        return (value if "." in value else f"{value}.0").replace(".", ",")
    if rule.detail == "about":
        return f"environ {value}"
    return f"courant {value[:4]}" if chance < 0.5 else f"?/{value[5:7]}/{value[:4]}"


MECHANISMS: dict[str, Callable[[str, float, str, Rule], str]] = {
    "O": compute_omission,
    "U": compute_unsupported,
    "N": compute_neighbour,
    "G": compute_missed_negation,
    "X": compute_unit,
    "S": compute_exchanged_date,
    "L": compute_lag,
    "C": compute_copy,
    "T": compute_wrong_time,
    "F": compute_unreadable,
}


def derive_errors(values: Array, hit: Array, chance: Array, other: Array | None, rule: Rule) -> tuple[Array, Array]:
    """Return the rows that a mechanism really changes, and their wrong texts.

    Args:
        values: true texts, shape (n,); never modified.
        hit: rows at which the mechanism strikes, shape (n,).
        chance: numbers in [0, 1), shape (n,).
        other: texts at another time or of an anchor date, shape (n,), for the details that need them.
        rule: how the mechanism works here.
    """
    rows = np.flatnonzero(hit)
    beside = [""] * len(rows) if other is None else other[rows].tolist()
    strike = MECHANISMS[rule.code]
    wrong = [
        strike(v, c, o, rule) for v, c, o in zip(values[rows].tolist(), chance[rows].tolist(), beside, strict=True)
    ]
    changed = np.array([w != v for w, v in zip(wrong, values[rows].tolist(), strict=True)], dtype=bool)
    return rows[changed], np.array(wrong, dtype=object)[changed]


def _map_level(value: str, rule: Rule) -> str:
    pairs = dict(pair.split(">", 1) for pair in rule.detail.split(";"))
    return pairs.get(value, value)


def _add_item(value: str, chance: float, rule: Rule) -> str:
    items = value.split("|") if value else []
    absent = [level for level in rule.levels if level not in items]
    return "|".join(sorted([*items, absent[int(chance * len(absent))]])) if absent else value


def _read_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    return int(low), int(high)
