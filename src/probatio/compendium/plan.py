"""The notebooks of one run on their way: which must run, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

from probatio.compendium.faults import TaskError
from probatio.compendium.notebooks import Notebook
from probatio.compendium.process import Answer, Crew
from probatio.compendium.stamps import NEVER, Ground, Inputs, derive_inputs, describe_staleness, read_stamp
from probatio.compendium.tasks import begin_task, drop_partials, find_interrupted, install_task, keep_failed
from probatio.protocol import UserError
from probatio.provenance import RunFolder, derive_relative_path


@dataclass(frozen=True)
class TaskEvent:
    """What happens to one notebook: planned, fresh, started (and why), done, failed."""

    kind: Literal["planned", "fresh", "started", "done", "failed"]
    notebook: str
    reason: str = ""
    seconds: float = 0.0


Listen = Callable[[TaskEvent], None]


@dataclass
class Plan:
    """One run of some notebooks; all but their execution happens in the caller's thread."""

    protocol: Path
    run: RunFolder
    notebooks: Mapping[str, Notebook]
    ground: Ground
    parameters: Mapping[str, str]
    force: bool
    listen: Listen
    executed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    interrupted: set[str] = field(default_factory=set)
    failure: Exception | None = None

    def carry_out(self, workers: int) -> None:
        """Run what must run, in the order of needs, several at once.

        After a failure nothing new starts; what is at work ends first.

        Raises:
            UserError: a notebook met a mistake of the user's.
            TaskError: a notebook failed by another fault.
        """
        self.interrupted = find_interrupted(self.run)
        drop_partials(self.run)
        for name in self.notebooks:
            self.listen(TaskEvent("planned", name))
        crew = Crew()
        with ThreadPoolExecutor(max(1, workers)) as pool:
            try:
                self._schedule(crew, pool, max(1, workers))
            except BaseException:
                crew.end()
                raise
            finally:
                pool.shutdown()
                drop_partials(self.run)
        if self.failure:
            raise self.failure

    def _schedule(self, crew: Crew, pool: ThreadPoolExecutor, workers: int) -> None:
        order = TopologicalSorter({name: notebook.needs for name, notebook in self.notebooks.items()})
        order.prepare()
        ready, running = [*order.get_ready()], dict[Future[Answer], tuple[str, Inputs]]()
        longest = compute_longest_ways(self.notebooks)
        while running or (ready and not self.failure):
            while ready and len(running) < workers and not self.failure:
                ready.sort(key=lambda each: (-longest[each], each), reverse=True)
                name = ready.pop()
                inputs = derive_inputs(self.notebooks[name], self.ground, self.run, self.parameters)
                if reason := self._find_reason(name, inputs):
                    running[self._start(crew, pool, name, reason)] = name, inputs
                else:
                    self._pass_over(name)
                    order.done(name)
                    ready += order.get_ready()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, inputs = running.pop(future)
                self._finish(name, inputs, future.result())
                order.done(name)
            ready += order.get_ready()

    def _find_reason(self, name: str, inputs: Inputs) -> str:
        if name in self.interrupted:
            return "interrupted"
        reason = describe_staleness(self.run, name, inputs)
        if reason == NEVER and self.run.get_failed(name).path.exists():
            return "failed before"
        return reason or ("forced" if self.force else "")

    def _pass_over(self, name: str) -> None:
        stamp = read_stamp(self.run.get_task(name))
        self.seconds[name] = stamp.seconds if stamp else 0.0
        self.fresh.append(name)
        self.listen(TaskEvent("fresh", name))

    def _start(self, crew: Crew, pool: ThreadPoolExecutor, name: str, reason: str) -> Future[Answer]:
        self.run.manifest.unlink(missing_ok=True)  # from here on the run is not complete
        partial = begin_task(self.run, name)
        self.executed[name] = reason
        self.listen(TaskEvent("started", name, reason))
        notebook = self.notebooks[name]
        given = {key: value for key, value in self.parameters.items() if key in notebook.parameters}
        study = derive_relative_path(self.protocol, notebook.path.parent)
        own = {"study": study, "run": str(self.run.path)}
        return pool.submit(crew.execute, notebook.path.resolve(), partial.notebook, given | own)

    def _finish(self, name: str, inputs: Inputs, answer: Answer) -> None:
        if answer.verdict["status"] == "done" and self.run.get_partial(name).rows.is_file():
            install_task(self.run, name, inputs, answer.seconds)
            self.seconds[name] = answer.seconds
            self.listen(TaskEvent("done", name, seconds=answer.seconds))
            return
        failure = self._derive_failure(name, answer)
        self.failure = self.failure or failure
        self.listen(TaskEvent("failed", name, seconds=answer.seconds))

    def _derive_failure(self, name: str, answer: Answer) -> Exception:
        kept = keep_failed(self.run, name)
        verdict = answer.verdict
        if verdict["status"] == "user":
            return UserError(f"{name}: {verdict['sentence']}")
        said = verdict["sentence"] or "it never wrote its rows (s.write is its last cell)"
        return TaskError(f"{name} failed: {said}; the notebook is kept in {kept}.", details=verdict["traceback"])


def compute_longest_ways(notebooks: Mapping[str, Notebook]) -> dict[str, int]:
    """Return how many notebooks the longest way from each to the end has, itself included: the longest start first."""
    needs = {name: notebook.needs for name, notebook in notebooks.items()}
    longest: dict[str, int] = {}
    for name in reversed([*TopologicalSorter(needs).static_order()]):
        longest[name] = 1 + max((longest[each] for each, needed in needs.items() if name in needed), default=0)
    return longest
