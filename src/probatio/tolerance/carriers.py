"""What an analysis reads from the comparator and somebody extracts: the cells into which errors can be injected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import CATEGORICAL, Analysis, Endpoint, Protocol
from probatio.replication import Texts
from probatio.survival.endpoints import list_endpoint_cells

Table = Literal["covariates", "endpoint"]
Kind = Literal["groups", "number", "date"]


@dataclass(frozen=True)
class Carrier:
    """One cell of an analysis: where its texts stand, and how its values can be wrong.

    Attributes:
        variable: its name; errors of all its cells count for the variable.
        column: name of its column in `table`.
        table: the covariates (terms and population) or the endpoint.
        kind: classes, a number or a date.
        groups: the levels of each class that the analysis tells apart, in order; empty unless classes.
        levels: all levels in order, where the variable is ordinal; empty otherwise.
        is_event: a date whose being there is the event; nobody else should have one.
        is_first: the first term, by whose groups exposure is defined.
        is_population: who is in the analysis; its second class is.
        is_term: a term of the regression.
    """

    variable: str
    column: str
    table: Table
    kind: Kind
    groups: tuple[tuple[str, ...], ...] = ()
    levels: tuple[str, ...] = ()
    is_event: bool = False
    is_first: bool = False
    is_population: bool = False
    is_term: bool = False

    @property
    def is_binary_term(self) -> bool:
        """Whether it is a term of two classes, which has one coefficient."""
        return self.is_term and len(self.groups) == 2

    def read(self, texts: Texts) -> pd.Series:
        """Return the cell's texts, by patient."""
        column: pd.Series = getattr(texts, self.table)[self.column]
        return column

    def write(self, texts: Texts, column: pd.Series) -> Texts:
        """Return the texts with this cell's replaced."""
        table: pd.DataFrame = getattr(texts, self.table)
        return texts._replace(**{self.table: table.assign(**{self.column: column})})

    def find_codes(self, texts: Texts) -> NDArray[np.intp]:
        """Return the class of each patient, -1 where unknown or in none."""
        codes = {level: code for code, levels in enumerate(self.groups) for level in levels}
        return np.asarray(self.read(texts).map(codes).fillna(-1), dtype=np.intp)

    def find_known(self, texts: Texts) -> NDArray[np.bool_]:
        """Return who has a value."""
        column = self.read(texts)
        known: NDArray[np.bool_] = (column.notna() & (column != "")).to_numpy()
        return known


def list_carriers(protocol: Protocol, analysis: Analysis) -> list[Carrier]:
    """Return the cells that an analysis reads from each source: terms, population, strata, endpoint, each once.

    Those read from one source for all carry no error of the others, and repeated events are left alone: one
    event's error is not a patient's.
    """
    endpoint = protocol.get_endpoint(analysis.endpoint)
    variables = {variable.name for variable in protocol.variables}
    found = [*_list_terms(protocol, analysis), *_list_strata(protocol, analysis)]
    if analysis.population_source is None:
        found += _list_population(protocol, analysis)
    if endpoint.source is None:
        found += _list_endpoint(protocol, endpoint)
    unique = {(carrier.table, carrier.column): carrier for carrier in reversed(found) if carrier.variable in variables}
    return list(reversed(unique.values()))


def _list_terms(protocol: Protocol, analysis: Analysis) -> Iterator[Carrier]:
    for place, term in enumerate(analysis.terms):
        if term.source is None:
            column = f"{term.variable}@{term.visit}" if term.visit else term.variable
            groups = tuple(tuple(levels) for levels in term.groups.values())
            kind: Kind = "groups" if groups else "number"
            levels = _read_ordered(protocol, term.variable)
            yield Carrier(term.variable, column, "covariates", kind, groups, levels, is_first=place == 0, is_term=True)


def _list_population(protocol: Protocol, analysis: Analysis) -> Iterator[Carrier]:
    for name, inside in analysis.population.items():
        yield Carrier(name, name, "covariates", "groups", _part(protocol, name, inside), is_population=True)


def _list_strata(protocol: Protocol, analysis: Analysis) -> Iterator[Carrier]:
    for name in analysis.strata:
        yield Carrier(name, name, "covariates", "groups", tuple((level,) for level in _find_levels(protocol, name)))


def _list_endpoint(protocol: Protocol, endpoint: Endpoint) -> Iterator[Carrier]:
    kinds: Mapping[str, str] = {variable.name: variable.type for variable in protocol.variables}
    events = {rule.date for rule in (*endpoint.events, *endpoint.competing) if not rule.where}
    for name, visit in list_endpoint_cells(endpoint):
        column = f"{name}@{visit}" if visit else name
        kind = kinds.get(name, "")
        if kind == "date":
            yield Carrier(name, column, "endpoint", "date", is_event=name in events)
        elif kind == "number":
            yield Carrier(name, column, "endpoint", "number")
        elif kind in CATEGORICAL:
            yield Carrier(name, column, "endpoint", "groups", _part(protocol, name, _find_counting(endpoint, name)))


def _find_counting(endpoint: Endpoint, name: str) -> list[str]:
    """Return the levels of a variable at which the endpoint's event, or the rule that it conditions, counts."""
    if name == endpoint.event:
        return endpoint.event_values
    return next(rule.where[name] for rule in endpoint.rules if name in rule.where)


def _part(protocol: Protocol, name: str, chosen: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the other levels, then those chosen."""
    return tuple(level for level in _find_levels(protocol, name) if level not in chosen), tuple(chosen)


def _find_levels(protocol: Protocol, name: str) -> Sequence[str]:
    return next((variable.levels for variable in protocol.variables if variable.name == name), [])


def _read_ordered(protocol: Protocol, name: str) -> tuple[str, ...]:
    variable = next((variable for variable in protocol.variables if variable.name == name), None)
    return tuple(variable.levels) if variable is not None and variable.type == "ordinal" else ()
