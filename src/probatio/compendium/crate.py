"""Write the crate of a run: its release, the program, and of open data what makes the rows again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from probatio.compendium.opening import find_data_root
from probatio.compendium.proving import describe_study_proofs
from probatio.protocol import Protocol, UserError, compute_protocol_digest, read_protocol
from probatio.provenance import RunFolder, read_manifest
from probatio.provenance.crate import (
    MANIFEST,
    derive_contents,
    derive_metadata,
    derive_readme,
    derive_sums,
    read_statement,
    write_archive,
)
from probatio.provenance.crate.contents import is_program
from probatio.provenance.crate.study import Study
from probatio.provenance.crate.tracked import list_tracked
from probatio.provenance.outputs import read_run_rows
from probatio.provenance.release import list_secret_names, read_key, search_bytes
from probatio.provenance.release.releasing import list_centres
from probatio.provenance.release.searching import is_ordinary

_SHORT = 12


def write_crate(run: Path, *, project: Path) -> Path:
    """Write `<study>-<digest>.crate.zip` beside the release of a run, and return its path.

    Raises:
        UserError: no complete run or no release, or program, notebooks, protocol or data changed since.
    """
    study = open_finished(run, project)
    path = run / f"{study.protocol.study}-{study.manifest.protocol.digest[:_SHORT]}.crate.zip"
    write_archive(path, derive_files(study))
    return path


def open_finished(run: Path, project: Path) -> Study:
    """Return a finished run with all that its crate needs.

    Raises:
        UserError: as `write_crate`.
    """
    manifest = read_manifest(run)
    path = project / manifest.protocol.path
    protocol = read_protocol(path)
    if compute_protocol_digest(protocol) != manifest.protocol.digest:
        raise UserError(f"{manifest.protocol.path} changed since this run; run `probatio run` again, then release.")
    if not RunFolder(run).release.is_dir():
        raise UserError(f"{run}: nothing is released yet; `probatio release` does it.")
    statement = read_statement(project, protocol.study)
    hidden = statement is None
    return Study(
        project=project,
        path=path,
        protocol=protocol,
        root=_find_root(path, protocol),
        run=run,
        manifest=manifest,
        statement=statement,
        tracked=list_tracked(project),
        key=read_key(run) if hidden else "",
        secret=list_secret_names(protocol, list_centres([read_run_rows(run)])) if hidden else (),
    )


def derive_files(study: Study) -> dict[str, bytes]:
    """Return every file of a crate by name.

    Raises:
        UserError: as `write_crate`, or a file of a confidential study names a centre or a technology.
    """
    contents = derive_contents(study)
    proofs = describe_study_proofs(study.path, study.protocol, study.manifest)
    files = {
        **contents.files,
        "README.md": derive_readme(study, contents, proofs),
        "ro-crate-metadata.json": derive_metadata(study, contents),
    }
    _search(files, study.secret)
    return {**files, MANIFEST: derive_sums(files)}


def _search(files: Mapping[str, bytes], secret: Collection[str]) -> None:
    """Refuse a file that names what must not leave; the program's own files are the same for every study."""
    wanted = {name for name in secret if not is_ordinary(name)}
    for file, content in files.items() if wanted else ():
        found = set() if is_program(file) else search_bytes(file.encode() + b"\n" + content, wanted)
        if found:
            raise UserError(
                f"crate: {file} holds {min(found)!r}, the name of a centre or a technology; take it out of the study's "
                f"name or the notebook's text, then release again."
            )


def _find_root(path: Path, protocol: Protocol) -> Path | None:
    try:
        return find_data_root(path, protocol)
    except UserError:
        return None
