"""Which files the project's git knows: nothing else of a project is handed on."""

from __future__ import annotations

from pathlib import Path

from probatio.provenance.environment import run_git


def list_tracked(folder: Path) -> frozenset[Path] | None:
    """Return the files below a folder that git tracks, resolved; None outside a checkout."""
    listed = run_git(folder, "ls-files", "-z")
    if listed is None:
        return None
    return frozenset(folder.resolve() / name for name in listed.split("\0") if name)
