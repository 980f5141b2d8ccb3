"""All that is known of one value: of a patient, a variable and its visits. Confidential throughout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from probatio.checks import list_violations
from probatio.comparison import compare
from probatio.digest import compute_digest
from probatio.protocol import Protocol, UserError, compute_protocol_digest
from probatio.provenance.inputs import derive_data_digests, derive_review_digests
from probatio.provenance.layout import RunFolder
from probatio.provenance.manifest import Manifest, read_manifest
from probatio.provenance.reads import Reads, read_task_reads
from probatio.records import Records, read_records, read_texts
from probatio.records.delivered import read_delivered
from probatio.records.tables import RECORD_COLUMNS
from probatio.results import read_series
from probatio.review.consequence import list_read_cells
from probatio.review.entries import Entry
from probatio.review.log import derive_log_path, derive_queue_path, read_entries
from probatio.review.queue import read_queue
from probatio.review.tables import QUEUE_COLUMNS, derive_case_id

_RELIABILITY = "07_confidence"


@dataclass(frozen=True)
class Document:
    """A document that a value cites: `digest` is the SHA-256 of its text, "" where the study holds none."""

    document_id: str
    type: str
    date: str
    digest: str


@dataclass(frozen=True)
class History:
    """What is known of one patient's values of one variable.

    Attributes:
        study, digest: the protocol's name and SHA-256.
        patient_id, centre: whose values.
        variable: as asked for; of repeated events all attributes, or one.
        delivered: cells of the sources' files, as `read_delivered` returns them, and `found`, the document's words
            at the span.
        documents: those that cells cite, by document_id.
        broken: rules that the patient's values break: `source, rule, severity, variable`.
        pairs: the values beside their comparators', with outcome, as in `Comparison.pairs`.
        queue: lines of the queue (`QUEUE_COLUMNS`); `queued` values stand in it in all.
        entries: of the audit log, about these cases; a workbook in which they were handed out is one for each.
        readings: reviewers' decisions that a source after review was made with (`Records.decisions`).
        analysed: what analyses read: one row per source and cell, as in `Records.records`.
        analyses: names of the analyses that read the variable, by visit.
        data: SHA-256 of the files of data, now, with the audit log, its queue and the tables of decisions.
        review: those of them that the review has made.
        run: the manifest of the run that is traced, None without one.
        reads: the files of data that each notebook of the run has read.
        reliability: curves of reliability of the run, by source; empty where it did not estimate any.
    """

    study: str
    digest: str
    patient_id: str
    centre: str
    variable: str
    delivered: pd.DataFrame
    documents: Mapping[str, Document]
    broken: pd.DataFrame
    pairs: pd.DataFrame
    queue: pd.DataFrame
    queued: int
    entries: tuple[Entry, ...]
    readings: pd.DataFrame
    analysed: pd.DataFrame
    analyses: Mapping[str, list[str]]
    data: Mapping[str, str]
    review: tuple[str, ...]
    run: Manifest | None
    reads: Reads
    reliability: pd.DataFrame


def derive_history(
    protocol: Protocol, root: Path, *, patient_id: str, variable: str, visit: str = "", run: Path | None = None
) -> History:
    """Return all that is known of one patient's values of one variable.

    Args:
        protocol: the study.
        root: its data folder.
        patient_id: the pseudonym.
        variable: a variable, or an attribute of repeated events as `adverse_events.grade`.
        visit: only the values at this one.
        run: the folder of a run, for digests, reliability and queue.

    Raises:
        UserError: unknown patient, variable or visit (the sentence does not repeat the patient), no complete run, or
            files that cannot be read.
    """
    declared, digest = _check_variable(protocol, variable, visit), compute_protocol_digest(protocol)
    protocol = _drop_undecided(protocol, root)
    records = read_records(protocol, root)
    if patient_id not in records.patients.index:
        raise UserError("PATIENT: no such patient in the cohort; write the pseudonym as in the patients file.")
    only, texts = _Selection(patient_id, variable, visit), read_texts(protocol, root)
    delivered = _find_words(
        only.select(read_delivered(protocol, root, patient_id=patient_id, variable=declared)), texts
    )
    queue, folder = _read_queue(protocol, root, run), RunFolder(run) if run else None
    own = only.select(queue)
    manifest = read_manifest(run) if run else None
    review = derive_review_digests(protocol, root)
    values = only.select(records.records)
    return History(
        study=protocol.study,
        digest=digest,
        patient_id=patient_id,
        centre=str(records.patients.loc[patient_id, "centre"]),
        variable=variable,
        delivered=delivered,
        documents=_find_documents(records, [*delivered["document_id"], *values["document_id"]], texts),
        broken=_find_broken(records, protocol, only),
        pairs=only.select(compare(records, protocol).pairs),
        queue=own,
        queued=len(queue),
        entries=_find_entries(protocol, root, _list_cases(protocol, own, values, only)),
        readings=only.select(records.decisions),
        analysed=values[list(RECORD_COLUMNS)],
        analyses=_find_analyses(protocol, declared),
        data={**derive_data_digests(protocol, root), **review},
        review=(*review, *(each.reviewed.path for each in protocol.sources if each.reviewed)),
        run=manifest,
        reads=read_task_reads(folder, [*manifest.tasks]) if folder and manifest else {},
        reliability=_read_reliability(folder, declared),
    )


def _drop_undecided(protocol: Protocol, root: Path) -> Protocol:
    """Return the study without sources after review whose table of decisions is not there yet."""
    there = [each for each in protocol.sources if each.reviewed is None or (root / each.reviewed.path).is_file()]
    return protocol.model_copy(update={"sources": there})


@dataclass(frozen=True)
class _Selection:
    patient_id: str
    variable: str
    visit: str

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table's rows on the patient, variable (with what belongs to it) and visit."""
        names = table["variable"].astype(str)
        root = self.variable.partition(".")[0]
        kept = (names == self.variable) | names.str.startswith(f"{self.variable}.") | (names == root)
        if "patient_id" in table:
            kept &= table["patient_id"] == self.patient_id
        if self.visit:
            kept &= table["visit"].fillna("") == self.visit
        return table[kept].reset_index(drop=True)


