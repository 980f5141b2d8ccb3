"""The files of a study as people have them: patients, reference, manual collection from Excel, AI extractions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from probatio.results import derive_csv, write_bytes
from probatio.synthetic.design import (
    AI,
    CELLS,
    EVENTS,
    EXTRACTED_AT,
    EXTRACTOR,
    REPEATS,
    Array,
    Cell,
    Variable,
    derive_date_texts,
    open_stream,
)
from probatio.synthetic.french import HEADERS, VISITS, derive_french
from probatio.synthetic.reviewing import derive_decision_table
from probatio.synthetic.study import Study
from probatio.synthetic.texts import Texts, derive_texts

ENTERED: Final = "Date de saisie"
RECORD_COLUMNS: Final = (
    "patient_id", "source", "variable", "visit", "event", "value", "unit", "state", "confidence",
    "document_id", "start", "end", "snippet", "extractor", "extracted_at",
)  # fmt: skip
RUN_COLUMNS: Final = ("patient_id", "variable", "visit", "event", "value", "state", "confidence")


def write_study(study: Study, folder: Path) -> None:
    """Write every file of a study; the same study gives the same bytes.

    UTF-8, comma and LF, but for the manual collection, which French Excel saved: cp1252, semicolon, CRLF.

    Raises:
        OSError: the folder cannot be written; each file is written whole or not at all.
        KeyError: a source is missing from the study.
    """
    for name, content in derive_files(study).items():
        write_bytes(folder / name, content)


def derive_files(study: Study) -> dict[str, bytes]:
    """Return the content of every file by name."""
    texts = derive_texts(study)
    documents = study.documents[["document_id", "patient_id", "type", "date"]]
    files = {
        "patients.csv": derive_csv(study.patients),
        "reference.csv": derive_csv(_derive_reference_wide(study)),
        "reference_events.csv": derive_csv(derive_records(study, "reference", cells=False)),
        "manual.csv": _derive_excel_csv(_derive_manual_wide(study)),
        "manual_events.csv": _derive_excel_csv(_derive_manual_events(study)),
        "documents.csv": derive_csv(documents),
        "texts.csv": derive_csv(texts.table),
        "assessments.csv": derive_csv(study.assessments),
    }
    files |= {f"{source}.csv": derive_csv(derive_records(study, source, texts=texts)) for source in AI}
    files |= {f"{source}.csv": derive_csv(_derive_run(study, source)) for source in REPEATS if REPEATS[source].of in AI}
    if study.review is not None:
        names = study.patients["patient_id"].to_numpy()
        files["ai_a_decisions.csv"] = derive_csv(derive_decision_table(study.review, study.seed, names))
    return files | {"second_reader.csv": derive_csv(_derive_second_wide(study))}


def derive_records(study: Study, source: str, *, cells: bool = True, texts: Texts | None = None) -> pd.DataFrame:
    """Return a source's values in the long form of the data contract, with canonical texts.

    Values that do not conform keep their raw text. Offsets are texts, empty where nothing supports the value.

    Args:
        study: the study.
        source: its name.
        cells: also the single values and visits; else the events alone.
        texts: the documents' texts, for the place of each value of an AI.
    """
    rows = [row for cell in CELLS for row in _list_cell(study, source, cell)] if cells else []
    rows += [row for variable in EVENTS for row in _list_lines(study, source, variable)]
    rows.sort(key=lambda row: (row["row"], row["order"]))
    names = study.patients["patient_id"].to_numpy()
    finished = [_finish_row(row, names, source, texts) for row in rows]
    return pd.DataFrame(finished, columns=list(RECORD_COLUMNS), dtype=object)


def _finish_row(row: dict[str, Any], names: Array, source: str, texts: Texts | None) -> dict[str, Any]:
    whole = dict.fromkeys(RECORD_COLUMNS, "") | row | {"patient_id": names[row["row"]], "source": source}
    if source in EXTRACTOR:
        whole |= {"extractor": EXTRACTOR[source], "extracted_at": EXTRACTED_AT[source]}
    span = texts.find_span(source, row["key"], row["row"]) if texts and row["state"] != "failed" else None
    if span and row["state"] != "not_documented":
        whole |= {"document_id": span.document_id, "start": span.start, "end": span.end, "snippet": span.snippet}
    return whole


def _list_cell(study: Study, source: str, cell: Cell) -> list[dict[str, Any]]:
    """Values; for an AI also what it says is not documented, and what failed."""
    reading = study.readings[source]
    values, codes = reading.cells[cell.key], reading.causes[cell.key]
    state = np.where(values != "", "value", np.where(codes == "failed", "failed", "")).astype(object)
    reader = study.open_reader(source)
    if reader.is_ai:
        lost = reader.find_lost(cell.document)
        silent = (state == "") & (codes == "") & (reading.barred[cell.key] == "") & ~lost
        state[silent] = "not_documented"
    confidence = reading.confidence.get(cell.key)
    return [
        {
            "row": int(row),
            "order": CELLS.index(cell),
            "key": cell.key,
            "variable": cell.variable.name,
            "visit": cell.visit,
            "value": values[row],
            "unit": cell.variable.unit if state[row] == "value" else "",
            "state": state[row],
            "confidence": "" if confidence is None or state[row] != "value" else float(confidence[row]),
        }
        for row in np.flatnonzero(state != "").tolist()
    ]


def _list_lines(study: Study, source: str, variable: Variable) -> list[dict[str, Any]]:
    """One row per attribute of each line; one row saying that there is no event, or that the extraction failed."""
    order = len(CELLS) + EVENTS.index(variable)
    rows: list[dict[str, Any]] = []
    for line in study.readings[source].events[variable.name].to_dict("records"):
        label = str(line["event"])
        shared = {"row": line["patient"], "order": order, "key": f"{variable.name}#{label}", "event": label}
        shared |= {"state": "value", "confidence": line.get("confidence", "")}
        for attribute in filter(line.get, variable.attributes):
            rows.append({**shared, "variable": f"{variable.name}.{attribute}", "value": line[attribute]})
    return rows + _list_without_lines(study, source, variable, order)


def _list_without_lines(study: Study, source: str, variable: Variable, order: int) -> list[dict[str, Any]]:
    reading = study.readings[source]
    without = reading.barred[variable.name] == ""
    without[reading.events[variable.name]["patient"].to_numpy()] = False
    state = np.full(len(without), "negative", dtype=object)
    for code, struck in reversed(study.open_reader(source).list_losses(variable.document)):
        state[struck] = code
    return [
        {"row": row, "order": order, "key": variable.name, "variable": variable.name, "state": state[row]}
        for row in np.flatnonzero(without & (state != "missing")).tolist()
    ]


def _derive_run(study: Study, source: str) -> pd.DataFrame:
    """What a further run delivers, and no more: no place in documents, nothing of what it did not find."""
    records = derive_records(study, source)
    return records.loc[records["state"].isin(["value", "negative"]), list(RUN_COLUMNS)]


def _derive_second_wide(study: Study) -> pd.DataFrame:
    reader, reading = study.open_reader("second_reader"), study.readings["second_reader"]
    chosen = reader.sampled
    cells = [cell for cell in CELLS if cell.variable.name in REPEATS["second_reader"].variables]
    columns = {cell.column: reading.cells[cell.key][chosen] for cell in cells}
    entered = derive_date_texts(study.draw_entry("second_reader"))[chosen]
    return pd.DataFrame({"patient_id": study.patients["patient_id"].to_numpy()[chosen], **columns, "entered": entered})


def _derive_reference_wide(study: Study) -> pd.DataFrame:
    chosen = (study.patients["reference_sampled"] == "yes").to_numpy()
    cells = study.readings["reference"].cells
    columns = {cell.column: cells[cell.key][chosen] for cell in CELLS}
    return pd.DataFrame({"patient_id": study.patients["patient_id"].to_numpy()[chosen], **columns})


def derive_header(cell: Cell) -> str:
    """Return the French header of a cell's column in manual.csv, as `ECOG M1`."""
    header = HEADERS[cell.variable.name]
    return f"{header} {VISITS[cell.visit]}" if cell.visit else header


