"""What the commands print: progress, tables, sentences; plain where nobody watches a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from probatio.compendium import RunSummary, TaskEvent

_WIDE = 160
_HEADER = 14


class _Console(Console):
    """Leaves it to the command line what becomes of a reader that has left."""

    def on_broken_pipe(self) -> None:
        """Raise the error on."""
        raise BrokenPipeError


def make_console(*, error: bool = False) -> Console:
    """Return a console on standard output or error; wide and without colour when it is not a terminal."""
    stream = sys.stderr if error else sys.stdout
    return _Console(
        file=stream, highlight=False, markup=False, soft_wrap=True, width=None if stream.isatty() else _WIDE
    )


def show_table(console: Console, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, numbers to the right."""
    lines = [list(row) for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(header):
        numbers = bool(lines) and all(isinstance(line[place], int | float) for line in lines)
        table.add_column(
            name, justify="right" if numbers else "left", overflow="fold", min_width=min(len(name), _HEADER)
        )
    for line in lines:
        table.add_row(*map(_derive_text, line))
    console.print(table)


def _derive_text(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


class RunProgress:
    """Shows a run's events on standard error: a bar on a terminal, one line per event elsewhere.

    Call it with each event, within its `with` block.
    """

    def __init__(self) -> None:
        self.console = make_console(error=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("notebooks", total=0)
        self._running: list[str] = []

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: TaskEvent) -> None:
        """Show one event."""
        if event.kind == "planned":
            self._bar.update(self._task, total=(self._bar.tasks[0].total or 0) + 1)
            return
        if event.kind == "started":
            self._running.append(event.notebook)
            self.console.print(f"{event.notebook}: {event.reason}")
        else:
            self._running = [name for name in self._running if name != event.notebook]
            self._bar.advance(self._task)
        if event.kind in ("done", "failed"):
            self.console.print(f"{event.notebook}: {event.kind} in {event.seconds:.1f} s")
        self._bar.update(self._task, description=", ".join(self._running) or "notebooks")


def derive_shown(path: Path) -> Path:
    """Return a path as the user would write it: relative to where he is, if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def describe_summary(summary: RunSummary) -> str:
    """Return one sentence on what a run has done."""
    ran, fresh = len(summary.executed), len(summary.fresh)
    rest = f", {fresh} fresh" if fresh else ""
    return f"{derive_shown(summary.run)}: {ran} notebook{'' if ran == 1 else 's'} run{rest}, {summary.total:.1f} s"
