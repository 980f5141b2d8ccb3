"""The comparator's data with some variables read from another source: one view, and its numbers, per set of variables.

On the patients complete in both sources ("same") what moves is the values; a patient whom a mixture leaves without
endpoint (one source's death before the other's first dose) leaves that mixture only. On its "own" patients, each
mixture takes whoever is complete in it: missing values move the estimate too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Analysis, Protocol
from probatio.records import Records
from probatio.replication.estimate import OVERALL, Estimate, Mask, Sample
from probatio.replication.estimates import compute_sample
from probatio.replication.views import (
    Label,
    Texts,
    View,
    derive_texts,
    derive_view_of_texts,
    is_shared,
    list_variables,
)
from probatio.resampling import Floats
from probatio.results import Reason

_METRICS = (
    "weighted_log_hazard_ratio", "log_hazard_ratio", "weighted_rmst_difference", "rmst_difference", "rmst",
    "median_survival", "cumulative_incidence",
)  # fmt: skip


PatientRule = Literal["same", "own"]
"""Who is analysed in a mixture: of the patients complete in both sources, or of all, those complete in it."""


class Quantity(NamedTuple):
    """One number of an analysis: its metric, coefficient or group, and horizon."""

    metric: str
    label: Label
    at: str

    @property
    def term(self) -> str:
        """Its name in the `term` of a result row: `log_hazard_ratio:stage=late`, `rmst`."""
        return f"{self.metric}:{self.label.variable}={self.label.term}" if self.label.variable else self.metric

    @property
    def unit(self) -> str:
        """Its unit in result rows."""
        return "days" if "rmst" in self.metric or self.metric == "median_survival" else ""


class Number(NamedTuple):
    """A quantity's value, then that of every replicate, shape (1 + replicates,); why it is undefined."""

    drawn: Floats
    reason: Reason


Numbers = dict[Quantity, Number]


class Setting(NamedTuple):
    """What every mixture of one analysis is estimated with.

    Attributes:
        records: the study's tables.
        protocol: the study.
        analysis: the analysis, at its last horizon; with competing events at its last landmark, else at none.
        centre: each evaluated patient's centre.
        weights: replicate weights, shape (replicates, patients).
    """

    records: Records
    protocol: Protocol
    analysis: Analysis
    centre: NDArray[np.str_]
    weights: NDArray[Any]


def derive_setting(records: Records, protocol: Protocol, analysis: Analysis, weights: NDArray[Any]) -> Setting:
    """Return an analysis reduced to the numbers that are attributed, with its replicate weights."""
    cohort = derive_cohort(records)
    competing = protocol.get_endpoint(analysis.endpoint).has_competing
    landmarks = sorted(analysis.landmarks)[-1:] if competing else []
    reduced = analysis.model_copy(update={"horizons": sorted(analysis.horizons)[-1:], "landmarks": landmarks})
    centre = np.asarray(cohort["centre"].fillna("").astype(str), dtype=np.str_)
    return Setting(records, protocol, reduced, centre, weights)


def derive_cohort(records: Records) -> pd.DataFrame:
    """Return the evaluated patients, sorted by id."""
    return records.patients[~records.patients["development"].astype(bool)].sort_index()


def compute_numbers(sample: Sample, setting: Setting) -> Numbers:
    """Return the numbers of a sample that are attributed, with their replicates."""
    competing = setting.protocol.get_endpoint(setting.analysis.endpoint).has_competing
    found = compute_sample(sample, setting.analysis, competing=competing)
    wanted = [one for one in found if one.primary and _is_wanted(one, setting.analysis, competing=competing)]
    replicates = 0 if sample.weights is None else len(sample.weights)
    return {_derive_quantity(one): _derive_number(one, replicates) for one in wanted}


