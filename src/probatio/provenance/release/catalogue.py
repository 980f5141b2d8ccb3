"""What may be said of each metric: a closed list, as data. A metric that is not in it does not leave.

| kind | what its row discloses |
|---|---|
| share | n, k, n - k |
| tally | its estimate, n, k, n - k |
| implied | the same, and estimate x n where the estimate is a proportion that carries no k of its own |
| paired | the four cells of two sources on the same values |
| counted | as a share; its estimate is a function of a small table and can be inverted: it goes where the table goes |
| continuous | n, k, n - k; its estimate cannot be inverted, so that it may stay where only the counts must go |
| raters | n, and how many values the readers can at least differ on |
| equivalence | a decision on two sources' numbers: it stays, its interval and counts go |
| resting | its estimate is set or simulated, and tells no count; what it rests on goes where it is small |
| plan, decision | nothing of a patient: what the protocol sets, what it decides |
| withheld | one centre, or one patient's place: never leaves |

`shape` says how the rows of one `group` relate: `own` (each stands alone), `parts` (terms are parts of a whole),
`chained` (each is within the next, term by term), `nested` (the same, and all together), `strata` (every stratum of
every term together), `all` (every row together), `whole` (goes only where every row of the group goes). `level` is how
fine a table of outcomes a row discloses; see `outcomes`. Replicates, confidence levels and what the protocol sets are
no counts of patients.
"""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import pandas as pd

FREE = ("plan", "decision", "equivalence")
UNKNOWN = "unknown"


class Measure(NamedTuple):
    """How a metric is treated."""

    kind: str
    shape: str
    group: str
    level: float


@cache
def read_measures() -> dict[tuple[str, str], Measure]:
    """Return the treatment of each metric by (notebook, metric); an empty notebook stands for any."""
    text = files(__package__).joinpath("measures.csv").read_text(encoding="utf-8")
    return {
        (line["notebook"], line["metric"]): Measure(
            line["kind"], line["shape"], line["group"], float(line["level"] or -1)
        )
        for line in csv.DictReader(io.StringIO(text, newline=""))
    }


def find_measure(notebook: str, metric: str) -> Measure:
    """Return the treatment of a metric; kind `unknown` where the list lacks it."""
    known = read_measures()
    return known.get((notebook, metric)) or known.get(("", metric)) or Measure(UNKNOWN, "own", "", -1)


def derive_treatments(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `stated`, `kind`, `shape`, `group`, `level` of each row; a criterion is treated as the metric it cites."""
    stated = rows["metric"].where(rows["metric"] != "criterion", rows["unit"])
    pairs = pd.MultiIndex.from_arrays([rows["section"], stated])
    codes, unique = pairs.factorize()
    found = pd.DataFrame([find_measure(*pair) for pair in unique], columns=list(Measure._fields))
    treated = found.iloc[codes].set_axis(rows.index)
    return treated.assign(stated=stated)
