"""A crate never holds rows beside what did not make them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable

import pytest

from probatio.compendium.crate import derive_files, open_finished
from probatio.protocol import UserError
from probatio.provenance import write_manifest
from probatio.provenance.crate.study import Study


def change_protocol(study: Study) -> None:
    text = study.path.read_text(encoding="utf-8")
    study.path.write_text(text.replace("seed: 1", "seed: 2"), encoding="utf-8")


def change_notebook(study: Study) -> None:
    path = study.project / "notebooks" / "02_second.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("total", "sum_"), encoding="utf-8")


def change_program(study: Study) -> None:
    environment = {**study.manifest.environment, "package": "0" * 64}
    write_manifest(study.run, study.manifest.model_copy(update={"environment": environment}))


def change_data(study: Study) -> None:
    (study.project / "data" / "model.csv").write_text("patient_id,stage\nP1,II\n", encoding="utf-8")


def change_rows(study: Study) -> None:
    path = study.run / "tasks" / "01_first" / "rows.csv"
    path.write_bytes(path.read_bytes() + b"\n")


def drop_release(study: Study) -> None:
    shutil.rmtree(study.run / "release")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (change_protocol, r"mini\.yaml changed since this run"),
        (change_notebook, r"notebooks/02_second\.ipynb changed since this run"),
        (change_program, "the program changed since this run"),
        (change_data, r"data model\.csv changed since this run"),
        (change_rows, r"01_first/rows\.csv changed after the run"),
        (drop_release, "nothing is released yet"),
    ],
)
def test_what_did_not_make_the_rows_is_refused(study: Study, change: Callable[[Study], None], sentence: str) -> None:
    """A crate never holds rows beside a protocol, notebook, program or data that did not make them."""
    change(study)
    with pytest.raises(UserError, match=sentence):
        derive_files(dataclasses.replace(open_finished(study.run, study.project), tracked=study.tracked))
