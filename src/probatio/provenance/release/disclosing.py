"""From all rows to those that may leave: one pure function, frames in, frames out.

A row that may not leave stays as a row: its names, status `suppressed`, reason `disclosure`, no number. The reason is
the same whether its own count is small or another's would show: otherwise it would say which.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.provenance.release.blocks import derive_block_floors
from probatio.provenance.release.catalogue import FREE, UNKNOWN, derive_treatments
from probatio.provenance.release.counts import (
    NOTHING,
    derive_counts,
    derive_own_floors,
    derive_resting_floors,
    find_least,
)
from probatio.provenance.release.few import derive_change_floors, derive_discordance_floors, derive_moment_floors
from probatio.provenance.release.forms import derive_form_floors
from probatio.provenance.release.linked import (
    derive_copy_floors,
    derive_difference_floors,
    derive_missing_floors,
    derive_near_floors,
    derive_pooled_floors,
    derive_source_floors,
    derive_subset_floors,
    derive_table_chain,
)
from probatio.provenance.release.outcomes import LEVELS, PAIR, derive_atoms, derive_outcome_floors
from probatio.provenance.release.patients import derive_group_floors, derive_study_floors
from probatio.resampling import Floats
from probatio.results import COUNTS, FLOATS, Reason, Status

DIGITS: Final = 3
"""Significant digits of released estimates: with more, weighted shares give away counts by sampling stratum."""
HALF: Final = 0.005
"""Half a percent: how far a share in whole percent may lie from itself."""
MONTH: Final = 365.25 / 12
"""In days. A median survival to the day is the day one patient died; it leaves to the month, as curves do."""
AGREEMENT: Final = "03_agreement"
_INVERTIBLE: Final = ("student", "student_t", "bland_altman", "lin_z", "chi_square")
"""Intervals from which n follows, given the standard deviation."""
_VERDICTS: Final = ("check", "verdict", "decision", "conclusion")


@dataclass(frozen=True)
class Disclosure:
    """What may leave of a table of rows.

    Attributes:
        rows: all rows, in their order; those that may not leave without a number.
        kept: which rows keep their estimate.
        counted: which rows keep their counts too.
    """

    rows: pd.DataFrame
    kept: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def suppress_rows(
    rows: pd.DataFrame, minimum: int, *, events: Collection[str] = (), forms: Mapping[str, str] | None = None
) -> Disclosure:
    """Return rows without what discloses a count between 1 and the minimum, alone or by subtraction.

    Where only the number of values gives something away, beside that of another source, the row keeps its estimate
    in whole percent and loses its counts.

    Args:
        rows: the result rows of a whole run, one frame: relations between sections count.
        minimum: the smallest count that may be shown.
        events: variables of repeated events, which sums over variables leave out.
        forms: the form of each variable, over which missing values are summed.
    """
    frame = rows.reset_index(drop=True)
    treated = frame.join(derive_treatments(frame), rsuffix="_")
    counts = derive_counts(frame)
    found = derive_floors(treated, counts, minimum, events)
    summed = derive_form_floors(treated, counts, np.minimum(found.hard, found.beside), minimum, forms or {})
    hard, coarse = np.minimum(found.hard, summed), found.beside < minimum
    kept = (hard >= minimum) & (~coarse | find_blurred(treated, counts, minimum))
    counted = kept & ~coarse & (found.soft >= minimum)
    out = _blank(frame, ~kept, treated["kind"] == UNKNOWN)
    out.loc[~counted, list(COUNTS)] = pd.NA
    out.loc[~counted, "cluster_unit"] = ""
    told = ~counted & (treated["kind"] == "continuous").to_numpy() & out["method"].isin(_INVERTIBLE).to_numpy()
    out.loc[told, ["lower", "upper"]] = np.nan
    return Disclosure(_round(out, treated, coarse & kept).set_axis(rows.index), kept, counted)


def find_blurred(rows: pd.DataFrame, counts: pd.DataFrame, minimum: int) -> NDArray[np.bool_]:
    """Return which rows may stay in whole percent: their estimate then fits a range of n as wide as the minimum.

    A coefficient says nothing of n. A share k/n rounded to half a percent on either side fits every n between
    k / (share + 0.005) and k / (share - 0.005).
    """
    kind = rows["kind"].to_numpy(dtype=object)
    share = rows["estimate"].to_numpy(dtype=float)
    n = counts["n"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.where(share > HALF, share * n * (1 / (share - HALF) - 1 / (share + HALF)), NOTHING)
    fits = np.isin(kind, ("share", "implied")) & (width >= minimum)
    return np.asarray(fits | np.isin(kind, ("continuous", "raters", "resting")))


def _round(rows: pd.DataFrame, treated: pd.DataFrame, coarse: NDArray[np.bool_]) -> pd.DataFrame:
    shown, kind = list(FLOATS[:3]), treated["kind"]
    numbers = rows[shown].to_numpy(dtype=float)
    monthly = (treated["stated"].eq("median_survival") & rows["unit"].isin(["days", "median_survival"])).to_numpy()
    numbers[monthly] = np.round(numbers[monthly] / MONTH) * MONTH
    free = kind.isin(FREE).to_numpy()
    numbers[~free] = round_digits(numbers[~free])
    between = treated["group"].eq("delta").to_numpy()
    numbers[between] = np.round(numbers[between], DIGITS)
    uncorrected = rows["method"].eq("naive") & treated["stated"].isin(["prevalence", "survival"])  # k/n, as a share is
    blunt = coarse & (kind.isin(["share", "implied"]) | uncorrected).to_numpy()
    numbers[blunt] = np.round(numbers[blunt], 2)
    bare = (kind == "equivalence").to_numpy()
    numbers[bare, 1:] = np.nan
    rows[shown] = numbers
    rows.loc[bare, list(COUNTS)] = pd.NA
    return rows


class Floors(NamedTuple):
    """What a row gives away: by its estimate; by its counts alone; by its counts beside another source's."""

    hard: Floats
    soft: Floats
    beside: Floats


