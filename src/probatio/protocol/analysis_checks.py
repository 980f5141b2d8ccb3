"""Do endpoints and analyses name what the protocol declares? Each mistake is a fault at its own key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from probatio.protocol.endpoints import EndpointRule, is_iso_date, list_rule_keys
from probatio.protocol.errors import build_fault

if TYPE_CHECKING:
    from probatio.protocol.analyses import Analysis
    from probatio.protocol.endpoints import Endpoint
    from probatio.protocol.files import Patients, Source
    from probatio.protocol.variables import Variable

Where = tuple[str | int, ...]
_Told = Iterator[tuple[Where, str]]


class Fields(NamedTuple):
    """What an endpoint or analysis may name: the type and the levels of each field, and the sources."""

    types: Mapping[str, str]
    levels: Mapping[str, list[str]]
    visits: frozenset[str]
    attributes: frozenset[str]
    sources: frozenset[str]


def derive_fields(variables: list[Variable], patients: Patients, sources: list[Source]) -> Fields:
    """Return the fields that are declared: variables, attributes of repeated events, patient attributes."""
    types = {variable.name: str(variable.type) for variable in variables}
    levels = {variable.name: variable.levels for variable in variables}
    for variable in variables:
        types |= {f"{variable.name}.{name}": each.type for name, each in variable.attributes.items()}
        levels |= {f"{variable.name}.{name}": each.levels for name, each in variable.attributes.items()}
    for name, fact in patients.attributes.items():
        types.setdefault(name, "text" if fact.period or fact.cut else fact.type)
    visits = frozenset(variable.name for variable in variables if variable.visits)
    return Fields(types, levels, visits, frozenset(patients.attributes), frozenset(source.name for source in sources))


def check_analyses(endpoints: list[Endpoint], analyses: list[Analysis], fields: Fields) -> None:
    """Refuse endpoints and analyses that name what is not declared, or what does not mean what its place asks for.

    Raises:
        ValidationError: each error carries the place of its key, so that reading can say file and line.
    """
    names = {endpoint.name for endpoint in endpoints}
    told = [(("endpoints", place), _check_endpoint(each, fields)) for place, each in enumerate(endpoints)]
    told += [(("analyses", place), _check_analysis(each, names, fields)) for place, each in enumerate(analyses)]
    faults = [build_fault((*at, *where), said) for at, found in told for where, said in found]
    if faults:
        raise ValidationError.from_exception_data("study", faults)


def _check_endpoint(endpoint: Endpoint, fields: Fields) -> _Told:
    if endpoint.source:
        yield from _check_known(("source",), [endpoint.source], fields.sources)
    known = {"time": endpoint.time, "event": endpoint.event, "entry_time": endpoint.entry_time}
    for key, name in known.items():
        if name:
            yield from _check_known((key,), [name], fields.types)
    dates = {"origin": endpoint.origin, "entry": endpoint.entry, "cut_off": endpoint.cut_off}
    for key, name in dates.items():
        if name and not is_iso_date(name):
            yield from _check_date((key,), name, fields)
    for place, rule in list_rule_keys(endpoint):
        yield from _check_date(place, rule.date, fields)
        for key, asked in (("where", rule.where), ("unless", rule.unless)):
            yield from _check_levels((*place, key), rule, asked, fields)


def _check_date(where: Where, name: str, fields: Fields) -> _Told:
    if name not in fields.types:
        yield from _check_known(where, [name], fields.types)
    elif fields.types[name] != "date":
        yield where, f"{name} is no date but of type {fields.types[name]}; name one of type date"
    elif name in fields.visits:
        yield where, f"{name} has visits, and an endpoint reads one date a patient; name a variable without visits"


def _check_levels(where: Where, rule: EndpointRule, asked: Mapping[str, list[str]], fields: Fields) -> _Told:
    for name, levels in asked.items():
        events = name.partition(".")[0] if "." in name else ""
        if name not in fields.types:
            yield from _check_known(where, [name], fields.types)
        elif events and events != rule.events:
            yield where, f"{name} belongs to other events than {rule.date}; name an attribute of the same ones"
        elif stray := sorted(set(levels) - set(fields.levels.get(name) or levels)):
            yield where, f"{stray[0]} is not a level of {name}; known: {', '.join(fields.levels[name])}"


def _check_analysis(analysis: Analysis, endpoints: set[str], fields: Fields) -> _Told:
    single = {name: kind for name, kind in fields.types.items() if "." not in name}
    yield from _check_known(("endpoint",), [analysis.endpoint], endpoints)
    yield from _check_known(("population",), analysis.population, single)
    yield from _check_known(("sources",), analysis.sources, fields.sources)
    if analysis.population_source:
        yield from _check_known(("population_source",), [analysis.population_source], fields.sources)
    for place, term in enumerate(analysis.terms):
        yield from _check_known(("terms", place, "variable"), [term.variable], single)
        if term.source:
            yield from _check_known(("terms", place, "source"), [term.source], fields.sources)
        if term.source and term.variable in fields.attributes:
            yield ("terms", place, "source"), f"{term.variable} is a patient attribute, the same for all; drop source"
    yield from _check_known(("strata",), analysis.strata, {*single, "centre"})
    for name in analysis.strata:
        if single.get(name) in ("date", "set", "events") or (single.get(name) == "number" and name in fields.levels):
            yield ("strata",), f"{name} is of type {single[name]} and has no levels; name one that has"


def _check_known(where: Where, names: Iterable[str], known: Iterable[str]) -> _Told:
    if stray := sorted(set(names) - set(known)):
        yield where, f"{stray[0]} is not declared; known: {', '.join(sorted(known))}"
