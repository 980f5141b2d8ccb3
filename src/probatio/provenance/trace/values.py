"""What sources delivered, what is wrong with it, and what analyses read: in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pandas as pd

from probatio.checks import read_catalogue
from probatio.provenance.trace.history import History
from probatio.provenance.trace.words import INDENT, Row, Words
from probatio.wording import format_interval, format_percent

_REWRITTEN = ("date", "number")
"""Types whose values are brought into one form without any recoding."""


def tell_delivered(history: History, words: Words) -> Iterator[str]:
    """Yield each source's cells, raw and as read; then their extractor, confidence, document and span."""
    for source in words.protocol.sources:
        own = history.delivered[history.delivered["source"] == source.name].to_dict("records")
        if not own and source.reviewed is None:
            yield f"{words.name(source.name)}{words.colon}{words.say('nothing')}"
        for told, cells in groupby(own, key=lambda cell: [*_tell_origin(cell, history, words)]):
            for cell in cells:
                yield f"{words.name(source.name)}{words.where(cell)}{words.colon}{_tell_cell(cell, words)}"
            yield from (f"{INDENT}{line}" for line in told)


def _tell_cell(cell: Row, words: Words) -> str:
    raw = str(cell["raw"]).strip()
    place = {name: cell[name] for name in ("file", "line", "column")}
    at = words.say("cell", raw=raw, **place) if raw else words.say("cell_blank", **place)
    return words.join(at, _tell_reading(cell, words))


def _tell_reading(cell: Row, words: Words) -> str:
    if cell["state"] != "value":
        return words.say(str(cell["state"]))
    if not cell["conformant"]:
        return words.say("not_conformant")
    name, _, attribute = str(cell["variable"]).partition(".")
    variable = words.protocol.get_variable(name)
    kind = variable.attributes[attribute].type if attribute else variable.type
    key = "read" if not cell["recoded"] else "rewritten" if kind in _REWRITTEN else "recoded"
    return words.say(key, value=words.value(cell["value"], cell["unit"]))


def _tell_origin(cell: Row, history: History, words: Words) -> Iterator[str]:
    said = [words.say("by", extractor=cell["extractor"])] if cell["extractor"] else []
    said += [words.say("on", date=cell["extracted_at"])] if cell["extracted_at"] else []
    if not pd.isna(cell["confidence"]):
        said.append(words.say("confidence", confidence=words.number(cell["confidence"])))
        said += _tell_reliability(cell, history, words)
    if said:
        yield ", ".join(said)
    if cell["document_id"]:
        yield _tell_document(cell, history, words)


def _tell_reliability(cell: Row, history: History, words: Words) -> list[str]:
    """Return the share that is right among values of the source and variable given with a like confidence."""
    table = history.reliability
    table = table[(table["source"] == cell["source"]) & (table["term"] == "confidence")]
    if table.empty:
        return []
    nearest = table.iloc[int((table["x"] - cell["confidence"]).abs().argmin())]
    near, right, lower, upper = (float(nearest[name]) for name in ("x", "y", "lower", "upper"))
    interval = format_interval(lower, upper, words.language, digits=1, percent=True)
    share = format_percent(right, words.language)
    return [words.say("reliability", near=words.number(near, 2), right=share, interval=interval)]


def _tell_document(cell: Row, history: History, words: Words) -> str:
    document = history.documents[str(cell["document_id"])]
    said = words.say("document", document=document.document_id, type=document.type or "–", date=document.date or "–")
    if pd.isna(cell["start"]) or pd.isna(cell["end"]):
        return f"{said}, {words.say('snippet', snippet=cell['snippet'])}" if cell["snippet"] else said
    span = words.say("span", start=cell["start"], end=cell["end"], snippet=cell["snippet"])
    other = cell["found"] and cell["found"] != cell["snippet"]
    return words.join(f"{said}, {span}", words.say("other_text", found=cell["found"]) if other else "")


def tell_broken(history: History, words: Words) -> Iterator[str]:
    """Yield the rules and checks that the patient's values break."""
    if history.broken.empty:
        yield words.say("no_broken")
    labels = {name: check.read_label(words.language) for name, check in read_catalogue().items()}
    labels |= {rule.name: rule.label.read(words.language) for rule in words.protocol.rules}
    for row in history.broken.to_dict("records"):
        said = {"rule": labels[str(row["rule"])], "severity": row["severity"], "variable": row["variable"]}
        yield f"{words.say('broken_rule', source=words.name(row['source']), **said)}{words.where(row)}"


def tell_pairs(history: History, words: Words) -> Iterator[str]:
    """Yield each value beside its comparator's, with the outcome."""
    if history.pairs.empty:
        yield words.say("no_pairs")
    for row in history.pairs.to_dict("records"):
        said = words.say(
            "pair",
            source=words.name(row["source"]),
            value=words.value(row["value"]),
            comparator=words.name(row["comparator"]),
            reference=words.value(row["reference"]),
            outcome=words.read("outcome", row["outcome"]),
        )
        yield f"{said}{words.where(row)}"


def tell_analysed(history: History, words: Words) -> Iterator[str]:
    """Yield the value that analyses read from each source, and which analyses do."""
    if history.analysed.empty:
        yield words.say("none_read")
    for row in history.analysed.to_dict("records"):
        has = row["state"] == "value"
        value = words.value(row["value"], row["unit"]) if has else words.say("unread", state=words.say(row["state"]))
        yield f"{words.say('value', source=words.name(row['source']), value=value)}{words.where(row)}"
    names = {analysis.name: analysis.label.read(words.language) for analysis in words.protocol.analyses}
    visits = {*history.analysed["visit"].fillna(""), ""}
    read = [name for visit, found in history.analyses.items() if visit in visits for name in found]
    labels = words.join(*(names[name] for name in dict.fromkeys(read)))
    yield words.say("analyses", analyses=labels) if read else words.say("no_analyses")
