"""`probatio amend`: keep the version of a protocol that is about to be changed."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from probatio.protocol import UserError, compute_protocol_digest, read_protocol, read_revisions
from probatio.protocol.versions import keep_version
from probatio.results import write_bytes

_ENTRY = """\
  - number: {number}
    date: {today}
    previous: {digest}
    seen: []  # whose data had been seen by then: reference, manual, ai, reading; [] for none
    what: {{en: "", fr: ""}}
    why: {{en: "", fr: ""}}
"""


def keep_for_amendment(path: Path) -> None:
    """Keep the protocol as it stands beside it, and print the amendment to be written.

    Raises:
        UserError: the protocol is wrong, an earlier version is not the one named, or the file cannot be written.
    """
    protocol = read_protocol(path)
    read_revisions(path, protocol)
    file, content = keep_version(path, protocol)
    try:
        write_bytes(file, content)
    except OSError as error:
        raise UserError(f"{file}: cannot be written ({type(error).__name__}); check the folder.") from None
    digest, number = compute_protocol_digest(protocol), len(protocol.amendments) + 1
    say = sys.stdout.write
    say(f"kept {file}: the SHA-256 of this file is the protocol's digest, {digest}\n\n")
    say(f"Change {path.name} and write under `amendments:`\n\n")
    today = dt.datetime.now().astimezone().date().isoformat()
    say(_ENTRY.format(number=number, today=today, digest=digest))
