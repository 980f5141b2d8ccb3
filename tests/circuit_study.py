"""Six patients under review: two technologies, every type of variable, texts that hold HTML and a formula."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from probatio.protocol import Protocol, read_protocol
from probatio.records import Records, read_records, read_texts
from probatio.review.cases import derive_cases
from probatio.review.opening import OpenReview, open_review, read_review
from probatio.review.tables import QUEUE_COLUMNS, Case, derive_case_id

PROTOCOL = """
study: circuit
title: {en: A circuit, fr: Un circuit}
language: fr
data: data
resampling: {seed: 1, replicates: 100}
patients: {file: {path: patients.csv}}
documents: {file: {path: documents.csv}, text_table: {path: texts.csv}}
sources:
  - {name: registry, label: {en: Registry, fr: Registre}, role: reference, files: [{path: registry.csv, layout: long}]}
  - {name: first, label: {en: First, fr: Première}, role: ai, files: [{path: first.csv, layout: long}]}
  - {name: other, label: {en: Other, fr: Autre}, role: ai, files: [{path: other.csv, layout: long}]}
variables:
  - name: stage
    label: {en: Stage, fr: Stade}
    type: ordinal
    levels: [I, II, III, IV]
    missing: [NR]
  - name: sex
    label: {en: Sex, fr: Sexe}
    type: binary
    levels: [M, F]
    level_labels: {M: {en: Male, fr: Homme}, F: {en: Female, fr: Femme}}
  - {name: weight, label: {en: Weight, fr: Poids}, type: number, unit: kg, visits: [start, end]}
  - {name: death, label: {en: Death, fr: Décès}, type: date, negative: [alive]}
  - {name: sites, label: {en: Sites, fr: Sites}, type: set, levels: [bone, liver, lung]}
  - name: toxicity
    label: {en: Toxicity, fr: Toxicité}
    type: events
    attributes:
      term: {label: {en: Term, fr: Terme}, type: nominal, levels: [rash, fatigue]}
      grade: {label: {en: Grade, fr: Grade}, type: ordinal, levels: [1, 2, 3]}
      date: {label: {en: Date, fr: Date}, type: date}
    match: {date: date, window: 30}
rules:
  - name: women_are_light
    label: {en: "No woman at stage IV", fr: "Pas de femme au stade IV"}
    expression: "not (sex = 'F' and stage = 'IV')"
    source: a test
    justification: {en: None, fr: Aucune}
review:
  source: first
  budget: {values: 10}
  competing: [other]
  justification: {en: A test, fr: Un essai}
"""
LETTER = "Madame, stade IV. Poids 61,5 kg. <script>alert(1)</script> Métastases du foie. =1+1 Toxicité : éruption."
_HEAD = "patient_id,variable,visit,event,value,unit,state,document_id,start,end,snippet\n"
_SPAN = LETTER.index("stade IV")
FIRST = _HEAD + "".join(
    [
        f"P1,stage,,,IV,,,D1,{_SPAN},{_SPAN + 8},stade IV\n",
        "P1,sex,,,F,,,D1,0,6,Madame\n",
        'P1,weight,start,,61.5,kg,,D1,,,"=HYPERLINK(""x"")"\n',
        "P1,death,,,,,negative,D1,,,\n",
        "P1,sites,,,liver,,,D1,,,<b>foie</b>\n",
        "P1,toxicity.term,,1,rash,,,D1,,,éruption\n",
        "P1,toxicity.grade,,1,2,,,D1,,,\n",
        "P2,stage,,,II,,,D2,,,stade 2\n",
        "P2,weight,start,,130,lb,,D2,,,130 lb\n",
        "P3,stage,,,V,,,D3,,,stade V\n",
    ]
)
OTHER = _HEAD + "".join(
    [
        "P1,stage,,,IV,,,D1,,,stade IV\n",
        "P1,death,,,2024-05,,,D1,,,en mai 2024\n",
        "P2,stage,,,III,,,D2,,,stade 3\n",
        "P4,stage,,,I,,,D4,,,stade 1\n",
        "P4,death,,,,,negative,D4,,,vivante\n",
    ]
)
CELLS = (
    ("P1", "stage", "", ""), ("P2", "stage", "", ""), ("P3", "stage", "", ""), ("P4", "stage", "", ""),
    ("P5", "stage", "", ""), ("P1", "sex", "", ""), ("P1", "weight", "start", ""), ("P2", "weight", "start", ""),
    ("P1", "death", "", ""), ("P4", "death", "", ""), ("P1", "sites", "", ""), ("P1", "toxicity", "", "1"),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class CircuitStudy:
    """The study on disk, and what is read of it."""

    path: Path
    protocol: Protocol
    records: Records

    @property
    def root(self) -> Path:
        return self.path.parent / "data"

    @property
    def texts(self) -> dict[str, str]:
        return dict(read_texts(self.protocol, self.root))

    def derive_cases(self, queue: pd.DataFrame) -> list[Case]:
        return derive_cases(queue, self.records, self.texts, self.protocol)


def make_study(folder: Path, *, first: str = FIRST, other: str = OTHER) -> CircuitStudy:
    """Write the study into a folder and read it."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    documents = "".join(f"D{number},P{number},letter,2024-01-0{number}\n" for number in range(1, 7))
    texts = "".join(f'D{number},"Stade {number}."\n' for number in range(2, 7))
    files = {
        "patients": "patient_id\n" + "".join(f"P{number}\n" for number in range(1, 7)),
        "documents": "document_id,patient_id,type,date\n" + documents,
        "texts": f'document_id,text\nD1,"{LETTER}"\n{texts}',
        "registry": "patient_id,variable,visit,event,value\nP1,stage,,,IV\n",
        "first": first,
        "other": other,
    }
    for name, text in files.items():
        (data / f"{name}.csv").write_text(text, encoding="utf-8")
    path = folder / "circuit.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    protocol = read_protocol(path)
    return CircuitStudy(path, protocol, read_records(protocol, data))


def copy_study(study: CircuitStudy, folder: Path) -> CircuitStudy:
    """Return a copy that may be changed, without reading it again."""
    shutil.copytree(study.root, folder / "data")
    shutil.copy(study.path, folder)
    return CircuitStudy(folder / study.path.name, study.protocol, study.records)


def make_queue(cells: tuple[tuple[str, str, str, str], ...] = CELLS, *, double: tuple[int, ...] = ()) -> pd.DataFrame:
    """Return a queue of the cells, in their order; `double` are the positions read by two."""
    rows = [
        {
            "position": position, "case_id": _name(cell), "source": "first", "patient_id": cell[0],
            "variable": cell[1], "visit": cell[2], "event": cell[3], "kind": "doubtful", "probability": 0.5,
            "consequence": 1.0, "gain": 0.5, "minutes": 1.0, "selection_probability": 1.0,
            "double": position in double, "reasons": "low_confidence",
        }
        for position, cell in enumerate(cells, start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(QUEUE_COLUMNS))


def _name(cell: tuple[str, str, str, str]) -> str:
    patient, variable, visit, event = cell
    return derive_case_id("circuit", "first", patient_id=patient, variable=variable, visit=visit, event=event)


def open_circuit(study: CircuitStudy, *, double: tuple[int, ...] = ()) -> OpenReview:
    """Open the review of a study that may be changed, with all its cells in the queue."""
    open_review(study.protocol, study.root, make_queue(double=double))
    return read_circuit(study)


def read_circuit(study: CircuitStudy) -> OpenReview:
    """Read the review anew, as another process would."""
    return read_review(study.protocol, study.root, study.records, study.texts)
