"""The answer key: true hazard ratios, and the error rates that the design gives in expectation.

Rates come from a large Monte Carlo of the generator itself: many patients of the same centres in the same
proportions. Outcomes: C correct, W wrong (non-conformant included), O omission, U unsupported, B both absent.
Error = (W+O+U)/(C+W+O+U), omission = O/(C+W+O), unsupported = U/(U+B).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd

from probatio.synthetic.design import CELLS, EVENTS, EVERY_SOURCE, HAZARD_RATIOS, REPEATS, REVIEWED, Array
from probatio.synthetic.mechanisms import compute_table_digest
from probatio.synthetic.outcomes import compute_outcomes
from probatio.synthetic.study import Study, generate_study

LETTERS: Final = ("C", "W", "O", "U", "B")
RATES: Final = ("error_rate", "omission_rate", "unsupported_rate")
MONTE_CARLO_SEED: Final = 20_000
BATCHES: Final = 20
BATCH_PATIENTS: Final = 30_000


def derive_outcomes(study: Study, source: str) -> pd.DataFrame:
    """Return a source's outcomes against the truth, in the shape of `Study.derive_wide`; empty where not assessed."""
    reading = study.readings[source]
    letters = {}
    for cell in CELLS:
        found = compute_outcomes(
            study.truth.cells[cell.key], reading.cells[cell.key], reading.causes[cell.key], cell.variable
        )
        found[reading.barred[cell.key] != ""] = ""
        letters[cell.key] = found
    return pd.DataFrame(letters, index=pd.Index(study.patients["patient_id"], name="patient_id"))


def count_outcomes(study: Study, source: str) -> dict[tuple[str, str], Array]:
    """Return counts of C, W, O, U, B by (cell key or variable, population), shape (5,), of what a source was asked.

    Populations: `all` patients; those `labelled`, that is with a reference and outside development.
    """
    outcomes = derive_outcomes(study, source)
    labelled = (study.patients["reference_sampled"] == "yes") & (study.patients["development"] == "no")
    counts: dict[tuple[str, str], Array] = {}
    asked = REPEATS[source].variables if source in REPEATS else ()
    for cell in [cell for cell in CELLS if not asked or cell.variable.name in asked]:
        letters = outcomes[cell.key].to_numpy()
        for population, chosen in (("all", slice(None)), ("labelled", labelled.to_numpy())):
            found = np.array([np.count_nonzero(letters[chosen] == letter) for letter in LETTERS])
            for name in {cell.key, cell.variable.name, "*"}:
                counts[name, population] = counts.get((name, population), 0) + found
    return counts


def compute_rates(counts: Array) -> dict[str, float | None]:
    """Return error, omission and unsupported rates of counts of C, W, O, U, B; None for 0/0."""
    c, w, o, u, b = (int(count) for count in counts)
    pairs = {"error_rate": (w + o + u, c + w + o + u), "omission_rate": (o, c + w + o), "unsupported_rate": (u, u + b)}
    return {name: k / n if n else None for name, (k, n) in pairs.items()}


def estimate_answer_key(batches: int = BATCHES, batch_patients: int = BATCH_PATIENTS) -> dict[str, Any]:
    """Return the answer key of the design; about three minutes with the default size."""
    readers = [source for source in EVERY_SOURCE if source != "reference"]
    totals: dict[str, dict[tuple[str, str], list[Array]]] = {source: {} for source in readers}
    lines: dict[tuple[str, str], list[Array]] = {}
    review: dict[tuple[str, str], list[Array]] = {}
    for batch in range(batches):
        study = generate_study(MONTE_CARLO_SEED + batch, patients=batch_patients, sources=EVERY_SOURCE)
        for source in readers:
            for name, found in count_outcomes(study, source).items():
                totals[source].setdefault(name, []).append(found)
            for variable, told in count_lines(study, source).items():
                lines.setdefault((source, variable), []).append(told)
        for name, found in count_review(study).items():
            review.setdefault(name, []).append(found)
    rates = [
        _derive_entry(source, *name, np.array(found)) for source in readers for name, found in totals[source].items()
    ]
    return {
        "study": "demo",
        "mechanisms_sha256": compute_table_digest(),
        "monte_carlo": {
            "patients": batches * batch_patients,
            "equivalent_studies_of_300": batches * batch_patients // 300,
            "batches": batches,
            "first_seed": MONTE_CARLO_SEED,
            "standard_error": "standard deviation between batches / square root of their number",
        },
        "hazard_ratios": [_derive_hazard_ratio(*pair) for pair in HAZARD_RATIOS.items()],
        "rates": sorted(rates, key=lambda rate: (rate["source"], rate["variable"], rate["visit"], rate["population"])),
        "events": [_derive_line_entry(*key, np.array(found)) for key, found in sorted(lines.items())],
        "review": [_derive_review_entry(*key, np.array(found)) for key, found in sorted(review.items())],
    }