def _check_variable(protocol: Protocol, variable: str, visit: str) -> str:
    """Return the name of the variable, without attribute."""
    name, _, attribute = variable.partition(".")
    known = {each.name: each for each in protocol.variables}
    if name not in known or (attribute and attribute not in known[name].attributes):
        names = [*known, *(f"{each.name}.{part}" for each in known.values() for part in each.attributes)]
        near = get_close_matches(variable, names, n=3) or names[:3]
        raise UserError(f"{variable}: no such variable in the protocol; there are, among others, {', '.join(near)}.")
    visits = known[name].visits
    if visit and visit not in visits:
        told = f"its visits are {', '.join(visits)}" if visits else "it has no visits: leave --visit out"
        raise UserError(f"--visit {visit}: no such visit of {name}; {told}.")
    return name


def _find_words(cells: pd.DataFrame, texts: Mapping[str, str]) -> pd.DataFrame:
    """Add `found`: what the document reads between start and end, "" where either is not known."""
    found = []
    for document, start, end in cells[["document_id", "start", "end"]].itertuples(index=False, name=None):
        known = document in texts and not pd.isna(start) and not pd.isna(end)
        found.append(texts[document][start:end] if known else "")
    return cells.assign(found=found)


def _find_documents(records: Records, cited: list[str], texts: Mapping[str, str]) -> dict[str, Document]:
    table = records.documents.drop_duplicates("document_id").set_index("document_id")
    found = {}
    for name in dict.fromkeys(str(each) for each in cited if not pd.isna(each) and each):
        kind, date = (str(table.loc[name, key]) if name in table.index else "" for key in ("type", "date"))
        digest = compute_digest(texts[name].encode("utf-8")) if name in texts else ""
        found[name] = Document(name, kind, date, digest)
    return found


