"""AI A after review: the cases, what people decided and when, and the source that results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from probatio.synthetic.design import CELLS, Array, derive_date_texts, derive_days, open_stream
from probatio.synthetic.outcomes import compute_outcomes
from probatio.synthetic.reviewers import ADJUDICATOR, derive_readings
from probatio.synthetic.routing import REVIEWED_OF, SHOWN, select_cases

if TYPE_CHECKING:
    from probatio.synthetic.readings import Reading
    from probatio.synthetic.truth import Truth

BEGUN: Final = {"first": "2025-03-03", "second": "2025-03-31", "adjudicator": "2025-04-14"}
"""First day of each role: both AIs had been read by the middle of February."""
SESSION_SECONDS: Final = 2 * 3600
MEDIAN_SECONDS: Final = {"kept": 30.0, "changed": 52.0}
_SCANNED, _SETTLING, _SPREAD = 1.3, 1.5, 0.55
_MISREAD: Final = "V"


@dataclass(frozen=True)
class Review:
    """The review of AI A.

    Attributes:
        cases: in the order of the queue, of `select_cases`, and beside: `told` (ai_a's text), `shown` (ai_b's),
            `true`, `right` (whether ai_a is).
        readings: what each person made of each case, of `derive_readings`, and beside: `right`, `stands`.
        reading: the source after review.
    """

    cases: pd.DataFrame
    readings: pd.DataFrame
    reading: Reading


def derive_review(seed: int, source: str, truth: Truth, readings: Mapping[str, Reading]) -> Review:
    """Review AI A beside AI B; the same seed gives the same review."""
    cases = _derive_beside(select_cases(seed, readings), truth, readings)
    decided = derive_readings(seed, truth, cases, readings)
    decided["right"] = _judge(cases.loc[decided["case"]].reset_index(drop=True), decided["result"].to_numpy())
    decided["stands"] = _find_standing(decided)
    return Review(cases, decided, _apply(source, readings[REVIEWED_OF], cases, decided[decided["stands"]]))


def _derive_beside(cases: pd.DataFrame, truth: Truth, readings: Mapping[str, Reading]) -> pd.DataFrame:
    columns: dict[str, Array] = {name: np.full(len(cases), "", dtype=object) for name in ("told", "shown", "true")}
    right = np.zeros(len(cases), dtype=bool)
    for place, own in cases.groupby("cell"):
        cell, at, rows = CELLS[int(str(place))], own.index.to_numpy(), own["row"].to_numpy()
        columns["told"][at] = readings[REVIEWED_OF].cells[cell.key][rows]
        columns["shown"][at] = readings[SHOWN].cells[cell.key][rows]
        columns["true"][at] = truth.cells[cell.key][rows]
        causes = readings[REVIEWED_OF].causes[cell.key][rows]
        right[at] = np.isin(
            compute_outcomes(columns["true"][at], columns["told"][at], causes, cell.variable), ["C", "B"]
        )
    return cases.assign(**columns, right=right, scanned=truth.masks["scanned"][cases["row"].to_numpy()])


def _judge(cases: pd.DataFrame, result: Array) -> Array:
    """Return whether each result is right; what stands as ai_a delivered it is judged as ai_a's."""
    right = np.zeros(len(cases), dtype=bool)
    for place, own in cases.groupby("cell"):
        at = own.index.to_numpy()
        clean = np.full(len(at), "", dtype=object)
        letters = compute_outcomes(own["true"].to_numpy(), result[at], clean, CELLS[int(str(place))].variable)
        right[at] = np.isin(letters, ["C", "B"])
    return np.where(result == cases["told"].to_numpy(), cases["right"].to_numpy(), right)


def _find_standing(decided: pd.DataFrame) -> pd.Series:
    """Return whose result stands: the adjudicator's, else the first reader's where nobody else differs."""
    cases = decided.groupby("case")
    settled = cases["role"].transform(lambda roles: "adjudicator" in set(roles))
    alike = cases["result"].transform("nunique") == 1
    first = (decided["role"] == "first") & alike
    return pd.Series(np.where(settled, decided["role"] == "adjudicator", first), index=decided.index, dtype=bool)


