"""Make `quarto render reports/thesis` work in a clone: a run's pieces are written beside the sources.

Quarto calls `reports/_shared/stage.py` first (`pre-render`), which comes here. What is written is git-ignored:
`_run/`, `_variables.yml`, and `_quarto.yml.local`, which Quarto lays over `_quarto.yml`. Quarto looks for every file
that is included even before that step, so that a run leaves an empty one in each piece's place.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from probatio.compendium.making import GENERATED, find_included
from probatio.compendium.opening import find_project
from probatio.compendium.report import DASHBOARD, check_run, list_included, write_generated
from probatio.digest import compute_json_digest
from probatio.protocol import UserError
from probatio.provenance import RunFolder, compute_package_digest
from probatio.results import write_bytes

RUN = "PROBATIO_RUN"
"""The environment variable that names another run than the newest."""
LOCAL = "_quarto.yml.local"


def stage_sources(document: Path, run: Path | None = None) -> tuple[Path, bool]:
    """Write beside a document's sources what it takes from a run; return the run, and whether anything was made.

    What lies there from the same run, sources and program stays: Quarto asks again at each rendering.

    Args:
        document: a folder of `reports/`.
        run: its folder; None: the one that `PROBATIO_RUN` names, else the newest below `runs/`.

    Raises:
        UserError: no such document, no complete run, or rows that its manifest does not know.
    """
    if not (document / "_quarto.yml").is_file():
        raise UserError(f"{document}: no document; name a folder of reports/ that holds _quarto.yml.")
    project = find_project(document)
    chosen = run or find_run(project)
    check_run(chosen, project)
    stamp, now = document / GENERATED / "stamp.json", _derive_stamp(document, chosen)
    if stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == now:
        return chosen, False
    shutil.rmtree(document / GENERATED, ignore_errors=True)
    write_generated(chosen, document, project=project, renderer="Quarto")
    if document.name != DASHBOARD:  # a page: no reference, no author, no other format
        _write_local(document)
    write_bytes(stamp, json.dumps(now).encode())
    return chosen, True


def reserve_pieces(project: Path) -> int:
    """Write an empty file for every piece that a document includes and that is not there; return how many."""
    missing = [
        path
        for document in sorted((project / "reports").glob("*/_quarto.yml"))
        for name in find_included(document.parent)
        if not (path := document.parent / GENERATED / f"{name}.qmd").exists()
    ]
    for path in missing:
        write_bytes(path, b"")
    return len(missing)


def find_run(project: Path) -> Path:
    """Return the run that `PROBATIO_RUN` names, else the newest complete one below `runs/`.

    Raises:
        UserError: there is none.
    """
    if given := os.environ.get(RUN):
        named = Path(given)
        if not RunFolder(named).manifest.is_file():
            raise UserError(f"{RUN}={given}: no complete run there; name the folder of one, with an absolute path.")
        return named
    found = sorted((project / "runs").glob("*/manifest.json"), key=lambda path: (path.stat().st_mtime, path))
    if not found:
        raise UserError(
            f"{project / 'runs'}: no complete run, and the documents take every number from one; "
            f"run `probatio run protocol/demo.yaml` first, or name a run in {RUN}."
        )
    return found[-1].parent


def _derive_stamp(document: Path, run: Path) -> dict[str, str]:
    manifest = RunFolder(run).manifest
    written = manifest.read_text(encoding="utf-8") if manifest.is_file() else ""
    pieces = [piece.name for piece in list_included(document)]
    sources = [document / "_quarto.yml", *sorted(document.glob("*.qmd"))]  # labels and language are in them
    texts = [path.read_text(encoding="utf-8") for path in sources]
    return {"run": compute_json_digest([written, pieces, texts]), "package": compute_package_digest()}


def _write_local(document: Path) -> None:
    """Write what Quarto lacks: a citation style in the document's language, an author where nobody is named."""
    from probatio.compendium.rendering.quarto import NO_AUTHOR, write_style  # noqa: PLC0415 - loads pandoc
    from probatio.compendium.rendering.reading.project import read_book  # noqa: PLC0415

    book = read_book(document)
    local: dict[str, Any] = {}
    if book.bibliography and not book.style:
        style = write_style(document / GENERATED, book.language)
        local["csl"] = style.relative_to(document).as_posix()
    if not book.authors and book.kind != "slides":  # a deck has no PDF of Quarto's
        local["format"] = {"typst": {"author": NO_AUTHOR}}
    write_bytes(document / LOCAL, json.dumps(local).encode())
