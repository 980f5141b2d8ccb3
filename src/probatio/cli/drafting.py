"""`probatio init`: draft a protocol from files, and say what was read and what is left to decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probatio.cli.showing import make_console, show_table
from probatio.compendium.drafting import draft_protocol


def show_draft(
    path: Path, *, manual: Sequence[Path], ai: Sequence[Path], reference: Sequence[Path], patient: str | None
) -> None:
    """Draft a protocol and print what was guessed.

    Raises:
        UserError: as `draft_protocol`.
    """
    draft = draft_protocol(path, manual=manual, ai=ai, reference=reference, patient=patient)
    console = make_console()
    console.print(f"{draft.path}: {draft.patients} patients, {len(draft.variables)} variables\n")
    rows = [[name, guess.type, len(guess.levels) or "", guess.rare or ""] for name, guess in draft.variables.items()]
    show_table(console, ["column", "type", "levels", "values too rare to be a level"], rows)
    for name, headers in draft.matched.items():
        console.print(f"put together by values, to be checked: {name} ({' = '.join(headers)})", markup=False)
    for name, reason in draft.left_out.items():
        console.print(f"left out: {name} ({reason})")
    console.print(f"\nNext: correct the lines marked DECIDE, then `probatio check {draft.path}`.")
