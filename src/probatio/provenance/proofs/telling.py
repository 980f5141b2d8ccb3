"""Say what a protocol's proofs in time show, and whether they precede the data and the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from probatio.protocol import Language
from probatio.provenance.proofs.proof import Proof
from probatio.wording import format_date, read_word

_SHORT = 12


@dataclass(frozen=True)
class Moments:
    """What a proof has to precede: the day of the AI's first extraction, and the end of the run.

    `extracted` is None where the data do not say, or are not here; `ran` before a run.
    """

    extracted: date | None
    ran: datetime | None = None


def describe_proofs(proofs: Sequence[Proof], moments: Moments | None = None, *, language: Language = "en") -> list[str]:
    """Return one line per proof, and one that says so when there is none of the protocol as it is now.

    Args:
        proofs: as `read_proofs` gives them.
        moments: what to compare them with; None: nothing is compared.
        language: of the sentences.
    """
    lines = [_describe(proof, moments, language) for proof in proofs]
    return lines if any(proof.current for proof in proofs) else [*lines, _say("none", language)]


def _describe(proof: Proof, moments: Moments | None, language: Language) -> str:
    said = _say(
        proof.status,
        language,
        at=_format_time(proof.at, language),
        authority=proof.authority,
        root=proof.root,
        place=proof.place,
    )
    if not proof.current:
        return f"{said} {_say('other', language, digest=proof.digest[:_SHORT])}"
    if moments is None:
        return said
    order = [_compare_data(proof, moments.extracted, language), _compare_run(proof, moments.ran, language)]
    return " ".join([said, *(part for part in order if part)])


def _compare_data(proof: Proof, extracted: date | None, language: Language) -> str:
    if extracted is None:
        return _say("data_unknown", language)
    order = "before" if proof.day < extracted else "same_day" if proof.day == extracted else "after"
    return _say(f"data_{order}", language, day=format_date(extracted, language))


def _compare_run(proof: Proof, ran: datetime | None, language: Language) -> str:
    if ran is None:
        return ""
    before = proof.at < ran if isinstance(proof.at, datetime) else proof.at < ran.date()
    return _say("run_before" if before else "run_after", language, day=format_date(ran.date(), language))


def _format_time(at: datetime | date, language: Language) -> str:
    day = format_date(at, language)
    return f"{day}, {at:%H:%M:%S} UTC" if isinstance(at, datetime) else day


def _say(key: str, language: Language, **values: object) -> str:
    return read_word("proof", key, language).format(**values)
