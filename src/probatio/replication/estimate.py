"""One number of one source, and the patients it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from probatio.replication.views import Label, View
from probatio.resampling import Floats
from probatio.results import Reason, Status

Mask = NDArray[np.bool_]
OVERALL = Label()


@dataclass(frozen=True)
class Estimate:
    """One number of one source, and its value in every replicate (None: none wanted).

    Attributes:
        metric: name of the result row.
        label: its `variable` and `term`.
        value: the number; NaN when undefined.
        fields: the other columns of its result row.
        replicates: shape (replicates,), NaN where a replicate has no value.
        standard_error: NaN where there is none.
        primary: false for a second interval of the same number, which is not compared again.
    """

    metric: str
    label: Label
    value: float
    fields: dict[str, Any]
    replicates: Floats | None = None
    standard_error: float = np.nan
    primary: bool = True

    @property
    def key(self) -> tuple[str, Label, str, str]:
        """What tells this number from the others of its source."""
        return self.metric, self.label, self.fields.get("at", ""), self.fields.get("method", "")


@dataclass(frozen=True)
class Sample:
    """The patients of one source that one analysis keeps; arrays have one entry per evaluated patient.

    Attributes:
        view: what the source says.
        kept: who is analysed: complete in the view.
        centre: each patient's centre, "" where unknown.
        weights: replicate weights, shape (replicates, n); None: no replicates.
        level: two-sided confidence.
    """

    view: View
    kept: Mask
    centre: NDArray[np.str_]
    weights: NDArray[Any] | None
    level: float

    def select(self, members: Mask) -> Sample:
        """Return the sample of some of the patients."""
        return replace(self, kept=members)

    def draw(self) -> NDArray[Any] | None:
        """Return the replicate weights of the patients kept."""
        return None if self.weights is None else self.weights[:, self.kept]

    @property
    def counts(self) -> dict[str, Any]:
        """Patients and events, as columns of a row."""
        return {"n": int(self.kept.sum()), "k": int(self.view.event[self.kept].sum())}

    @property
    def outcome(self) -> dict[str, Any]:
        """Arguments of the estimators: time and event of the patients kept, and their entry where it is delayed."""
        entry = self.view.entry[self.kept]
        told = {"time": self.view.time[self.kept], "event": self.view.event[self.kept]}
        return told | {"entry": entry} if (entry > 0).any() else told

    def list_groups(self) -> Iterator[tuple[Label, Sample]]:
        """Yield every patient analysed, then those of each group of the first term."""
        yield OVERALL, self
        for code, label in enumerate(self.view.groups):
            yield label, self.select(self.kept & (self.view.group == code))


def describe_undefined(reason: Reason) -> dict[str, Any]:
    """Return the columns of a row whose number is undefined."""
    return {"status": Status.NOT_ESTIMABLE, "reason": reason}


def compute_wald(value: float, error: float, level: float) -> dict[str, float]:
    """Return the normal interval of a number as columns of a row."""
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    return {"lower": value - half, "upper": value + half}
