"""From the queue to cases as they are shown: competing values blind to source, their evidence, the rules broken."""

from __future__ import annotations

import re
import string
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from probatio.checks import list_violations
from probatio.digest import compute_json_digest
from probatio.protocol import Protocol, UserError
from probatio.records import Records
from probatio.records.event_text import derive_line_text
from probatio.review.tables import Candidate, Case

_SAID = ("value", "negative")
_AROUND = 100
"""Characters of a document shown on either side of a span."""
_LONGEST = 1000
"""Characters of a span that are shown."""
_FIRST_PART, _LAST_PART = r"^\S*\s", r"\s\S*$"
_Cell = tuple[str, str, str, str]
_Evidence = dict[str, Any]


def derive_cases(queue: pd.DataFrame, records: Records, texts: Mapping[str, str], protocol: Protocol) -> list[Case]:
    """Return the cases of a queue, in its order. Confidential: they name patients.

    A case shows what the reviewed source and the competing ones of the protocol say of one cell. Equal values are
    one candidate, with the evidence of one of its sources: the document's words around the span, or the source's
    snippet where no span or no text is known. Candidates stand in an order drawn from the case's name and the
    values, so that neither order nor letter tells whose a value is. Of an event only the reviewed source's line is
    shown: sources number theirs as they like. Each document that is cited is read once.

    Args:
        queue: with the columns of `QUEUE_COLUMNS`.
        records: the study's tables.
        texts: the documents' texts, by document_id; a document without text is shown by its snippet alone.
        protocol: the study.

    Raises:
        UserError: a span lies outside its document.
    """
    rows = queue.sort_values("position", kind="stable").to_dict("records")
    said = _derive_said(rows, records, texts, protocol)
    broken = _find_broken(records, protocol) if rows else {}
    return [_derive_case(row, said, broken, protocol) for row in rows]


def compute_case_digest(case: Case) -> str:
    """Return the digest of all that a case shows; whose its values are is not shown."""
    shown = [
        [each.letter, each.value, each.unit, each.document_id, each.start, each.end, each.snippet]
        for each in case.candidates
    ]
    names = [case.case_id, case.patient_id, case.variable, case.visit, case.event]
    return compute_json_digest([*names, shown, case.rules, case.reasons])


def _derive_case(
    row: Mapping[Any, Any],
    said: Mapping[tuple[str, _Cell], list[_Evidence]],
    broken: Mapping[tuple[str, str, str, str], list[str]],
    protocol: Protocol,
) -> Case:
    source, variable, patient = str(row["source"]), str(row["variable"]), str(row["patient_id"])
    cell = (patient, variable, str(row["visit"]), str(row["event"]))
    competing = [source] if row["event"] else [source, *_list_competing(protocol)]
    evidence = [each for name in competing for each in said.get((name, cell), [])]
    root = variable.partition(".")[0]
    rules = {*broken.get((source, patient, variable, cell[2]), []), *broken.get((source, patient, root, cell[2]), [])}
    case = Case(
        case_id=str(row["case_id"]),
        position=int(row["position"]),
        source=source,
        patient_id=patient,
        variable=variable,
        visit=cell[2],
        event=cell[3],
        candidates=_derive_candidates(str(row["case_id"]), evidence),
        rules=tuple(rule.name for rule in protocol.rules if rule.name in rules),
        reasons=tuple(reason for reason in str(row["reasons"]).split("|") if reason),
        double=bool(row["double"]),
        digest="",
    )
    return Case(**{**vars(case), "digest": compute_case_digest(case)})


def _list_competing(protocol: Protocol) -> list[str]:
    return protocol.review.competing if protocol.review else []


def _derive_candidates(case_id: str, evidence: list[_Evidence]) -> tuple[Candidate, ...]:
    merged: dict[tuple[Any, ...], list[_Evidence]] = defaultdict(list)
    for each in evidence:
        merged[each["value"], each["conformant"], "" if each["conformant"] else each["unit"]].append(each)
    drawn = sorted(merged, key=lambda key: compute_json_digest([case_id, *key]))
    letters = zip(string.ascii_uppercase, drawn, strict=False)
    return tuple(_derive_candidate(case_id, letter, merged[key]) for letter, key in letters)


def _derive_candidate(case_id: str, letter: str, same: list[_Evidence]) -> Candidate:
    """Return one candidate with the evidence of one of its sources: located if possible, then drawn by chance."""
    places = ("document_id", "start", "end", "snippet")
    shown = min(same, key=lambda each: (each["start"] is None, not each["snippet"],
                                        compute_json_digest([case_id, *(each[name] for name in places)])))  # fmt: skip
    return Candidate(
        letter=letter,
        value=shown["value"],
        sources=tuple(dict.fromkeys(each["source"] for each in same)),
        **{name: shown[name] for name in (*places, "unit", "conformant", "mark")},
    )


