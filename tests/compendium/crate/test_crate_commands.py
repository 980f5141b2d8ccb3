"""The commands that a crate prints make the rows again; `probatio release` ends with one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from crate_files import MAIN, SYNTHETIC, drop_program, open_study, read_commands

from miniature import Miniature
from probatio.cli import run_command
from probatio.compendium.crate import derive_files, write_crate
from probatio.provenance.crate import (
    check_crate,
    write_archive,
)
from probatio.provenance.crate.study import Study


def test_the_commands_it_prints_make_the_rows_again(short: dict[str, bytes], tmp_path: Path) -> None:
    """Unpacked in an empty folder, its README's commands end with every row identical; only the set-up is left out.

    The program is the crate's own, by its path; the interpreter and its packages are those of the tests.
    """
    write_archive(tmp_path / "study.crate.zip", short)
    folder = tmp_path / "empty"
    with zipfile.ZipFile(tmp_path / "study.crate.zip") as archive:
        archive.extractall(folder)
    check, setup, verify = read_commands((folder / "README.md").read_bytes())
    assert (check, setup) == ("sha256sum --check --quiet MANIFEST", "make setup")
    if shutil.which("sha256sum"):
        assert subprocess.run(check.split(), cwd=folder, check=False).returncode == 0
    program, *words = verify.split()
    assert program == ".venv/bin/probatio"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # its kernel need not compile the program again
    done = subprocess.run(
        [sys.executable, "-c", f"import probatio; print(probatio.__file__); {MAIN}", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert Path(lines[0]).is_relative_to(folder)
    assert lines[1] == f".: {len(short) - 1} files, 0 not as the MANIFEST says"
    assert lines[-1] == "run: identical"
    assert any(line.split()[:3] == ["01_first", "series/curve", "3"] for line in lines)


def test_release_ends_with_a_crate(copied: Miniature, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`probatio release` writes what may leave, then the crate with the same files, whole by its own MANIFEST."""
    assert run_command(["release", str(copied.run)]) == 0
    (path,) = copied.run.glob("*.crate.zip")
    assert f"{path.name}: its crate" in capsys.readouterr().out
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "crate")
    found = check_crate(tmp_path / "crate")
    assert (found.faults, found.run) == ([], None)
    released = {file.relative_to(copied.run): file.read_bytes() for file in (copied.run / "release").rglob("*.csv")}
    assert Path("release/rows/01_first.csv") in released
    assert {name: (tmp_path / "crate" / name).read_bytes() for name in released} == released


def test_crate_is_named_by_study_and_digest(study: Study) -> None:
    """The archive stands beside the release, under the study's name and its protocol's digest."""
    path = write_crate(study.run, project=study.project)
    assert path == study.run / f"mini-{study.manifest.protocol.digest[:12]}.crate.zip"
    assert zipfile.is_zipfile(path)


def test_the_same_run_gives_the_same_bytes(projects: Callable[[str], Path], tmp_path: Path) -> None:
    """Two archives of one run are the same bytes: no time, no order, no user of the machine gets in."""
    study = open_study(projects("twice"), SYNTHETIC)
    for name in ("one.zip", "two.zip"):
        write_archive(tmp_path / name, drop_program(derive_files(study)))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
