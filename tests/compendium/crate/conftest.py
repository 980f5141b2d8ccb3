"""Crates of the finished miniature: made once for all files of this folder."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from crate_files import SYNTHETIC, open_study

from miniature import Miniature
from probatio.compendium.crate import derive_files
from probatio.provenance import read_manifest, write_manifest
from probatio.provenance.crate.study import Study


@pytest.fixture(scope="session")
def projects(finished: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a copy of the finished miniature, one for each name."""

    def copy(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name) / "project"
        shutil.copytree(finished.path, folder)
        return folder

    return copy


@pytest.fixture(scope="session")
def synthetic(projects: Callable[[str], Path]) -> dict[str, bytes]:
    """Return the files of a crate with its data."""
    return derive_files(open_study(projects("synthetic"), SYNTHETIC))


@pytest.fixture(scope="session")
def confidential(projects: Callable[[str], Path]) -> dict[str, bytes]:
    """Return the files of a crate without a word on its data."""
    return derive_files(open_study(projects("confidential")))


@pytest.fixture
def study(copied: Miniature) -> Study:
    """Return an open study to be changed."""
    return open_study(copied.path, SYNTHETIC)


@pytest.fixture(scope="session")
def short(projects: Callable[[str], Path]) -> dict[str, bytes]:
    """Return the files of a crate with its data and one notebook, as making its rows again costs a kernel for each."""
    study = open_study(projects("short"), SYNTHETIC)
    for name in ("02_second", "03_third"):
        shutil.rmtree(study.run / "tasks" / name)
        (study.project / "notebooks" / f"{name}.ipynb").unlink()
    tasks = {"01_first": study.manifest.tasks["01_first"]}
    write_manifest(study.run, study.manifest.model_copy(update={"tasks": tasks}))
    return derive_files(dataclasses.replace(study, manifest=read_manifest(study.run)))