def derive_floors(rows: pd.DataFrame, counts: pd.DataFrame, minimum: int, events: Collection[str]) -> Floors:
    """Return the floors of each row.

    Args:
        rows: result rows with their treatment.
        counts: their counts.
        minimum: below it a count is small.
        events: variables of repeated events.
    """
    agreed = rows["section"] == AGREEMENT
    atoms = derive_atoms(rows[agreed], counts[agreed])
    chain = derive_table_chain(atoms, minimum)
    own = derive_own_floors(counts, rows["kind"])
    study = derive_study_floors(rows, counts)
    own = np.where(rows["kind"] == "tally", np.minimum(own, study), own)
    own[rows["stratum_by"].str.startswith("centre") & ~rows["kind"].isin(FREE)] = 0.0
    hard = derive_block_floors(rows, counts, own, minimum)
    tables = _derive_table_floors(rows, counts, atoms)
    pooled = derive_pooled_floors(atoms, _select_whole(tables), chain, minimum, events)
    outcome = _read_outcome_floors(rows, _lower(tables, pooled))
    softly = (rows["kind"] == "continuous").to_numpy()
    hard = np.where(softly, hard, np.minimum(hard, outcome))
    hard = np.minimum(hard, _derive_paired_floors(rows, counts))
    hard = np.minimum(hard, derive_subset_floors(rows, counts, atoms))
    hard = np.minimum(hard, np.minimum(derive_moment_floors(rows, atoms), derive_change_floors(rows, counts)))
    hard = np.minimum(hard, derive_discordance_floors(rows, counts, DIGITS))
    hard = derive_difference_floors(rows, derive_copy_floors(rows, counts, hard))
    beside = np.minimum(derive_source_floors(rows, counts, chain, minimum), derive_near_floors(rows, counts))
    beside = np.minimum(beside, np.minimum(study, derive_group_floors(rows, counts)))
    beside = np.minimum(beside, derive_resting_floors(counts, rows["kind"]))
    return Floors(hard, np.where(softly, np.minimum(hard, outcome), hard), beside)


