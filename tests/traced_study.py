"""Four patients whose values have everything a history can tell: recoding, spans, rules, a queue, a log, decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pandas as pd

from probatio.protocol import Protocol, compute_protocol_digest, read_protocol
from probatio.review.log import AuditLog, derive_log_path, derive_queue_path
from probatio.review.queue import derive_queue_csv
from probatio.review.tables import QUEUE_COLUMNS, derive_case_id

PROTOCOL = """
study: traced
title: {en: Traced, fr: Suivie}
language: fr
data: ../data
resampling: {seed: 1, replicates: 100}
patients: {file: {path: patients.csv}, centre: {label: {en: Centre, fr: Centre}, column: centre}}
documents: {file: {path: documents.csv}, text_table: {path: texts.csv}}
sources:
  - {name: base, label: {en: Base, fr: Base}, role: reference, files: [{path: base.csv, columns: {ps@t0: ps}}]}
  - name: ai
    label: {en: Reader, fr: Lecteur}
    role: ai
    primary: true
    files: [{path: ai.csv, layout: long}]
  - name: other
    label: {en: Other, fr: Autre}
    role: ai
    files: [{path: other.csv, layout: long}]
  - {name: hybrid, label: {en: Hybrid, fr: Hybride}, role: ai, reviewed: {of: ai, path: decisions.csv}}
review:
  source: ai
  competing: [other]
  budget: {share: 0.5}
  justification: {en: Why, fr: Pourquoi}
variables:
  - name: ps
    label: {en: Performance status, fr: Indice de performance}
    type: ordinal
    levels: ["0", "1", "2", "3"]
    visits: [t0, t1]
    recode: {pattern: "OMS ([0-3])", to: '\\1'}
  - {name: born, label: {en: Born, fr: Naissance}, type: date}
rules:
  - name: able
    label: {en: Not above 2 at t0, fr: Pas plus de 2 à t0}
    expression: ps@t0 <= 2
    severity: convention
    threshold: 0
    source: "Methodological judgement"
    justification: {en: Why, fr: Pourquoi}
"""
HEADER = "patient_id,source,variable,visit,value,confidence,document_id,start,end,snippet,extractor,extracted_at\n"
FILES = {
    "patients": "patient_id,centre\n" + "".join(f"P {i},C1\n" for i in range(1, 5)),
    "documents": "document_id,patient_id,type,date\nD/1,P 1,letter,2024-05-02\nD2,P 2,letter,2024-05-03\n",
    "texts": "document_id,text\nD/1,Patiente en OMS 3 ce jour.\nD2,Suivi.\n",
    "base": "patient_id,ps\nP 1,1\nP 2,2\nP 3,0\nP 4,1\n",
    "ai": HEADER + "P 1,ai,ps,t0,OMS 3,0.61,D/1,12,17,OMS 2,reader-1.0,2025-01-02\n"
    "P 2,ai,ps,t0,2,0.9,D2,,,,reader-1.0,2025-01-02\nP 3,ai,ps,t0,VII,0.2,,,,,reader-1.0,2025-01-02\n",
    "other": HEADER + "P 1,other,ps,t0,1,,,,,,peer-2,2025-01-03\n",
    "decisions": "patient_id,variable,visit,event,decision,value,reviewer,role,decided_at,seconds\n"
    "P 1,ps,t0,,chosen,1,reader-b,first,2025-03-04,12\n",
}


def write_study(folder: Path) -> Path:
    """Write protocol, data, a frozen queue and a log of seven entries; return the protocol's path."""
    (folder / "protocol").mkdir(parents=True)
    data = folder / "data"
    data.mkdir()
    for name, text in FILES.items():
        (data / f"{name}.csv").write_text(text, encoding="utf-8")
    path = folder / "protocol" / "traced.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    _write_review(data, read_protocol(path))
    return path


def _write_review(data: Path, protocol: Protocol) -> None:
    cell = {"patient_id": "P 1", "variable": "ps", "visit": "t0", "event": ""}
    case = derive_case_id("traced", "ai", **cell)
    ticks = count()
    start = datetime(2025, 3, 4, 8, 30, tzinfo=UTC)
    log = AuditLog(derive_log_path(data, "ai"), study="traced", clock=lambda: start + timedelta(minutes=next(ticks)))
    digest, shown = compute_protocol_digest(protocol), "5" * 64
    log.append("opened", who="keeper", protocol=digest, queue="6" * 64, cases=1)
    log.append("shown", who="reader-b", protocol=digest, case=case, shown=shown, role="first")
    first = {"role": "first", "decision": "corrected", "value": "2", "seconds": 9.5, "comment": "line\x1b[2J one"}
    taken = log.append("decision", who="reader-b", protocol="f" * 64, case=case, shown=shown, **first)
    log.append("withdrawn", who="reader-b", protocol=digest, case=case, decision_entry=taken.number)
    second = {"role": "first", "decision": "chosen", "value": "1", "seconds": 12.0, "comment": ""}
    log.append("decision", who="reader-b", protocol=digest, case=case, shown=shown, via="page", **second)
    log.append("exported", who="reader-c", protocol=digest, cases={case: "8" * 64, "0" * 16: "9" * 64})
    line = {**cell, "position": 1, "case_id": case, "source": "ai", "kind": "doubtful", "probability": 0.41,
            "consequence": 0.8, "gain": 0.3, "minutes": 1.0, "selection_probability": 1.0, "double": False,
            "reasons": "low_confidence|broken_rule"}  # fmt: skip
    queue = pd.DataFrame([line], columns=list(QUEUE_COLUMNS))
    derive_queue_path(data, "ai").write_bytes(derive_queue_csv(queue))
