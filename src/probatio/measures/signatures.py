"""What an error looks like: the shape of the difference between a value and its reference.

A signature is read from the two values alone, so that every study has it without anybody opening a record. It is
not a cause: a date ten days late looks the same whether somebody copied the date of the letter or guessed. Each
error (W, O or U) has one signature, the first of these that fits:

| signature | the value |
|---|---|
| form | does not conform (a range, a sign, words), or is coarser than the reference's date |
| restructured | an event omitted or without support, where its patient has both: merged, split or misdated |
| omission, unsupported | O, U |
| unit | is off by a factor of unit (`numeric.find_unit_errors`) |
| swapped | is the reference's date with day and month exchanged |
| copied | is the reference's value at an earlier visit |
| other_time | is that of a later visit, another date of the reference, or more than `LAG` days off |
| lag | is a date at most `LAG` days off |
| neighbour | is the level before or after, or a count (a whole number without unit) off by one |
| other_level | is another level |
| affirmed, denied | is the second of two levels for the first, or the reverse: yes for no, where they are that |
| item_omitted, item_added | is a set that lacks items of the reference's, or has others besides |
| other | none of these |

`error_signature_share` is the share of a source's errors with the signature in `term`, in [0, 1], weighted as the
error, with Wilson's interval clustered by patient; over all variables (`variable` empty) and per variable, there for
the signatures that its type can have. Over all variables repeated events and their attributes count too, which the
pooled error rate leaves out. Levels are few: a grade may equal that of another visit by chance.

The codes are error modes of data abstraction: omission and commission, units, dates, copying forward (taxonomy of the
demonstration study); the rule for dates is that of `dates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probatio.measures.dates import compute_lag
from probatio.measures.numeric import find_unit_errors
from probatio.measures.rates import compute_reporting_interval, derive_rate_rows
from probatio.resampling import compute_clustered_mean
from probatio.results import derive_table

if TYPE_CHECKING:
    from probatio.comparison import Comparison
    from probatio.protocol import Protocol

SHARE = "error_signature_share"
SIGNATURES = (
    "omission", "unsupported", "restructured", "form", "unit", "swapped", "lag", "copied", "other_time",
    "neighbour", "other_level", "affirmed", "denied", "item_omitted", "item_added", "other",
)  # fmt: skip
LAG = 90
_EVERY = ("omission", "unsupported", "form", "other")
_TIMES = ("copied", "other_time")
_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "number": (*_EVERY, "unit", "neighbour", *_TIMES),
    "date": (*_EVERY, "swapped", "lag", *_TIMES),
    "ordinal": (*_EVERY, "neighbour", "other_level", *_TIMES),
    "nominal": (*_EVERY, "other_level", *_TIMES),
    "binary": (*_EVERY, "affirmed", "denied", *_TIMES),
    "set": (*_EVERY, "item_omitted", "item_added"),
    "events": ("omission", "unsupported", "restructured"),
    "text": _EVERY,
}
_PLAIN = {"O": "omission", "U": "unsupported"}
_GROUP = ["source", "comparator", "variable"]
_FULL = len("2024-05-17")


@dataclass(frozen=True)
class _Kind:
    """What a variable's (or attribute's) signatures depend on."""

    type: str
    levels: tuple[str, ...]
    visits: tuple[str, ...]
    factors: tuple[float, ...]
    counted: bool


def estimate_signatures(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """Return the share of each signature among every source's errors, over all variables and per variable.

    Args:
        comparison: values beside the reference's; readings without a reference give no rows.
        protocol: types, levels, visits and factors of unit of its variables; level.

    Returns:
        The sorted table of result rows. A source or variable without an error is `not_estimable`.
    """
    judged = comparison.pairs[comparison.pairs["kind"] == "error"]
    if judged.empty:
        return derive_table([])
    errors = judged[judged["outcome"].isin(["W", "O", "U"])]
    errors = errors.assign(signature=_derive_signatures(errors, judged, protocol))
    groups = judged[_GROUP].drop_duplicates()
    both = pd.concat([groups.assign(variable="").drop_duplicates(), groups]).sort_values(_GROUP, ignore_index=True)
    counted = pd.concat([errors.assign(variable=""), errors], ignore_index=True)
    kinds = {name: find_kind(protocol, name).type for name in groups["variable"].unique()}
    frames = [_estimate_share(counted, both, signature, kinds, float(protocol.level)) for signature in SIGNATURES]
    return derive_table(pd.concat(frames, ignore_index=True))


def _estimate_share(
    errors: pd.DataFrame, groups: pd.DataFrame, signature: str, kinds: Mapping[str, str], level: float
) -> pd.DataFrame:
    possible = groups["variable"].map(lambda name: not name or signature in _BY_TYPE[kinds[name]])
    asked = groups[possible].reset_index(drop=True)
    place = errors[_GROUP].merge(asked.reset_index(), on=_GROUP, how="left")["index"]
    own, at = errors[place.notna().to_numpy()], place.dropna().to_numpy(dtype=np.int64)
    patient = np.unique(own["patient_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    score, weight = (own["signature"] == signature).to_numpy().astype(np.int8), own["weight"].to_numpy(dtype=float)
    mean = compute_clustered_mean(score, at, patient, weight, len(asked))
    interval = compute_reporting_interval(mean, level)
    return derive_rate_rows(asked.assign(term=signature), SHARE, mean, interval, level=level, unit="patient")


def _derive_signatures(errors: pd.DataFrame, judged: pd.DataFrame, protocol: Protocol) -> list[str]:
    """Return the signature of each error."""
    kinds = {name: find_kind(protocol, name) for name in errors["variable"].unique()}
    visits, dates = _list_references(judged, protocol)
    outcomes = errors.groupby(["source", "variable", "patient_id"])["outcome"].agg(set)
    restructured = set(outcomes.index[outcomes.map(lambda found: {"O", "U"} <= found)])
    out = []
    for row in errors.to_dict("records"):
        kind, key = kinds[row["variable"]], (row["variable"], row["patient_id"])
        if kind.type == "events":
            out.append("restructured" if (row["source"], *key) in restructured else _PLAIN[row["outcome"]])
            continue
        own = {day for day, names in dates.get(row["patient_id"], {}).items() if names - {row["variable"]}}
        out.append(derive_signature(row, kind, visits.get((*key, row["event"]), {}), own - {row["reference"]}))
    return out


def _list_references(judged: pd.DataFrame, protocol: Protocol) -> tuple[dict[Any, Any], dict[str, dict[str, set[str]]]]:
    """Return the reference's value at each visit of a cell, and which variables hold each full date of a patient."""
    told = judged.loc[judged["reference"] != "", ["variable", "patient_id", "event", "visit", "reference"]]
    told = told.drop_duplicates()
    visits: dict[Any, Any] = {}
    dates: dict[str, dict[str, set[str]]] = {}
    types = {name: find_kind(protocol, name).type for name in told["variable"].unique()}
    for name, patient, event, visit, value in told.itertuples(index=False, name=None):
        visits.setdefault((name, patient, event), {})[visit] = value
        if types[name] == "date" and "." not in name and len(value) == _FULL:
            dates.setdefault(patient, {}).setdefault(value, set()).add(name)
    return visits, dates


