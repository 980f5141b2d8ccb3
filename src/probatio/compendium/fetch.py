"""Fetch a study's declared public files: the only part of the project that uses the network.

A list (`data/tcga/files.csv`) declares each file's path, SHA-256 and size; `source.yaml` beside it
declares the public address that paths are appended to. Files are downloaded as `<name>.part` and
take their name only once their SHA-256 is the declared one. A folder that holds the same files
(`PROBATIO_MIRROR`) is checked and read in place.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from probatio.compendium.transfer import DeclaredFile, Opener, Transfer, describe, open_https
from probatio.digest import compute_file_digest
from probatio.protocol import UserError

MIRROR = "PROBATIO_MIRROR"
_HEADER = ["path", "sha256", "bytes"]
_THREADS = 4

__all__ = [
    "DeclaredFile",
    "FetchedFiles",
    "Mismatch",
    "check_files",
    "fetch_files",
    "find_data_root",
    "find_mirror",
    "read_file_list",
]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A declared file that is missing (`found` is empty) or differs (`found` is its SHA-256)."""

    file: DeclaredFile
    found: str


@dataclass(frozen=True, slots=True)
class FetchedFiles:
    """Where the verified files are, how many there are, and how many of them were downloaded now."""

    root: Path
    files: int
    downloaded: int


def read_file_list(path: Path) -> list[DeclaredFile]:
    """Read a list of declared files: CSV with the columns path, sha256, bytes.

    Raises:
        UserError: the list is missing, or a line is not a relative path, 64 hexadecimal digits and a size.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: this list of files cannot be read ({describe(error)}); restore it.") from None
    if not lines or lines[0] != _HEADER:
        raise UserError(f"{path}:1: expected the columns {','.join(_HEADER)}; restore the list.")
    files = [_derive_declared(path, number, line) for number, line in enumerate(lines[1:], start=2)]
    if len({file.path for file in files}) < len(files) or not files:
        raise UserError(f"{path}: the list is empty or declares a path twice; restore it.")
    return files


def find_mirror() -> Path | None:
    """Return the folder that PROBATIO_MIRROR names, existing or not; None when it is unset or empty."""
    name = os.environ.get(MIRROR, "")
    return Path(name) if name else None


def find_data_root(list_path: Path, download: Path) -> Path | None:
    """Return the folder that holds all declared files: `download`, else the mirror, else None.

    Presence and size are compared, not content; `check_files` compares content.

    Raises:
        UserError: the list cannot be read.
    """
    files = read_file_list(list_path)
    roots = [root for root in (download, find_mirror()) if root is not None]
    return next((root for root in roots if all(_has_size(root, file) for file in files)), None)


def check_files(root: Path, files: Sequence[DeclaredFile]) -> list[Mismatch]:
    """Return the declared files that are missing below `root` or differ in SHA-256, in the given order.

    Raises:
        UserError: a file is there and cannot be read.
    """
    found = ((file, _compute_found(root, file)) for file in files)
    return [Mismatch(file, digest) for file, digest in found if digest != file.sha256]


def fetch_files(
    list_path: Path,
    download: Path,
    *,
    mirror: Path | None,
    opener: Opener = open_https,
    pause: float = 0.5,
    console: Console | None = None,
) -> FetchedFiles:
    """Make all declared files available and verified: in `download`, or in place in the mirror.

    What `download` already holds is kept; with a mirror nothing is downloaded. Otherwise four
    threads download the rest; a `.part` of an earlier run is continued where the server allows it.

    Args:
        list_path: the list of files; `source.yaml` stands beside it.
        download: the folder to fill.
        mirror: a folder that holds the same files, as `find_mirror` gives it.
        opener: opens a request; the default refuses everything but https.
        pause: seconds before the second attempt, doubled before each further one.
        console: where progress is shown; standard error by default.

    Raises:
        UserError: one sentence: a wrong checksum, no network, a full disk, an unreadable mirror.
    """
    files = read_file_list(list_path)
    missing = [mismatch.file for mismatch in check_files(download, files)]
    if missing and mirror is not None:
        _check_mirror(mirror, files)
        return FetchedFiles(mirror, len(files), 0)
    if missing:
        transfer = Transfer(_read_address(list_path), download, opener, pause)
        _download(transfer, files, missing, console or Console(stderr=True))
    return FetchedFiles(download, len(files), len(missing))


def _download(
    transfer: Transfer, files: Sequence[DeclaredFile], missing: Sequence[DeclaredFile], console: Console
) -> None:
    total, left = (sum(file.bytes for file in some) for some in (files, missing))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), DownloadColumn())
    with (
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        task = progress.add_task(f"{len(missing)} files", total=total, completed=total - left)
        pending = {pool.submit(transfer.fetch, file): file for file in missing}
        try:
            for future in as_completed(pending):
                future.result()
                progress.advance(task, pending[future].bytes)
        finally:
            transfer.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _derive_declared(path: Path, number: int, line: list[str]) -> DeclaredFile:
    well_formed = (
        len(line) == len(_HEADER)
        and _is_inside(line[0])
        and re.fullmatch(r"[0-9a-f]{64}", line[1])
        and re.fullmatch(r"[1-9][0-9]{0,14}", line[2])
    )
    if not well_formed:
        raise UserError(f"{path}:{number}: expected a relative path, a SHA-256 and a size; restore the list.")
    return DeclaredFile(line[0], line[1], int(line[2]))


def _is_inside(path: str) -> bool:
    """Say whether a path stays below its root on every system."""
    unwanted = set(path) & set('\\:*?"<>|') or {"", ".", ".."} & set(path.split("/"))
    return path.isprintable() and not unwanted


def _read_address(list_path: Path) -> str:
    path = list_path.with_name("source.yaml")
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); restore the file.") from None
    if not isinstance(value, dict) or not str(value.get("address")).endswith("/"):
        raise UserError(f"{path}: expected a key, address, that ends with a slash; restore the file.")
    return str(value["address"])


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _has_size(root: Path, file: DeclaredFile) -> bool:
    try:
        return (root / file.path).stat().st_size == file.bytes
    except OSError:
        return False


def _compute_found(root: Path, file: DeclaredFile) -> str:
    path = root / file.path
    try:
        return compute_file_digest(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({describe(error)}); check the folder's permissions.") from None


def _check_mirror(mirror: Path, files: Sequence[DeclaredFile]) -> None:
    if not _is_folder(mirror):
        raise UserError(f"{MIRROR}: {mirror} is not a folder that can be read; correct the variable or unset it.")
    wrong = check_files(mirror, files)
    if not wrong:
        return
    file, found = wrong[0].file, wrong[0].found
    what = f"holds other bytes (expected SHA-256 {file.sha256}, got {found})" if found else "is missing"
    raise UserError(
        f"{MIRROR}: {mirror / file.path} {what}, {len(wrong)} such files in all; "
        "mend the mirror, or unset the variable to download."
    )
