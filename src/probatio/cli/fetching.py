"""`probatio data fetch`: a study's declared public files."""

from __future__ import annotations

from pathlib import Path

from probatio.cli.showing import make_console
from probatio.compendium.fetch import fetch_files, find_mirror
from probatio.compendium.opening import find_project
from probatio.protocol import UserError, read_protocol


def fetch_study(name: str) -> None:
    """Make a study's public files available and say where they are.

    Raises:
        UserError: the study is unknown or has nothing to download, or a file cannot be had as declared.
    """
    protocol = find_project(Path.cwd()) / "protocol" / f"{name}.yaml"
    study = read_protocol(protocol)
    if study.downloads is None:
        raise UserError(f"{protocol}: this study downloads nothing; its data are in {study.data}.")
    download = (protocol.parent / study.data).resolve()
    found = fetch_files(protocol.parent / study.downloads, download, mirror=find_mirror())
    make_console().print(f"{found.root}: {found.files} files verified, {found.downloaded} downloaded now")
