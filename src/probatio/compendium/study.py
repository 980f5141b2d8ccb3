"""The study handle of the notebooks: protocol, records, draws and upstream rows in; one write out."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from probatio.compendium.faults import explain_disk
from probatio.compendium.notebooks import Notebook, read_notebook
from probatio.compendium.opening import find_data_root
from probatio.compendium.stamps import Inputs, derive_ground, derive_inputs, describe_staleness, read_stamp
from probatio.compendium.temporary import (
    adopt_task,
    derive_temporary_inputs,
    is_executed_as_written,
    provide_folder,
    provide_upstream,
)
from probatio.compendium.writing import Rows, derive_rows, write_task
from probatio.protocol import (
    Language,
    Protocol,
    Revision,
    UserError,
    compute_protocol_digest,
    read_protocol,
    read_revisions,
)
from probatio.provenance import RunFolder, TaskFolder, read_task_series
from probatio.results import derive_series, index_rows, read_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from probatio.comparison import Comparison
    from probatio.records import DocumentTexts, Records
    from probatio.resampling import Draws

_FRAME = "all"


def open_study(study: str, *, run: str = "", notebook: str) -> Study:
    """Open a study in a notebook.

    Args:
        study: path of the protocol, relative to the notebook's folder.
        run: folder of the run, set by the pipeline; empty for work by hand, in a temporary run.
        notebook: the notebook's own name, such as "03_agreement".

    Raises:
        UserError: a parameter is not text, the protocol is wrong, or no notebook has this name here.
    """
    for name, value in (("study", study), ("run", run), ("notebook", notebook)):
        if not isinstance(value, str):
            raise UserError(f"parameter {name}: expected text, found {type(value).__name__}; put it in quotes.")
    path = Path(study)
    return Study(
        path=path.resolve(),
        protocol=read_protocol(path),
        notebook=read_notebook(Path.cwd() / f"{notebook}.ipynb"),
        run=RunFolder(Path(run).resolve()) if run else None,
    )


class Study:
    """One study as one notebook sees it; made by `open_study`.

    Attributes:
        protocol: what was decided before the data were seen.
        path: the protocol's file.
        digest: SHA-256 of the protocol.
    """

    def __init__(self, *, path: Path, protocol: Protocol, notebook: Notebook, run: RunFolder | None) -> None:
        self.path = path
        self.protocol = protocol
        self.digest = compute_protocol_digest(protocol)
        self._notebook = notebook
        self._run = run
        self._written = False
        self._begin = time.perf_counter()
        self._inputs = self._derive_inputs() if run is None else None

    def __repr__(self) -> str:
        return f"Study({self.protocol.study!r}, notebook={self._notebook.name!r})"

    @property
    def language(self) -> Language:
        """The language of labels in this study's reports."""
        return self.protocol.language

    @cached_property
    def revisions(self) -> list[Revision]:
        """The protocol's amendments, each with the version it amends and the one it makes.

        Raises:
            UserError: a version is not kept beside the protocol, or is not the one whose digest is named.
        """
        return read_revisions(self.path, self.protocol)

    @cached_property
    def root(self) -> Path:
        """The folder that holds the data.

        Raises:
            UserError: it is not there, or a declared download is not.
        """
        return find_data_root(self.path, self.protocol)

    @cached_property
    def records(self) -> Records:
        """The study's tables: patients, documents, assessments, records; read on first use.

        Raises:
            UserError: a file cannot be read as the protocol says.
        """
        from probatio.records import read_records  # noqa: PLC0415 - a notebook on rows alone reads none

        return read_records(self.protocol, self.root)

    def records_of(self, *sources: str) -> Records:
        """Return the study's tables with the values of these sources alone; no file of another source is opened.

        Raises:
            UserError: a file cannot be read as the protocol says.
        """
        from probatio.records import read_records  # noqa: PLC0415

        return read_records(self.protocol, self.root, sources=sources)

    @cached_property
    def texts(self) -> DocumentTexts:
        """The text of each document by document_id, read when asked for: confidential, never written.

        Raises:
            UserError: a declared text cannot be read.
        """
        from probatio.records import read_texts  # noqa: PLC0415

        return read_texts(self.protocol, self.root)

    def comparison(self, *, runs: bool = False) -> Comparison:
        """Return every value paired with the reference, or with the other reading.

        Args:
            runs: for repeatability: all runs of each technology that has several, against the reference;
                otherwise only sources that lead.

        Raises:
            UserError: as for `records`, or no pair in common.
        """
        return self._comparison_of_runs if runs else self._comparison

    @cached_property
    def _comparison(self) -> Comparison:
        from probatio.comparison import compare  # noqa: PLC0415

        return compare(self.records, self.protocol)

    @cached_property
    def _comparison_of_runs(self) -> Comparison:
        from probatio.comparison import compare  # noqa: PLC0415

        return compare(self.records, self.protocol, runs=True)

    def draws(self, unit: Literal["patient", "centre"] = "patient") -> Draws:
        """Return the replicate weights of this study: the same for all sources, variables and analyses."""
        from probatio.resampling import Draws  # noqa: PLC0415

        declared = self.protocol.resampling
        return Draws(seed=declared.seed, frame=_FRAME, unit=unit, replicates=declared.replicates)

    def rows(self, notebook: str) -> pd.DataFrame:
        """Return the rows of a notebook that this one needs.

        Raises:
            UserError: it is not among `needs`, has not run, or is stale.
        """
        return read_rows(self._get_upstream(notebook).rows)

    def series(self, notebook: str) -> pd.DataFrame:
        """Return the curves of a notebook that this one needs, as one table.

        Raises:
            UserError: it is not among `needs`, has not run, or is stale.
        """
        tables = [table for table in read_task_series(self._get_upstream(notebook)) if len(table)]
        return derive_series(pd.concat(tables, ignore_index=True) if tables else [])

    def derive(self, rows: Rows) -> pd.DataFrame:
        """Return rows with study, section and protocol digest filled in, checked and sorted.

        Raises:
            ResultError: a row breaks its contract.
        """
        return index_rows(derive_rows(rows, **self._names, protocol_digest=self.digest))

    def derive_series(self, points: Rows) -> pd.DataFrame:
        """Return curves with study and section filled in, sorted.

        Raises:
            ResultError: a curve has two points at one x.
        """
        return derive_series(points, **self._names)

    def derive_rejected(self) -> bytes:
        """Return `rejected.csv`: every line set aside, with file, line and rule (confidential)."""
        from probatio.records import write_rejected  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rejected.csv"
            write_rejected(self.records, path)
            return path.read_bytes()

    def derive_discordances(self) -> bytes:
        """Return `discordances.xlsx`: the discordant values side by side (confidential)."""
        from probatio.compendium.discordances import derive_discordances  # noqa: PLC0415
        from probatio.compendium.workbook import derive_workbook  # noqa: PLC0415

        cases = derive_discordances(self.records, self.comparison(), self.protocol)
        return derive_workbook(cases, self.comparison(), self.protocol, language=self.language)

    def derive_carriers(self) -> bytes:
        """Return `carriers.xlsx`: the patients who carry each source's shift, one by one (confidential)."""
        from probatio.compendium.carrier_workbook import derive_carrier_workbook  # noqa: PLC0415
        from probatio.replication.carrier_tables import derive_carriers  # noqa: PLC0415

        tables = derive_carriers(self.records, self.protocol)
        return derive_carrier_workbook(tables, self.protocol, language=self.language)

    @property
    def _names(self) -> dict[str, str]:
        return {"study": self.protocol.study, "section": self._notebook.name}

    def write(
        self,
        rows: Rows,
        *,
        series: Mapping[str, Rows] | None = None,
        figures: Mapping[str, Figure] | None = None,
        confidential: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write all that this notebook has found; called once, in its last cell.

        Study, section and protocol digest are filled in; rows and curves are checked and sorted.

        Args:
            rows: result rows.
            series: curves, by name of file.
            figures: figures, by name of file; each is written as SVG and as PNG.
            confidential: row-level files, by name with extension; they go to the run's own folder.

        Raises:
            UserError: called twice, the disk is full, or the run is not one that the pipeline made.
            ResultError: a row or a curve breaks its contract.
        """
        if self._written:
            raise UserError(f"{self._notebook.name}: s.write was called twice; a notebook writes once, at its end.")
        table = self.derive(rows)
        curves = {name: self.derive_series(points) for name, points in (series or {}).items()}
        folder = self._get_folder()
        with explain_disk(folder.path):
            write_task(folder, table, series=curves, figures=figures or {}, confidential=confidential or {})
            self._adopt()
        self._written = True

    def _adopt(self) -> None:
        """Let the notebooks after this one use what it has written by hand, if it was executed as it stands."""
        if self._inputs is None or not is_executed_as_written(self._notebook, _read_executed()):
            return
        inputs = self._derive_inputs()
        if inputs and inputs == replace(self._inputs, rows=inputs.rows) and all(inputs.rows.values()):
            adopt_task(self.path, self._notebook, inputs, self._begin)

    def _derive_inputs(self) -> Inputs | None:
        try:
            return derive_temporary_inputs(self.path, self.protocol, self._notebook, self.root)
        except UserError:  # data that are not there are told by whoever reads them
            return None

    def _get_folder(self) -> TaskFolder:
        if self._run is None:
            return provide_folder(self.path, self._notebook)
        folder = self._run.get_partial(self._notebook.name)
        if not folder.path.is_dir():
            raise UserError(
                f"{self._run.path}: only `probatio run` writes into a run; leave run empty to work by hand."
            )
        return folder

    def _get_upstream(self, name: str) -> TaskFolder:
        if name not in self._notebook.needs:
            raise UserError(
                f"{self._notebook.name}: reads {name} without needing it; add it to metadata.probatio.needs."
            )
        if self._run is None:
            return self._temporary.get_task(name)
        self._check_upstream(self._run, name)
        return self._run.get_task(name)

    @cached_property
    def _temporary(self) -> RunFolder:
        return provide_upstream(self.path, self._notebook)

    def _check_upstream(self, run: RunFolder, name: str) -> None:
        folder = self._notebook.path.parent
        stamp = read_stamp(run.get_task(name))
        given = stamp.inputs.parameters if stamp else {}
        ground = derive_ground(self.protocol, self.root, folder.parent)
        inputs = derive_inputs(read_notebook(folder / f"{name}.ipynb"), ground, run, given)
        if reason := describe_staleness(run, name, inputs):
            raise UserError(f"{run.path}: the rows of {name} are not fresh ({reason}); run `probatio run` again.")


def _read_executed() -> Sequence[str]:
    """Return the cells that this kernel has executed, the one at work too; none outside a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell.history_manager.input_hist_raw[1:] if shell is not None else ()
