"""A Chromium under test, driven by keys through its DevTools protocol."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
PATIENCE = 60.0
_CODES = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37,
          "ArrowRight": 39, "Home": 36, "End": 35}  # fmt: skip
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--remote-debugging-port=0", "--remote-allow-origins=*", "--window-size=1366,820",
)  # fmt: skip

needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")


class Tab:
    """One page of the browser, with cookies of its own."""

    def __init__(self, address: str) -> None:
        websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
        self._socket = websocket.create_connection(address, suppress_origin=True, timeout=PATIENCE)
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the protocol and return its result; what the browser reports meanwhile is in `events`."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv())).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return dict(answer["result"])

    def run(self, script: str) -> Any:
        """Return what a script in the page gives."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def open(self, address: str) -> None:
        """Go to an address and wait until it is shown."""
        self._mark()
        self.send("Page.navigate", url=address)
        self.wait()

    def press(self, key: str, *, moves: bool = False) -> None:
        """Press a key; with `moves`, wait for the page that follows."""
        if moves:
            self._mark()
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        named = {"key": key, "windowsVirtualKeyCode": _CODES.get(key, ord(key[0].upper()))}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **named)
        self.send("Input.dispatchKeyEvent", type="keyUp", **named)
        if moves:
            self.wait()

    def type(self, text: str) -> None:
        """Type a text into the field that has the focus."""
        self.send("Input.insertText", text=text)

    def wait(self) -> None:
        """Wait until another page than the marked one is there, whole."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(RuntimeError):
                if self.run("document.readyState === 'complete' && !window.marked && location.href !== 'about:blank'"):
                    return
            time.sleep(0.02)
        raise TimeoutError(self.run("location.href"))

    def close(self) -> None:
        """Leave the page alone."""
        self._socket.close()

    def _mark(self) -> None:
        self.run("window.marked = true")

    @property
    def path(self) -> str:
        return str(self.run("location.pathname"))

    @property
    def text(self) -> str:
        return str(self.run("document.body ? document.body.innerText : ''"))


class Browser:
    """A Chromium in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [str(PROGRAM), *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._tabs: list[Tab] = []
        self._root = Tab(self._find_address(folder / "DevToolsActivePort"))

    def _find_address(self, path: Path) -> str:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if path.is_file() and len(lines := path.read_text().split("\n")) > 1:
                self._port = int(lines[0])
                return f"ws://127.0.0.1:{self._port}{lines[1]}"
            time.sleep(0.05)
        raise TimeoutError("Chromium did not start")

    def open_tab(self, *, scripts: bool = True) -> Tab:
        """Return a new page with empty cookies, as another person's browser; without `scripts`, JavaScript is off."""
        context = self._root.send("Target.createBrowserContext")["browserContextId"]
        target = self._root.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        listed = httpx.get(f"http://127.0.0.1:{self._port}/json").json()
        tab = Tab(next(each["webSocketDebuggerUrl"] for each in listed if each["id"] == target))
        self._tabs.append(tab)
        tab.send("Page.enable")
        if not scripts:
            tab.send("Emulation.setScriptExecutionDisabled", value=True)
        return tab

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(Exception):
            self._root.send("Browser.close")
        for tab in (*self._tabs, self._root):
            tab.close()
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a Chromium, and end it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(Path(folder))
        try:
            yield browser
        finally:
            browser.close()
