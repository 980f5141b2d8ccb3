"""`probatio plan`: how many patients each criterion needs, and what the study's patients give."""

from __future__ import annotations

import sys
from pathlib import Path

from probatio.display.planning import describe_plan, render_plan_table
from probatio.planning import estimate_planning, find_faults
from probatio.protocol import (
    Protocol,
    UserError,
    compute_protocol_digest,
    find_protocol_files,
    locate_key,
    read_protocol,
)
from probatio.results import derive_csv, derive_table, write_bytes


def show_plan(path: Path, csv: Path | None) -> None:
    """Print a study's plan in its language; write its rows to `csv` where that is given.

    Raises:
        UserError: the protocol has no plan, or one that no sample can meet; file, line and key are named.
    """
    protocol = read_protocol(path)
    _check_plan(path, protocol)
    constants = {"study": protocol.study, "section": "planning", "protocol_digest": compute_protocol_digest(protocol)}
    rows = derive_table(estimate_planning(protocol), **constants)
    if csv is not None:
        _write(csv, derive_csv(rows))
    sys.stdout.write(f"{render_plan_table(rows, protocol, language=protocol.language)!r}\n\n")
    for sentence in describe_plan(rows, protocol, language=protocol.language):
        sys.stdout.write(f"{sentence}\n")


def _check_plan(path: Path, protocol: Protocol) -> None:
    for where, what in find_faults(protocol):
        included = find_protocol_files(path)[1:]
        # The matrix stands in its own file, unless it is written into the protocol.
        place = locate_key(included[0], where[1:]) if where[0] == "acceptance" and included else locate_key(path, where)
        raise UserError(f"{place}: {what}.")


def _write(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content)
    except (NotADirectoryError, IsADirectoryError, PermissionError, FileExistsError) as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); name another file.") from None
