"""`probatio trace` and `probatio provenance`."""

from __future__ import annotations

from pathlib import Path

from probatio.cli.showing import make_console
from probatio.compendium.opening import find_data_root
from probatio.protocol import UserError, read_protocol
from probatio.provenance import RunFolder, read_manifest
from probatio.provenance.reads import read_task_reads
from probatio.provenance.trace.history import derive_history
from probatio.provenance.trace.telling import tell_history
from probatio.provenance.w3c.document import derive_prov_json
from probatio.provenance.w3c.run import derive_run_json
from probatio.provenance.w3c.value import derive_value_document
from probatio.results import write_bytes
from probatio.wording import Language


def show_trace(
    patient: str, variable: str, *, visit: str, path: Path, run: Path | None, prov: Path | None, language: str
) -> None:
    """Print the story of a patient's value, and write its provenance if asked to.

    Raises:
        UserError: unknown patient, variable, visit or language, no such run, or a file that cannot be read or written.
    """
    protocol = read_protocol(path)
    told = _check_language(language) if language else protocol.language
    root = find_data_root(path, protocol)
    history = derive_history(
        protocol, root, patient_id=patient, variable=variable, visit=visit, run=_find_run(run, protocol.study)
    )
    if prov is not None:
        _write(prov, derive_prov_json(derive_value_document(history, protocol)))
    console = make_console()
    for line in tell_history(history, protocol, told):
        console.print(line)


def write_provenance(path: Path, run: Path | None, out: Path) -> None:
    """Write the provenance of a run, without patients.

    Raises:
        UserError: there is no complete run, it is another study's, or the file cannot be written.
    """
    protocol = read_protocol(path)
    folder = run or Path("runs") / protocol.study
    manifest = read_manifest(folder)
    if manifest.study != protocol.study:
        raise UserError(f"{folder}: a run of the study {manifest.study}, not {protocol.study}; name another --run.")
    reads = read_task_reads(RunFolder(folder), [*manifest.tasks])
    _write(out, derive_run_json(manifest, protocol, reads))


def _find_run(run: Path | None, study: str) -> Path | None:
    usual = Path("runs") / study
    return run or (usual if RunFolder(usual).manifest.is_file() else None)


def _check_language(text: str) -> Language:
    if text == "fr":
        return "fr"
    if text == "en":
        return "en"
    raise UserError(f"--language {text}: write fr or en.")


def _write(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({type(error).__name__}); name another file.") from None
