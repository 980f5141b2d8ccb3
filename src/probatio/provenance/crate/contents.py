"""What goes into a crate, by name: the program as it ran, the release; of open data the study and its run too.

Open means that `data/<study>/source.yaml` says so. Of anything else the crate has what is released, digests, and the
program: no protocol, whose labels name technologies and perhaps centres, no data, no row before disclosure control.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import probatio
from probatio.digest import compute_digest, compute_json_digest, compute_notebook_digest
from probatio.protocol import UserError, find_protocol_files
from probatio.provenance.crate.digests import derive_digests
from probatio.provenance.crate.study import Study
from probatio.provenance.environment import list_package_files
from probatio.provenance.layout import RunFolder
from probatio.provenance.outputs import find_altered
from probatio.provenance.proofs import find_proof_files
from probatio.records.files import find_data_files

RUN, RELEASE, DIGESTS = "run", "release", "digests.json"
_ROOT = ("LICENSE", "CITATION.cff", "Makefile", "environment.yml", "pyproject.toml", "requirements.lock")
_KEPT = ("kernelspec", "language_info", "probatio")
_AGAIN = "run `probatio run` again, then release"


def is_program(name: str) -> bool:
    """Say whether a crate's file is the program's own, the same for every study."""
    return name.startswith("src/") or name.endswith(".schema.json") or name in _ROOT


@dataclass(frozen=True)
class Contents:
    """The files of a crate by name, and the names of data files in it (by the name the manifest gives them)."""

    files: Mapping[str, bytes]
    data: Mapping[str, str]


def derive_contents(study: Study) -> Contents:
    """Return a crate's files but for those that describe it (README, MANIFEST, metadata).

    Raises:
        UserError: program, notebooks or what the run wrote are no longer those of the run.
    """
    files = {**_read_program(study), **_read_notebooks(study), **_read_folder(RunFolder(study.run).release, RELEASE)}
    files |= {name: (study.project / name).read_bytes() for name in _ROOT if (study.project / name).is_file()}
    schemas = sorted((study.project / "protocol").glob("*.schema.json"))
    files |= {f"protocol/{path.name}": path.read_bytes() for path in schemas}
    files[DIGESTS] = derive_digests(study)
    data: dict[str, str] = {}
    if study.is_open:
        data = _find_data(study)
        files |= {_place(study, path): path.read_bytes() for path in _list_study_files(study)}
        files |= {name: (study.project / name).read_bytes() for name in data.values()}
        files |= dict(_read_run(study))
    else:
        files |= _read_proofs(study)
    return Contents(files, data)


def _read_program(study: Study) -> dict[str, bytes]:
    """Return the package's own files, refusing those that are not what ran."""
    folder = Path(probatio.__file__).parent
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in list_package_files()}
    digest = compute_json_digest({name: _compute_text_digest(content) for name, content in files.items()})
    if digest != study.manifest.environment.get("package"):
        raise UserError(f"{study.run}: the program changed since this run; {_AGAIN}.")
    return {f"src/probatio/{name}": content for name, content in files.items()}


def _compute_text_digest(content: bytes) -> str:
    return compute_digest(content.replace(b"\r\n", b"\n"))


def _read_notebooks(study: Study) -> dict[str, bytes]:
    """Return the run's notebooks without their outputs, which may show a patient."""
    found = {}
    for name, record in study.manifest.tasks.items():
        path = study.project / "notebooks" / f"{name}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if compute_notebook_digest(notebook) != record.notebook:
            raise UserError(f"notebooks/{name}.ipynb changed since this run; {_AGAIN}.")
        found[f"notebooks/{path.name}"] = derive_stripped(notebook)
    return found


def derive_stripped(notebook: Mapping[str, Any]) -> bytes:
    """Return a notebook without outputs, counts, attachments and an editor's notes; its digest stays the same."""
    cells = [_strip_cell(cell) for cell in notebook["cells"]]
    meta = {key: value for key, value in notebook.get("metadata", {}).items() if key in _KEPT}
    return (json.dumps({**notebook, "metadata": meta, "cells": cells}, indent=1, ensure_ascii=False) + "\n").encode()


def _strip_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    tags = cell.get("metadata", {}).get("tags")
    kept = {key: cell[key] for key in ("id", "cell_type", "source") if key in cell}
    kept["metadata"] = {"tags": tags} if tags else {}
    return kept | ({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {})


def _read_folder(folder: Path, place: str) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"{place}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}


def _list_study_files(study: Study) -> list[Path]:
    """Return the protocol with what it includes, its proofs, and what stands beside open data."""
    beside, downloads = study.project / "data" / study.protocol.study, study.protocol.downloads
    notes = [beside / name for name in ("source.yaml", "README.md")]
    if downloads is not None:  # what `probatio data fetch` reads: the list, and the address beside it
        notes += [study.path.parent / downloads, (study.path.parent / downloads).with_name("source.yaml")]
    return [
        *find_protocol_files(study.path),
        *find_proof_files(study.path),
        *(path for path in notes if path.is_file()),
    ]


def _read_proofs(study: Study) -> dict[str, bytes]:
    """Return the proofs in time of a protocol that is not shown: stamps and deposits hold its digest alone."""
    paths = [path for path in find_proof_files(study.path) if path.suffix != ".json"]
    return {f"{derive_proof_folder(study.protocol.study)}/{path.name}": path.read_bytes() for path in paths}


def derive_proof_folder(study: str) -> str:
    """Return where a crate of confidential data keeps its protocol's proofs."""
    return f"protocol/{study}.proofs"


def _find_data(study: Study) -> dict[str, str]:
    """Return the data files that go in, by the manifest's name: handed on, below the project, tracked, unchanged."""
    if study.statement is None or not study.statement.redistributed or study.tracked is None or study.root is None:
        return {}
    project, found = study.project.resolve(), {}
    for name, path in find_data_files(study.protocol, study.root).items():
        place = path.resolve()
        if place not in study.tracked or not place.is_relative_to(project):
            continue
        if compute_digest(place.read_bytes()) != study.manifest.data.get(name):
            raise UserError(f"data {name} changed since this run; {_AGAIN}.")
        found[name] = place.relative_to(project).as_posix()
    return found


def _place(study: Study, path: Path) -> str:
    """Return a file's name in the crate: where it is in the project."""
    own, project = path.resolve(), study.project.resolve()
    if not own.is_relative_to(project):
        raise UserError(f"{path}: outside the project; a crate of open data holds a protocol below {project.name}/.")
    return own.relative_to(project).as_posix()


def _read_run(study: Study) -> Iterator[tuple[str, bytes]]:
    """Return what the run recorded and wrote, without what is confidential and without executed notebooks."""
    if altered := find_altered(study.run, study.manifest):
        raise UserError(f"{altered[0]} changed after the run; {_AGAIN}.")
    folder = RunFolder(study.run)
    for path in (folder.manifest, folder.provenance):
        if path.is_file():
            yield f"{RUN}/{path.name}", path.read_bytes()
    for task, record in study.manifest.tasks.items():
        own = folder.get_task(task)
        for name in (*record.outputs, own.stamp.name):
            yield f"{RUN}/tasks/{task}/{name}", (own.path / name).read_bytes()
