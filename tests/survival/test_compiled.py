"""Compiled loops: kept on disk where that is possible, compiled anew where it is not, imported only when needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import probatio

LOOP = """
from probatio.survival.compiled import compile_loop

@compile_loop
def divide(x: float, y: float) -> float:
    return x / y
"""
CALL = "import numpy, loop; print(loop.divide(numpy.float64(3.0), numpy.float64(2.0)), loop.divide(1.0, 0.0))"


def run(code, folder, **variables):
    """Run Python in a process of its own; return what it prints."""
    paths = os.pathsep.join([str(folder), str(Path(probatio.__file__).parents[1])])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    environment |= {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"} | variables
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def block(path):
    """Put a file where a folder would be made, which nobody may then write into, whoever runs the test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("", encoding="utf-8")
    return str(path)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a module of one compiled loop."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "loop.py").write_text(LOOP, encoding="utf-8")
    return tmp_path / "code"


def test_machine_code_is_kept(folder):
    """Beside the module where that may be written; division by zero is infinite, as numpy has it."""
    assert run(CALL, folder) == ["1.5", "inf"]
    assert list((folder / "__pycache__").glob("loop.divide*.nbc"))


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache has another address elsewhere")
def test_read_only_package_uses_the_users_cache(folder, tmp_path):
    """A package that may not be written keeps machine code in the user's cache."""
    block(folder / "__pycache__")
    assert run(CALL, folder, XDG_CACHE_HOME=str(tmp_path / "cache")) == ["1.5", "inf"]
    assert list((tmp_path / "cache").rglob("loop.divide*.nbc"))


@pytest.mark.skipif(sys.platform != "linux", reason="the user's cache has another address elsewhere")
def test_nothing_may_be_written(folder, tmp_path):
    """Where neither may be written, loops are compiled anew, without a word."""
    block(folder / "__pycache__")
    assert run(CALL, folder, XDG_CACHE_HOME=block(tmp_path / "cache")) == ["1.5", "inf"]


def test_numba_is_imported_late(tmp_path):
    """Neither the command line nor the estimators import numba before a number is asked for."""
    code = "import sys, probatio.cli, probatio.survival, probatio.replication; print('numba' in sys.modules)"
    assert run(code, tmp_path) == ["False"]


def test_kernels_use_one_decorator():
    """Every compiled loop goes through `compile_loop`, which survives a folder that may not be written."""
    files = Path(probatio.__file__).parent.rglob("*.py")
    assert [path.name for path in files if "njit" in path.read_text(encoding="utf-8")] == ["compiled.py"]
