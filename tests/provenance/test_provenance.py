"""Manifest, environment and inputs are recorded as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import probatio
from miniature import Miniature
from probatio.digest import compute_digest
from probatio.protocol import UserError, read_protocol
from probatio.provenance import (
    RunFolder,
    compute_lock_digest,
    compute_package_digest,
    derive_data_digests,
    derive_environment,
    derive_relative_path,
    find_altered,
    read_manifest,
    read_run_rows,
    read_run_series,
)

PROTOCOLS = Path(probatio.__file__).parents[2] / "protocol"


def test_run_without_manifest_is_a_sentence(tmp_path: Path) -> None:
    """A folder without a complete run, and a manifest that was broken, are the user's to mend."""
    with pytest.raises(UserError, match="no complete run"):
        read_manifest(tmp_path)
    RunFolder(tmp_path).manifest.write_text('{"study": "mini"}', encoding="utf-8")
    with pytest.raises(UserError, match="not a manifest of this version"):
        read_manifest(tmp_path)


def test_rows_and_curves_of_a_run_are_gathered(finished: Miniature) -> None:
    """All rows of all tasks come as one sorted table, all curves as another."""
    assert read_run_rows(finished.run)["metric"].tolist() == ["first", "second", "third"]
    assert read_run_series(finished.run)["x"].tolist() == [0.0, 1.0, 2.0]


def test_altered_files_are_found(copied: Miniature) -> None:
    """A changed, an added and a missing output are named by task and file."""
    task, manifest = RunFolder(copied.run).get_task("01_first"), read_manifest(copied.run)
    assert find_altered(copied.run, manifest) == []
    task.rows.write_text("", encoding="utf-8")
    (task.figures / "line.svg").unlink()
    (task.series / "more.csv").write_text("", encoding="utf-8")
    assert find_altered(copied.run, manifest) == [
        "01_first/figures/line.svg", "01_first/rows.csv", "01_first/series/more.csv"]  # fmt: skip


def test_data_digests_have_relative_names(miniature: Miniature) -> None:
    """Every declared file has its SHA-256 under its name in the data folder; a missing one is a sentence."""
    protocol = read_protocol(miniature.protocol)
    found = derive_data_digests(protocol, miniature.data)
    assert list(found) == ["model.csv", "patients.csv", "registry.csv"]
    assert found["model.csv"] == compute_digest((miniature.data / "model.csv").read_bytes())
    (miniature.data / "model.csv").unlink()
    with pytest.raises(UserError, match=r"model\.csv: no such file"):
        derive_data_digests(protocol, miniature.data)


def test_packaged_data_keep_their_declared_name() -> None:
    """A file inside an installed package is recorded by its declared name, not by where the package is."""
    protocol = read_protocol(PROTOCOLS / "lung.yaml")
    assert list(derive_data_digests(protocol, PROTOCOLS)) == ["package:lifelines/datasets/lung.csv"]


def test_environment_names_versions_of_the_lock(tmp_path: Path) -> None:
    """Installed versions are listed for the packages of the lock and no others; line endings do not count."""
    (tmp_path / "requirements.lock").write_bytes(b"PyYAML==6.0 \\\r\n    --hash=sha256:0\r\nabsent==1.0\r\n")
    found = derive_environment(tmp_path)
    assert list(found["packages"]) == ["pyyaml"]
    assert (found["commit"], found["dirty"]) == ("", False)
    assert found["package"] == compute_package_digest()
    digest = compute_lock_digest(tmp_path)
    (tmp_path / "requirements.lock").write_bytes(b"PyYAML==6.0 \\\n    --hash=sha256:0\nabsent==1.0\n")
    assert compute_lock_digest(tmp_path) == digest
    assert compute_lock_digest(tmp_path / "none") == ""


def test_commit_and_changes_are_recorded(tmp_path: Path) -> None:
    """In a git checkout the commit is named, and a changed file marks it dirty."""
    try:
        for words in (
            ["init", "-q"],
            ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"],
        ):
            subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git")
    found = derive_environment(tmp_path)
    assert (len(found["commit"]), found["dirty"]) == (40, False)
    (tmp_path / "new.txt").write_text("x", encoding="utf-8")
    assert derive_environment(tmp_path)["dirty"] is True


def test_paths_are_relative_with_forward_slashes(tmp_path: Path) -> None:
    """A path is told from the project's folder, also when it lies beside it."""
    assert derive_relative_path(tmp_path / "a" / "protocol" / "x.yaml", tmp_path / "a") == "protocol/x.yaml"
    assert derive_relative_path(tmp_path / "b" / "x.yaml", tmp_path / "a") == "../b/x.yaml"
