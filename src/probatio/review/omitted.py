"""How likely a value that a technology did not give is in the documents: the probability of an omission.

Cells without a value fall into classes: the variable always has a value or may be absent; another technology found
one, none did, or none answered; the patient's documents mention the variable, do not, or nobody can tell. The share
of omissions among the cells of a class is estimated on tuning patients, and that of each variable within it is drawn
towards the class: (k + m p) / (n + m), the mean of a beta posterior whose prior weighs as much as m cells (Gelman et
al. 2013, section 2.4). Without a labelled cell of its class the answer is one half.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from probatio.measures.omissions import Mentions
from probatio.protocol import Protocol
from probatio.resampling import Floats

PRIOR: Final = 4.0
"""Cells that a class weighs as, beside those of one variable in it."""
_CLASS: Final = ["due", "elsewhere", "mentioned"]


def derive_mentioned(scored: pd.DataFrame, protocol: Protocol, mentions: Mentions | None) -> pd.Series:
    """Return "yes" where a patient's documents mention the variable, "no" where all were read in vain, else ""."""
    if mentions is None:
        return pd.Series("", index=scored.index, dtype=object)
    worded = {variable.name for variable in protocol.variables if variable.mentioned}
    cells = pd.MultiIndex.from_frame(scored[["variable", "patient_id"]])
    found = cells.isin(list(mentions.found)) if mentions.found else np.zeros(len(scored), dtype=bool)
    read = scored["patient_id"].isin(mentions.read) & scored["variable"].isin(worded)
    return pd.Series(np.where(found, "yes", np.where(read, "no", "")), index=scored.index, dtype=object)


def compute_omission(cells: pd.DataFrame, protocol: Protocol) -> Floats:
    """Return the probability that each cell without a value is an omission.

    Args:
        cells: rows of the scored table without a value, and the column `mentioned`.
        protocol: which variables always have a value.
    """
    required = {variable.name for variable in protocol.variables if variable.required}
    elsewhere = np.select([cells["agreement"].isna(), cells["agreement"] < 1], ["", "yes"], "no")
    told = cells.assign(due=cells["variable"].isin(required), elsewhere=elsewhere)
    known = told[told["split"].eq("tuning") & told["error"].notna()]
    whole = _count(known, _CLASS).reindex(pd.MultiIndex.from_frame(told[_CLASS])).fillna(0.0)
    own = _count(known, ["variable", *_CLASS]).reindex(pd.MultiIndex.from_frame(told[["variable", *_CLASS]]))
    own = own.fillna(0.0)
    prior = (whole["sum"].to_numpy() + 0.5) / (whole["size"].to_numpy() + 1.0)
    share: Floats = (own["sum"].to_numpy() + PRIOR * prior) / (own["size"].to_numpy() + PRIOR)
    return share


def _count(known: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return known.groupby(by)["error"].agg(["size", "sum"]).astype(float)
