"""The demonstration study as read, once for all tests of one process; nobody changes its tables in place."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from probatio.protocol import Protocol, read_protocol
from probatio.records import Records, read_records

PROJECT = Path(__file__).parents[1]


@cache
def read_demo() -> tuple[Protocol, Records]:
    """Return the protocol and the tables of every source."""
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    return protocol, read_records(protocol, PROJECT / "data" / "demo")
