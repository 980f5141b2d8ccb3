"""What a run depends on besides protocol and data: program, lock, packages, commit, machine."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import probatio
from probatio.digest import compute_digest, compute_json_digest

LOCK = "requirements.lock"
_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)


def compute_package_digest() -> str:
    """Return the SHA-256 of the program's own source files (line endings aside)."""
    folder = Path(probatio.__file__).parent
    return compute_json_digest(
        {path.relative_to(folder).as_posix(): _compute_text_digest(path) for path in list_package_files()}
    )


def list_package_files() -> list[Path]:
    """Return the program's own source files, sorted."""
    folder = Path(probatio.__file__).parent
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def compute_lock_digest(project: Path) -> str:
    """Return the SHA-256 of the project's lock file (line endings aside), empty where there is none."""
    lock = project / LOCK
    return _compute_text_digest(lock) if lock.is_file() else ""


def _compute_text_digest(path: Path) -> str:
    return compute_digest(path.read_bytes().replace(b"\r\n", b"\n"))


def read_versions(project: Path) -> dict[str, str]:
    """Return the installed version of every package that the lock names and this environment has."""
    lock = project / LOCK
    if not lock.is_file():
        return {}
    locked = set(_LOCKED.findall(lock.read_text(encoding="utf-8")))
    installed = {_derive_name(found.name): found.version for found in metadata.distributions() if found.name}
    return {name: installed[name] for name in sorted(map(_derive_name, locked)) if name in installed}


def _derive_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_commit(project: Path) -> tuple[str, bool]:
    """Return the commit of the project's git checkout ("" outside git), and whether files differ from it."""
    commit, changes = run_git(project, "rev-parse", "HEAD"), run_git(project, "status", "--porcelain")
    if commit is None or changes is None:
        return "", False
    return commit.strip(), bool(changes.strip())


def run_git(project: Path, *words: str) -> str | None:
    """Return what a git command says of a checkout; None where there is no git, or no checkout."""
    command = ["git", "--no-optional-locks", "-C", str(project), *words]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - fixed words
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout


def derive_environment(project: Path) -> dict[str, Any]:
    """Return what the manifest says of the environment: Python, packages, lock, program, commit."""
    commit, dirty = read_commit(project)
    return {
        "probatio": probatio.__version__,
        "package": compute_package_digest(),
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "lock": compute_lock_digest(project),
        "packages": read_versions(project),
    }


def derive_machine() -> dict[str, str]:
    """Return the kind of machine, without its name or its user's."""
    return {"system": platform.system(), "release": platform.release(), "machine": platform.machine()}
