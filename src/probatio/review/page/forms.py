"""What a form of the page hands in: a decision as it was typed, and proof of what its reader had before him."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.datastructures import FormData

from probatio.protocol import Language, Protocol
from probatio.records.decisions import Role
from probatio.review.answers import derive_typed
from probatio.review.circuit import CaseState, Submission
from probatio.review.page.fields import Field, join_typed
from probatio.review.page.signing import Signer
from probatio.review.refusals import RefusalError
from probatio.review.tables import Case

LONGEST_READING: Final = 3600.0
"""Seconds above which nobody sat in front of the case all the time: how long it took is then unknown."""
_FIELD = "field:"


@dataclass(frozen=True)
class Draft:
    """A decision as typed, to be read or to be shown again.

    `decision` is `candidate:<letter>`, `level:<level>`, `typed`, `absent`, `unreadable`, or "" where none is chosen.
    `typed` holds the texts of each field; `confirm` a value outside the plausible range that is meant.
    """

    decision: str = ""
    typed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    comment: str = ""
    confirm: str = ""


@dataclass(frozen=True)
class Display:
    """What was before a reader: the case's digest, his role, the version of the case, the second it began."""

    case: str
    digest: str
    reader: str
    role: Role
    version: int
    since: float


def read_draft(form: FormData) -> Draft:
    """Return a decision as typed."""
    names = dict.fromkeys(name for name, _ in form.multi_items() if name.startswith(_FIELD))
    typed = {name.removeprefix(_FIELD): [str(text) for text in form.getlist(name)] for name in names}
    texts = {name: str(form.get(name, "")) for name in ("decision", "comment", "confirm")}
    return Draft(typed=typed, **texts)


def make_display(case: Case, state: CaseState, reader: str, role: Role) -> Display:
    """Return what is put before a reader now."""
    return Display(case.case_id, case.digest, reader, role, state.version, round(time.time(), 3))


def sign_display(display: Display, signer: Signer) -> str:
    """Return the hidden text by which a form proves what was shown."""
    return signer.sign("shown", vars(display))


def read_display(text: str, case_id: str, reader: str, signer: Signer) -> Display:
    """Return what a form was filled in on.

    Raises:
        RefusalError: it is not a form of this case that was shown to this reader.
    """
    content: Any = signer.read("shown", text)
    try:
        display = Display(**content)
    except TypeError:  # forged, or signed by another version of the program
        raise RefusalError("stale_case") from None
    if (display.case, display.reader) != (case_id, reader):
        raise RefusalError("stale_case")
    return display


def build_submission(
    draft: Draft, display: Display, fields: Sequence[Field], prefilled: Mapping[str, str]
) -> Submission:
    """Return a decision as the circuit takes it.

    Args:
        draft: as typed.
        display: what it was typed on.
        fields: of the variable.
        prefilled: what stood in the fields before anything was typed.

    Raises:
        RefusalError: nothing is chosen, or a value is typed beside another choice.
    """
    kind, _, chosen = draft.decision.partition(":")
    value = {"level": chosen, "typed": join_typed(fields, draft.typed)}.get(kind, _find_stray(draft, fields, prefilled))
    answer = {"candidate": chosen, "level": "corrected", "typed": "corrected"}.get(kind, kind)
    seconds = time.time() - display.since
    return Submission(
        case_id=display.case,
        shown=display.digest,
        role=display.role,
        version=display.version,
        answer=answer,
        value=value,
        comment=draft.comment,
        seconds=round(seconds, 1) if 0 <= seconds <= LONGEST_READING else None,
    )


def find_implausible(draft: Draft, case: Case, fields: Sequence[Field], protocol: Protocol, language: Language) -> str:
    """Return a typed number that lies outside the plausible range and was not confirmed yet, else "".

    Raises:
        RefusalError: what was typed cannot be read.
    """
    if draft.decision != "typed" or len(fields) > 1 or fields[0].limits is None:
        return ""
    value = derive_typed(case.variable, join_typed(fields, draft.typed), protocol, language=language)
    return value if fields[0].is_outside(value) and draft.confirm != value else ""


def _find_stray(draft: Draft, fields: Sequence[Field], prefilled: Mapping[str, str]) -> str:
    """Return a text typed beside another choice; ticks do not count, as some cannot be taken back."""
    names = [field.name for field in fields if field.kind in ("number", "date", "text")]
    typed = [(name, text.strip()) for name in names for text in draft.typed.get(name, ())]
    return next((text for name, text in typed if text and text != prefilled.get(name)), "")