def _find_broken(records: Records, protocol: Protocol, only: _Selection) -> pd.DataFrame:
    """Return the rules that the patient breaks and that read the variable, without a check of other patients."""
    patient_id, variable = only.patient_id, only.variable.partition(".")[0]
    tables = {name: table for name, table in vars(records).items() if "patient_id" in table.columns}
    own = {name: table[table["patient_id"] == patient_id] for name, table in tables.items()}
    table = list_violations(replace(records, patients=records.patients.loc[[patient_id]], **own), protocol)
    reads = [
        variable in {part.partition("@")[0].partition(".")[0] for part in str(named).split("|")}
        for named in table["variable"]
    ]
    here = table["visit"].isin(["", only.visit]) if only.visit else table["visit"].notna()
    kept = table.loc[here & np.array(reads, dtype=bool), ["source", "rule", "severity", "variable", "visit", "event"]]
    return kept.drop_duplicates(ignore_index=True)


def _read_queue(protocol: Protocol, root: Path, run: Path | None) -> pd.DataFrame:
    """Return the queue under review, else the one that the run has made; empty where there is none."""
    if protocol.review is not None:
        name = protocol.review.source
        paths = [derive_queue_path(root, name), *([RunFolder(run).confidential / f"queue_{name}.csv"] if run else [])]
        for path in (each for each in paths if each.is_file()):
            try:
                return read_queue(path)
            except (OSError, ValueError):
                raise UserError(f"{path}: not a queue of values to review; bring it back from a copy.") from None
    return pd.DataFrame(columns=list(QUEUE_COLUMNS), dtype=object)


def _list_cases(protocol: Protocol, queue: pd.DataFrame, values: pd.DataFrame, only: _Selection) -> set[str]:
    """Return the names of the cases about these cells, those that no longer stand in the queue included."""
    if protocol.review is None:
        return set()
    name, source = only.variable.partition(".")[0], protocol.review.source
    visits = [only.visit] if only.visit else protocol.get_variable(name).visits or [""]
    cells = {(name, visit, "") for visit in visits}
    cells |= {(str(row.variable), str(row.visit), str(row.event)) for row in values.itertuples()}
    cells |= {(variable.partition(".")[0], visit, event) for variable, visit, event in cells}
    named = {
        derive_case_id(protocol.study, source, patient_id=only.patient_id, variable=variable, visit=visit, event=event)
        for variable, visit, event in cells
    }
    return {*named, *queue["case_id"].astype(str)}


def _find_entries(protocol: Protocol, root: Path, cases: set[str]) -> tuple[Entry, ...]:
    log = derive_log_path(root, protocol.review.source) if protocol.review else None
    if log is None or not log.is_file():
        return ()
    return tuple(found for entry in read_entries(log) for found in _select_cases(entry, cases))


def _select_cases(entry: Entry, cases: set[str]) -> Iterator[Entry]:
    """Yield an entry about one of the cases; that of a workbook once for each, under the digest it was shown by."""
    if entry.case in cases:
        yield entry
    if entry.kind == "exported":
        handed = dict(entry.content.get("cases", {}))
        yield from (replace(entry, case=case, shown=handed[case]) for case in sorted(cases & set(handed)))


def _find_analyses(protocol: Protocol, variable: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for analysis in protocol.analyses:
        for name, visit in sorted(list_read_cells(protocol, analysis)):
            if name == variable:
                found.setdefault(visit, []).append(analysis.name)
    return found


def _read_reliability(run: RunFolder | None, variable: str) -> pd.DataFrame:
    """Return the curves of reliability of a variable over all patients, one per source."""
    files = sorted(run.get_task(_RELIABILITY).series.glob("*.csv")) if run else []
    columns = ["source", "term", "x", "y", "lower", "upper"]
    tables = [table for table in map(read_series, files) if len(table)]
    if not tables:
        return pd.DataFrame(columns=columns)
    table = pd.concat(tables, ignore_index=True)
    kept = (table["metric"] == "reliability") & (table["analysis"] == "reliability") & (table["variable"] == variable)
    return table.loc[kept & (table["stratum_by"] == ""), columns].drop_duplicates(ignore_index=True)
