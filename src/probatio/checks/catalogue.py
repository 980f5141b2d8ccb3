"""The checks every study gets, and what they find: the catalogue is data (`catalogue.csv`), the tests are here.

Categories are those of Kahn et al. 2016 (eGEMs 4(1):1244); name, category, severity, threshold and its
source are columns of the catalogue, as in Blacketer et al. 2021 (JAMIA 28(10):2251). A test returns what
it looked at, one row each: `OBSERVED` columns, `violated` among them. Partial dates break a rule only when
every day they may stand for does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd

from probatio.checks.cells import Delivered, Mask
from probatio.checks.dates import compute_date_bounds
from probatio.protocol import Language, Protocol
from probatio.protocol.rules import CheckName

OBSERVED = ("source", "variable", "visit", "event", "patient", "value", "violated")
_CELL = ["source", "variable", "visit", "patient"]


class CatalogueCheck(NamedTuple):
    """One check of the catalogue; `threshold` is a share, or `missing_limit`: the protocol's own."""

    name: CheckName
    category: str
    subcategory: str
    context: str
    severity: str
    level: str
    threshold: str
    source: str
    en: str
    fr: str
    description: str

    @property
    def analysis(self) -> str:
        """The check's category as result rows name it."""
        return self.category if self.category == self.subcategory else f"{self.category}_{self.subcategory}"

    def read_label(self, language: Language) -> str:
        """Return the wording of the check."""
        return self.fr if language == "fr" else self.en


@cache
def read_catalogue() -> Mapping[str, CatalogueCheck]:
    """Read the catalogue, in its own order, by name."""
    text = files(__package__).joinpath("catalogue.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {row["name"]: CatalogueCheck(**row) for row in rows}  # type: ignore[arg-type]


def derive_threshold(check: CatalogueCheck, variable: str, protocol: Protocol) -> float:
    """Return the share that may break a check: the study's own if it has one, otherwise the catalogue's."""
    name = variable.partition(".")[0]
    for own in protocol.checks:
        if own.name == check.name and (not own.variables or name in own.variables):
            return own.threshold
    return protocol.missing_limit if check.threshold == "missing_limit" else float(check.threshold)


def derive_scope(check: CatalogueCheck, protocol: Protocol) -> list[str]:
    """Return the variables to which a check applies by its declaration; [""] when it is about the source."""
    if check.level == "source":
        return [""]
    if check.name == "value_present":
        return [variable.name for variable in protocol.variables if variable.required]
    if check.name in ("range_low", "range_high"):
        return [variable.name for variable in protocol.variables if variable.range]
    if check.name == "date_before_document":
        return _list_dates(protocol)
    events = [variable for variable in protocol.variables if variable.type == "events"]
    if check.name == "start_before_end":
        return [f"{v.name}.{other}" for v in events for other in _list_other_dates(protocol, v.name)]
    attributes = [f"{variable.name}.{name}" for variable in events for name in variable.attributes]
    return [variable.name for variable in protocol.variables if variable.type != "events"] + attributes


def _list_dates(protocol: Protocol) -> list[str]:
    own = [variable.name for variable in protocol.variables if variable.type == "date"]
    return own + [
        f"{v.name}.{name}" for v in protocol.variables for name, a in v.attributes.items() if a.type == "date"
    ]


def _list_other_dates(protocol: Protocol, events: str) -> list[str]:
    variable = protocol.get_variable(events)
    first = variable.match.date if variable.match else ""
    return [name for name, attribute in variable.attributes.items() if attribute.type == "date" and name != first]


def _observe(rows: pd.DataFrame, violated: Mask | pd.Series) -> pd.DataFrame:
    return rows.assign(violated=np.asarray(violated, dtype=bool))[list(OBSERVED)]


def _check_conforms(delivered: Delivered) -> pd.DataFrame:
    values = delivered.records[delivered.records["told"]]
    return _observe(values, ~values["known"])


def _check_documents(delivered: Delivered) -> pd.DataFrame:
    cited = delivered.records[delivered.records["document_id"].fillna("").ne("")]
    owners = delivered.documents.drop_duplicates("document_id").set_index("document_id")["patient_id"]
    violated = cited["document_id"].map(owners) != cited["patient_id"]
    return _observe(cited.assign(variable=""), violated)


def _check_present(delivered: Delivered) -> pd.DataFrame:
    filled = delivered.records[delivered.records["state"].isin(["value", "negative"])]
    filled = filled.assign(variable=filled["variable"].str.partition(".")[0])[_CELL].drop_duplicates()
    cells = delivered.asked[_CELL].drop_duplicates().merge(filled, on=_CELL, how="left", indicator=True)
    return _observe(cells.assign(event="", value=""), cells["_merge"].eq("left_only"))


def _check_range(delivered: Delivered, *, low: bool) -> pd.DataFrame:
    limits = {v.name: v.range[0 if low else 1] for v in delivered.protocol.variables if v.range}
    known = delivered.records[delivered.records["known"] & delivered.records["variable"].isin(limits)]
    numbers, limit = pd.to_numeric(known["value"]), known["variable"].map(limits)
    return _observe(known, numbers < limit if low else numbers > limit)


def _check_events_end(delivered: Delivered) -> pd.DataFrame:
    found = [pd.DataFrame(columns=list(OBSERVED))]
    for variable in delivered.protocol.variables:
        if variable.match is None:
            continue
        key = ["source", "patient", "event"]
        starts = _select_known(delivered, f"{variable.name}.{variable.match.date}")[[*key, "value"]]
        for name in _list_other_dates(delivered.protocol, variable.name):
            both = _select_known(delivered, f"{variable.name}.{name}").merge(starts, on=key, suffixes=("", "_start"))
            start, end = (compute_date_bounds(both[column].to_numpy()) for column in ("value_start", "value"))
            after, before = end[0] >= start[1], end[1] < start[0]
            found.append(_observe(both, before)[after | before])
    return pd.concat([table for table in found if len(table)] or found, ignore_index=True)


def _select_known(delivered: Delivered, variable: str) -> pd.DataFrame:
    return delivered.records[delivered.records["known"] & delivered.records["variable"].eq(variable)]


def _check_document_dates(delivered: Delivered) -> pd.DataFrame:
    dates = _list_dates(delivered.protocol)
    written = delivered.documents.drop_duplicates("document_id").set_index("document_id")["date"].fillna("")
    written = written[written.str.fullmatch(r"\d{4}-\d{2}-\d{2}")]
    known = delivered.records[delivered.records["known"] & delivered.records["variable"].isin(dates)]
    known = known[known["document_id"].isin(written.index)]
    day = compute_date_bounds(known["document_id"].map(written).to_numpy(dtype=object))[0]
    low, high = compute_date_bounds(known["value"].to_numpy(dtype=object))
    decided = (low > day) | (high <= day)
    return _observe(known, low > day)[decided]


Test = Callable[[Delivered], pd.DataFrame]

TESTS: Mapping[str, Test] = {
    "value_conforms": _check_conforms,
    "document_known": _check_documents,
    "value_present": _check_present,
    "range_low": lambda delivered: _check_range(delivered, low=True),
    "range_high": lambda delivered: _check_range(delivered, low=False),
    "start_before_end": _check_events_end,
    "date_before_document": _check_document_dates,
}
"""The test of each check; the names are those of the catalogue and of `CheckName`."""

if set(TESTS) != set(get_args(CheckName)):
    raise ImportError("checks: the tests and the protocol's names of checks differ")
