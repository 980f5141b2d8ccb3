"""Values drawn by chance among those that doubt does not bring up, with the probability of each.

Reviewing only what is doubtful hides the errors that technologies share: they agree, confidently, and are wrong. A
part of the budget therefore goes to values that were not chosen. Every one of them has the same probability n / N, so
that 1 over it are the weights of an estimate of the error over the whole source in two phases (`measures.two_phase`):
the doubtful values count once, each value drawn stands for N / n of its kind.

The draw is systematic (Cochran 1977, chapter 8): values stand by whether technologies agree on them, by variable and
by centre, in an order of chance within; every (N / n)-th is taken from a start of chance. Each variable and centre
thus has its share.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.resampling import Floats

_STRATA: Final = ["concordant", "variable", "centre"]


def find_concordant(gains: pd.DataFrame) -> NDArray[np.bool_]:
    """Return where all other technologies that answered say the same: the same value, or none either."""
    return (gains["agreement"] == 1).to_numpy()


def draw_systematic(size: int, draws: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return `draws` of `size` places, each with probability draws / size, spread evenly."""
    if draws <= 0 or size == 0:
        return np.empty(0, dtype=np.intp)
    taken = min(draws, size)
    places = (generator.random() + np.arange(taken)) * (size / taken)
    return np.minimum(places.astype(np.intp), size - 1)


def draw_left(left: pd.DataFrame, draws: int, generator: np.random.Generator) -> tuple[NDArray[np.intp], float]:
    """Return the places of values drawn among those left, in an order of chance, and the probability of each.

    Args:
        left: values that doubt does not bring up: `agreement, variable, centre, case_id`.
        draws: how many to draw.
        generator: of the draw; the same values in another order give the same draw.
    """
    chance = np.empty(len(left))
    chance[np.argsort(left["case_id"].to_numpy(dtype=str))] = generator.random(len(left))
    strata = left.assign(concordant=~find_concordant(left), chance=chance, place=np.arange(len(left)))
    order = strata.sort_values([*_STRATA, "chance"], kind="stable")["place"].to_numpy(dtype=np.intp)
    taken = order[draw_systematic(len(order), draws, generator)]
    probability = len(taken) / len(left) if len(left) else 0.0
    return generator.permutation(taken), probability


def spread(doubtful: int, drawn: int, generator: np.random.Generator) -> Floats:
    """Return keys by which doubtful values, in their order, and values drawn are mixed: sort by them.

    Each of `drawn` equal parts of the queue holds one value drawn, at a place of chance. A reviewer cannot tell by
    the place, and whoever stops early has read a random sample all the same.
    """
    first = (np.arange(doubtful) + 0.5) / max(doubtful, 1)
    second = (np.arange(drawn) + generator.random(drawn)) / max(drawn, 1)
    return np.concatenate([first, second])
