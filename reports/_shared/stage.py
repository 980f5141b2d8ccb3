"""Quarto runs this before it renders a document of a clone: it writes the newest run's numbers beside the sources.

PROBATIO_RUN names another run. Any Python will do: the one that has probatio does the work, itself or that of `.venv`.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path.cwd()
PROJECT = DOCUMENT.parent.parent
COMMAND = "from probatio.cli import main; main()"


def find_python() -> str:
    """Return the Python that has probatio, or nothing."""
    if importlib.util.find_spec("probatio"):
        return sys.executable
    places = (PROJECT / ".venv" / "bin" / "python", PROJECT / ".venv" / "Scripts" / "python.exe")
    return next((str(place) for place in places if place.is_file()), "")


def main() -> int:
    """Stage the document; `probatio report` has done so already when it calls Quarto itself."""
    if os.environ.get("PROBATIO_STAGED"):
        return 0
    python = find_python()
    if not python:
        sys.stderr.write("probatio is not installed here: run `make setup`, or activate the environment that has it.\n")
        return 1
    return subprocess.run([python, "-c", COMMAND, "stage", str(DOCUMENT)], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
