"""The ways in which a cell can be wrong, each a path along which the error grows.

| path | unit | who can be in error | what a patient in error is given |
|---|---|---|---|
| wrong | share | all with a value | another class (each as likely); another patient's number; a date off by `wrong_days` either way |
| false_negative | share | the last of two classes (exposed, inside, with the event) | the other class |
| false_positive | share | the first of two classes | the other class |
| together | share | all with both values | the other class, of this term and of every other term of two classes at once |
| neighbour | share | all with a level of an ordinal variable | the level above or below: a level's error, not always a group's |
| omission | share | all with a value | no value; a patient without an event's date is censored at the last contact |
| unsupported | share | those without an event's date | a date at random between origin and end of follow-up |
| late, early | days | all with a date | a date so many days later or earlier |
| spread | days, or standard deviations | all with a value | a normal error of that standard deviation |

A normal error takes one of `POINTS` values as likely as one another: the quantiles at the middle of equal shares, scaled
to the standard deviation (dates: rounded to days). What a date or number becomes is what `derive_view_of_texts` makes of it:
a time below zero leaves the analysis as it would in any source, and is counted.

Each variable is in error alone, the others being right, but for `together`: errors of several variables add up, and
those that strike the same patients are seen there.

Whoever can be in error is so in all the texts of an alteration: patients do not influence one another's view, so that a view
of texts altered in everybody holds what each patient would look like, and an injection chooses per patient among views.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from probatio.protocol import Endpoint, Tolerance
from probatio.records.canonical import derive_number_text
from probatio.replication import Texts
from probatio.resampling import Floats
from probatio.survival import derive_days
from probatio.tolerance.carriers import Carrier

POINTS = 9
_OTHERS = 8
_ORDER = 1
_FAR = (0.5, 0.75)  # further errors of one class alone: a small share of all values
_MOMENTS = (0.1, 0.3, 0.5, 0.7, 0.9)
_EPOCH = np.datetime64("1970-01-01")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Path:
    """One way of being wrong.

    Attributes:
        name: of the table above.
        unit: "proportion", "days" or "sd".
        grid: rising errors, in the unit.
        at_risk: who can be in error, shape (n,).
        alter: the altered texts, as likely as one another, of an error on the grid.
        is_share: the error is the share of patients in error; otherwise all are, by that much.
        family: paths of one family alter alike, and differ in who can be in error.
    """

    name: str
    unit: str
    grid: tuple[float, ...]
    at_risk: Mask
    alter: Callable[[float], list[Texts]]
    is_share: bool = True
    family: str = ""

    def place(self, error: float) -> tuple[str, float]:
        """Return what tells its altered texts from others of the cell: a share of errors alters as any other does."""
        return self.family or self.name, 0.0 if self.is_share else error


def list_paths(
    carrier: Carrier,
    texts: Texts,
    tolerance: Tolerance,
    *,
    endpoint: Endpoint,
    follow_up: Floats,
    others: Sequence[Carrier] = (),
) -> list[Path]:
    """Return the paths of one cell.

    Args:
        carrier: the cell.
        texts: what the analysis reads from the comparator.
        tolerance: the grids.
        endpoint: of the analysis; its origin dates unsupported events.
        follow_up: days to event or censoring, NaN where unknown, shape (n,).
        others: the other cells of the analysis.
    """
    makers = {"groups": _list_group_paths, "number": _list_number_paths, "date": _list_date_paths}
    known, missing = carrier.find_known(texts), pd.Series(None, index=carrier.read(texts).index, dtype=object)
    omitted = [carrier.write(texts, missing)]
    found = [*makers[carrier.kind](carrier, texts, tolerance)]
    found.append(_share("omission", tolerance.omissions, known, omitted))
    if carrier.is_event and endpoint.origin in texts.endpoint:
        found.append(_list_unsupported(carrier, texts, tolerance, endpoint, follow_up))
    if carrier.is_binary_term and (partners := [other for other in others if other.is_binary_term]):
        found.append(_derive_together([carrier, *partners], texts, tolerance))
    return [path for path in found if path.at_risk.any()]


def _share(name: str, grid: list[float], at_risk: Mask, altered: list[Texts], family: str = "") -> Path:
    return Path(name, "proportion", tuple(grid), at_risk, lambda _: altered, family=family)


def _list_group_paths(carrier: Carrier, texts: Texts, tolerance: Tolerance) -> Iterator[Path]:
    codes, number = carrier.find_codes(texts), len(carrier.groups)
    names = np.array([levels[0] if levels else None for levels in carrier.groups], dtype=object)
    turned = [
        carrier.write(texts, _replace(carrier.read(texts), names[(codes + step) % number], codes >= 0))
        for step in range(1, number)
    ]
    yield _share("wrong", tolerance.errors, codes >= 0, turned, "class")
    if number == 2:
        longer = [*tolerance.errors, *(error for error in _FAR if error > tolerance.errors[-1])]
        yield _share("false_negative", longer, codes == 1, turned, "class")
        yield _share("false_positive", longer, codes == 0, turned, "class")
    if len(carrier.levels) > 2:
        yield _derive_neighbour(carrier, texts, tolerance)


def _derive_together(carriers: list[Carrier], texts: Texts, tolerance: Tolerance) -> Path:
    altered, both = texts, np.ones(len(texts.covariates), dtype=bool)
    for carrier in carriers:
        codes, names = carrier.find_codes(texts), np.array([levels[0] for levels in carrier.groups], dtype=object)
        altered = carrier.write(altered, _replace(carrier.read(texts), names[1 - codes.clip(0)], codes >= 0))
        both &= codes >= 0
    return _share("together", tolerance.errors, both, [altered])


def _replace(column: pd.Series, texts: NDArray[np.object_], where: Mask) -> pd.Series:
    return column.mask(where, pd.Series(texts, index=column.index))


def _derive_neighbour(carrier: Carrier, texts: Texts, tolerance: Tolerance) -> Path:
    column, last = carrier.read(texts), len(carrier.levels) - 1
    places = np.asarray(column.map({level: place for place, level in enumerate(carrier.levels)}).fillna(-1), dtype=int)
    names, known = np.array(carrier.levels, dtype=object), places >= 0
    above, below = np.where(places < last, places + 1, last - 1), np.where(places > 0, places - 1, 1)
    altered = [carrier.write(texts, _replace(column, names[moved], known)) for moved in (above, below)]
    return _share("neighbour", tolerance.errors, known, altered)


def _list_number_paths(carrier: Carrier, texts: Texts, tolerance: Tolerance) -> Iterator[Path]:
    column = carrier.read(texts)
    numbers = pd.to_numeric(column.replace("", None), errors="coerce").to_numpy(dtype=float)
    known = ~np.isnan(numbers)
    if known.sum() < 2:
        return
    yield _share("wrong", tolerance.errors, known, [
        carrier.write(texts, _write_numbers(column, _take_others(numbers, known, step), known))
        for step in range(1, min(_OTHERS, int(known.sum()) - 1) + 1)
    ])  # fmt: skip
    scale = float(numbers[known].std())

    def alter(size: float) -> list[Texts]:
        return [carrier.write(texts, _write_numbers(column, numbers + size * scale * z, known)) for z in _list_scores()]

    yield Path("spread", "sd", tuple(tolerance.noise), known, alter, is_share=False)


def _take_others(numbers: Floats, known: Mask, step: int) -> Floats:
    """Return for each patient the number of one a share of the cohort away in a fixed order, never one's own."""
    order = np.random.Generator(np.random.Philox(_ORDER)).permutation(np.flatnonzero(known))
    shift = max(1, step * len(order) // (_OTHERS + 1))
    out = numbers.copy()
    out[order] = numbers[np.roll(order, shift)]
    return out


def _write_numbers(column: pd.Series, numbers: Floats, known: Mask) -> pd.Series:
    texts = np.array([derive_number_text(float(x)) if k else None for x, k in zip(numbers, known, strict=True)], object)
    return _replace(column, texts, known)


def _list_scores() -> Floats:
    """Return the normal scores of an error of standard deviation 1."""
    scores = np.asarray(stats.norm.ppf((np.arange(POINTS) + 0.5) / POINTS), dtype=float)
    scaled: Floats = scores / scores.std()
    return scaled


def _list_date_paths(carrier: Carrier, texts: Texts, tolerance: Tolerance) -> Iterator[Path]:
    column = carrier.read(texts)
    days = derive_days(column)["days"].to_numpy(dtype=float)
    known = ~np.isnan(days)

    def move(by: float) -> Texts:
        return carrier.write(texts, _write_dates(column, days + by, known))

    yield _share("wrong", tolerance.errors, known, [move(-tolerance.wrong_days), move(tolerance.wrong_days)])
    lags, spreads = tuple(map(float, tolerance.lag_days)), tuple(map(float, tolerance.spread_days))
    yield Path("late", "days", lags, known, lambda lag: [move(lag)], is_share=False)
    yield Path("early", "days", lags, known, lambda lag: [move(-lag)], is_share=False)
    yield Path("spread", "days", spreads, known, lambda sd: [move(sd * z) for z in _list_scores()], is_share=False)


def _write_dates(column: pd.Series, days: Floats, known: Mask) -> pd.Series:
    dates = _EPOCH + np.where(known, np.rint(days), 0).astype("timedelta64[D]")
    return _replace(column, np.datetime_as_string(dates, unit="D").astype(object), known)


def _list_unsupported(
    carrier: Carrier, texts: Texts, tolerance: Tolerance, endpoint: Endpoint, follow_up: Floats
) -> Path:
    column = carrier.read(texts)
    origin = derive_days(texts.endpoint[str(endpoint.origin)])["days"].to_numpy(dtype=float)
    absent = ~carrier.find_known(texts) & ~np.isnan(origin) & ~np.isnan(follow_up)
    altered = [carrier.write(texts, _write_dates(column, origin + share * follow_up, absent)) for share in _MOMENTS]
    return _share("unsupported", tolerance.errors, absent, altered)
