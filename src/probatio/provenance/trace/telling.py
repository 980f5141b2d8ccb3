"""A value's history in words, French or English: lines for the terminal of whoever may see the patient."""

from __future__ import annotations

from collections.abc import Iterator

from probatio.display.rows import label_of
from probatio.protocol import Language, Protocol
from probatio.provenance.manifest import Manifest
from probatio.provenance.trace.history import History
from probatio.provenance.trace.review import tell_queue, tell_review
from probatio.provenance.trace.values import tell_analysed, tell_broken, tell_delivered, tell_pairs
from probatio.provenance.trace.words import INDENT, SHORT, Words

_PARTS = {
    "delivered": tell_delivered,
    "broken": tell_broken,
    "pairs": tell_pairs,
    "queue": tell_queue,
    "review": tell_review,
    "values": tell_analysed,
}


def tell_history(history: History, protocol: Protocol, language: Language) -> list[str]:
    """Return the story of a value, part by part; confidential. Nothing in it can steer a terminal.

    Args:
        history: what is known.
        protocol: words for sources, variables and rules.
        language: of the story.
    """
    words = Words(protocol, language)
    label, named = label_of(protocol, history.variable, language), {"patient": history.patient_id}
    lines = [
        words.say("title", label=label, variable=history.variable, centre=history.centre, **named),
        words.say("confidential"),
    ]
    for heading, tell in {**_PARTS, "digests": tell_digests}.items():
        lines += ["", words.say(heading), *(f"{INDENT}{line}" for line in tell(history, words))]
    return [_flatten(line) for line in lines]


def tell_digests(history: History, words: Words) -> Iterator[str]:
    """Yield the digests of protocol, files and results, and what is no longer what the run has read."""
    yield words.say("protocol", digest=history.digest)
    for name in _list_files(history):
        yield words.say("file", file=name, digest=history.data.get(name, "–"))
    if history.run is None:
        yield words.say("no_run")
    else:
        yield from _tell_run(history, history.run, words)


def _tell_run(history: History, run: Manifest, words: Words) -> Iterator[str]:
    program, commit = (str(run.environment.get(name, ""))[:SHORT] or "–" for name in ("package", "commit"))
    yield words.say("run", time=run.recorded.get("time", "–"), program=program, commit=commit)
    if run.protocol.digest != history.digest:
        yield words.say("changed_protocol", digest=run.protocol.digest[:SHORT])
    for name in (name for name in _list_files(history) if run.data.get(name) != history.data.get(name)):
        yield words.say("changed", file=name)
    for name, task in run.tasks.items():
        yield words.say("task", task=name, digest=task.outputs.get("rows.csv", "–"))


def _list_files(history: History) -> list[str]:
    return [*dict.fromkeys([*history.delivered["file"], *history.review])]


def _flatten(line: str) -> str:
    """Return a line as one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in line)
