"""`probatio documents`: make every document, say what each file cost, and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from probatio.cli.showing import RunProgress, derive_shown, make_console
from probatio.compendium.documents import STUDIES, Document, make_documents
from probatio.compendium.opening import find_project
from probatio.compendium.report import list_documents
from probatio.protocol import UserError


def make_all(studies: Sequence[str], names: Sequence[str], *, fresh: bool, workers: int) -> int:
    """Make the documents of the studies; return 1 where one of them, or a study, failed.

    Raises:
        UserError: a study or document that does not exist.
    """
    project, console = find_project(Path.cwd()), make_console()
    for study in studies:
        if not (project / "protocol" / f"{study}.yaml").is_file():
            raise UserError(f"{study}: no such study; there is no protocol/{study}.yaml.")
    for name in names:
        if name not in list_documents(project):
            raise UserError(f"--document {name}: no such document; see the folders below reports/.")
    failed = 0
    with RunProgress() as progress:
        made = make_documents(
            project, studies=studies or STUDIES, names=names, fresh=fresh, workers=workers, listen=progress
        )
        for document in made:
            _show(document, console)
            failed += bool(document.fault)
    if failed:
        console.print(f"{failed} of these failed; the others are made.")
    return int(failed > 0)


def _show(document: Document, console: Console) -> None:
    """Print a line for each file; the seconds are those of the document, whose formats are made together."""
    start = " ".join(part for part in (document.study, document.name) if part)
    for kind, path in document.files.items():
        console.print(f"{start} {kind}: {derive_shown(path)} ({document.seconds:.1f} s)", highlight=False)
    if document.fault:
        console.print(f"{start}: failed: {document.fault}", highlight=False, markup=False)
    if document.left_out:
        console.print(f"{start}: left out: {document.left_out}", highlight=False, markup=False)
