"""Write the crate of a run: its release, the program, and of open data what makes the rows again."""

from __future__ import annotations

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
from probatio.provenance.crate.contents import Study
from probatio.provenance.crate.tracked import list_tracked

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
    return Study(
        project=project,
        path=path,
        protocol=protocol,
        root=_find_root(path, protocol),
        run=run,
        manifest=manifest,
        statement=read_statement(project, protocol.study),
        tracked=list_tracked(project),
    )


def derive_files(study: Study) -> dict[str, bytes]:
    """Return every file of a crate by name.

    Raises:
        UserError: as `write_crate`.
    """
    contents = derive_contents(study)
    proofs = describe_study_proofs(study.path, study.protocol, study.manifest)
    files = {
        **contents.files,
        "README.md": derive_readme(study, contents, proofs),
        "ro-crate-metadata.json": derive_metadata(study, contents),
    }
    return {**files, MANIFEST: derive_sums(files)}


def _find_root(path: Path, protocol: Protocol) -> Path | None:
    try:
        return find_data_root(path, protocol)
    except UserError:
        return None
