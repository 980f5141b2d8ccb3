"""Model of amendments: what was changed in a protocol after its first version, why, and what had been seen by then."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from probatio.protocol.base import Label, Model, Text
from probatio.protocol.errors import build_fault

SeenData = Literal["reference", "manual", "ai", "reading"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _check_day(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text} is no day; write it as 2026-11-24") from None


Day = Annotated[Text, AfterValidator(_check_day)]


class Amendment(Model):
    """One change of the protocol after its first version.

    - `number`: 1, 2, 3, in the order of time.
    - `date`: the day of the decision, as 2026-11-24.
    - `previous`: the digest of the version that is amended. `probatio amend` keeps that version beside the protocol,
      in `<study>.proofs/`, as the bytes that the digest is of.
    - `seen`: whose data had been seen when this was decided: roles of sources, or an empty list for none.
    - `what`: what is changed, for readers. The keys that changed are derived from both versions, not typed.
    - `why`: the reason.
    """

    number: int = Field(ge=1)
    date: Day
    previous: Digest
    seen: list[SeenData]
    what: Label
    why: Label


def check_amendments(amendments: list[Amendment]) -> list[Amendment]:
    """Return the amendments if they are numbered and dated in order, and each amends another version.

    Raises:
        ValidationError: they are not; each error carries the place of its key, so that reading can say file and line.
    """
    faults = []
    for place, each in enumerate(amendments):
        if each.number != place + 1:
            said = f"amendment {each.number} stands in place {place + 1}; number them 1, 2, 3 in the order of time"
            faults.append(build_fault((place, "number"), said))
    for place, (before, after) in enumerate(pairwise(amendments), start=1):
        if after.date < before.date:
            faults.append(build_fault((place, "date"), f"{after.date} is before amendment {before.number}'s date"))
        if after.previous in [each.previous for each in amendments[:place]]:
            said = "an earlier amendment amends this version already; name the version that it made"
            faults.append(build_fault((place, "previous"), said))
    if faults:
        raise ValidationError.from_exception_data("amendments", faults)
    return amendments
