"""A notebook is executed by this interpreter, shielded from the user's settings, and its end is told truly."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path

import pytest

from miniature import Miniature, derive_notebook
from probatio.compendium.execution import FULL_DISK, _derive_verdict, is_full_disk
from probatio.compendium.faults import explain_disk
from probatio.compendium.process import Answer, Crew, _read_verdict
from probatio.protocol import UserError

ASK = """
import json, os, sys, tempfile
import matplotlib as mpl
names = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'PYTHONHASHSEED']
connection = json.load(open(get_ipython().kernel.parent.connection_file))
print(json.dumps({
    'executable': sys.executable, 'folder': os.getcwd(), 'env': [os.environ[name] for name in names],
    'hostile': 'hostile' in dir(), 'dpi': mpl.rcParams['savefig.dpi'], 'transport': connection['transport'],
    'history': get_ipython().history_manager.enabled, 'word': word,
}))
"""


def execute(folder: Path, code: str, **parameters: str) -> tuple[Answer, Path]:
    content = derive_notebook("01_ask", code, parameters="word = 'default'")
    del content["cells"][1]
    notebook, output = folder / "01_ask.ipynb", folder / "out.ipynb"
    notebook.write_text(json.dumps(content), encoding="utf-8")
    return Crew().execute(notebook, output, parameters), output


def test_kernel_is_this_interpreter_without_the_users_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a kernel `python3` of another environment, nor start-up files, nor a matplotlibrc reach the notebook."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    for folder in (kernel, startup):
        folder.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": "other", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    (startup / "00.py").write_text("hostile = True", encoding="utf-8")
    (tmp_path / "matplotlibrc").write_text("savefig.dpi: 13", encoding="utf-8")
    for name, value in (("JUPYTER_PATH", "jupyter"), ("IPYTHONDIR", "ipython"), ("MATPLOTLIBRC", "matplotlibrc")):
        monkeypatch.setenv(name, str(tmp_path / value))
    folder = tmp_path / "with {braces}"
    folder.mkdir()
    answer, output = execute(folder, ASK, word="0.01", study="s", run="r")
    assert answer.verdict == {"status": "done", "sentence": "", "traceback": ""}
    said = json.loads(json.loads(output.read_text(encoding="utf-8"))["cells"][-1]["outputs"][0]["text"][0])
    assert said == {
        "executable": sys.executable, "folder": str(folder), "env": ["1", "1", "1", "0"], "hostile": False,
        "dpi": "figure", "transport": "tcp" if sys.platform == "win32" else "ipc", "history": False, "word": "0.01",
    }  # fmt: skip


def test_dead_kernel_is_told(tmp_path: Path) -> None:
    """A kernel that the system kills, as it does for want of memory, is a fault with a sentence of its own."""
    answer, output = execute(tmp_path, "import os, signal\nos.kill(os.getpid(), getattr(signal, 'SIGKILL', 9))")
    assert answer.verdict["status"] == "fault"
    assert answer.verdict["sentence"] == "its kernel died, often for want of memory"
    assert output.exists()


def test_ended_crew_starts_nothing(miniature: Miniature) -> None:
    """After the run was stopped, a notebook that waited for its turn does not start."""
    crew = Crew()
    crew.end()
    answer = crew.execute(miniature.notebooks / "01_first.ipynb", miniature.path / "out.ipynb", {})
    assert answer.verdict["sentence"] == "its process ended without an answer"
    assert not (miniature.path / "out.ipynb").exists()


def test_process_without_an_answer_leaves_what_it_said() -> None:
    """A process that died before it could answer is a fault, and what it wrote on standard error is kept."""
    verdict = _read_verdict("", io.BytesIO(b"Fatal Python error"))
    assert (verdict["status"], verdict["traceback"]) == ("fault", "Fatal Python error")


@pytest.mark.parametrize(
    ("name", "text", "status", "sentence"),
    [
        ("UserError", "a.csv:3: mend it.", "user", "a.csv:3: mend it."),
        ("OSError", f"[Errno {errno.ENOSPC}] No space left on device: '/x/P7.csv'", "user", FULL_DISK),
        ("OSError", "[WinError 112] There is not enough space on the disk", "user", FULL_DISK),
        ("OSError", "[Errno 5] Input/output error: '/x/P7.csv'", "fault", "it raised OSError"),
        ("KeyError", f"'P7 [Errno {errno.ENOSPC}]'", "fault", "it raised KeyError"),
    ],
)
def test_verdicts_name_no_patient(name: str, text: str, status: str, sentence: str) -> None:
    """Only a sentence written for the user is passed on; any other exception is told by its type."""
    verdict = _derive_verdict(name, text, "\x1b[31mtrace\x1b[0m")
    assert (verdict["status"], verdict["sentence"]) == (status, sentence)
    assert verdict["traceback"] == ("trace" if status == "fault" else "")


def test_full_disk_is_known_by_its_number(tmp_path: Path) -> None:
    """A full disk and a reached quota are sentences; a file held open elsewhere names the file; other errors pass."""
    assert is_full_disk(OSError(errno.EDQUOT, "x"))
    assert not is_full_disk(ValueError(errno.ENOSPC))
    with pytest.raises(UserError, match="the disk is full"), explain_disk(tmp_path):
        raise OSError(errno.ENOSPC, "x")
    with pytest.raises(UserError, match=r"cases\.xlsx cannot be written"), explain_disk(tmp_path):
        raise PermissionError(errno.EACCES, "x", str(tmp_path / "cases.xlsx"))
    with pytest.raises(FileNotFoundError), explain_disk(tmp_path):
        os.stat(tmp_path / "none")  # noqa: PTH116 - the error is what is wanted
