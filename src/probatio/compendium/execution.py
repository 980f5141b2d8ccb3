"""Execute one notebook with papermill, in a process of its own: `python -m probatio.compendium.execution`.

The parent writes one line of JSON on standard input (see `Order`), keeps the pipe open, and reads one line of
JSON on standard output (see `Verdict`). When the pipe closes, because the parent died or gave up, kernel and
process end at once.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
import threading
from pathlib import Path
from typing import IO, Any, Literal, TypedDict

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_TEXT = re.compile(rf"\[Errno ({'|'.join(map(str, _FULL))})\]|\[WinError (39|112)\]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SOCKET_LIMIT = 90
"""Bytes that a Unix socket's path may have, less the suffix that the kernel adds (the limit is 104 on macOS)."""
FULL_DISK = "the disk is full, or a quota is reached; free some space and run again."


class Order(TypedDict):
    """What to execute: input, output, parameters, working folder, and a scratch folder for the kernel."""

    notebook: str
    output: str
    parameters: dict[str, str]
    folder: str
    scratch: str


class Verdict(TypedDict):
    """How it ended: `done`; `user`, a mistake of the user's, with its sentence; `fault`, with a traceback."""

    status: Literal["done", "user", "fault"]
    sentence: str
    traceback: str


def is_full_disk(error: BaseException) -> bool:
    """Say whether an error means that there is no room left."""
    return isinstance(error, OSError) and (error.errno in _FULL or getattr(error, "winerror", None) in (39, 112))


_SPARED = ("rfc3987_syntax", "pyarrow")
"""Packages that papermill's dependencies use where they can, for schemas and stores that no notebook here has.

The first builds a grammar of internationalised addresses when it is imported: a second of every notebook.
"""


def execute_notebook(order: Order) -> Verdict:
    """Execute a notebook with this interpreter's kernel; the executed notebook stays even when it fails."""
    sys.modules.update(dict.fromkeys(set(_SPARED) - set(sys.modules)))  # type: ignore[arg-type] # None: not to import
    from papermill.exceptions import PapermillExecutionError  # noqa: PLC0415 - papermill takes a second to import

    try:
        _execute(order)
    except PapermillExecutionError as error:
        return _derive_verdict(error.ename, str(error.evalue), "\n".join(error.traceback))
    except Exception as error:  # whatever happened, the parent must hear of it
        import traceback  # noqa: PLC0415

        evalue = f"[Errno {errno.ENOSPC}]" if is_full_disk(error) else ""
        return _derive_verdict(type(error).__name__, evalue, traceback.format_exc())
    return Verdict(status="done", sentence="", traceback="")


def _derive_verdict(name: str, text: str, traceback: str) -> Verdict:
    if name == "UserError":
        return Verdict(status="user", sentence=text, traceback="")
    if name == "OSError" and _FULL_TEXT.search(text):
        return Verdict(status="user", sentence=FULL_DISK, traceback="")
    # The text of an unforeseen exception may hold a patient's value: the sentence has its type only.
    sentence = "its kernel died, often for want of memory" if name == "DeadKernelError" else f"it raised {name}"
    return Verdict(status="fault", sentence=sentence, traceback=_COLOUR.sub("", traceback))


def _execute(order: Order) -> None:
    import papermill  # noqa: PLC0415

    papermill.execute_notebook(
        _derive_literal(order["notebook"]),
        _derive_literal(order["output"]),
        parameters=order["parameters"],
        cwd=order["folder"],
        kernel_name="python3",
        language="python",
        progress_bar=False,
        kernel_manager_class=_derive_manager(Path(order["scratch"])),
    )


def _derive_literal(path: str) -> str:
    return path.replace("{", "{{").replace("}", "}}")  # papermill fills parameters into braces


def _derive_manager(scratch: Path) -> type[Any]:
    from ipykernel.kernelspec import get_kernel_dict  # noqa: PLC0415
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager  # noqa: PLC0415
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415

    class OwnSpec(KernelSpecManager):
        """Knows one kernel, this interpreter's: an installed `python3` may belong to another environment."""

        def get_kernel_spec(self, kernel_name: str) -> Any:
            return KernelSpec(**get_kernel_dict(extra_arguments=["--HistoryManager.enabled=False"]))

    class OwnManager(AsyncKernelManager):
        """Talks over Unix sockets in the scratch folder where the platform has them."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.kernel_spec_manager = OwnSpec(parent=self)
            self.connection_file = str(scratch / "kernel.json")
            self.transport = "ipc" if _has_sockets(scratch) else "tcp"

        async def _async_post_start_kernel(self, **settings: Any) -> None:
            await super()._async_post_start_kernel(**settings)
            _KERNELS.append(getattr(self.provisioner, "pid", None))

    return OwnManager


_KERNELS: list[int | None] = []


def _has_sockets(scratch: Path) -> bool:
    return sys.platform != "win32" and len(os.fsencode(scratch)) < _SOCKET_LIMIT


def _leave_with_parent(stream: IO[str], scratch: str) -> None:
    stream.read()
    shutil.rmtree(scratch, ignore_errors=True)  # first: once the kernel is dead the other thread ends the process
    for pid in filter(None, _KERNELS):
        _end_process(pid)
    os._exit(1)


def _end_process(pid: int) -> None:
    import contextlib  # noqa: PLC0415
    import signal  # noqa: PLC0415

    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def main() -> None:
    """Take one order, execute it, answer."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the notebook's process prints must not mix with the answer
    order: Order = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, args=(sys.stdin, order["scratch"]), daemon=True).start()
    answer.write(json.dumps(execute_notebook(order)) + "\n")
    answer.flush()
    os._exit(0)  # the thread that reads standard input would hold the interpreter's end


if __name__ == "__main__":
    main()