class Swaps:
    """Mixtures of one source with the comparator, each view made once, each fit done once.

    Attributes:
        setting: analysis, records and weights.
        source: the source compared.
        variables: what the analysis reads from sources, in order.
        common: patients complete in both sources.
        selected: patients complete in one of them only.
    """

    def __init__(self, setting: Setting, source: str) -> None:
        self.setting, self.source = setting, source
        self.variables = tuple(list_variables(setting.protocol, setting.analysis))
        self._base = self._read({})
        other = self._read(dict.fromkeys(self.variables, source))
        self._changes = {name: _find_changes(self._base, other, name) for name in self.variables}
        self._views: dict[frozenset[str], View] = {}
        self._numbers: dict[tuple[bytes, ...], Numbers] = {}
        self.common: Mask = self.reference.complete & self.other.complete
        self.selected: Mask = self.reference.complete ^ self.other.complete

    @property
    def reference(self) -> View:
        """The comparator's own view."""
        return self.get_view(())

    @property
    def other(self) -> View:
        """The source's own view."""
        return self.get_view(self.variables)

    def get_view(self, swapped: Iterable[str]) -> View:
        """Return the comparator's view with these variables read from the source."""
        names = frozenset(swapped)
        if names not in self._views:
            dated = frozenset(name for name in names if self._reads(name, 1))
            others = frozenset(name for name in names if self._reads(name, 0))
            self._views[names] = self._derive_view(names) if names in (dated, others) else self._join(others, dated)
        return self._views[names]

    def _derive_view(self, names: frozenset[str]) -> View:
        setting = self.setting
        return derive_view_of_texts(self.derive_texts(names), setting.protocol, setting.analysis, self.source)

    def _join(self, others: frozenset[str], dated: frozenset[str]) -> View:
        """Return a mixture from two: its endpoint is read of dates alone, all else of the other variables alone."""
        view, outcome = self.get_view(others), self.get_view(dated).outcome
        return replace(view, outcome=outcome, complete=view.known & outcome["time"].notna().to_numpy())

    def _reads(self, name: str, table: int) -> bool:
        """Say whether a variable changes the table of covariates (0), or that of the endpoint (1)."""
        return any(at == table for at, _ in self._changes[name])

    def derive_texts(self, swapped: Iterable[str]) -> Texts:
        """Return the comparator's texts with those of these variables read from the source."""
        tables = [table.copy() for table in self._base]
        for name in swapped:
            for at, columns in self._changes[name]:
                tables[at][columns.columns] = columns
        return Texts(*tables)

    def find_read_differently(self, variable: str) -> Mask:
        """Return the patients for whom the two sources have different texts of a variable."""
        differ = [_differ(self._base[at][columns.columns], columns) for at, columns in self._changes[variable]]
        differing: Mask = np.logical_or.reduce([np.zeros(len(self.common), dtype=bool), *differ])
        return differing

    def list_live(self, rule: PatientRule) -> tuple[str, ...]:
        """Return the variables that may move a number; the others are null players."""
        return tuple(name for name in self.variables if self._is_live(name, rule))

    def get_numbers(self, swapped: Iterable[str], rule: PatientRule = "same") -> Numbers:
        """Return a mixture's numbers."""
        view, kept = self.get_view(swapped), self.get_kept(swapped, rule)
        key = _derive_key(view, kept)
        if key not in self._numbers:
            setting = self.setting
            sample = Sample(view, kept, setting.centre, setting.weights, setting.protocol.level)
            self._numbers[key] = compute_numbers(sample, setting)
        return self._numbers[key]

    def get_kept(self, swapped: Iterable[str], rule: PatientRule = "same") -> Mask:
        """Return the patients analysed in a mixture."""
        complete = self.get_view(swapped).complete
        return complete & self.common if rule == "same" else complete

    def find_changed(self, before: Iterable[str], after: Iterable[str], rule: PatientRule = "same") -> Mask:
        """Return the patients whose data differ between two mixtures, or who are analysed in one of them only."""
        kept = self.get_kept(before, rule), self.get_kept(after, rule)
        differ = find_differing(self.get_view(before), self.get_view(after))
        changed: Mask = (differ & kept[0] & kept[1]) | (kept[0] ^ kept[1])
        return changed

    def _read(self, read_from: dict[str, str]) -> Texts:
        setting = self.setting
        comparator = setting.analysis.comparator or ""
        return derive_texts(setting.records, setting.protocol, setting.analysis, comparator, read_from=read_from)

    def _is_live(self, name: str, rule: PatientRule) -> bool:
        """Say whether a variable's texts differ; on the common patients, where no dates, what is read of them."""
        if rule == "own":
            return bool(self._changes[name])
        if not (self.find_read_differently(name) & self.common).any():
            return False
        return self._reads(name, 1) or bool(self.find_changed((), (name,)).any())