def _derive_manual_wide(study: Study) -> pd.DataFrame:
    """French forms: what is not documented is left blank, or typed NR or ND."""
    reading = study.readings["manual"]
    columns: dict[str, Any] = {"patient_id": study.patients["patient_id"].to_numpy()}
    for cell in CELLS:
        name, kind = cell.variable.name, cell.variable.type
        texts = [derive_french(name, kind, value) for value in reading.cells[cell.key]]
        blank = (reading.cells[cell.key] == "") & (reading.barred[cell.key] == "") & _is_asked(study, cell)
        codes = open_stream(study.seed, "manual", "codes", cell.key).choice(
            ["", "NR", "ND"], len(texts), p=[0.4, 0.4, 0.2]
        )
        columns[derive_header(cell)] = np.where(blank, codes, np.array(texts, dtype=object))
    columns[ENTERED] = [derive_french("", "date", day) for day in derive_date_texts(study.draw_entry("manual"))]
    return pd.DataFrame(columns)


_MAY_BE_ABSENT: Final = (
    "death_date", "stop_date", "stop_reason", "progression_date", "next_treatment_date", "metastatic_sites",
)  # fmt: skip


def _is_asked(study: Study, cell: Cell) -> Array:
    """Nobody types NR for a death, a stop or a progression that did not happen."""
    if cell.variable.name in _MAY_BE_ABSENT:
        return np.not_equal(study.truth.cells[cell.key], "").astype(bool)
    return np.ones(len(study.patients), dtype=bool)


def _derive_manual_events(study: Study) -> pd.DataFrame:
    kinds = {f"{v.name}.{name}": kind for v in EVENTS for name, kind in v.attributes.items()}
    frame = derive_records(study, "manual", cells=False)
    pairs = zip(frame["variable"], frame["value"], strict=True)
    return frame.assign(value=[derive_french(name, kinds.get(name, ""), value) for name, value in pairs])


def _derive_excel_csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as French Excel saves it: cp1252, semicolons, CRLF."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False, name=None))
    return out.getvalue().encode("cp1252")
