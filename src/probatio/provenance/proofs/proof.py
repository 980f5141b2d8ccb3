"""One proof in time of a protocol: when, by whom, and how far it was checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

Status = Literal["verified", "unverified", "declared"]


@dataclass(frozen=True)
class Proof:
    """A proof that a protocol existed at some time.

    `digest`: SHA-256 of the protocol's canonical form that it is of. `at`: a stamp's time (UTC) or a deposit's day.
    `status`: `verified` (a stamp whose signature leads to the root certificate kept with it), `unverified` (a stamp
    without one: anybody could have signed it), `declared` (a deposit, which only its registry can confirm).
    `current`: it is of the protocol as it is now, and not of an earlier state.
    `root`: SHA-256 fingerprint of the root certificate that the stamp leads to, as its authority publishes it.
    `place`: a deposit's address.
    """

    digest: str
    at: datetime | date
    authority: str
    status: Status
    current: bool
    file: Path
    root: str = ""
    place: str = ""

    @property
    def day(self) -> date:
        """The day of the proof (UTC)."""
        return self.at.date() if isinstance(self.at, datetime) else self.at
