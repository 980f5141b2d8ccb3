"""Where each reader has been: cases looked at, put off, decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from probatio.review.circuit import derive_reader_key
from probatio.review.entries import Entry


class Trail:
    """The ways of all readers, however they write their names.

    What they decided is told by the log; what they only looked at is lost at a restart.
    """

    def __init__(self) -> None:
        self._before: dict[str, dict[str, str | None]] = defaultdict(dict)
        self._decided: dict[str, dict[str, None]] = defaultdict(dict)
        self._skipped: dict[str, dict[str, None]] = defaultdict(dict)
        self._names: dict[str, str] = {}
        self._withdrawn: set[tuple[str, str]] = set()

    def note(self, entry: Entry) -> None:
        """Take into account a decision, or one taken back."""
        reader, case = derive_reader_key(entry.who), entry.case
        self._names.setdefault(reader, entry.who)
        self._skipped[reader].pop(case, None)
        self._decided[reader].pop(case, None)
        if entry.kind == "decision":
            self._decided[reader][case] = None
            self._withdrawn.discard((reader, case))
            self.visit(entry.who, case)
        else:
            self._withdrawn.add((reader, case))

    def visit(self, reader: str, case_id: str) -> None:
        """Take into account that a reader looks at a case; going back to one does not change the order."""
        before = self._before[derive_reader_key(reader)]
        before.setdefault(case_id, next(reversed(before), None))

    def skip(self, reader: str, case_id: str) -> None:
        """Take into account that a reader puts a case off, behind those put off before."""
        skipped = self._skipped[derive_reader_key(reader)]
        skipped.pop(case_id, None)
        skipped[case_id] = None

    def get_skipped(self, reader: str) -> Iterable[str]:
        """Return the cases that a reader put off, in that order."""
        return list(self._skipped[derive_reader_key(reader)])

    def get_decided(self, reader: str) -> Sequence[str]:
        """Return the cases that a reader decided, the last one last."""
        return list(self._decided[derive_reader_key(reader)])

    def find_before(self, reader: str, case_id: str) -> str | None:
        """Return the case that a reader looked at before this one, None at the first."""
        before = self._before[derive_reader_key(reader)]
        return before[case_id] if case_id in before else next(reversed(before), None)

    def has_withdrawn(self, reader: str, case_id: str) -> bool:
        """Say whether a reader's last word on a case was to take his decision back."""
        return (derive_reader_key(reader), case_id) in self._withdrawn

    @property
    def readers(self) -> Sequence[str]:
        """All who decided something, in the order of their first decision."""
        return list(self._names.values())
