"""What one source says of the patients of an analysis: population, endpoint, groups and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Analysis, Endpoint, PartialRule, Protocol, Term, UserError
from probatio.records import Records
from probatio.records.canonical import derive_number_text
from probatio.resampling import Floats
from probatio.survival.endpoints import derive_endpoint, list_endpoint_cells
from probatio.survival.texts import derive_wide


class Label(NamedTuple):
    """The columns `variable` and `term` of a result row; `term` names a group, or the unit of a number."""

    variable: str = ""
    term: str = ""


@dataclass(frozen=True)
class View:
    """One source's view of an analysis, arrays in the order of the evaluated patients, sorted by id.

    Attributes:
        source: its name; "" where the analysis reads patient attributes only.
        outcome: as `derive_endpoint` returns it.
        covariates: shape (n, p), NaN where unknown; no column where the analysis has no term.
        coefficients: label of each covariate.
        group: code of the first term's group, -1 where unknown; all 0 where that term is a number or there is none.
        groups: label of each code, the reference first; empty where the first term is a number or there is none.
        strata: name of each patient's stratum, "" where unknown; all "" where the analysis has no strata.
        inside: belongs to the population, as far as this source says.
        known: inside, with stratum and every term known.
        complete: known, with its endpoint.
    """

    source: str
    outcome: pd.DataFrame
    covariates: Floats
    coefficients: tuple[Label, ...]
    group: NDArray[np.intp]
    groups: tuple[Label, ...]
    strata: NDArray[np.str_]
    inside: NDArray[np.bool_]
    known: NDArray[np.bool_]
    complete: NDArray[np.bool_]

    @property
    def time(self) -> Floats:
        """Days to event or censoring, NaN where unknown."""
        return self.outcome["time"].to_numpy(dtype=float)

    @property
    def entry(self) -> Floats:
        """Days at which the patient comes under observation; 0 without delayed entry."""
        return self.outcome["entry"].to_numpy(dtype=float)

    @property
    def cause(self) -> NDArray[np.intp]:
        """What the time ends with: 0 censored, 1 the event, 2 a competing event."""
        return self.outcome["cause"].to_numpy(dtype=np.intp)

    @property
    def event(self) -> NDArray[np.bool_]:
        """Whether the time ends with the event."""
        happened: NDArray[np.bool_] = self.cause == 1
        return happened


class Texts(NamedTuple):
    """What an analysis reads, as text, a row per evaluated patient.

    Columns are named by `derive_wide`: `name`, `name@visit`, `events.attribute`; those read from one source for all
    are named `source:name` in `covariates`.

    Attributes:
        covariates: cells of terms, population and strata.
        endpoint: cells of the endpoint.
    """

    covariates: pd.DataFrame
    endpoint: pd.DataFrame


class _Cell(NamedTuple):
    """A cell that an analysis reads; `source` is the one that is read for all, "" where each is read for itself."""

    name: str
    visit: str = ""
    source: str = ""

    @property
    def column(self) -> str:
        """The column of `Texts.covariates`."""
        name = f"{self.name}@{self.visit}" if self.visit else self.name
        return f"{self.source}:{name}" if self.source else name


def list_variables(protocol: Protocol, analysis: Analysis) -> list[str]:
    """Return the variables that an analysis reads from each of its sources: endpoint, population, terms, strata.

    Those that one source gives for all are left out. Repeated events stand as one variable: dates and attributes of
    one source's events mean nothing beside another's.
    """
    endpoint = protocol.get_endpoint(analysis.endpoint)
    own = [] if endpoint.source else endpoint.list_fields()
    names = [*own, *(cell.name for cell in _list_cells(analysis, protocol) if not cell.source)]
    variables = {variable.name for variable in protocol.variables}
    return [name for name in dict.fromkeys(name.partition(".")[0] for name in names) if name in variables]


def derive_texts(
    records: Records,
    protocol: Protocol,
    analysis: Analysis,
    source: str,
    *,
    read_from: Mapping[str, str] | None = None,
) -> Texts:
    """Return the texts that an analysis reads from one source.

    Args:
        records: the study's tables.
        protocol: the study's protocol.
        analysis: one of its analyses.
        source: whose values are read; "" for attributes only.
        read_from: variables of `list_variables` read from another source instead, by name.

    Raises:
        UserError: the analysis needs a variable and names no source.
    """
    endpoint = protocol.get_endpoint(analysis.endpoint)
    cells = _list_cells(analysis, protocol)
    own = [(cell.name, cell.visit) for cell in cells if not cell.source]
    tables = [_derive_mixed(records, protocol, source, own, read_from or {})]
    for fixed in dict.fromkeys(cell.source for cell in cells if cell.source):
        mine = [(cell.name, cell.visit) for cell in cells if cell.source == fixed]
        tables.append(derive_wide(records, protocol, fixed, mine).add_prefix(f"{fixed}:"))
    others = {} if endpoint.source else read_from or {}
    dated = _derive_mixed(records, protocol, endpoint.source or source, list_endpoint_cells(endpoint), others)
    return Texts(pd.concat(tables, axis=1), dated)


def _list_cells(analysis: Analysis, protocol: Protocol) -> list[_Cell]:
    """Return the cells of population, terms and strata, once each."""
    cells = [_population_cell(analysis, name, protocol) for name in analysis.population]
    cells += [_term_cell(term) for term in analysis.terms]
    return list(dict.fromkeys([*cells, *(_Cell(name) for name in analysis.strata)]))


def _population_cell(analysis: Analysis, name: str, protocol: Protocol) -> _Cell:
    fixed = analysis.population_source if name not in protocol.patients.attributes else None
    return _Cell(name, source=fixed or "")


def _term_cell(term: Term) -> _Cell:
    return _Cell(term.variable, term.visit, term.source or "")


def _derive_mixed(
    records: Records, protocol: Protocol, source: str, cells: Sequence[tuple[str, str]], others: Mapping[str, str]
) -> pd.DataFrame:
    giving = {cell: others.get(cell[0].partition(".")[0], source) for cell in cells}
    tables = [
        derive_wide(records, protocol, name, [cell for cell in cells if giving[cell] == name])
        for name in dict.fromkeys([source, *giving.values()])
    ]
    return pd.concat(tables, axis=1)


def derive_view(
    records: Records,
    protocol: Protocol,
    analysis: Analysis,
    source: str,
    *,
    read_from: Mapping[str, str] | None = None,
    partial: PartialRule | None = None,
) -> View:
    """Return one source's view of an analysis.

    Args:
        records: the study's tables.
        protocol: the study's protocol.
        analysis: one of its analyses.
        source: whose values are read; "" for attributes only.
        read_from: variables read from another source instead, by name.
        partial: rule for partial dates; None: the endpoint's.

    Raises:
        UserError: the analysis needs a variable and names no source, or none of the declared event values occurs.
    """
    texts = derive_texts(records, protocol, analysis, source, read_from=read_from)
    return derive_view_of_texts(texts, protocol, analysis, source, partial=partial)


def derive_view_of_texts(
    texts: Texts, protocol: Protocol, analysis: Analysis, source: str, *, partial: PartialRule | None = None
) -> View:
    """Return the view that texts give, from records or with errors injected.

    Args:
        texts: as `derive_texts` returns them.
        protocol: the study's protocol.
        analysis: one of its analyses.
        source: the view's name.
        partial: rule for partial dates; None: the endpoint's.

    Raises:
        UserError: none of the declared event values occurs.
    """
    endpoint, (wide, dated) = protocol.get_endpoint(analysis.endpoint), texts
    if endpoint.event in protocol.patients.attributes:
        _check_event_values(dated[str(endpoint.event)], endpoint)
    outcome = derive_endpoint(dated, endpoint, partial=partial)
    inside = _find_inside(wide, analysis, protocol)
    blocks = [_derive_covariates(wide[_term_cell(term).column], term) for term in analysis.terms]
    covariates = np.column_stack(blocks) if blocks else np.zeros((len(wide), 0))
    strata = _derive_strata(wide, analysis.strata)
    known = inside & ~np.isnan(covariates).any(axis=1) & ((strata != "") | (not analysis.strata))
    group, groups = _derive_groups(wide, analysis)
    coefficients = tuple(label for term in analysis.terms for label in _label_coefficients(term))
    complete = known & outcome["time"].notna().to_numpy()
    return View(source, outcome, covariates, coefficients, group, groups, strata, inside, known, complete)


def is_shared(endpoint: Endpoint, protocol: Protocol) -> bool:
    """Say whether every source sees the same endpoint."""
    return endpoint.source is not None or set(endpoint.list_fields()) <= set(protocol.patients.attributes)


def _check_event_values(texts: pd.Series, endpoint: Endpoint) -> None:
    """Refuse an indicator whose values are all others than those declared: nobody would ever have the event."""
    counts = texts.value_counts().sort_index()
    if len(counts) > 1 and not set(counts.index) & set(endpoint.event_values):
        seen = ", ".join(f"'{level}' ({n})" for level, n in counts.items())
        raise UserError(
            f"endpoints: {endpoint.name}: event_values {endpoint.event_values} never occurs in {endpoint.event}, "
            f"which holds {seen}; name the value that means the event."
        )


def _find_inside(wide: pd.DataFrame, analysis: Analysis, protocol: Protocol) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.ones(len(wide), dtype=bool)
    for name, levels in analysis.population.items():
        inside &= wide[_population_cell(analysis, name, protocol).column].isin(levels).to_numpy(dtype=bool)
    return inside


def _derive_strata(wide: pd.DataFrame, names: Sequence[str]) -> NDArray[np.str_]:
    texts = [wide[name].fillna("").astype(str) for name in names]
    known = np.logical_and.reduce([np.ones(len(wide), dtype=bool), *(column.ne("").to_numpy() for column in texts)])
    joined = [" | ".join(levels) for levels in zip(*texts, strict=True)] if texts else [""] * len(wide)
    return np.where(known, np.asarray(joined, dtype=np.str_), "")


def _derive_groups(wide: pd.DataFrame, analysis: Analysis) -> tuple[NDArray[np.intp], tuple[Label, ...]]:
    """Return each patient's group of the first term, and the groups; zeros and none where it has no groups."""
    first = analysis.terms[0] if analysis.terms else None
    if first is None or not first.groups:
        return np.zeros(len(wide), dtype=np.intp), ()
    codes = _derive_codes(wide[_term_cell(first).column], first)
    return codes, tuple(Label(first.variable, name) for name in _name_groups(first))


def _name_groups(term: Term) -> list[str]:
    return [f"{name}@{term.visit}" if term.visit else name for name in term.groups]


def _label_coefficients(term: Term) -> list[Label]:
    if term.groups:
        return [Label(term.variable, name) for name in _name_groups(term)[1:]]
    unit = f"per {derive_number_text(float(term.per or 1))}"
    return [Label(term.variable, f"{unit}@{term.visit}" if term.visit else unit)]


def _derive_codes(texts: pd.Series, term: Term) -> NDArray[np.intp]:
    codes = {level: code for code, levels in enumerate(term.groups.values()) for level in levels}
    return np.asarray(texts.map(codes).fillna(-1), dtype=np.intp)


def _derive_covariates(texts: pd.Series, term: Term) -> Floats:
    """Return indicators of every group but the first, or the number in units of `per`; NaN where unknown."""
    if not term.groups:
        numbers = pd.to_numeric(texts.replace("", None), errors="coerce").to_numpy(dtype=float)
        return np.asarray(numbers / (term.per or 1))[:, None]
    codes = _derive_codes(texts, term)
    indicators = (codes[:, None] == np.arange(1, len(term.groups))).astype(float)
    return np.where(codes[:, None] >= 0, indicators, np.nan)
