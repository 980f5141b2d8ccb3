"""Time what `probatio reproduce` does, in a temporary copy: seconds per notebook and report, and the 5-minute limit.

Run: python tests/benchmarks/bench_reproduce.py [--workers 2] [--studies lung demo]. Prints a Markdown table; exit
code 1 when the limit is passed. The copy has no earlier run, so that every notebook is executed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from bench_answer_key import describe_machine, render_table

from probatio.compendium import TaskEvent
from probatio.compendium.repeating import Reproduction, reproduce_studies

PROJECT = Path(__file__).parents[2]
FOLDERS = ("protocol", "data", "notebooks", "reports")
FILES = ("pyproject.toml", "requirements.lock")
FORMATS = ("html", "pdf")
STUDIES = ("lung", "demo")  # the limit holds for the studies that need no download
LIMIT = 300.0


class Part(NamedTuple):
    """A notebook or the report of a study, and its seconds."""

    study: str
    name: str
    seconds: float


class Timing(NamedTuple):
    """Seconds of every part, and of all from begin to end; with several workers the parts overlap."""

    parts: tuple[Part, ...]
    elapsed: float
    left_out: tuple[str, ...]


class TimedRendering:
    """Render the thesis as the command does, and remember how long each study took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, run: Path, project: Path) -> Mapping[str, Path]:
        """Render one run's thesis; the first call also pays for loading the renderer, as the command does."""
        begin = time.perf_counter()
        from probatio.compendium.report import render_report

        made = render_report(run, FORMATS, project=project)
        self.seconds[run.name] = time.perf_counter() - begin
        return made


def copy_project(project: Path, folder: Path) -> Path:
    """Copy what a reproduction reads into a folder, without runs and downloads; return that folder."""
    ignored = shutil.ignore_patterns("download", "_run", "_book", ".quarto", ".ipynb_checkpoints", "__pycache__")
    for name in FOLDERS:
        if (project / name).is_dir():
            shutil.copytree(project / name, folder / name, ignore=ignored)
    for name in FILES:
        if (project / name).is_file():
            shutil.copy2(project / name, folder / name)
    return folder


def time_reproduction(project: Path, *, workers: int, studies: Sequence[str], render: TimedRendering) -> Timing:
    """Reproduce the studies in a project that has no run, and return the seconds of each part."""
    begin = time.perf_counter()
    made = list(reproduce_studies(project, workers=workers, listen=_tell, render=render, studies=studies))
    elapsed = time.perf_counter() - begin
    left_out = tuple(f"{one.study}: {one.left_out}" for one in made if one.left_out)
    return Timing(tuple(_list_parts(made, render.seconds)), elapsed, left_out)


def _list_parts(made: Iterable[Reproduction], rendering: Mapping[str, float]) -> Iterable[Part]:
    for one in made:
        for name, seconds in sorted(one.summary.seconds.items()) if one.summary else ():
            yield Part(one.study, name, seconds)
        if one.study in rendering:
            yield Part(one.study, f"report ({', '.join(FORMATS)})", rendering[one.study])


def _tell(event: TaskEvent) -> None:
    if event.kind in ("done", "failed"):
        sys.stderr.write(f"{event.notebook}: {event.kind}, {event.seconds:.1f} s\n")


def render_timing(timing: Timing, workers: int) -> str:
    """Return the table of parts with their share of all work, and the elapsed time against the limit."""
    work = sum(part.seconds for part in timing.parts)
    rows = [[p.study, p.name, f"{p.seconds:.1f}", f"{100 * p.seconds / work:.0f}"] for p in timing.parts]
    table = render_table(["study", "part", "seconds", "% of the work"], rows)
    share = timing.elapsed / LIMIT
    told = f"{describe_machine()}, {os.cpu_count()} cores, {workers} workers.\n"
    told += f"Work {work:.1f} s, elapsed {timing.elapsed:.1f} s: {share:.2f} of the limit of {LIMIT:.0f} s.\n"
    return table + told + "".join(f"Left out: {reason}\n" for reason in timing.left_out)


def main() -> None:
    """Copy the project, reproduce it there, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--studies", nargs="+", default=list(STUDIES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="probatio-bench-") as folder:
        copy = copy_project(PROJECT, Path(folder))
        timing = time_reproduction(copy, workers=options.workers, studies=options.studies, render=TimedRendering())
    sys.stdout.write(render_timing(timing, options.workers))
    sys.exit(timing.elapsed > LIMIT)


if __name__ == "__main__":
    main()
