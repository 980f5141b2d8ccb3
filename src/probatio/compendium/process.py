"""Start the process of one task, wait for its answer, end it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from probatio.compendium.execution import Order, Verdict

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Answer:
    """The verdict on one notebook, and the seconds it took."""

    verdict: Verdict
    seconds: float


class Crew:
    """The processes at work; `end` ends them all, with their kernels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[str]] = []
        self._ended = False

    def execute(self, notebook: Path, output: Path, parameters: dict[str, str]) -> Answer:
        """Execute one notebook in a process of its own and wait for its end."""
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="pb-", ignore_cleanup_errors=True) as scratch:
            order = Order(
                notebook=str(notebook),
                output=str(output),
                parameters=parameters,
                folder=str(notebook.parent),
                scratch=scratch,
            )
            with tempfile.TemporaryFile() as log:
                line = self._ask(order, log)
                verdict = _read_verdict(line, log)
        return Answer(verdict, time.perf_counter() - begin)

    def end(self) -> None:
        """Close the pipe of every process at work: each ends its kernel and itself."""
        with self._lock:
            self._ended = True
            for process in self._started:
                _close(process)

    def _ask(self, order: Order, log: IO[bytes]) -> str:
        with self._lock:
            if self._ended:
                return ""
            process = _start(Path(order["scratch"]), log)
            self._started.append(process)
        orders, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        with contextlib.suppress(OSError):  # a process that died at once shows in its answer
            orders.write(json.dumps(order) + "\n")
            orders.flush()
        line = answers.readline()
        process.wait()
        _close(process)
        answers.close()
        return line


def _start(scratch: Path, log: IO[bytes]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "probatio.compendium.execution"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env=_derive_environment(scratch),
        # Ctrl-C must reach the parent only, which ends its children.
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _derive_environment(scratch: Path) -> dict[str, str]:
    style = scratch / "matplotlibrc"
    style.touch()  # empty: the user's own style must not reach the figures
    return {
        **os.environ,
        **dict.fromkeys(_ONE_THREAD, "1"),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(style),
        "IPYTHONDIR": str(scratch),  # no history, and no start-up files of the user's
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _close(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        cast("IO[str]", process.stdin).close()


def _read_verdict(line: str, log: IO[bytes]) -> Verdict:
    try:
        verdict: Verdict = json.loads(line)
    except ValueError:
        log.seek(0)
        said = log.read().decode("utf-8", "replace")
        return Verdict(status="fault", sentence="its process ended without an answer", traceback=said)
    return verdict
