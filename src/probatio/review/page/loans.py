"""Which cases are out in a workbook that has not come back, and with whom."""

from __future__ import annotations

from collections import defaultdict

from probatio.review.circuit import derive_reader_key
from probatio.review.entries import Entry


class Loans:
    """Told of every export and import of the log, in their order."""

    def __init__(self) -> None:
        self._holders: dict[str, dict[str, str]] = defaultdict(dict)

    def note(self, entry: Entry) -> None:
        """Take into account that a workbook went out or came back; one without a reader is held by its own name."""
        export = str(entry.content.get("export", ""))
        if entry.kind == "exported":
            for name in entry.content.get("cases", {}):
                self._holders[name][export] = derive_reader_key(entry.who) or export
        elif entry.kind == "imported":
            for held in self._holders.values():
                held.pop(export, None)

    def get_holders(self, case_id: str) -> set[str]:
        """Return who has a case in a workbook: readers' keys, or names of exports whose reader is not known."""
        return set(self._holders[case_id].values()) if case_id in self._holders else set()
