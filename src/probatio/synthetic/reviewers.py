"""What people make of the values they review: two readers, and a third person who settles.

Readers look at the document with the AI's value before their eyes, and that anchors them. One table says how often
each errs on a typed document of a centre of difficulty 0:

| shown | the reader errs | probability |
|---|---|---|
| a right value | replaces it | 0.018 |
| a wrong value | lets it stand (automation bias) | 0.10 |
| the same wrong value by both AIs | lets it stand | logit + 1.2 |
| a value that does not conform, or none | does not find the true one | 0.030 |
| unaided, for comparison: nothing shown | does not find the true one | 0.030 |

A scanned document adds 0.6 to each logit, a centre's difficulty 0.3 times itself, R1 is more careful (-0.2) than R2
(+0.2), the adjudicator more than both (-0.5). What makes a case hard is the same for all who read it: a normal
deviate of 0.8, so that two readers miss together more often than by chance. Every figure is a choice of the study.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from probatio.synthetic.design import CELLS, CENTRES, Array, Variable, derive_number_texts, open_stream
from probatio.synthetic.outcomes import compute_outcomes
from probatio.synthetic.routing import REVIEWED_OF, SHOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probatio.synthetic.readings import Reading
    from probatio.synthetic.truth import Truth

SLIP: Final = 0.018
ANCHORED: Final = 0.10
UNAIDED: Final = 0.030
AGREED_SHIFT: Final = 1.2
SCANNED_SHIFT: Final = 0.6
DIFFICULTY: Final = 0.3
SPREAD: Final = 0.8
PEOPLE: Final = {"R1": -0.2, "R2": 0.2, "A1": -0.5}
ADJUDICATOR: Final = "A1"
PENDING: Final = 0.20
"""The share of the readings that differ which nobody has settled yet."""
_UNREADABLE: Final = 0.15
_NOT_FOUND: Final = 0.45
COLUMNS: Final = ("case", "reviewer", "role", "result", "unreadable", "unaided_error")


def derive_readings(seed: int, truth: Truth, cases: pd.DataFrame, readings: Mapping[str, Reading]) -> pd.DataFrame:
    """Return what each person made of each case, in the order of cases and roles.

    Args:
        seed: the study's.
        truth: what the documents say.
        cases: of `select_cases`.
        readings: of both AIs.

    Returns:
        `case` (row of `cases`), `reviewer`, `role`, `result` (a text, "" for none), `unreadable`, and
        `unaided_error`: whether the same person would have erred without a value before his eyes.
    """
    parts = [
        _derive_cell(seed, truth, readings, int(str(place)), own) for place, own in cases.groupby("cell", sort=True)
    ]
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values(["case", "order"], kind="stable", ignore_index=True)[list(COLUMNS)]


class _Cases:
    """The cases of one cell: what is true, what is shown, how hard each is; arrays of shape (cases,)."""

    def __init__(self, seed: int, truth: Truth, readings: Mapping[str, Reading], place: int, own: pd.DataFrame) -> None:
        cell, rows = CELLS[place], own["row"].to_numpy()
        self.seed, self.cell, self.rows, self.patients = seed, cell, rows, len(truth.centre)
        self.index = own.index.to_numpy()
        self.double = own["double"].to_numpy(dtype=bool)
        self.true = truth.cells[cell.key][rows]
        self.told, self.beside = (readings[name].cells[cell.key][rows] for name in (REVIEWED_OF, SHOWN))
        causes, others = (readings[name].causes[cell.key][rows] for name in (REVIEWED_OF, SHOWN))
        # Nobody can choose a value that does not conform.
        self.beside = np.where(others == "F", "", self.beside).astype(object)
        letters = compute_outcomes(self.true, self.told, causes, cell.variable)
        self.right = np.isin(letters, ["C", "B"])
        self.blank = (self.told == "") | (causes == "F")
        difficulty = np.array([centre.difficulty for centre in CENTRES])[truth.centre[rows]]
        hard = open_stream(seed, "review", "hard", cell.key).standard_normal(self.patients)[rows]
        self.shift = DIFFICULTY * difficulty + SCANNED_SHIFT * truth.masks["scanned"][rows] + SPREAD * hard

    def draw(self, *names: str) -> Array:
        """Return chances in [0, 1) of a purpose, those of all patients drawn: another case moves none of them."""
        chances: Array = open_stream(self.seed, "review", *names, self.cell.key).random((4, self.patients))
        return chances[:, self.rows]

    def read(self, person: str) -> tuple[Array, Array, Array]:
        """Return a person's result of every case, whether he calls it unreadable, and whether unaided he would err."""
        errs, how, which, unreadable = self.draw("reading", person)
        base = np.select([self.blank, self.right], [UNAIDED, SLIP], ANCHORED)
        agreed = AGREED_SHIFT * (~self.blank & ~self.right & (self.told == self.beside))
        wrong = errs < expit(logit(base) + self.shift + PEOPLE[person] + agreed)
        lets = wrong & ~self.blank & ~self.right
        result = np.where(wrong, self._mistake(how, which), self.true).astype(object)
        result[lets] = self.told[lets]
        kept = ~wrong & self.right & ~self.blank
        result[kept] = self.told[kept]
        alone = errs < expit(logit(UNAIDED) + self.shift + PEOPLE[person])
        return result, (result == "") & wrong & (unreadable < _UNREADABLE), alone

    def _mistake(self, how: Array, which: Array) -> Array:
        """Return a wrong result: the competing value where it is wrong too, else nothing found, or a near value."""
        misled = (self.beside != self.true) & (self.beside != "") & (self.beside != self.told)
        pairs = zip(self.true.tolist(), which.tolist(), strict=True)
        near = np.array([derive_near(true, chance, self.cell.variable) for true, chance in pairs], dtype=object)
        return np.where(misled, self.beside, np.where(how < _NOT_FOUND, "", near)).astype(object)


