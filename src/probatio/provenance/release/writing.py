"""The released folder: written whole or not at all, and searched for names before it gets its name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import pandas as pd

from probatio.protocol import Language, Protocol, UserError, compute_protocol_digest, read_protocol
from probatio.provenance.layout import RunFolder
from probatio.provenance.manifest import Manifest, read_manifest
from probatio.provenance.outputs import find_altered
from probatio.provenance.release.pages import derive_benchmark_page
from probatio.provenance.release.pseudonyms import derive_pseudonyms, make_key
from probatio.provenance.release.releasing import Release, disclose, list_centres
from probatio.provenance.release.searching import CODE, find_names
from probatio.results import derive_csv, read_rows, read_series, write_bytes

KEY_FILE: Final = "release_key.json"
_LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
NAMES_FILE: Final = "release_names.csv"
Wrap = Callable[[Path, Release], None]


def release_run(
    run: Path, out: Path, *, project: Path, overwrite: bool = False, wrap: Wrap | None = None,
    centres: Collection[str] = (),
) -> Release:  # fmt: skip
    """Write what may leave of a run into a folder, and return it.

    The key of the pseudonyms and what each stands for are written into the run's `confidential/`; a key that is there
    is used again. Nothing is left behind where the search finds a name.

    Args:
        run: a complete run.
        out: the folder to make.
        project: the compendium's folder, against which the manifest names the protocol.
        overwrite: replace the folder that is there.
        wrap: called with the unfinished folder and what is in it, to add files; these are searched too.
        centres: further names that must not leave, beside those in the rows.

    Raises:
        UserError: no complete run, rows or protocol changed since, a folder in the way, or a name found.
    """
    if out.exists() and not overwrite:
        raise UserError(f"{out}: already there; give --overwrite to replace it, or another --out.")
    manifest, protocol = _read_checked(run, project)
    rows = {name: read_rows(RunFolder(run).get_task(name).rows) for name in sorted(manifest.tasks)}
    series = {name: table for name in rows if (table := _read_curves(run, name)) is not None}
    known = sorted({*centres, *list_centres(rows.values())})
    names = derive_pseudonyms(protocol, known, key=read_key(run), digest=manifest.protocol.digest)
    release = disclose(rows, series, protocol, names)
    written = derive_files(release, manifest)
    _write_folder(
        out, written, lambda folder: wrap(folder, release) if wrap else None, list_secret_names(protocol, known)
    )
    write_bytes(RunFolder(run).confidential / NAMES_FILE, derive_csv(names.derive_table()))
    return release


def read_key(run: Path) -> str:
    """Return the secret of a run's pseudonyms; made and kept in `confidential/` the first time.

    Raises:
        UserError: the file that holds it is not as it was written.
    """
    path = RunFolder(run).confidential / KEY_FILE
    if not path.exists():
        write_bytes(path, (json.dumps({"key": make_key()}) + "\n").encode())
    try:
        key = str(json.loads(path.read_text(encoding="utf-8"))["key"])
        bytes.fromhex(key)
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{path}: not the key of pseudonyms; restore it, or delete it to draw new pseudonyms."
        ) from None
    return key


def list_secret_names(protocol: Protocol, centres: Collection[str]) -> list[str]:
    """Return the names that may stand nowhere: of centres, and of technologies, their versions, labels and sources.

    A centre's code that is also a level of a variable (the tissue source site T1, the category T1) cannot be told from
    it: it is replaced where centres stand, and looked for nowhere, as are names of ordinary words.
    """
    named = set(centres) - find_levels_alike(protocol, centres)
    for source in protocol.sources:
        if source.role == "ai":
            labels = {source.label.read("en"), source.label.read("fr")}
            named |= {source.name, *labels, source.technology or "", source.version or ""}
    return sorted(named - {""})


def find_levels_alike(protocol: Protocol, centres: Collection[str]) -> set[str]:
    """Return the centres' codes, of up to three letters, that are levels by chance.

    A variable with centres for half of its levels says where a patient was: its levels are names of centres.
    """
    codes = {name for name in centres if len(name) <= CODE}
    found: set[str] = set()
    for variable in protocol.variables:
        for levels in (variable.levels, *(each.levels for each in variable.attributes.values())):
            shared = set(levels) & set(centres)
            found |= shared if 2 * len(shared) < len(levels) else set()
            codes -= shared if 2 * len(shared) >= len(levels) else set()
    return found & codes


def derive_files(release: Release, manifest: Manifest) -> dict[str, bytes]:
    """Return the released files by relative name."""
    out = {f"rows/{name}.csv": derive_csv(table) for name, table in release.rows.items()}
    out |= {f"series/{name}.csv": derive_csv(table) for name, table in release.series.items()}
    out["benchmark/benchmark.csv"] = derive_csv(release.benchmark)
    for language in _LANGUAGES:
        page = derive_benchmark_page(release.benchmark, manifest.study, release.minimum, language)
        out[f"benchmark/benchmark_{language}.html"] = page
    out["suppressed.csv"] = derive_csv(release.summary)
    out["disclosure.json"] = _derive_json(release, manifest)
    out["README.md"] = derive_readme(release, manifest)
    return dict(sorted(out.items()))


def _derive_json(release: Release, manifest: Manifest) -> bytes:
    counts = release.summary.groupby("kind")[["before", "silent", "kept", "without_counts", "withheld"]].sum()
    value = {
        "study": manifest.study,
        "protocol": manifest.protocol.digest,
        "probatio": str(manifest.environment.get("probatio", "")),
        "commit": manifest.environment.get("commit"),
        "minimum": release.minimum,
        "counts": {str(kind): {str(k): int(v) for k, v in line.items()} for kind, line in counts.iterrows()},
    }
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def derive_readme(release: Release, manifest: Manifest) -> bytes:
    """Return what each file is and what was withheld, in French and English."""
    text = files(__package__).joinpath("readme.md").read_text(encoding="utf-8")
    rows = release.summary[release.summary["kind"] == "row"]
    shares = rows.groupby("notebook")[["before", "silent", "kept", "without_counts", "withheld"]].sum()
    lines = ["| " + " | ".join([str(name), *(str(int(x)) for x in line)]) + " |" for name, line in shares.iterrows()]
    filled = {"STUDY": manifest.study, "MINIMUM": str(release.minimum), "BELOW": str(release.minimum - 1),
              "DIGEST": manifest.protocol.digest, "SHARES": "\n".join(lines)}  # fmt: skip
    for name, value in filled.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text.encode()


def _read_checked(run: Path, project: Path) -> tuple[Manifest, Protocol]:
    manifest = read_manifest(run)
    protocol = read_protocol(project / manifest.protocol.path)
    if compute_protocol_digest(protocol) != manifest.protocol.digest:
        raise UserError(f"{manifest.protocol.path} changed since this run; run `probatio run` again, then release.")
    if altered := find_altered(run, manifest):
        raise UserError(f"{altered[0]} changed after the run; run `probatio run` again, then release.")
    return manifest, protocol


def _read_curves(run: Path, name: str) -> pd.DataFrame | None:
    tables = [read_series(path) for path in sorted(RunFolder(run).get_task(name).series.glob("*.csv"))]
    held = [table for table in tables if len(table)]
    return pd.concat(held, ignore_index=True) if held else None


def _write_folder(
    out: Path, contents: Mapping[str, bytes], wrap: Callable[[Path], None], secret: Collection[str]
) -> None:
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, content in contents.items():
            write_bytes(partial / name, content)
        wrap(partial)
        if found := find_names(partial, secret):
            raise UserError(_describe(out, found))
        old = out.with_name(out.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        partial.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _describe(out: Path, found: list[tuple[str, str]]) -> str:
    file, name = found[0]
    more = f", and {len(found) - 1} more places" if len(found) > 1 else ""
    return (
        f"{out}: not released: {file} holds {name!r}, the name of a centre or a technology{more}; "
        "take it out of the protocol's names, levels or texts that this file repeats, then release again."
    )
