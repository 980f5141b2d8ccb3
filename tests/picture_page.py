"""The pictures of the review page that the guide shows: the demonstration study in Chromium, in French.

Run, after `probatio run protocol/demo.yaml`: python tests/picture_page.py runs/demo reports/guide/figures

The review is opened on a copy of the study in a temporary folder, so that nothing is left beside its data.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from chromium import Tab, open_browser

PROJECT = Path(__file__).parents[1]
READER = "C. Petit"
_COLOURS = 48
_SERVE = "from probatio.cli import main; main()"


@contextlib.contextmanager
def serve_copy(run: Path) -> Iterator[str]:
    """Serve the page of a copy of the demonstration study and give its address."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        for folder in ("protocol", "data/demo"):
            shutil.copytree(PROJECT / folder, project / folder, ignore=shutil.ignore_patterns("review"))
        command = [sys.executable, "-u", "-c", _SERVE, "review", "serve", "protocol/demo.yaml", "--run",
                   str(run.resolve()), "--port", "0"]  # fmt: skip
        server = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            said = next(line for line in server.stdout if line.startswith("open "))
            yield re.findall(r"http://\S+", said)[0].rstrip("/")
        finally:
            server.terminate()
            server.wait()


def take(tab: Tab, path: Path, *, height: int) -> None:
    """Write what the window shows as a small PNG."""
    tab.send("Emulation.setDeviceMetricsOverride", width=1366, height=height, deviceScaleFactor=1.25, mobile=False)
    tab.run("window.scrollTo(0, 0)")
    shown = base64.b64decode(tab.send("Page.captureScreenshot", format="png")["data"])
    picture = Image.open(io.BytesIO(shown)).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)


def picture_page(run: Path, folder: Path) -> None:
    """Take the door, a case on which two values compete, and the overview."""
    folder.mkdir(parents=True, exist_ok=True)
    with serve_copy(run) as address, open_browser() as browser:
        tab = browser.open_tab()
        tab.open(f"{address}/door")
        take(tab, folder / "page-nom.png", height=480)
        tab.type(READER)
        tab.press("Enter", moves=True)
        while tab.run("document.querySelectorAll('input[value^=\"candidate:\"]').length") < 2:
            tab.press("s", moves=True)
        tab.press("a")
        take(tab, folder / "page-cas.png", height=980)
        for key in "bab":
            tab.press(key)
            tab.press("Enter", moves=True)
        tab.open(f"{address}/overview")
        take(tab, folder / "page-avancement.png", height=560)


if __name__ == "__main__":
    picture_page(Path(sys.argv[1]), Path(sys.argv[2]))
