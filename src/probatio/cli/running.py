"""`probatio run`, `report` and `reproduce`."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path

from probatio.cli.showing import RunProgress, derive_shown, describe_summary, make_console, show_table
from probatio.compendium import run_study
from probatio.compendium.beside import open_other
from probatio.compendium.opening import find_project, use_data
from probatio.compendium.repeating import STUDIES, Reproduction, reproduce_studies
from probatio.protocol import UserError, read_protocol

_FORMATS = ("html", "pdf")


def run_protocol(
    protocol: Path, run: Path | None, *, data: Path | None, workers: int, words: Sequence[str], force: bool
) -> None:
    """Run a study and say what was done.

    Raises:
        UserError: a word is not name=value, or as `run_study`.
        TaskError: a notebook fails.
    """
    parameters = dict(_read_parameter(word) for word in words)
    study = read_protocol(protocol).study
    project = find_project(protocol.parent, Path.cwd())
    folder = run or project / "runs" / study
    with use_data(data), RunProgress() as progress:
        summary = run_study(
            protocol,
            folder,
            notebooks=project / "notebooks",
            workers=workers,
            force=force,
            parameters=parameters,
            listen=progress,
        )
    _reserve_pieces(project)
    make_console().print(describe_summary(summary))


def report_run(run: Path, to: str, *, document: str, renderer: str) -> None:
    """Render a document from a run and say where each format is.

    Raises:
        UserError: a format, document or renderer is unknown, or the run is not complete.
    """
    formats = [word.strip() for word in to.split(",")]
    project = find_project(run, Path.cwd())
    gc.disable()  # the process ends with the document: looking for cycles takes a tenth of the time
    with open_other(project / "reports" / document):
        from probatio.compendium.report import render_report  # noqa: PLC0415 - the other process loads meanwhile

        made = render_report(run, formats, project=project, document=document, renderer=renderer)
    gc.freeze()
    for kind, path in made.items():
        make_console().print(f"{kind}: {derive_shown(path)}")


def stage_document(document: Path | None, run: Path | None) -> None:
    """Write a run's pieces beside a document's sources and say from which run; without a document, make room for them.

    Raises:
        UserError: no such document, or no complete run.
    """
    from probatio.compendium.in_clone import reserve_pieces, stage_sources  # noqa: PLC0415

    if document is None:
        reserve_pieces(find_project(Path.cwd()))
        return
    chosen, made = stage_sources(document.resolve(), run)
    state = "from" if made else "up to date with"
    make_console().print(f"{document.resolve().name}: {state} {derive_shown(chosen)}")


def reproduce_all(*, workers: int) -> None:
    """Run and report every bundled study; end with what was made, where, and in how many seconds.

    Raises:
        UserError: as `reproduce_studies`.
        TaskError: a notebook fails.
    """
    project, console = find_project(Path.cwd()), make_console()
    done: list[Reproduction] = []
    with RunProgress() as progress:
        again = reproduce_studies(project, workers=workers, listen=progress, render=_render_thesis, studies=STUDIES)
        for made in again:
            done.append(made)
            if not made.left_out:
                progress.console.print(f"{made.study}: reproduced in {made.seconds:.1f} s")
    _reserve_pieces(project)
    kept = [(made, made.summary) for made in done if made.summary is not None]
    shares = [
        (made.study, name, seconds) for made, summary in kept for name, seconds in sorted(summary.seconds.items())
    ]
    show_table(console, ["study", "notebook", "seconds"], shares)
    console.print("")
    files = [(made.study, kind, derive_shown(path)) for made, _ in kept for kind, path in (made.reports or {}).items()]
    show_table(console, ["study", "made", "where"], [(m.study, "run", derive_shown(s.run)) for m, s in kept] + files)
    for made in done:
        console.print(f"{made.study}: {made.left_out or f'{made.seconds:.1f} s'}")


def _reserve_pieces(project: Path) -> None:
    from probatio.compendium.in_clone import reserve_pieces  # noqa: PLC0415

    reserve_pieces(project)


def _render_thesis(run: Path, project: Path) -> Mapping[str, Path]:
    from probatio.compendium.report import render_report  # noqa: PLC0415

    return render_report(run, _FORMATS, project=project)


def _read_parameter(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UserError(f"-p {word}: expected name=value.")
    return name, value