def list_quantities(swaps: Swaps) -> list[Quantity]:
    """Return the numbers that are attributed, log hazard ratios first: all but one of all patients that cannot move."""
    setting = swaps.setting
    fixed = is_shared(setting.protocol.get_endpoint(setting.analysis.endpoint), setting.protocol)
    fixed = fixed and not swaps.selected.any()
    found = [one for one in swaps.get_numbers(()) if one.label.variable or not fixed]
    return sorted(found, key=lambda one: _METRICS.index(one.metric))


def find_differing(one: View, other: View) -> Mask:
    """Return the patients for whom two views differ in endpoint, group, stratum or covariates."""
    same = np.isclose(one.covariates, other.covariates, rtol=0, atol=1e-12, equal_nan=True).all(axis=1)
    for mine, theirs in ((one.time, other.time), (one.entry, other.entry)):
        same &= np.isclose(mine, theirs, rtol=0, atol=1e-9, equal_nan=True)
    same &= (one.cause == other.cause) & (one.group == other.group) & (one.strata == other.strata)
    differing: Mask = ~same
    return differing


def get_variable(column: str) -> str:
    """Return the variable of a column of texts: `ecog` of `ecog@m1`, `doses` of `doses.date`."""
    return column.partition("@")[0].partition(".")[0]


def _find_changes(base: Texts, other: Texts, variable: str) -> list[tuple[int, pd.DataFrame]]:
    """Return, per table of texts, its number and the columns of a variable that differ between two sources."""
    found = []
    for at, (mine, theirs) in enumerate(zip(base, other, strict=True)):
        own = [name for name in theirs.columns if get_variable(name) == variable]
        changed = [name for name in own if _differ(mine[[name]], theirs[[name]]).any()]
        if changed:
            found.append((at, theirs[changed]))
    return found


def _differ(mine: pd.DataFrame, theirs: pd.DataFrame) -> Mask:
    same = (mine == theirs).fillna(False).astype(bool) | (mine.isna() & theirs.isna())
    return np.asarray(~same.all(axis=1), dtype=bool)


def _derive_key(view: View, kept: Mask) -> tuple[bytes, ...]:
    arrays = (view.time, view.entry, view.cause, view.group, view.covariates)
    bare = (np.ascontiguousarray(array[kept]).tobytes() for array in arrays)
    return kept.tobytes(), *bare, "\0".join(view.strata[kept].tolist()).encode()


def _is_wanted(one: Estimate, analysis: Analysis, *, competing: bool) -> bool:
    """Say whether a number is attributed; with competing events incidence takes the place of mean and median."""
    if one.metric not in _METRICS or (competing and ("rmst" in one.metric or one.metric == "median_survival")):
        return False
    if one.metric == "median_survival":
        return one.label == OVERALL and not analysis.horizons
    return one.metric not in ("rmst", "cumulative_incidence") or one.label == OVERALL


def _derive_quantity(one: Estimate) -> Quantity:
    return Quantity(one.metric, one.label, str(one.fields.get("at", "")))


def _derive_number(one: Estimate, replicates: int) -> Number:
    drawn = np.full(replicates, np.nan) if one.replicates is None else one.replicates
    reason = one.fields.get("reason", Reason.NONE) if np.isnan(one.value) else Reason.NONE
    return Number(np.r_[one.value, drawn], Reason(reason))
