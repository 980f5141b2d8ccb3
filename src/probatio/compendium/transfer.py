"""Download one declared file: resumed, retried, and named only once its SHA-256 is the declared one."""

from __future__ import annotations

import errno
import http.client
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from probatio.digest import compute_file_digest
from probatio.protocol import UserError

_CHUNK = 1 << 16
_ATTEMPTS = 5
_TIMEOUT = 30.0
_LONGEST_WAIT = 60.0
_BUSY = (408, 425, 429, 500, 502, 503, 504)

Opener = Callable[[urllib.request.Request], http.client.HTTPResponse]


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """One public file: its path below the root, its SHA-256, its size in bytes."""

    path: str
    sha256: str
    bytes: int


def open_https(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Open an https address, through the system's proxy if it has one; redirects stay on https.

    Raises:
        UserError: the address is not https.
        OSError: the address cannot be reached.
    """
    if request.type != "https":
        raise UserError(f"{request.full_url}: only https addresses are fetched; correct source.yaml.")
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        director.add_handler(handler())
    response: http.client.HTTPResponse = director.open(request, timeout=_TIMEOUT)
    return response


class _InterruptedError(Exception):
    """The transfer broke off; worth another attempt after `wait` seconds at least."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True)
class Transfer:
    """Downloads from `address` into `root`; `stop` ends every download at its next chunk."""

    address: str
    root: Path
    opener: Opener
    pause: float
    stop: threading.Event = field(default_factory=threading.Event)

    def fetch(self, file: DeclaredFile) -> None:
        """Download one file, with retries; nothing bears its name unless it is the declared one.

        Raises:
            UserError: the server refused or could not be reached, the content is not the declared
                one, or the disk cannot be written.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._try(file)
            except _InterruptedError as error:
                why, wait = str(error), max(error.wait, self.pause * 2**attempt)
            if attempt + 1 < _ATTEMPTS and self.stop.wait(wait):
                return None
        raise UserError(
            f"{urlsplit(self.address).hostname}: {file.path} could not be downloaded ({why}); run the same command "
            "again to continue, or set PROBATIO_MIRROR to a folder that holds the files."
        )

    def _try(self, file: DeclaredFile) -> None:
        target = self.root / file.path
        part = target.with_name(f"{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            offset = _find_offset(part, file)
            if offset < file.bytes:
                self._receive(file, part, offset)
            if not self.stop.is_set():
                _accept(file, part, target, continued=offset > 0)
        except OSError as error:
            raise UserError(_word_disk(target, part, error)) from None

    def _receive(self, file: DeclaredFile, part: Path, offset: int) -> None:
        with self._open(file, part, offset) as response:
            size = offset if response.status == 206 else 0
            with part.open("ab" if size else "wb") as stream:
                for chunk in _read_chunks(response):
                    stream.write(chunk)
                    size += len(chunk)
                    if size > file.bytes or self.stop.is_set():
                        return
            if response.length:
                raise _InterruptedError("the connection broke off")

    def _open(self, file: DeclaredFile, part: Path, offset: int) -> http.client.HTTPResponse:
        request = urllib.request.Request(self.address + quote(file.path))  # noqa: S310 - the opener takes https only
        request.add_header("Accept-Encoding", "identity")
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        try:
            response = self.opener(request)
        except urllib.error.HTTPError as error:
            raise _derive_refusal(request, part, error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _InterruptedError(describe(error)) from None
        if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            response.close()
            part.unlink(missing_ok=True)
            raise _InterruptedError("the server continued at another place")
        return response


def describe(error: BaseException) -> str:
    """Return the cause of an error in a few words, without the file's or the address's name."""
    reason = getattr(error, "reason", None)
    cause = reason if isinstance(reason, OSError) else error
    text = cause.strerror if isinstance(cause, OSError) else ""
    return re.sub(r"^\[[^\]]*\] ", "", text or str(reason or "")) or type(cause).__name__


def _find_offset(part: Path, file: DeclaredFile) -> int:
    size = part.stat().st_size if part.is_file() else 0
    if size <= file.bytes:
        return size
    part.unlink()
    return 0


def _read_chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(_CHUNK):
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(describe(error)) from None


def _accept(file: DeclaredFile, part: Path, target: Path, *, continued: bool) -> None:
    """Give a complete download its name, or remove it; one that was continued deserves a fresh start."""
    found = compute_file_digest(part)
    if found == file.sha256:
        part.replace(target)
        return
    part.unlink()
    if continued:
        raise _InterruptedError("the continued file was not the declared one")
    raise UserError(
        f"{file.path}: the downloaded file is not the declared one (expected SHA-256 {file.sha256}, got {found}) "
        "and was removed; try again, and if it stays so, restore the list of files or report it."
    )


def _derive_refusal(request: urllib.request.Request, part: Path, error: urllib.error.HTTPError) -> Exception:
    error.close()
    if error.code == 416:
        part.unlink(missing_ok=True)
        return _InterruptedError("the server could not continue the file")
    if error.code in _BUSY:
        wait = error.headers.get("Retry-After") or ""
        return _InterruptedError(f"status {error.code}", min(float(wait), _LONGEST_WAIT) if wait.isdecimal() else 0.0)
    return UserError(
        f"{request.full_url}: the server answered {error.code}; "
        "check the address in source.yaml and the network's proxy."
    )


def _word_disk(target: Path, part: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        part.unlink(missing_ok=True)
        return f"{target}: the disk is full; free some space and run the same command again to continue."
    return f"{target}: cannot be written ({describe(error)}); check the folder's permissions."
