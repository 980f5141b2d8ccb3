"""Where a run keeps what it made: the folder of the run and of each of its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TaskFolder:
    """The folder of one notebook of a run."""

    path: Path

    @property
    def notebook(self) -> Path:
        """The executed notebook (confidential: its outputs may show patients)."""
        return self.path / "notebook.ipynb"

    @property
    def rows(self) -> Path:
        """The result rows."""
        return self.path / "rows.csv"

    @property
    def series(self) -> Path:
        """The folder of curves, one CSV file per name."""
        return self.path / "series"

    @property
    def figures(self) -> Path:
        """The folder of figures, SVG and PNG."""
        return self.path / "figures"

    @property
    def stamp(self) -> Path:
        """What the task read and wrote, as digests; there only when the task is complete."""
        return self.path / "stamp.json"

    @property
    def confidential(self) -> Path:
        """Row-level files, until the task is complete and they move to the run's own folder."""
        return self.path / "confidential"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, such as `runs/demo`."""

    path: Path

    @property
    def manifest(self) -> Path:
        """The manifest; there only when every task is complete and fresh."""
        return self.path / "manifest.json"

    @property
    def provenance(self) -> Path:
        """Where its files and results come from, as W3C PROV-JSON; without a patient."""
        return self.path / "provenance.json"

    @property
    def tasks(self) -> Path:
        """The folder of the tasks."""
        return self.path / "tasks"

    @property
    def confidential(self) -> Path:
        """Row-level files, never to be published."""
        return self.path / "confidential"

    @property
    def release(self) -> Path:
        """What may be published."""
        return self.path / "release"

    @property
    def lock(self) -> Path:
        """The file that keeps two runs from writing into one folder."""
        return self.path / ".lock"

    def get_task(self, name: str) -> TaskFolder:
        """Return the folder of a complete task."""
        return TaskFolder(self.tasks / name)

    def get_partial(self, name: str) -> TaskFolder:
        """Return the folder of a task at work."""
        return TaskFolder(self.tasks / f"{name}.partial")

    def get_failed(self, name: str) -> TaskFolder:
        """Return the folder that keeps the notebook of a failed task."""
        return TaskFolder(self.tasks / f"{name}.failed")
