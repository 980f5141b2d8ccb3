"""How a source tells repeated events.

A source forgets lines (O), adds some (U, G), merges two lines into one or splits one into two (R), and errs on
attributes as it errs on single values. `origin` keeps the true line that a delivered line comes from (-1:
none), so that the generator can count before any matching; `cause` keeps what made the line (U, G, R).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.synthetic.design import (
    EVENT_LEVELS,
    REPEATS,
    TERMS,
    Array,
    Variable,
    derive_date_texts,
    derive_days,
    open_stream,
)
from probatio.synthetic.mechanisms import Mechanism, Rule, derive_errors, read_mechanisms
from probatio.synthetic.reader import Reader, select_when
from probatio.synthetic.truth import Truth, choose, compute_treated


def derive_told(lines: pd.DataFrame) -> pd.DataFrame:
    """Return true lines as told: each is its own origin, nothing has gone wrong yet."""
    return lines.assign(origin=np.arange(len(lines)), cause="")


def number_lines(lines: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Number each patient's lines from 1 in the order told; sources need not agree."""
    result = {}
    for name, frame in lines.items():
        ordered = frame.sort_values("patient", kind="stable").reset_index(drop=True)
        result[name] = ordered.assign(event=ordered.groupby("patient").cumcount() + 1)
    return result


def read_lines(reader: Reader, variable: Variable, true_lines: pd.DataFrame, barred: Array) -> pd.DataFrame:
    """Return the lines that a source delivers of one variable.

    A source that repeats another tells the lines of some patients by the other's chances, of the rest by its own.

    Args:
        reader: the source.
        variable: a variable of events.
        true_lines: its true lines, sorted by patient and date; never modified.
        barred: the patients for whom it was not assessed, shape (n,).
    """
    if reader.source not in REPEATS:
        return _read(reader, variable, true_lines, barred, reader.source)
    chance = open_stream(reader.seed, reader.source, variable.name, "anew").random(len(barred))
    anew: Array = chance < REPEATS[reader.source].redrawn
    same = _read(reader, variable, true_lines, barred, reader.base)
    other = _read(reader, variable, true_lines, barred, reader.source)
    told: pd.DataFrame = pd.concat([same[~anew[same["patient"]]], other[anew[other["patient"]]]])
    return told


def _read(reader: Reader, variable: Variable, true_lines: pd.DataFrame, barred: Array, stream: str) -> pd.DataFrame:
    rng = open_stream(reader.seed, stream, variable.name)
    silent = reader.find_lost(variable.document) | barred
    lines = derive_told(true_lines)[~silent[true_lines["patient"].to_numpy()]]
    for mechanism in read_mechanisms(variable.name):
        if mechanism.code in ("U", "G"):
            hit = (rng.random(len(silent)) < reader.compute_limit(mechanism)) & ~silent
            lines = pd.concat([lines, generate_spurious(rng, reader.truth, hit, mechanism.code)])
        else:
            lines = _change_lines(rng, reader, mechanism, lines)
    lines = _order_lines(rng, reader.base, lines)
    for attribute in variable.attributes:
        lines = _change_attribute(rng, reader, f"{variable.name}.{attribute}", lines)
    if reader.is_ai:
        right = (lines["origin"] >= 0).to_numpy()
        lines["confidence"] = reader.compute_confidence(rng, lines["patient"].to_numpy(), right)
    return lines


def derive_lines_merged(lines: pd.DataFrame, hit: Array) -> pd.DataFrame:
    """R: a line swallows the next one of the same patient; a line of therapy takes its end and drugs.

    Args:
        lines: sorted by patient and date.
        hit: the lines that swallow, shape (n,); two in a row count for one.
    """
    patient = lines["patient"].to_numpy()
    swallow = hit & np.append(patient[1:] == patient[:-1], False)[: len(hit)]
    swallow &= ~np.append(False, swallow)[:-1]
    gone = np.append(False, swallow)[:-1]
    merged = lines.copy()
    merged.loc[swallow, "cause"] = "R"
    if "drugs" in lines:
        both = zip(lines.loc[swallow, "drugs"], lines.loc[gone, "drugs"], strict=True)
        merged.loc[swallow, "drugs"] = ["|".join(sorted({*a.split("|"), *b.split("|")})) for a, b in both]
        merged.loc[swallow, "end"] = lines["end"].to_numpy()[gone]
    return merged[~gone]