def _apply(source: str, own: Reading, cases: pd.DataFrame, standing: pd.DataFrame) -> Reading:
    cells = {key: texts.copy() for key, texts in own.cells.items()}
    causes = {key: codes.copy() for key, codes in own.causes.items()}
    confidence = {key: values.copy() for key, values in own.confidence.items()}
    standing = standing.join(cases[["cell", "row", "told"]], on="case")
    for place, group in standing.groupby("cell"):
        key, rows = CELLS[int(str(place))].key, group["row"].to_numpy()
        changed = (group["result"] != group["told"]).to_numpy()
        codes = np.select([group["unreadable"], group["right"]], ["failed", ""], _MISREAD).astype(object)
        cells[key][rows] = group["result"].to_numpy()
        causes[key][rows[changed]] = codes[changed]
        confidence[key][rows] = np.nan
    return replace(own, source=source, cells=cells, causes=causes, confidence=confidence)


def derive_decision_table(review: Review, seed: int, names: Array) -> pd.DataFrame:
    """Return the table of decisions as `probatio review decisions` writes it, by patient, variable and visit.

    Args:
        review: of `derive_review`.
        seed: the study's.
        names: pseudonyms of the patients, by row.
    """
    cases = review.cases.loc[review.readings["case"]].reset_index(drop=True)
    table = review.readings.join(cases.drop(columns="right"))
    told, shown, result = (table[name].to_numpy() for name in ("told", "shown", "result"))
    words = np.select(
        [table["unreadable"], result == "", (result == told), result == shown],
        ["unreadable", "absent", "confirmed", "chosen"], "corrected",
    )  # fmt: skip
    seconds = _draw_seconds(table, words, seed)
    lines = pd.DataFrame({
        "patient_id": names[table["row"]], "variable": [CELLS[place].variable.name for place in table["cell"]],
        "visit": [CELLS[place].visit for place in table["cell"]], "event": "", "decision": words,
        "value": np.where(np.isin(words, ["chosen", "corrected"]), result, ""), "reviewer": table["reviewer"],
        "role": table["role"], "decided_at": _derive_moments(table, seconds), "seconds": seconds,
        "selection_probability": [repr(float(each)) if each < 1 else "1" for each in table["selection_probability"]],
        "cell": table["cell"], "row": table["row"],
    })  # fmt: skip
    return lines.sort_values(["row", "cell"], kind="stable").drop(columns=["row", "cell"])


def _draw_seconds(table: pd.DataFrame, words: Array, seed: int) -> Array:
    """Return what each decision took, log-normal: longer where a value is changed, scanned, or settled."""
    median = np.where(words == "confirmed", MEDIAN_SECONDS["kept"], MEDIAN_SECONDS["changed"])
    median = median * np.where(table["scanned"], _SCANNED, 1) * np.where(table["reviewer"] == ADJUDICATOR, _SETTLING, 1)
    noise = open_stream(seed, "review", "seconds").standard_normal(len(table))
    seconds: Array = np.maximum(np.round(median * np.exp(_SPREAD * noise)), 3).astype(int)
    return seconds


def _derive_moments(table: pd.DataFrame, seconds: Array) -> Array:
    """Return when each decision was made: two hours from nine o'clock on working days, in the order of the queue."""
    texts = np.full(len(table), "", dtype=object)
    for (_, role), group in table.groupby(["reviewer", "role"], sort=True):
        at = group.index.to_numpy()
        spent = np.cumsum(seconds[at])
        day, rest = np.divmod(spent, SESSION_SECONDS)
        start = int(derive_days(np.array([BEGUN[str(role)]], dtype=object))[0])
        dates = derive_date_texts(start + day // 5 * 7 + day % 5)
        texts[at] = [
            f"{text}T{9 + rest // 3600:02d}:{rest // 60 % 60:02d}" for text, rest in zip(dates, rest, strict=True)
        ]
    return texts