def count_review(study: Study) -> dict[tuple[str, str], Array]:
    """Return events and denominator, shape (2,), of each number of the review of AI A, by (name, population).

    `override_rate`: reviewed values that people changed. `reviewer_error_rate`: wrong after review, among reviewed.
    `confirmed_errors`: errors that stand as AI A delivered them, among its errors reviewed. `introduced_errors`: wrong
    after review, among the right ones. `anchored_error` and `unaided_error`: among wrong values delivered, those that
    the first reader lets stand, and those that he would have misread with nothing before his eyes.

    Raises:
        ValueError: the study was generated without the source after review.
    """
    if study.review is None:
        raise ValueError(f"generate the study with the source {REVIEWED}")
    cases, readings = study.review.cases, study.review.readings
    standing = readings[readings["stands"]].set_index("case").reindex(cases.index)
    after = standing["result"].where(standing["result"].notna(), cases["told"])
    right = standing["right"].where(standing["right"].notna(), cases["right"]).astype(bool)
    before, changed = cases["right"], after != cases["told"]
    first = readings[readings["role"] == "first"].set_index("case")
    wrong = ~before & (cases["told"] != "")
    labelled = (study.patients["reference_sampled"] == "yes") & (study.patients["development"] == "no")
    known = labelled.to_numpy()[cases["row"].to_numpy()]
    counts = {}
    for population, chosen in (("all", np.ones(len(cases), dtype=bool)), ("labelled", known)):
        for name, event, among in (
            ("override_rate", changed, before | True),
            ("reviewer_error_rate", ~right, before | True),
            ("confirmed_errors", ~changed, ~before),
            ("introduced_errors", ~right, before),
            ("anchored_error", first["result"] == cases["told"], wrong),
            ("unaided_error", first["unaided_error"], wrong),
        ):
            counts[name, population] = np.array([int((event & among & chosen).sum()), int((among & chosen).sum())])
    return counts


def _derive_review_entry(name: str, population: str, found: Array) -> dict[str, Any]:
    k, n = found.sum(axis=0).tolist()
    estimates: list[float | None] = [float(events / total) if total else None for events, total in found]
    return {
        "metric": name,
        "population": population,
        "estimate": round(k / n, 6),
        "estimate_se": _compute_se(estimates),
    }


def count_lines(study: Study, source: str) -> dict[str, Array]:
    """Return, by variable of events asked for, true lines within reach, lines told, and spurious lines: shape (3,)."""
    reading = study.readings[source]
    asked = REPEATS[source].variables if source in REPEATS else ()
    counts = {}
    for variable in [variable for variable in EVENTS if not asked or variable.name in asked]:
        reach = reading.barred[variable.name] == ""
        true = int(reach[study.events[variable.name]["patient"]].sum())
        origin = reading.events[variable.name]["origin"].to_numpy()
        counts[variable.name] = np.array([true, len(np.unique(origin[origin >= 0])), int((origin < 0).sum())])
    return counts


def _derive_entry(source: str, name: str, population: str, found: Array) -> dict[str, Any]:
    variable, _, visit = name.partition("@")
    entry: dict[str, Any] = {"source": source, "variable": variable, "visit": visit, "population": population}
    batches = [compute_rates(counts) for counts in found]
    for rate, value in compute_rates(found.sum(axis=0)).items():
        entry[rate] = None if value is None else round(value, 6)
        entry[f"{rate}_se"] = _compute_se([batch[rate] for batch in batches])
    return entry


def _compute_se(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.std(known, ddof=1) / math.sqrt(len(known))), 6) if len(known) > 1 else None


def _derive_line_entry(source: str, variable: str, found: Array) -> dict[str, Any]:
    true, told, spurious = (int(count) for count in found.sum(axis=0))
    return {
        "source": source,
        "variable": variable,
        "omission_rate": round(1 - told / true, 6),
        "spurious_share": round(spurious / (told + spurious), 6),
        "counting": "the generator's own lines, before any matching by date",
    }


def _derive_hazard_ratio(variable: str, ratio: float) -> dict[str, Any]:
    visit, groups = ("access", ["0|1", "2|3|4"]) if variable == "ecog" else ("", ["no", "yes"])
    return {"endpoint": "overall survival from start_date", "variable": variable, "visit": visit, "groups": groups,
            "hazard_ratio": ratio, "log_hazard_ratio": math.log(ratio)}  # fmt: skip