def find_kind(protocol: Protocol, name: str) -> _Kind:
    """Return what decides a variable's signatures; `name` may be an attribute of events, `events.grade`."""
    owner, _, attribute = name.partition(".")
    variable = protocol.get_variable(owner)
    if attribute:
        found = variable.attributes[attribute]
        return _Kind(found.type, tuple(found.levels), (), (), not found.unit)
    return _Kind(
        variable.type, tuple(variable.levels), tuple(variable.visits), tuple(variable.unit_factors), not variable.unit
    )


def derive_signature(error: Mapping[Any, Any], kind: _Kind, visits: Mapping[str, str], dates: set[str]) -> str:
    """Return the signature of one error of a single value.

    Args:
        error: `outcome, conformant, reference, value, visit`.
        kind: of its variable.
        visits: the reference's value at each visit of that variable and patient.
        dates: the patient's other full dates in the reference, for a date.
    """
    if not error["conformant"] and error["outcome"] != "O":
        return "form"
    if error["outcome"] in _PLAIN:
        return _PLAIN[error["outcome"]]
    reference, value = str(error["reference"]), str(error["value"])
    if kind.type == "date":
        visit = _find_visit(value, str(error["visit"]), kind, visits)
        return _derive_date_signature(reference, value, dates, visit)
    if kind.type == "set":
        return _derive_set_signature(reference, value)
    if kind.type == "number" and _is_unit_error(reference, value, kind):
        return "unit"
    return _find_visit(value, str(error["visit"]), kind, visits) or _derive_level_signature(reference, value, kind)


def _derive_date_signature(reference: str, value: str, dates: set[str], visit: str) -> str:
    if len(reference) == len(value) == _FULL and value == f"{reference[:5]}{reference[8:]}-{reference[5:7]}":
        return "swapped"
    if visit or value in dates:
        return visit or "other_time"
    lag = compute_lag(reference, value)
    if np.isnan(lag):
        return "form"
    return "lag" if abs(lag) <= LAG else "other_time"


def _derive_set_signature(reference: str, value: str) -> str:
    true, told = (set(text.split("|")) - {""} for text in (reference, value))
    if true - told and told - true:
        return "other"
    return "item_omitted" if true - told else "item_added"


def _is_unit_error(reference: str, value: str, kind: _Kind) -> bool:
    true, told = (np.array([float(text)]) for text in (reference, value))
    return bool(find_unit_errors(true, told, list(kind.factors))[0])


def _find_visit(value: str, visit: str, kind: _Kind, visits: Mapping[str, str]) -> str:
    """Return whether the value is the reference's at an earlier or at a later visit; "" if at none."""
    order = {name: rank for rank, name in enumerate(kind.visits)}
    same = [order[name] for name, other in visits.items() if name in order and name != visit and other == value]
    if visit not in order or not same:
        return ""
    return "copied" if min(same) < order[visit] else "other_time"


def _derive_level_signature(reference: str, value: str, kind: _Kind) -> str:
    if kind.type == "binary" and {reference, value} == set(kind.levels):
        return "affirmed" if value == kind.levels[1] else "denied"
    if kind.type == "number":
        counts = [float(text) for text in (reference, value)]
        whole = kind.counted and all(count.is_integer() for count in counts)
        return "neighbour" if whole and abs(counts[0] - counts[1]) == 1 else "other"
    if kind.type == "ordinal" and {reference, value} <= set(kind.levels):
        apart = abs(kind.levels.index(reference) - kind.levels.index(value))
        return "neighbour" if apart == 1 else "other_level"
    return "other_level" if kind.type == "nominal" else "other"
