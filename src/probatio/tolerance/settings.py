"""One analysis as the comparator sees it: its texts, its fit, the patients drawn, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Analysis, Protocol, Tolerance, Use
from probatio.records import Records
from probatio.replication import Texts, View, derive_texts, derive_view_of_texts
from probatio.resampling import Draws, Floats
from probatio.results import Reason
from probatio.tolerance.carriers import Carrier, list_carriers
from probatio.tolerance.injecting import Base, Copies, Stack, compute_base, derive_copies, derive_stack
from probatio.tolerance.paths import Path, list_paths
from probatio.tolerance.probabilities import Cell, compute_cell, derive_limits


@dataclass(frozen=True)
class Setting:
    """What injections into one analysis start from.

    Attributes:
        protocol: the study's protocol.
        tolerance: its grids, margins and probability.
        analysis: the analysis.
        texts: what it reads from its comparator.
        base: the comparator's view and its fit, in every bootstrap sample.
        weights: how often each evaluated patient is drawn, shape (draws, n).
        draws: the design of these draws.
    """

    protocol: Protocol
    tolerance: Tolerance
    analysis: Analysis
    texts: Texts
    base: Base
    weights: NDArray[Any]
    draws: Draws

    @property
    def margins(self) -> Mapping[Use, float]:
        """The margin of each use, a hazard ratio above 1."""
        return {use: self.tolerance.margins.get(use, self.analysis.margin) for use in self.protocol.uses}

    @property
    def limits(self) -> Mapping[Use, Floats]:
        """How far each number may move for each use."""
        first_only = self.tolerance.conclusion == "first_term"
        rmst_margin = self.analysis.rmst_margin if self.horizon is not None else None
        return {
            use: derive_limits(self.base.view, margin, rmst_margin, first_only=first_only)
            for use, margin in self.margins.items()
        }

    @property
    def horizon(self) -> float | None:
        """Of the restricted means on which the conclusion rests too; None where it does not."""
        return find_horizon(self.protocol, self.analysis)

    @property
    def carriers(self) -> list[Carrier]:
        """The cells into which errors are injected."""
        return list_carriers(self.protocol, self.analysis)

    def list_paths(self, carrier: Carrier) -> list[Path]:
        """Return the ways in which a cell can be wrong."""
        endpoint, others = (
            self.protocol.get_endpoint(self.analysis.endpoint),
            [c for c in self.carriers if c != carrier],
        )
        return list_paths(carrier, self.texts, self.tolerance, endpoint=endpoint, follow_up=self.base.view.time,
                          others=others)  # fmt: skip

    def find_concerned(self, carrier: Carrier) -> NDArray[np.bool_]:
        """Return the patients whose errors in a cell may matter: those analysed, and those whom it alone keeps out."""
        if not carrier.is_population:
            return self.base.view.complete
        inside = carrier.read(self.texts).where(~carrier.find_known(self.texts), carrier.groups[1][0])
        (view,) = self.derive_views([carrier.write(self.texts, inside)])
        return view.complete

    def draw_copies(self, column: str) -> Copies:
        """Return the patients drawn with the errors of one cell: the same in every analysis."""
        return _draw_copies(self.weights, self.draws, column)

    def derive_views(self, altered: list[Texts]) -> list[View]:
        """Return what altered texts say, read all at once: a patient's view hangs on no other patient."""
        joined = Texts(*(pd.concat(tables, ignore_index=True) for tables in zip(*altered, strict=True)))
        view, n = derive_view_of_texts(joined, self.protocol, self.analysis, self.base.view.source), len(self.weights.T)
        return [_take(view, slice(n * place, n * (place + 1))) for place in range(len(altered))]


@dataclass(frozen=True)
class Injections:
    """The errors of one cell of an analysis, and the regressions made so far.

    Attributes:
        setting: the analysis.
        carrier: the cell.
        concerned: patients over whom its errors are counted, shape (n,).
        copies: the patients drawn, with their errors.
    """

    setting: Setting
    carrier: Carrier
    concerned: NDArray[np.bool_]
    copies: Copies
    _stacks: dict[tuple[str, float], Stack] = field(default_factory=dict)

    def compute_cell(self, path: Path, error: float, rates: Floats) -> Cell:
        """Inject an error of a path at these rates, shape (n,), into every draw."""
        place, base = path.place(error), self.setting.base
        if place not in self._stacks:
            self._stacks[place] = derive_stack(
                base.view, self.setting.derive_views(path.alter(error)), horizon=self.setting.horizon
            )
        return compute_cell(base, self._stacks[place], self.copies, rates, error)


def derive_injections(setting: Setting, carrier: Carrier) -> Injections:
    """Draw the errors of one cell."""
    return Injections(setting, carrier, setting.find_concerned(carrier), setting.draw_copies(carrier.column))


def find_horizon(protocol: Protocol, analysis: Analysis) -> float | None:
    """Return the horizon whose difference in restricted means must not move either: the last, with an `rmst_margin`.

    Whether the hazard ratio or the restricted mean concludes hangs on a test of proportional hazards, which the errors
    move too: where both may decide, both must stand. A competing event has no restricted mean.
    """
    grouped = (
        bool(analysis.terms and analysis.terms[0].groups) and not protocol.get_endpoint(analysis.endpoint).has_competing
    )
    return max(analysis.horizons) if grouped and analysis.horizons and analysis.rmst_margin is not None else None


def derive_setting(records: Records, protocol: Protocol, analysis: Analysis, draws: Draws) -> Setting:
    """Read and fit one analysis from its comparator.

    Raises:
        ValueError: the protocol declares no tolerance.
        UserError: no declared event value occurs.
    """
    if (tolerance := protocol.tolerance) is None:
        raise ValueError("the protocol declares no tolerance")
    source = str(analysis.comparator)
    texts = derive_texts(records, protocol, analysis, source)
    view = derive_view_of_texts(texts, protocol, analysis, source)
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    weights = draws.weights(cohort)[: tolerance.draws]
    own = replace(draws, replicates=len(weights))
    base = compute_base(view, _draw_copies(weights, own, ""), horizon=find_horizon(protocol, analysis))
    if analysis.weighting != "none":
        base = replace(base, reason=Reason.WEIGHTED_ANALYSIS)
    return Setting(protocol, tolerance, analysis, texts, base, weights, own)


def _take(view: View, rows: slice) -> View:
    """Return the view of some of the patients."""
    arrays: dict[str, Any] = {name: value[rows] for name, value in vars(view).items() if isinstance(value, np.ndarray)}
    return replace(view, outcome=view.outcome.iloc[rows], **arrays)


def _draw_copies(weights: NDArray[Any], draws: Draws, column: str) -> Copies:
    size = int(weights.sum(axis=1).max())
    error, choice = (
        draws.derive_generator("tolerance", column, what).random((draws.replicates, size))
        for what in ("error", "choice")
    )
    return derive_copies(weights, error, choice)
