"""The synthetic early-access programme: a seeded generator of whole studies.

A fictitious oral drug, exemplatinib, for pretreated, mutated non-small-cell lung cancer: reference,
manual collection and two AI technologies on the same patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probatio.synthetic.design import (
    CELLS,
    CENTRES,
    DOCUMENT_TYPES,
    ENTRY_DAYS,
    EVERY_SOURCE,
    OUTSIDE,
    REVIEWED,
    SOURCES,
    Array,
    derive_date_texts,
    open_stream,
)
from probatio.synthetic.events import generate_events
from probatio.synthetic.reader import Papers, Reader, generate_papers, list_fields
from probatio.synthetic.readings import Reading, derive_reading, derive_reference
from probatio.synthetic.reviewing import Review, derive_review
from probatio.synthetic.routing import REVIEWED_OF, SHOWN
from probatio.synthetic.truth import Truth, compute_treated, generate_truth


@dataclass(frozen=True)
class Study:
    """A generated study.

    Attributes:
        seed: the seed that made it.
        truth: what is true of every patient, labelled or not.
        events: true events by variable.
        papers: the fate of every document.
        readings: by source name, what it delivers.
        patients: the table `patients.csv`, one row per patient.
        documents: the table `documents.csv`, with the document's key and the patient's row beside.
        assessments: the table `assessments.csv`: the cells that a source was not asked or able to fill.
        review: how AI A was reviewed, where the source after review was asked for.
    """

    seed: int
    truth: Truth
    events: dict[str, pd.DataFrame]
    papers: Papers
    readings: dict[str, Reading]
    patients: pd.DataFrame
    documents: pd.DataFrame
    assessments: pd.DataFrame
    review: Review | None = None

    def open_reader(self, source: str) -> Reader:
        """Return a source at work on this study's documents."""
        return Reader(self.seed, source, self.truth, self.papers)

    def draw_entry(self, source: str) -> Array:
        """Return the day on which a person typed each patient's form, shape (n,).

        Weeks to months after the last visit or contact, later in harder centres: a centre's median is
        `ENTRY_DAYS` times exp(difficulty), around which patients vary by a factor of 1.6.
        """
        rng = open_stream(self.seed, source, "entry")
        difficulty = np.array([centre.difficulty for centre in CENTRES])[self.truth.centre]
        delay = ENTRY_DAYS * np.exp(difficulty + rng.normal(0, np.log(1.6), len(difficulty)))
        days: Array = self.truth.course.end + np.ceil(delay).astype(int)
        return days

    def derive_wide(self, source: str) -> pd.DataFrame:
        """Return a source's canonical texts, one row per patient_id, one column per cell key.

        `truth` gives the truth of every patient. Empty text: no value.
        """
        cells = self.truth.cells if source == "truth" else self.readings[source].cells
        return pd.DataFrame(cells, index=pd.Index(self.patients["patient_id"], name="patient_id"))

    def derive_assessed(self, source: str) -> pd.DataFrame:
        """Return which cells a source was asked and able to fill, in the shape of `derive_wide`."""
        barred = self.readings[source].barred
        index = pd.Index(self.patients["patient_id"], name="patient_id")
        return pd.DataFrame({cell.key: barred[cell.key] == "" for cell in CELLS}, index=index)


def generate_study(seed: int, *, patients: int = 300, sources: Sequence[str] = SOURCES) -> Study:
    """Return a study of the design; the same seed gives the same study, whichever sources are asked for.

    Args:
        seed: any integer.
        patients: number of patients, spread over the 15 centres in the proportions of the 300.
        sources: sources to generate, among `EVERY_SOURCE`; by default the four main ones.

    Raises:
        ValueError: fewer than 50 patients, or an unknown source.
    """
    if patients < 50 or set(sources) - set(EVERY_SOURCE):
        raise ValueError(f"give at least 50 patients, and sources among {EVERY_SOURCE}")
    truth = generate_truth(seed, patients)
    events = generate_events(seed, truth)
    papers = generate_papers(seed, truth)
    readings = {}
    needed = {*sources, *((REVIEWED_OF, SHOWN) if REVIEWED in sources else ())} - {REVIEWED}
    for source in [source for source in EVERY_SOURCE if source in needed]:
        read = derive_reference if source == "reference" else derive_reading
        readings[source] = read(Reader(seed, source, truth, papers), events)
    review = derive_review(seed, REVIEWED, truth, readings) if REVIEWED in sources else None
    readings = {source: readings[source] for source in sources if source != REVIEWED}
    assessments = _derive_assessments(truth, readings)
    if review is not None:
        readings[REVIEWED] = review.reading
    return Study(
        seed=seed,
        truth=truth,
        events=events,
        papers=papers,
        readings=readings,
        patients=truth.patients,
        documents=_derive_documents(truth, papers),
        assessments=assessments,
        review=review,
    )


def _derive_documents(truth: Truth, papers: Papers) -> pd.DataFrame:
    """One row per document that exists and is not missing from the file, numbered by patient."""
    course = truth.course
    scan = np.where(np.isnan(course.progression), np.minimum(course.start + 60, course.end), course.progression)
    days = {
        "consultation": course.request - 1, "pathology": course.request - 20, "imaging": course.request - 12,
        "laboratory": course.request - 2, "pharmacy": course.start, "m1": course.start + 30,
        "m3": course.start + 91, "m6": course.start + 182, "response": scan, "summary": compute_treated(course) + 5,
        "administrative": course.end + 10,
    }  # fmt: skip
    names = truth.patients["patient_id"].to_numpy()
    parts = []
    for order, (key, kind) in enumerate(DOCUMENT_TYPES.items()):
        there = ~papers.missing[key] & truth.due.get(key, True)
        rows = np.flatnonzero(there)
        parts.append(pd.DataFrame({"row": rows, "order": order, "key": key, "patient_id": names[rows], "type": kind,
                                   "date": derive_date_texts(days[key][rows])}))  # fmt: skip
    frame = pd.concat(parts).sort_values(["row", "order"]).reset_index(drop=True)
    frame.insert(0, "document_id", [f"D{number:05d}" for number in range(1, len(frame) + 1)])
    return frame.drop(columns="order")


def _derive_assessments(truth: Truth, readings: dict[str, Reading]) -> pd.DataFrame:
    """Return the cells not assessed; who is outside a source's own sample has no row in its file, and none here."""
    names = truth.patients["patient_id"].to_numpy()
    parts: list[tuple[str, str, str, Array, Array]] = []
    for source, reading in readings.items():
        for key, variable, _, visit in list_fields():
            rows = np.flatnonzero(~np.isin(reading.barred[key], ["", OUTSIDE]))
            parts.append((source, variable, visit, names[rows], reading.barred[key][rows]))
    if not parts:
        return pd.DataFrame(columns=["source", "variable", "visit", "patient_id", "reason"], dtype=object)
    sizes = [len(part[3]) for part in parts]
    columns = {name: np.repeat([part[place] for part in parts], sizes)
               for place, name in enumerate(("source", "variable", "visit"))}  # fmt: skip
    return pd.DataFrame({**columns, "patient_id": np.concatenate([part[3] for part in parts]),
                         "reason": np.concatenate([part[4] for part in parts])})  # fmt: skip