def _derive_table_floors(rows: pd.DataFrame, counts: pd.DataFrame, atoms: pd.DataFrame) -> pd.DataFrame:
    """Return the floors of tables of outcomes and their margins, with what patients without reference tell."""
    tables = derive_outcome_floors(atoms)
    missing = derive_missing_floors(rows, counts, atoms).rename_axis(index=PAIR)
    whole = _select_whole(tables)
    known = missing.reindex(whole.index).fillna(NOTHING)
    for level in range(2, LEVELS):
        whole[level] = np.minimum(whole[level], known)
    return _lower(tables, whole)


def _select_whole(tables: pd.DataFrame) -> pd.DataFrame:
    return tables[tables.index.get_level_values("stratum_by") == ""].droplevel("stratum_by")


def _lower(tables: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Return floors of tables and margins, none above its table's."""
    above = whole.reindex(tables.index.droplevel("stratum_by")).fillna(NOTHING).to_numpy()
    return pd.DataFrame(np.minimum(tables.to_numpy(), above), index=tables.index, columns=tables.columns)


def _read_outcome_floors(rows: pd.DataFrame, tables: pd.DataFrame) -> Floats:
    """Return the floor of each row from the table of outcomes that it belongs to, at the level that it shows."""
    floors = np.full(len(rows), NOTHING)
    asked = np.flatnonzero((rows["level_"] >= 0).to_numpy() & (rows["comparator"] != "").to_numpy())
    if tables.empty or not len(asked):
        return floors
    part = rows.iloc[asked]
    total = part[PAIR].assign(stratum_by="")
    other = total.assign(variable=part["term"].where(part["group"] == "pairs", part["variable"]))
    own = tables.index.get_indexer(pd.MultiIndex.from_frame(part[[*PAIR, "stratum_by"]]))
    beyond = tables.index.get_indexer(pd.MultiIndex.from_frame(total))
    level = part["level_"].to_numpy().astype(int)
    for place in (np.where(own < 0, beyond, own), tables.index.get_indexer(pd.MultiIndex.from_frame(other))):
        found = np.where(place < 0, NOTHING, tables.to_numpy()[place, level])
        floors[asked] = np.minimum(floors[asked], found)
    return floors


def _derive_paired_floors(rows: pd.DataFrame, counts: pd.DataFrame) -> Floats:
    """Return the floor of two sources compared on the same values: how often each was alone in its fault."""
    floors = np.full(len(rows), NOTHING)
    held = (rows["kind"] == "paired").to_numpy()
    n, k = (counts[name].to_numpy(dtype=float)[held] for name in ("n", "k"))
    shift = np.round(rows["estimate"].to_numpy(dtype=float)[held] * n)
    floors[held] = find_least(np.floor((k + shift) / 2), np.floor((k - shift) / 2))
    return floors


def _blank(rows: pd.DataFrame, gone: NDArray[np.bool_], unknown: pd.Series) -> pd.DataFrame:
    out = rows.copy()
    out.loc[gone, list(FLOATS[:3])] = np.nan
    out.loc[gone, list(COUNTS)] = pd.NA
    out.loc[gone, ["status", "reason"]] = [str(Status.SUPPRESSED), str(Reason.DISCLOSURE)]
    out.loc[gone & unknown.to_numpy(), "reason"] = str(Reason.NOT_RELEASED)
    out.loc[gone & out["metric"].isin(_VERDICTS).to_numpy(), "unit"] = ""
    return out


def round_digits(values: Floats, digits: int = DIGITS) -> Floats:
    """Return numbers with so many significant digits; whole numbers stay, so that a count stays a count."""
    out = values.copy()
    held = np.isfinite(values) & (values != 0) & (values != np.round(values))
    size = digits - 1 - np.floor(np.log10(np.abs(values[held]))).astype(int)
    out[held] = [round(value, place) for value, place in zip(values[held].tolist(), size.tolist(), strict=True)]
    return out
