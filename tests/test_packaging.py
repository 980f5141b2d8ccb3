"""What a fresh clone is set up from: the lock, versions, the order of rooms, the Makefile's first sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import probatio

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MINORS = ("3.11", "3.12", "3.13")
NOTEBOOKS = (
    "00_protocol", "01_cohort", "02_data_quality", "03_agreement", "04_replication", "05_correction",
    "06_tolerance", "07_confidence", "08_review", "09_acceptance", "10_omop",
)  # fmt: skip

needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
needs_make = pytest.mark.skipif(
    shutil.which("make") is None or os.name == "nt", reason="make is not installed, or this is Windows"
)


def derive_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock() -> list[Requirement]:
    """Return the lock's requirements; a requirement and its hashes are one logical line."""
    logical = re.sub(r"\\\n\s*", "", LOCK).splitlines()
    return [Requirement(line.split("--hash=")[0]) for line in logical]


@cache
def find_tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(ROOT / name for name in sorted(listed.split("\0")) if name and (ROOT / name).is_file())


def find_rooms() -> set[str]:
    package = ROOT / "src" / "probatio"
    modules = {path.stem for path in package.glob("*.py")}
    folders = {path.name for path in package.iterdir() if any(path.glob("*.py"))}
    return (modules | folders) - {"__init__", "__main__"}


@pytest.mark.parametrize("minor", MINORS)
def test_lock_satisfies_every_declared_requirement(minor: str) -> None:
    """On each supported Python the lock holds one version of each declared requirement, and it is allowed."""
    environment = {"python_version": minor, "python_full_version": f"{minor}.0", "extra": ""}
    locked: dict[str, Version] = {}
    for pin in read_lock():
        if pin.marker is None or pin.marker.evaluate(environment):
            assert derive_name(pin.name) not in locked, f"two versions of {pin.name}"
            (version,) = pin.specifier
            locked[derive_name(pin.name)] = Version(version.version)
    project = PROJECT["project"]
    declared = [
        *project["dependencies"],
        *project["optional-dependencies"]["test"],
        *PROJECT["build-system"]["requires"],
    ]
    for text in declared:
        wanted = Requirement(text)
        assert locked[derive_name(wanted.name)] in wanted.specifier, text


def test_every_pin_is_exact_and_hashed() -> None:
    """Each requirement of the lock is one exact version with at least one SHA-256, and nothing else stands there."""
    for line in re.sub(r"\\\n\s*", "", LOCK).splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ; [^;#]+?)?( ?--hash=sha256:[0-9a-f]{64})+ *", line), line[:80]


def test_lock_names_no_index() -> None:
    """The lock holds no address, no host, and no option that would name one."""
    assert not re.search(r"://|--(?!hash=)|\bwww\b|\.(?:org|com|io|net|example)\b", LOCK)


def test_supported_pythons_agree() -> None:
    """The versions that pyproject.toml declares and requires are those the Makefile accepts, conda's among them."""
    project = PROJECT["project"]
    declared = {text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text}
    requires = Requirement(f"x{project['requires-python']}").specifier
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert {f"3.{minor}" for minor in range(30) if f"3.{minor}" in requires} == declared == set(MINORS)
    assert "|".join(MINORS) in makefile
    assert re.findall(r"- python=(\S+)", conda)[0] in MINORS


def test_versions_agree() -> None:
    """The package and its citation carry the same version; the changelog announces no later one."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation["version"] == probatio.__version__
    assert all(Version(version) <= Version(probatio.__version__) for version in released)


def test_citation_is_complete() -> None:
    """The citation has the keys that the Citation File Format 1.2.0 requires, and the package's licence."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["license"] == PROJECT["project"]["license"] == "MIT"
    assert citation["authors"] == PROJECT["project"]["authors"]


def test_order_of_rooms_names_every_room() -> None:
    """The import contract lists each room of the package once, and no room that does not exist."""
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    layers = [layer.strip("()") for layer in contract["layers"]]
    assert len(layers) == len(set(layers))
    assert contract["exhaustive"]
    assert set(layers) == find_rooms()


def test_names_of_notebooks_are_final() -> None:
    """Notebooks bear the names that reports and runs refer to, and no others stand beside them."""
    found = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert "00_protocol" in found
    assert found <= set(NOTEBOOKS)


@needs_git
def test_no_tracked_file_names_a_place_on_one_machine() -> None:
    """No file in git holds an absolute path of somebody's home, or of the machine it was written on."""
    place = re.compile(rb"(?<![\w.:/-])/(?:home|Users|root|work)/[\w.]|[A-Z]:\\+Users\\+\w")
    found = [path.relative_to(ROOT).as_posix() for path in find_tracked() if place.search(path.read_bytes())]
    assert found == []


@needs_git
def test_patients_runs_and_downloads_stay_out_of_git() -> None:
    """Git ignores the environment, the runs and the downloaded files, and tracks none of them."""
    ignored = [".venv/x", "runs/demo/rows.csv", "data/tcga/download/x"]
    answer = subprocess.run(["git", "check-ignore", *ignored], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.stdout.split() == ignored
    assert not [path for path in find_tracked() if path.relative_to(ROOT).parts[0] in {".venv", "runs"}]


def run_make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"} | variables
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def write_python(folder: Path, script: str) -> Path:
    python = folder / "some python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    return python


@needs_make
@pytest.mark.parametrize("goal", ["setup", "test", "reproduce", "lint"])
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 3.10", r"needs Python 3\.11, 3\.12 or 3\.13 \(.*some python is 3\.10\): install one"),
        ("exit 127", r"needs Python 3\.11, 3\.12 or 3\.13 \(none of the names tried starts one\): install one"),
        ('case "$2" in *venv*) exit 1;; esac; echo 3.12', r"some python \(3\.12\) lacks the venv or ensurepip module"),
    ],
    ids=["old", "absent", "without venv"],
)
def test_unsuitable_python_is_one_sentence(tmp_path: Path, goal: str, script: str, sentence: str) -> None:
    """A wrong Python or a missing venv module is one line, exit code 2, and nothing is made or printed before."""
    answer = run_make(tmp_path, goal, f"PYTHON={write_python(tmp_path, script)}")
    assert re.search(sentence, answer.stderr)
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""
    assert answer.returncode == 2
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_make_alone_lists_every_goal(tmp_path: Path) -> None:
    """`make` prints each goal with a sentence and needs no Python."""
    answer = run_make(tmp_path, "PYTHON=/nowhere")
    assert answer.returncode == 0
    goals = ["reproduce", "documents", "test", "setup", "lint", "notebooks", "clean"]
    assert re.findall(r"^make (\w+) ", answer.stdout, re.MULTILINE) == goals


@needs_make
def test_what_python_compiles_is_kept(tmp_path: Path) -> None:
    """Where the environment forbids compiled files, commands of the Makefile keep them all the same."""
    (tmp_path / "more").write_text('shown:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n', encoding="utf-8")
    answer = run_make(tmp_path, "-f", "Makefile", "-f", "more", "shown", PYTHONDONTWRITEBYTECODE="1")
    assert answer.stdout == "[]\n"


@needs_make
def test_continuous_integration_calls_make_test() -> None:
    """`.ci/run` is an executable shell script without faults of syntax that ends in `make test`."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    assert script.read_text(encoding="utf-8").endswith("\nexec make test\n")
