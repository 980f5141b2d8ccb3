"""Find a study's data and project from the path of its protocol."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from probatio.protocol import Protocol, UserError

DATA = "PROBATIO_DATA"
"""Names the folder of a study's data where it is not the one that the protocol says."""


@contextlib.contextmanager
def use_data(folder: Path | None) -> Iterator[None]:
    """Read every study's data from one folder meanwhile, here and in the processes of notebooks; None: as declared."""
    before = os.environ.get(DATA)
    if folder is not None:
        os.environ[DATA] = str(folder.resolve())
    try:
        yield
    finally:
        os.environ.pop(DATA, None)
        os.environ.update({} if before is None else {DATA: before})


def find_data_root(path: Path, protocol: Protocol) -> Path:
    """Return the folder that holds a study's data.

    The folder that `PROBATIO_DATA` names comes first. Else a study with downloads reads them from its data folder,
    where `probatio data fetch` puts them, or from the folder that `PROBATIO_MIRROR` names.

    Args:
        path: the protocol's file.
        protocol: what it says.

    Raises:
        UserError: the folder, or a declared download, is not there.
    """
    root = (path.parent / protocol.data).resolve()
    if given := os.environ.get(DATA, ""):
        if not Path(given).is_dir():
            raise UserError(f"{given}: no such folder of data; correct --data, or {DATA}.")
        return Path(given).resolve()
    if protocol.downloads is not None:
        return _find_downloads(path, protocol, root)
    if not root.is_dir():
        raise UserError(f"{path}: data: the folder {protocol.data} does not exist; correct the protocol or make it.")
    return root


def _find_downloads(path: Path, protocol: Protocol, download: Path) -> Path:
    from probatio.compendium import fetch  # noqa: PLC0415 - only studies with downloads need it

    root = fetch.find_data_root(path.parent / str(protocol.downloads), download)
    if root is None:
        raise UserError(
            f"{path}: its public files are not all here; run `probatio data fetch {protocol.study}`, "
            f"or set {fetch.MIRROR} to a folder that holds them."
        )
    return root.resolve()


def find_project(*starts: Path) -> Path:
    """Return the first folder at or above the given ones that holds `notebooks/` and `protocol/`.

    Raises:
        UserError: none does.
    """
    for start in starts:
        resolved = start.resolve()
        for folder in (resolved, *resolved.parents):
            if (folder / "notebooks").is_dir() and (folder / "protocol").is_dir():
                return folder
    raise UserError(f"{starts[0]}: no folder above it holds notebooks/ and protocol/; go to the project's folder.")