def derive_lines_split(lines: pd.DataFrame, hit: Array, chance: Array) -> pd.DataFrame:
    """R: a line is told twice, the second time some 10 to 90 days later; the copy has no origin."""
    date = _find_date(lines)
    second = lines[hit].copy()
    later = derive_days(second[date].to_numpy()) + 10 + np.floor(80 * chance[hit])
    second[date] = derive_date_texts(later)
    second["origin"] = -1
    second["cause"] = "R"
    if "drugs" in second:
        second["drugs"] = [drugs.split("|")[-1] for drugs in second["drugs"]]
    return pd.concat([lines, second])


def generate_spurious(rng: np.random.Generator, truth: Truth, hit: Array, code: str) -> pd.DataFrame:
    """U, G: one adverse event that did not happen, mostly mild, for each patient hit; `cause` keeps the code."""
    patient = np.flatnonzero(hit)
    n = len(patient)
    treated = np.maximum((compute_treated(truth.course) - truth.course.start)[patient], 2)
    return pd.DataFrame({
        "patient": patient,
        "term": np.array(TERMS, dtype=object)[rng.integers(0, len(TERMS), n)],
        "grade": choose(rng, n, {"1": 0.55, "2": 0.35, "3": 0.10}),
        "serious": np.full(n, "no", dtype=object),
        "start": derive_date_texts(truth.course.start[patient] + 1 + np.floor(rng.random(n) * (treated - 1))),
        "end": np.full(n, "", dtype=object),
        "origin": -1,
        "cause": code,
    })  # fmt: skip


def _find_date(lines: pd.DataFrame) -> str:
    return "date" if "date" in lines else "start"


def _change_lines(rng: np.random.Generator, reader: Reader, mechanism: Mechanism, lines: pd.DataFrame) -> pd.DataFrame:
    fate, chance = rng.random((2, len(lines)))
    hit = fate < reader.compute_limit(mechanism)[lines["patient"].to_numpy()]
    hit &= select_when(mechanism.when, reader.truth, lines)
    if mechanism.code == "O":
        kept: pd.DataFrame = lines[~hit]
        return kept
    return derive_lines_merged(lines, hit) if mechanism.detail == "merge" else derive_lines_split(lines, hit, chance)


def _order_lines(rng: np.random.Generator, source: str, lines: pd.DataFrame) -> pd.DataFrame:
    """People number by date; an AI numbers as it reads."""
    order = lines[_find_date(lines)].to_numpy() if source == "manual" else rng.random(len(lines))
    return lines.iloc[np.argsort(order, kind="stable")].sort_values("patient", kind="stable").reset_index(drop=True)


def _change_attribute(rng: np.random.Generator, reader: Reader, name: str, lines: pd.DataFrame) -> pd.DataFrame:
    attribute = name.partition(".")[2]
    texts = lines[attribute].to_numpy(dtype=object, copy=True)
    codes = np.full(len(texts), "", dtype=object)
    patient = lines["patient"].to_numpy()
    for mechanism in read_mechanisms(name):
        fate, chance = rng.random((2, len(texts)))
        hit = (fate < reader.compute_limit(mechanism)[patient]) & (codes == "")
        rule = Rule(mechanism.code, mechanism.detail, EVENT_LEVELS.get(name, ()))
        rows, wrong = derive_errors(texts, hit, chance, None, rule)
        texts[rows], codes[rows] = wrong, mechanism.code
    return lines.assign(**{attribute: texts, f"{attribute}_cause": codes})
