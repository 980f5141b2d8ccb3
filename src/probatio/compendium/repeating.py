"""Run again: elsewhere, to verify a run; or every bundled study, to reproduce the compendium."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from probatio.compendium.pipeline import RunSummary, run_study
from probatio.compendium.plan import Listen
from probatio.protocol import UserError, read_protocol
from probatio.provenance import read_manifest

STUDIES = ("lung", "demo", "tcga")
"""The studies that the compendium reproduces, the quickest first."""

Render = Callable[[Path, Path], Mapping[str, Path]]


@dataclass(frozen=True)
class Reproduction:
    """What reproducing one study has made, or why it was left out."""

    study: str
    summary: RunSummary | None = None
    reports: Mapping[str, Path] | None = None
    seconds: float = 0.0
    left_out: str = ""


def repeat_run(run: Path, again: Path, *, project: Path, workers: int, listen: Listen) -> RunSummary:
    """Run the notebooks of a run's manifest, with its protocol and parameters, into another folder.

    Raises:
        UserError: there is no complete run, its protocol is not where it was, or as `run_study`.
        TaskError: a notebook fails.
    """
    manifest = read_manifest(run)
    protocol = project / manifest.protocol.path
    if not protocol.is_file():
        raise UserError(f"{run}: its protocol {manifest.protocol.path} is not in {project}; run verify in its project.")
    return run_study(
        protocol,
        again,
        notebooks=project / "notebooks",
        workers=workers,
        only=sorted(manifest.tasks),
        parameters=manifest.parameters,
        listen=listen,
    )


def reproduce_studies(
    project: Path, *, workers: int, listen: Listen, render: Render, studies: Sequence[str]
) -> Iterator[Reproduction]:
    """Run every bundled study into `runs/` and render its report; say which study's data are not here.

    A report is rendered while the next study runs: it keeps one processor busy, and a run leaves one idle at times.

    Args:
        project: the folder of the compendium.
        workers: how many notebooks run at once.
        listen: called with every event of every run.
        render: makes the report of a run, given the project too; returns the files by format.
        studies: names of protocols below `protocol/`.

    Raises:
        UserError: as `run_study`, or the report cannot be rendered.
        TaskError: a notebook fails.
    """
    made: deque[Future[Reproduction]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for name in studies:
            protocol, begin = project / "protocol" / f"{name}.yaml", time.perf_counter()
            if reason := find_reason_to_leave(protocol):
                made.append(_derive_done(Reproduction(name, left_out=reason)))
                continue
            run = project / "runs" / name
            summary = run_study(protocol, run, notebooks=project / "notebooks", workers=workers, listen=listen)
            made.append(pool.submit(_report, summary, name, begin, partial(render, run, project)))
            while made and made[0].done():
                yield made.popleft().result()
        yield from (one.result() for one in made)


def _report(summary: RunSummary, name: str, begin: float, render: Callable[[], Mapping[str, Path]]) -> Reproduction:
    reports = render()
    return Reproduction(name, summary, reports, time.perf_counter() - begin)


def _derive_done(made: Reproduction) -> Future[Reproduction]:
    done = Future[Reproduction]()
    done.set_result(made)
    return done


def find_reason_to_leave(protocol: Path) -> str:
    """Return why a bundled study cannot be run here (public files that are not fetched), or nothing."""
    from probatio.compendium.fetch import MIRROR, find_data_root  # noqa: PLC0415

    study = read_protocol(protocol)
    if study.downloads is None:
        return ""
    if find_data_root(protocol.parent / study.downloads, protocol.parent / study.data) is not None:
        return ""
    return f"its public files are not here: run `probatio data fetch {study.study}`, or set {MIRROR}"
