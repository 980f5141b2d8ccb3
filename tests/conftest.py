"""Fixtures of more than one room: a project in miniature, and one finished run of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from miniature import Miniature, make_miniature

# No property depends on how busy the machine is, and a suite that passed passes again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.fixture
def miniature(tmp_path: Path) -> Miniature:
    """Return a project in miniature that has not run."""
    return make_miniature(tmp_path / "project")


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all processes of these tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def finished(common: Path) -> Miniature:
    """Return a project in miniature with a complete run by two workers, one for all processes; not to be changed."""
    from probatio.compendium import run_study
    from probatio.provenance import RunFolder
    from probatio.review.locking import hold_lock

    made = Miniature(common / "finished" / "project")
    with hold_lock(common / "finished.lock", patience=600):
        if not RunFolder(made.run).manifest.exists():
            shutil.rmtree(made.path, ignore_errors=True)
            make_miniature(made.path)
            run_study(made.protocol, made.run, notebooks=made.notebooks, workers=2)
    return made


@pytest.fixture
def copied(finished: Miniature, tmp_path: Path) -> Miniature:
    """Return a copy of the finished project, to be changed."""
    shutil.copytree(finished.path, tmp_path / "copied")
    return Miniature(tmp_path / "copied")
