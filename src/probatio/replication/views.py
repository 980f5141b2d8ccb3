"""What one source says of the patients of an analysis: population, endpoint, groups and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Analysis, Endpoint, Protocol, Term, UserError
from probatio.records import Records
from probatio.records.canonical import derive_number_text
from probatio.resampling import Floats
from probatio.survival.endpoints import PartialRule, derive_endpoint, derive_wide, list_endpoint_cells


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
        covariates: shape (n, p), NaN where unknown.
        coefficients: label of each covariate.
        group: code of the first term's group, -1 where unknown; all 0 where that term is a number.
        groups: label of each code, the reference first; empty where the first term is a number.
        inside: belongs to the population, as far as this source says.
        complete: inside, with endpoint and every term known.
    """

    source: str
    outcome: pd.DataFrame
    covariates: Floats
    coefficients: tuple[Label, ...]
    group: NDArray[np.intp]
    groups: tuple[Label, ...]
    inside: NDArray[np.bool_]
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
    """What an analysis reads, as text, a row per evaluated patient: `derive_wide`'s tables.

    Attributes:
        covariates: cells of terms and population.
        endpoint: cells of the endpoint.
    """

    covariates: pd.DataFrame
    endpoint: pd.DataFrame


def list_variables(protocol: Protocol, analysis: Analysis) -> list[str]:
    """Return the variables that an analysis reads from each of its sources: endpoint, population, terms, in order."""
    endpoint = protocol.get_endpoint(analysis.endpoint)
    own = [] if endpoint.source else [name for name, _ in list_endpoint_cells(endpoint)]
    names = [*own, *analysis.population, *(term.variable for term in analysis.terms)]
    return [name for name in dict.fromkeys(names) if name not in protocol.patients.attributes]


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
    cells = [(term.variable, term.visit) for term in analysis.terms] + [(name, "") for name in analysis.population]
    others = read_from or {}
    fixed = {} if endpoint.source else others
    return Texts(
        _derive_mixed(records, protocol, source, cells, others),
        _derive_mixed(records, protocol, endpoint.source or source, list_endpoint_cells(endpoint), fixed),
    )


def _derive_mixed(
    records: Records, protocol: Protocol, source: str, cells: Sequence[tuple[str, str]], others: Mapping[str, str]
) -> pd.DataFrame:
    table = derive_wide(records, protocol, source, cells)
    for other in sorted({others[name] for name, _ in cells if name in others}):
        swapped = derive_wide(records, protocol, other, [cell for cell in cells if others.get(cell[0]) == other])
        table[swapped.columns] = swapped
    return table


def derive_view(
    records: Records,
    protocol: Protocol,
    analysis: Analysis,
    source: str,
    *,
    read_from: Mapping[str, str] | None = None,
    partial: PartialRule = "middle",
) -> View:
    """Return one source's view of an analysis.

    Args:
        records: the study's tables.
        protocol: the study's protocol.
        analysis: one of its analyses.
        source: whose values are read; "" for attributes only.
        read_from: variables read from another source instead, by name.
        partial: rule for partial dates.

    Raises:
        UserError: the analysis needs a variable and names no source, or none of the declared event values occurs.
    """
    texts = derive_texts(records, protocol, analysis, source, read_from=read_from)
    return derive_view_of_texts(texts, protocol, analysis, source, partial=partial)


def derive_view_of_texts(
    texts: Texts, protocol: Protocol, analysis: Analysis, source: str, *, partial: PartialRule = "middle"
) -> View:
    """Return the view that texts give, from records or with errors injected.

    Args:
        texts: as `derive_texts` returns them.
        protocol: the study's protocol.
        analysis: one of its analyses.
        source: the view's name.
        partial: rule for partial dates.

    Raises:
        UserError: none of the declared event values occurs.
    """
    endpoint, (wide, dated) = protocol.get_endpoint(analysis.endpoint), texts
    if endpoint.event in protocol.patients.attributes:
        _check_event_values(dated[str(endpoint.event)], endpoint)
    outcome = derive_endpoint(dated, endpoint, partial=partial)
    inside = np.logical_and.reduce([np.ones(len(wide), bool), *(_find_inside(wide, analysis.population))])
    blocks = [_derive_covariates(_read_term(wide, term), term) for term in analysis.terms]
    covariates = np.column_stack(blocks)
    complete = inside & outcome["time"].notna().to_numpy() & ~np.isnan(covariates).any(axis=1)
    first = analysis.terms[0]
    group = _derive_codes(_read_term(wide, first), first) if first.groups else np.zeros(len(wide), dtype=np.intp)
    groups = tuple(Label(first.variable, name) for name in _name_groups(first))
    coefficients = tuple(label for term in analysis.terms for label in _label_coefficients(term))
    return View(source, outcome, covariates, coefficients, group, groups, inside, complete)


def is_shared(endpoint: Endpoint, protocol: Protocol) -> bool:
    """Say whether every source sees the same endpoint."""
    names = {name for name, _ in list_endpoint_cells(endpoint)}
    return endpoint.source is not None or names <= set(protocol.patients.attributes)


def _check_event_values(texts: pd.Series, endpoint: Endpoint) -> None:
    """Refuse an indicator whose values are all others than those declared: nobody would ever have the event."""
    counts = texts.value_counts().sort_index()
    if len(counts) > 1 and not set(counts.index) & set(endpoint.event_values):
        seen = ", ".join(f"'{level}' ({n})" for level, n in counts.items())
        raise UserError(
            f"endpoints: {endpoint.name}: event_values {endpoint.event_values} never occurs in {endpoint.event}, "
            f"which holds {seen}; name the value that means the event."
        )


def _find_inside(wide: pd.DataFrame, population: dict[str, list[str]]) -> list[NDArray[np.bool_]]:
    return [wide[name].isin(levels).to_numpy() for name, levels in population.items()]


def _read_term(wide: pd.DataFrame, term: Term) -> pd.Series:
    return wide[f"{term.variable}@{term.visit}" if term.visit else term.variable]


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
