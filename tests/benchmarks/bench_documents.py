"""Time one document of one study as a whole command, and the 20-second limit for the thesis.

Run: python tests/benchmarks/bench_documents.py RUN [--documents thesis article ...] [--times 3]. Prints a Markdown
table with the least and the median of the seconds; exit code 1 when the thesis in HTML and PDF, at its least, passes
the limit. The run must be fresh.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from bench_answer_key import describe_machine, render_table

PROJECT = Path(__file__).parents[2]
DOCUMENTS = {
    "thesis": "html,pdf",
    "supplement": "html,pdf",
    "article": "html,pdf",
    "dashboard": "html",
    "guide": "html,pdf",
    "sheets": "html,pdf",
}
LIMIT = 20.0


def time_document(run: Path, document: str, formats: str, times: int) -> list[float]:
    """Return the seconds of each rendering by the embedded renderer, process start included."""
    command = [sys.executable, "-c", "from probatio.cli import main; main()", "report", str(run)]
    command += ["--document", document, "--to", formats, "--renderer", "embedded"]
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run(command, check=True, cwd=PROJECT, capture_output=True)
        seconds.append(time.perf_counter() - begin)
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--documents", nargs="*", default=list(DOCUMENTS))
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    found = {name: time_document(given.run.resolve(), name, DOCUMENTS[name], given.times) for name in given.documents}
    rows = [
        [name, DOCUMENTS[name], f"{min(seconds):.1f}", f"{statistics.median(seconds):.1f}"]
        for name, seconds in found.items()
    ]
    sys.stdout.write(f"{describe_machine()}\n\n{render_table(['document', 'formats', 'least s', 'median s'], rows)}\n")
    return int(min(found.get("thesis", [0.0])) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
