"""Weights when the reference was looked up by whether two sources agree.

Adjudicators often look at all the values on which two sources differ, and at a random sample of those on which
they agree. Unweighted, the discordant values count too much and every error rate is too high; without
the sample, shared errors are never seen. Each compared value stands for N / n of its kind: N cells of its variable
on which the sources agree (or do not), n of them with a reference. These are Hajek's weights with the realised
sampling fractions (Hajek 1971; post-stratified, as in Cochran 1977, section 12.2).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.comparison.singles import CELL, derive_single_pairs
from probatio.protocol import Protocol, UserError
from probatio.records import Records


def derive_adjudication_factors(pairs: pd.DataFrame, records: Records, protocol: Protocol) -> pd.Series:
    """Return by how much each pair's weight is to be multiplied; 1 where nothing was adjudicated.

    Repeated events and cells that one of the two sources was not asked for keep their weight.

    Args:
        pairs: all pairs of a comparison.
        records: the study's tables.
        protocol: with `adjudication`, otherwise every factor is 1.

    Raises:
        UserError: of a variable's concordant (or discordant) values not one has a reference, and none awaits it.
    """
    if protocol.adjudication is None:
        return pd.Series(1.0, index=pairs.index)
    cells = _derive_parts(records, protocol)
    looked_up = pairs.loc[pairs["kind"] == "error", CELL].drop_duplicates().assign(known=True)
    cells = cells.merge(looked_up, on=CELL, how="left")
    cells["known"] = cells["known"].eq(True)
    size = cells.groupby(["variable", "concordant"])["known"].agg(["size", "sum"])
    _check_parts(size, cells, records, protocol)
    factor = (size["size"] / size["sum"].where(size["sum"] > 0)).fillna(1.0).rename("factor")
    found = pairs[CELL].merge(cells.join(factor, on=["variable", "concordant"])[[*CELL, "factor"]], on=CELL, how="left")
    applies = ((pairs["kind"] == "error") & (pairs["event"] == "")).to_numpy(dtype=bool)
    return pd.Series(np.where(applies, found["factor"].fillna(1.0).to_numpy(dtype=float), 1.0), index=pairs.index)


def _derive_parts(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Return the single cells that both sources were to fill, of patients drawn for the reference: alike or not."""
    first, second = protocol.adjudication.between if protocol.adjudication else ("", "")
    drawn = records.patients.index[records.patients["reference_sampled"] & ~records.patients["development"]]
    variables = {variable.name: variable for variable in protocol.variables if variable.type != "events"}
    asked = records.assessments[records.assessments["variable"].isin(variables)]
    asked = asked[asked["patient_id"].isin(drawn)]
    cells = asked.loc[asked["source"] == first, CELL].merge(asked.loc[asked["source"] == second, CELL], on=CELL)
    said = [records.records[records.records["source"] == name] for name in (first, second)]
    judged, unclear = derive_single_pairs(cells, said[0], said[1], variables)
    alike = judged[CELL].assign(concordant=judged["outcome"].isin(["C", "B"]))
    return pd.concat([alike, unclear.assign(concordant=False)], ignore_index=True)


def _check_parts(size: pd.DataFrame, cells: pd.DataFrame, records: Records, protocol: Protocol) -> None:
    """Refuse a design in which a whole part of a variable was never looked at: nothing can stand for it."""
    seen = size.groupby("variable")["sum"].transform("sum") > 0
    waiting = set(records.pending["variable"])
    empty = size[seen & (size["sum"] == 0)].reset_index()
    empty = empty[~empty["variable"].isin(waiting)]
    if empty.empty:
        return
    row = empty.iloc[0]
    kind = "agree" if row["concordant"] else "differ"
    between = " and ".join(protocol.adjudication.between) if protocol.adjudication else ""
    raise UserError(
        f"adjudication: of the {int(row['size'])} values of {row['variable']} on which {between} {kind} none has a "
        f"reference ({len(empty)} such groups); adjudicate a random sample of them, or list them as pending."
    )
