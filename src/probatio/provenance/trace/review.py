"""How a value came to be reviewed, what reviewers were shown and what they decided: in words."""

from __future__ import annotations

from collections.abc import Iterator

from probatio.provenance.trace.history import History
from probatio.provenance.trace.words import INDENT, SHORT, Row, Words
from probatio.review.entries import Entry


def tell_queue(history: History, words: Words) -> Iterator[str]:
    """Yield where the values stand in the queue, and why."""
    if history.queue.empty:
        yield words.say("not_queued" if history.queued else "no_queue")
    for row in history.queue.to_dict("records"):
        yield f"{words.join(*_tell_line(row, history, words))}{words.where(row)}"


def _tell_line(row: Row, history: History, words: Words) -> Iterator[str]:
    reasons = ", ".join(words.read("queue_reason", code) for code in str(row["reasons"]).split("|") if code)
    yield words.say(
        "queued",
        source=words.name(row["source"]),
        position=row["position"],
        total=history.queued,
        kind=words.read("trace", row["kind"]),
        reasons=reasons,
    )
    told = {name: words.number(row[name]) for name in ("probability", "consequence")}
    yield words.say("expected", **told)
    if float(row["selection_probability"]) < 1:
        yield words.say("drawn", probability=words.number(row["selection_probability"]))
    if row["double"]:
        yield words.say("double")


def tell_review(history: History, words: Words) -> Iterator[str]:
    """Yield what reviewers were shown and decided: by the log, then by the table of decisions that was applied."""
    if not history.entries and history.readings.empty:
        yield words.say("no_review")
    for entry in history.entries:
        what = _tell_entry(entry, words)
        yield words.say("entry", at=entry.at, number=entry.number, who=entry.who or "–", what=what)
        if entry.protocol and entry.protocol != history.digest:
            yield f"{INDENT}{words.say('other_protocol', digest=entry.protocol[:SHORT])}"
        if comment := entry.content.get("comment"):
            yield f"{INDENT}{words.say('comment', comment=comment)}"
    for row in history.readings.to_dict("records"):
        yield f"{_tell_reading(row, words)}{words.where(row)}"


def _tell_entry(entry: Entry, words: Words) -> str:
    if entry.kind == "decision":
        decision = _tell_decision(entry.content.get("decision"), entry.content.get("value"), words)
        role = words.read("trace", entry.content.get("role"))
        said = words.say("decided", decision=decision, role=role, shown=entry.shown[:SHORT])
        return words.join(said, words.read("trace", entry.content.get("via", "")))
    if entry.kind in ("shown", "exported"):
        return words.say(entry.kind, shown=entry.shown[:SHORT])
    return words.read("trace", entry.kind)


def _tell_reading(row: Row, words: Words) -> str:
    before, after = (words.value(row[name]) for name in ("before", "after"))
    return words.say(
        "reading" if row["changed"] else "reading_same",
        source=words.name(row["source"]),
        at=row["decided_at"],
        who=row["reviewer"],
        role=words.read("trace", row["role"]),
        decision=_tell_decision(row["decision"], row["after"], words),
        before=before,
        after=after,
        resolution=words.read("trace", row["resolution"]),
    )


def _tell_decision(decision: object, value: object, words: Words) -> str:
    key = "absent_decided" if decision == "absent" else str(decision)
    return words.read("trace", key).format(value=words.value(value))
