"""The study under review, made once; the command that serves its page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_study import Start

from circuit_study import CELLS, CircuitStudy, make_queue, make_study
from probatio.review.opening import open_review


@pytest.fixture(scope="session")
def circuit_study(tmp_path_factory: pytest.TempPathFactory) -> CircuitStudy:
    """Return the study, not to be changed."""
    return make_study(tmp_path_factory.mktemp("circuit"))


@pytest.fixture
def opened_study(tmp_path: Path) -> CircuitStudy:
    """Return a study whose review is open."""
    study = make_study(tmp_path)
    open_review(study.protocol, study.root, make_queue((("P1", "weight", "start", ""), *CELLS[:3])))
    return study


@pytest.fixture
def start(opened_study: CircuitStudy) -> Iterator[Start]:
    """Return what starts the command and waits until it serves; the processes are ended."""
    processes = []

    def begin(*words: str) -> tuple[subprocess.Popen[str], str]:
        command = [
            sys.executable,
            "-c",
            "from probatio.cli import main; main()",
            "review",
            "serve",
            str(opened_study.path),
        ]
        process = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        processes.append(process)
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        return process, "".join(lines)

    yield begin
    for process in processes:
        process.kill()
        process.communicate()