def _derive_cell(
    seed: int, truth: Truth, readings: Mapping[str, Reading], place: int, own: pd.DataFrame
) -> pd.DataFrame:
    cases = _Cases(seed, truth, readings, place, own)
    results = {person: cases.read(person) for person in PEOPLE}
    turn = open_stream(seed, "review", "turn").random(cases.patients)[cases.rows] < 0.5
    first, second = (
        [np.where(turn == (at == 0), one, two) for one, two in zip(results["R1"], results["R2"], strict=True)]
        for at in (0, 1)
    )
    names = np.where(turn, "R1", "R2"), np.where(turn, "R2", "R1")
    differ = cases.double & ((first[0] != second[0]) | (first[1] != second[1]))
    settled = differ & (cases.draw("pending")[0] >= PENDING)
    parts = [
        pd.DataFrame({"case": cases.index, "order": order, "reviewer": who, "role": role, "result": found[0],
                      "unreadable": found[1], "unaided_error": found[2]})[kept]
        for order, (role, who, found, kept) in enumerate((
            ("first", names[0], first, np.ones(len(turn), dtype=bool)),
            ("second", names[1], second, cases.double),
            ("adjudicator", np.full(len(turn), ADJUDICATOR), results[ADJUDICATOR], settled),
        ))
    ]  # fmt: skip
    found: pd.DataFrame = pd.concat(parts)
    return found


def derive_near(true: str, chance: float, variable: Variable) -> str:
    """Return a value near the true one, as a tired reader copies it; the true one where there is nothing near."""
    if not true:
        return true
    if variable.type == "set":
        items = true.split("|")
        del items[int(chance * len(items))]
        return "|".join(items)
    if variable.levels:
        others = [level for level in variable.levels if level != true]
        return others[int(chance * len(others))]
    if variable.type == "date":
        full = date.fromisoformat(true if len(true) == 10 else f"{true}-15")
        return (full + timedelta(days=31 if len(true) == 7 else 1 + int(chance * 28))).isoformat()[: len(true)]
    number, step = float(true), max(variable.step, variable.tolerance + 1, 0.1 * float(true))
    moved = number - step if chance >= 0.5 and number > step else number + step
    return str(derive_number_texts(np.array([round(moved)]))[0])
