"""Every document of the bundled studies, one after the other: a fault in one does not hide the others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from probatio.compendium.faults import TaskError
from probatio.compendium.pipeline import run_study
from probatio.compendium.plan import Listen
from probatio.compendium.repeating import find_reason_to_leave
from probatio.compendium.report import list_documents, render_report
from probatio.protocol import UserError

SHORT = ("thesis", "article")
"""What is made of a study other than the bundled one."""
WHOLE = "demo"
"""The study of which every document is made."""
STUDIES = (WHOLE, "lung", "tcga")
_PAGES = {"dashboard": ("html",)}
"""Documents that neither renderer reads: they are made whole."""


@dataclass(frozen=True)
class Document:
    """A document of a study: its files by format, or the fault that kept it from being made.

    `left_out`: why nothing was tried (data that are not here); this is no fault.
    """

    study: str
    name: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    seconds: float = 0.0
    fault: str = ""
    left_out: str = ""


def list_formats(project: Path, name: str) -> tuple[str, ...]:
    """Return the formats that suit a document: no DOCX of slides, a page as HTML alone.

    Raises:
        UserError: its `_quarto.yml` cannot be read.
    """
    from probatio.compendium.rendering.reading.project import read_book  # noqa: PLC0415 - loads pandoc

    if name in _PAGES:
        return _PAGES[name]
    slides = read_book(project / "reports" / name).kind == "slides"
    return ("html", "pdf") if slides else ("html", "pdf", "docx")


def make_documents(
    project: Path,
    *,
    studies: Sequence[str] = STUDIES,
    names: Sequence[str] = (),
    fresh: bool,
    workers: int,
    listen: Listen,
) -> Iterator[Document]:
    """Run each study where its run is not fresh, then make its documents with the embedded renderer.

    Args:
        project: the folder of the compendium.
        studies: names of protocols below `protocol/`.
        names: the documents to make; none: all of the bundled study, thesis and article of the others.
        fresh: whether studies are run first; else their runs are taken as they are, and rows that are not those of
            their protocol and data are refused.
        workers: how many notebooks run at once.
        listen: called with every event of every run.
    """
    for study in studies:
        wanted = names or [name for name in list_documents(project) if study == WHOLE or name in SHORT]
        begin = time.perf_counter()
        if stop := _run(project, study, workers=workers, listen=listen) if fresh else None:
            yield Document(study, seconds=time.perf_counter() - begin, fault=stop.fault, left_out=stop.left_out)
            continue
        for name in wanted:
            yield _make(project, study, name)


def _run(project: Path, study: str, *, workers: int, listen: Listen) -> Document | None:
    """Run a study; return what keeps its documents from being made, or nothing."""
    protocol = project / "protocol" / f"{study}.yaml"
    try:
        if reason := find_reason_to_leave(protocol):
            return Document(study, left_out=reason)
        run_study(protocol, project / "runs" / study, notebooks=project / "notebooks", workers=workers, listen=listen)
    except (UserError, TaskError) as error:
        return Document(study, fault=str(error))
    return None


def _make(project: Path, study: str, name: str) -> Document:
    begin = time.perf_counter()
    try:
        formats = list_formats(project, name)
        files = render_report(project / "runs" / study, formats, project=project, document=name, renderer="embedded")
    except (UserError, TaskError) as error:
        return Document(study, name, seconds=time.perf_counter() - begin, fault=str(error))
    except Exception as error:  # the other documents are made; its text may hold a patient's value
        what = (
            f"unforeseen {type(error).__name__}; `probatio report runs/{study} --document {name} --debug` shows where."
        )
        return Document(study, name, seconds=time.perf_counter() - begin, fault=what)
    if (tables := project / "runs" / study / "report" / f"{name}_tables.xlsx").is_file():
        files = {**files, "xlsx": tables}
    return Document(study, name, files, time.perf_counter() - begin)