def _derive_said(
    rows: list[dict[Any, Any]], records: Records, texts: Mapping[str, str], protocol: Protocol
) -> dict[tuple[str, _Cell], list[_Evidence]]:
    """Return what each source says of each cell of the queue, events' lines as one text."""
    asked = {(str(row["patient_id"]), str(row["variable"]).partition(".")[0], str(row["visit"])) for row in rows}
    sources = {*(str(row["source"]) for row in rows), *_list_competing(protocol)}
    table = records.records
    table = table[table["source"].isin(sources) & table["state"].isin(_SAID)]
    root = table["variable"].str.partition(".")[0] if len(table) else table["variable"]
    keys = zip(table["patient_id"], root, table["visit"].fillna(""), strict=True)
    table = _derive_evidence(table[[key in asked for key in keys]], texts)
    said: dict[tuple[str, _Cell], list[_Evidence]] = defaultdict(list)
    rows_said: list[_Evidence] = table.to_dict("records")  # type: ignore[assignment]  # column names are text
    for each in rows_said:
        said[each["source"], (each["patient_id"], each["variable"], each["visit"], each["event"])].append(each)
    for key, line in list(_derive_lines(said, protocol)):
        said[key].append(line)
    return said


def _derive_lines(
    said: Mapping[tuple[str, _Cell], list[_Evidence]], protocol: Protocol
) -> Iterator[tuple[tuple[str, _Cell], _Evidence]]:
    """Yield each event's line as one piece of evidence: its attributes in one text, located by the first of them."""
    lines: dict[tuple[str, _Cell], dict[str, _Evidence]] = defaultdict(dict)
    for (source, (patient, variable, visit, event)), (each, *_) in said.items():
        name, _, attribute = variable.partition(".")
        if attribute:
            lines[source, (patient, name, visit, event)][attribute] = each
    for key, parts in lines.items():
        declared = protocol.get_variable(key[1][1]).attributes
        ordered = {name: parts[name] for name in declared if name in parts}
        first = min(ordered.values(), key=lambda each: (each["start"] is None, not each["snippet"]))
        value = derive_line_text({name: each["value"] for name, each in ordered.items()})
        conformant = all(each["conformant"] for each in ordered.values())
        yield key, {**first, "value": value, "unit": "", "conformant": conformant}


def _derive_evidence(table: pd.DataFrame, texts: Mapping[str, str]) -> pd.DataFrame:
    """Return records with blanks as "", offsets as whole numbers or None; a span's snippet is cut from the text."""
    words = ["visit", "event", "value", "unit", "document_id", "snippet"]
    table = table.assign(**{name: table[name].fillna("").astype(str) for name in words})
    for name in ("start", "end"):
        column = [None if pd.isna(place) else int(place) for place in table[name]]
        table[name] = pd.Series(column, index=table.index, dtype=object)
    cut = dict(_cut_snippets(table, texts))
    own = [cut.get(at, (_join(text).strip(), (0, 0))) for at, text in table["snippet"].items()]
    for place, name in enumerate(("snippet", "mark")):
        table[name] = pd.Series([each[place] for each in own], index=table.index, dtype=object)
    return table


def _cut_snippets(table: pd.DataFrame, texts: Mapping[str, str]) -> Iterator[tuple[Any, tuple[str, tuple[int, int]]]]:
    spans = table[table["start"].notna() | table["end"].notna()]
    for document, group in spans[spans["document_id"].isin([*texts])].groupby("document_id", sort=True):
        text = texts[str(document)]
        places = zip(group.index, group["source"], group["variable"], group["start"], group["end"], strict=True)
        for at, source, variable, start, end in places:
            if start is None or end is None or not 0 <= start < end <= len(text):
                raise UserError(
                    f"source {source}: a span of {variable} lies outside its document; correct start and end, which "
                    f"count the characters of the text from 0."
                )
            yield at, _cut(text, start, end)


def _cut(text: str, start: int, end: int) -> tuple[str, tuple[int, int]]:
    """Return a span with the words around it, on one line, and its place in that."""
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    if start > _AROUND:
        before = f"… {re.sub(_FIRST_PART, '', before)}"
    if end + _AROUND < len(text):
        after = f"{re.sub(_LAST_PART, '', after)} …"
    span = text[start:end] if end - start <= _LONGEST else f"{text[start : start + _LONGEST]} …"
    before, span, after = (_join(part) for part in (before, span, after))
    return f"{before}{span}{after}", (len(before), len(before) + len(span))


def _join(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _find_broken(records: Records, protocol: Protocol) -> dict[tuple[str, str, str, str], list[str]]:
    """Return the clinicians' rules broken, by source, patient, variable (or attribute) and visit."""
    table = list_violations(records, protocol, tests={})
    broken: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for source, rule, named, patient in table[["source", "rule", "variable", "patient_id"]].itertuples(index=False):
        for reference in named.split("|"):
            variable, _, visit = reference.partition("@")
            broken[source, patient, variable, visit].append(rule)
    return broken
