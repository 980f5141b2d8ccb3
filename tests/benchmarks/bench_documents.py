"""Time one document of one study as a whole command, and the 20-second limit for each of them.

Run: python tests/benchmarks/bench_documents.py RUN [--documents thesis article ...] [--times 3]. Prints a Markdown
table with the least and the median of the seconds, and the median of the peer: Quarto on the same pieces, in HTML,
where it is on the PATH, else pandoc on the same text (HTML with citations and images inside; it numbers nothing and
draws nothing). Exit code 1 when a document, at its least, passes the limit. The run must be fresh.
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pypandoc

from probatio.compendium.rendering import find_quarto, render_with_quarto
from probatio.compendium.rendering.reading.project import read_book
from probatio.compendium.rendering.reading.source import read_source, read_variables
from probatio.compendium.report import DASHBOARD

sys.path.insert(0, str(Path(__file__).parent))

from bench_answer_key import describe_machine, render_table

PROJECT = Path(__file__).parents[2]
DOCUMENTS = {
    "thesis": "html,pdf",
    "supplement": "html,pdf",
    "article": "html,pdf,docx",
    "slides": "html,pdf",
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


def time_peer(run: Path, document: str, times: int) -> list[float]:
    """Return the seconds of the peer, which sets what the last rendering of the document staged."""
    stage = run / "report" / "source" / document
    if document == DASHBOARD:  # a page that neither sets
        return []
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(times):
            begin = time.perf_counter()
            if find_quarto():
                render_with_quarto(stage, Path(name), ["html"])
            else:
                _set_with_pandoc(stage, Path(name))
            seconds.append(time.perf_counter() - begin)
    return seconds


def _set_with_pandoc(stage: Path, folder: Path) -> None:
    book = read_book(stage)
    variables = read_variables(book)
    text = "\n".join(read_source(book, name, variables).text for name in (*book.chapters, *book.appendices))
    command = [pypandoc.get_pandoc_path(), "-f", "markdown", "-t", "html5", "--standalone", "--embed-resources"]
    command += ["--mathml", "--metadata=title:x", "--quiet", "-o", str(folder / "peer.html")]
    command += ["--citeproc", f"--bibliography={book.find_file(book.bibliography)}"] if book.bibliography else []
    subprocess.run(command, check=True, cwd=stage, input=text.encode(), capture_output=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--documents", nargs="*", default=list(DOCUMENTS))
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    rows, least = [], []
    for name in given.documents:
        seconds = time_document(given.run.resolve(), name, DOCUMENTS[name], given.times)
        least.append(min(seconds))
        middle = statistics.median(seconds)
        peer = statistics.median(time_peer(given.run.resolve(), name, given.times) or [math.nan])
        shown = ["–", "–"] if math.isnan(peer) else [f"{peer:.1f}", f"{middle / peer:.1f}"]
        rows.append([name, DOCUMENTS[name], f"{min(seconds):.1f}", f"{middle:.1f}", *shown])
    peer = "Quarto" if find_quarto() else "pandoc"
    titles = ["document", "formats", "least s", "median s", f"{peer}, html: median s", "ratio"]
    sys.stdout.write(f"{describe_machine()}\n\n{render_table(titles, rows)}\n")
    return int(max(least) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
