"""The written parts of a protocol: what people declare, shown as written or as still open; and who signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from probatio.display.rows import COLON
from probatio.display.statement import Signatures, Statement
from probatio.display.table import Table
from probatio.protocol import Label, Language, Protocol, compute_protocol_digest
from probatio.wording import format_level, format_number, read_word

SIGNING = ("sponsor", "investigator", "methodologist", "data_manager")
"""Who signs, in the order in which they do."""


def render_statement(protocol: Protocol, *, language: Language, part: str) -> Statement:
    """Return one written part of the protocol, or the box that says what is to be written.

    Args:
        protocol: the study's protocol.
        language: of words.
        part: a key of `written` that holds sentences.
    """
    found = getattr(protocol.written, part)
    labels: Sequence[Label | str] = found if isinstance(found, list) else [found] if found else []
    texts = [label if isinstance(label, str) else label.read(language) for label in labels]
    return Statement(texts, read_word("open", "title", language), read_word("open", part, language))


def render_eligibility(protocol: Protocol, *, language: Language) -> Statement:
    """Return who is included and excluded, then what the protocol's declarations of patients say."""
    written = [*(("included", label) for label in protocol.written.inclusion),
               *(("excluded", label) for label in protocol.written.exclusion)]  # fmt: skip
    texts = [read_word("plan", kind, language).format(who=_lower(label.read(language))) for kind, label in written]
    patients = protocol.patients
    said = [f"cohort_{patients.cohort}"]
    said += ["development"] * bool(patients.development) + ["reference_sampled"] * bool(patients.reference_sampled)
    after = [read_word("plan", key, language) for key in said]
    return Statement(texts, read_word("open", "title", language), read_word("open", "inclusion", language), after)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def render_milestone_table(protocol: Protocol, *, language: Language) -> Table | Statement:
    """Return the milestones and their planned dates, or the box that asks for them."""
    if not protocol.written.milestones:
        return render_statement(protocol, language=language, part="milestones")
    body = [[each.label.read(language), each.date] for each in protocol.written.milestones]
    return Table([read_word("column", name, language) for name in ("step", "planned_date")], body, "ll",
                 widths=(70, 30))  # fmt: skip


def render_responsible_table(protocol: Protocol, *, language: Language) -> Table:
    """Return who answers for the study, its registration, version and digest; what is missing is said to be."""
    written, missing = protocol.written, read_word("open", "cell", language)
    lines: list[tuple[str, str]] = [
        ("study_title", protocol.title.read(language)),
        ("study_name", protocol.study),
        ("protocol_version", protocol.version),
        ("protocol_date", written.date or missing),
        *((name, getattr(written, name) or missing) for name in SIGNING),
        ("registration", written.registration or missing),
        ("funding", written.funding.read(language) if written.funding else missing),
        ("protocol_digest", compute_protocol_digest(protocol)),
    ]
    return build_settings([(read_word("plan", key, language), text) for key, text in lines], language)


def build_settings(lines: Sequence[tuple[str, str]], language: Language) -> Table:
    """Return a table of two columns, what is decided and how."""
    head = [read_word("column", name, language) for name in ("item", "decided")]
    return Table(head, [list(line) for line in lines], "ll", widths=(32, 68))


def describe_limits(protocol: Protocol, *, language: Language) -> list[str]:
    """Return the limits that the protocol declares, of the study and then of each source."""
    sources = [(source.label.read(language), limit) for source in protocol.sources for limit in source.limits]
    own = [limit.read(language) for limit in protocol.limits]
    return [*own, *(f"{name}{COLON[language]}{limit.read(language)}" for name, limit in sources)]


def render_signatures(protocol: Protocol, *, language: Language) -> Signatures:
    """Return the lines to be signed before the data are seen, each with the digest of what is signed."""
    people = [(read_word("plan", name, language), getattr(protocol.written, name)) for name in SIGNING]
    words = [read_word("plan", key, language) for key in ("signed_digest", "signed_on", "signature")]
    return Signatures(people, compute_protocol_digest(protocol), words)


def describe_abstract(protocol: Protocol, *, language: Language) -> list[str]:
    """Say in a few sentences what is compared, on what, for which uses, by which rule, with how many patients."""
    say = _Sayer(protocol, language)
    return [text for text in (say.question(), say.sources(), say.variables(), say.analyses(), say.rule(), say.size())
            if text]  # fmt: skip


class _Sayer:
    """The sentences of the abstract, each "" where the protocol declares nothing to say."""

    def __init__(self, protocol: Protocol, language: Language) -> None:
        self._protocol, self._language = protocol, language

    def _say(self, key: str, **values: object) -> str:
        return read_word("sentence", f"abstract_{key}", self._language).format(**values)

    def question(self) -> str:
        question = self._protocol.written.question
        return question.read(self._language) if question else ""

    def sources(self) -> str:
        read: Callable[[Sequence[str]], str] = ", ".join
        reference = self._protocol.reference
        others = [each.label.read(self._language) for each in self._protocol.leading if each.role != "reference"]
        if reference is None:
            return self._say("readings", sources=read(others))
        return self._say("sources", reference=reference.label.read(self._language), sources=read(others))

    def variables(self) -> str:
        uses = ", ".join(read_word("use", use, self._language).lower() for use in self._protocol.uses)
        return self._say("variables", n=len(self._protocol.variables), uses=uses)

    def analyses(self) -> str:
        count = len([each for each in self._protocol.analyses if each.sources]) + len(self._protocol.descriptive)
        return self._say("analyses", n=count) if count else ""

    def rule(self) -> str:
        if self._protocol.reference is None:
            return self._say("no_truth")
        if self._protocol.acceptance is None:
            return self._say("no_rule")
        return self._say("rule", side=format_level((1 - self._protocol.level) / 2, self._language))

    def size(self) -> str:
        planning = self._protocol.planning
        if planning is None:
            return self._say("no_size")
        number = format_number(planning.patients, self._language, digits=0)
        return self._say("size", patients=number, power=format_level(planning.power, self._language))
