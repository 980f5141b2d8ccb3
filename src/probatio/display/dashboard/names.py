"""The names of a page: variables, sources, uses, forms, centres, each told once and then by its number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from probatio.display.dashboard.cells import Both, both, both_or_key
from probatio.display.rows import label_of, level_label
from probatio.display.style import source_colours
from probatio.protocol import Protocol, Variable

SHAPES = ("circle", "triangle", "square", "diamond", "fallen", "plus", "upright", "cross")
UNKNOWN = "missing"
"""The stratum of patients whose centre is not known; some rows leave it empty."""


def count_centres(strata: Iterable[str], shown: Iterable[str]) -> dict[str, Any]:
    """Return how many centres are left out of how many, and whether patients without a centre are left out too."""
    every, kept = set(strata), set(shown)
    unknown = {"", UNKNOWN}
    return {"left_out": [len(every - kept - unknown), len(every - unknown)], "unplaced": bool((every - kept) & unknown)}


@dataclass
class Names:
    """Numbers given to names in the order in which panels ask for them; the protocol's own come first.

    `pseudonyms`: what each centre is called in the page; where there are none, a centre has its own name.
    """

    protocol: Protocol
    pseudonyms: Mapping[str, str] = field(default_factory=dict)
    _variables: dict[str, int] = field(default_factory=dict)
    _centres: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sources = {source.name: at for at, source in enumerate(self.protocol.sources)}
        self.uses: dict[str, int] = {str(use): at for at, use in enumerate(self.protocol.uses)}
        forms = dict.fromkeys(variable.form for variable in self.protocol.variables if variable.form)
        self.forms = {form: at for at, form in enumerate(forms)}
        for name in ["", *(variable.name for variable in self.protocol.variables)]:
            self.number_variable(name)

    def number_variable(self, name: str) -> int:
        """Return the number of a variable, or of an attribute such as `adverse_events.grade`."""
        return self._variables.setdefault(name, len(self._variables))

    def number_centre(self, name: str) -> int:
        """Return the number of a centre, or of patients without one."""
        return self._centres.setdefault(self.name_centre(name), len(self._centres))

    def name_centre(self, name: str) -> str:
        """Return what the page calls a centre.

        Raises:
            KeyError: centres bear pseudonyms and this one has none: its own name is not for the page.
        """
        if name in ("", UNKNOWN):
            return UNKNOWN
        return self.pseudonyms[name] if self.pseudonyms else name

    def describe(self) -> dict[str, Any]:
        """Return the tables of names, as the page reads them."""
        return {
            "variables": [self._describe_variable(name) for name in self._variables],
            "sources": self._describe_sources(),
            "uses": [{"id": use, "label": both("use", use)} for use in self.uses],
            "forms": [{"id": form, "label": self.label_form(form)} for form in self.forms],
            "centres": self.centres,
        }

    @property
    def centres(self) -> list[str]:
        """The centres as the page calls them, by number."""
        return list(self._centres)

    def label_form(self, form: str) -> Both:
        """Return the wording of a form."""
        found = self.protocol.forms.get(form)
        return [found.fr, found.en] if found else [form, form]

    def label_variable(self, name: str) -> Both:
        """Return the wording of a variable."""
        return [label_of(self.protocol, name, "fr"), label_of(self.protocol, name, "en")]

    def label_level(self, variable: str, level: str) -> Both:
        """Return the wording of a level; of a centre, what the page calls it."""
        if variable == "centre":
            return [self.name_centre(level)] * 2
        return [level_label(self.protocol, variable, level, "fr"), level_label(self.protocol, variable, level, "en")]

    def _describe_variable(self, name: str) -> dict[str, Any]:
        parent = self._find_variable(name)
        owner: Any = parent
        if parent is not None and "." in name:
            owner = parent.attributes[name.partition(".")[2]]
        form = self.forms.get(parent.form) if parent is not None and parent.form else None
        kind = str(owner.type) if owner is not None else ""
        return {"id": name, "label": self.label_variable(name), "form": form, "type": kind}

    def _find_variable(self, name: str) -> Variable | None:
        own = name.partition(".")[0]
        return next((variable for variable in self.protocol.variables if variable.name == own), None)

    def _describe_sources(self) -> list[dict[str, Any]]:
        colours = source_colours(self.protocol)
        return [
            {"id": source.name, "label": [source.label.fr, source.label.en], "role": both_or_key("role", source.role),
             "colour": colours[source.name], "shape": SHAPES[at % len(SHAPES)]}
            for at, source in enumerate(self.protocol.sources)
        ]  # fmt: skip
