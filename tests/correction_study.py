"""Many small studies of the demonstration's design at once, as samples ready to be corrected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from probatio.correction import Sample
from probatio.correction.numbers import compute_replicates, derive_problem
from probatio.protocol import Analysis, Protocol, read_protocol
from probatio.replication import Texts, View, derive_view_of_texts
from probatio.synthetic import HAZARD_RATIOS, Study, generate_study

PATIENTS = 300
Key = tuple[str, str, str, str]
_CELLS, _DATES = ["brain_mets", "ecog@access"], ["start_date", "death_date", "last_news"]


class Made(NamedTuple):
    """One study: the truth's view and each AI's, and the study's own labels, arrays over its evaluated patients."""

    truth: View
    proxies: dict[str, View]
    sampled: np.ndarray
    probability: np.ndarray


@cache
def read_demo() -> tuple[Protocol, Analysis]:
    """Return the demonstration's protocol, and its analysis with one horizon and one landmark."""
    protocol = read_protocol(Path(__file__).parents[1] / "protocol" / "demo.yaml")
    return protocol, protocol.analyses[0].model_copy(update={"horizons": [365.0], "landmarks": [365.0]})


def derive_view(study: Study, source: str, *, endpoint: str = "") -> View:
    """Return a source's view of the analysis over all patients of a study; `endpoint` may come from another."""
    protocol, analysis = read_demo()
    tables = [study.derive_wide(name).replace("", pd.NA) for name in (source, endpoint or source)]
    return derive_view_of_texts(Texts(tables[0][_CELLS], tables[1][_DATES]), protocol, analysis, source)


def generate_studies(
    seed: int, studies: int, *, sources: tuple[str, ...] = ("ai_a", "ai_b"), endpoint: str = ""
) -> Iterator[Made]:
    """Yield independent studies of 300 patients: one large study of the design, every centre dealt out among them.

    Args:
        seed: of the large study and of the dealing.
        studies: how many.
        sources: whose views are wanted.
        endpoint: where their endpoint comes from, such as "truth"; "" each its own.
    """
    study = generate_study(seed, patients=PATIENTS * studies, sources=("reference", *sources))
    views = {name: derive_view(study, name, endpoint=endpoint) for name in sources}
    truth, rng = derive_view(study, "truth"), np.random.default_rng(seed)
    dealt = np.zeros(len(study.patients), dtype=int)
    for centre in np.unique(study.truth.centre):
        members = rng.permutation(np.flatnonzero(study.truth.centre == centre))
        dealt[members] = np.arange(len(members)) % studies
    evaluated = (study.patients["development"] == "no").to_numpy()
    sampled = (study.patients["reference_sampled"] == "yes").to_numpy()
    probability = study.patients["sampling_probability"].astype(float).to_numpy()
    for number in range(studies):
        rows = np.flatnonzero((dealt == number) & evaluated)
        mine = {name: take(view, rows) for name, view in views.items()}
        yield Made(take(truth, rows), mine, sampled[rows], probability[rows])


def take(view: View, rows: np.ndarray) -> View:
    """Return a view of some patients."""
    arrays = {name: getattr(view, name)[rows] for name in ("covariates", "group", "strata", "inside", "complete")}
    return replace(view, outcome=view.outcome.iloc[rows], **arrays)


def label(made: Made, source: str, share: float | None, rng: np.random.Generator) -> Sample:
    """Return a study with its labels: a random share of the patients, or (None) the design's own sampling."""
    n = len(made.sampled)
    labelled, probability = made.sampled, np.where(made.sampled, made.probability, 1.0)
    if share is not None:
        labelled, probability = np.zeros(n, dtype=bool), np.full(n, round(share * n) / n)
        labelled[rng.permutation(n)[: round(share * n)]] = True
    return Sample(made.truth, made.proxies[source], labelled, probability, np.full(n, "", dtype=np.str_))


def compute_truth(seed: int, *, studies: int = 4, patients: int = 30_000) -> dict[Key, float]:
    """Return the design's own values by metric, variable, term and `at`: log hazard ratios exactly, others as means."""
    drawn = [_compute_numbers(seed + number, patients) for number in range(studies)]
    exact = {key: float(np.log(HAZARD_RATIOS[key[1]])) for key in drawn[0] if key[0] == "log_hazard_ratio"}
    return {key: float(np.mean([each[key] for each in drawn])) for key in drawn[0]} | exact


def _compute_numbers(seed: int, patients: int) -> dict[Key, float]:
    view = derive_view(generate_study(seed, patients=patients, sources=("reference",)), "truth")
    problem = derive_problem(view, view.complete, read_demo()[1])
    start = np.log([*HAZARD_RATIOS.values()])
    values = compute_replicates(problem, np.ones((1, int(view.complete.sum()))), start)[0]
    return {(each.metric, *each.label, each.at): float(v) for each, v in zip(problem.numbers, values, strict=True)}
