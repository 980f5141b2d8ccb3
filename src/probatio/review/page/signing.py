"""What the server hands out and must know again: cookies and hidden fields, signed with a key beside the log."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from probatio.digest import derive_canonical_json
from probatio.protocol import UserError

_KEY_BYTES = 32


class Signer:
    """Signs small JSON values with HMAC-SHA-256 (Krawczyk, Bellare, Canetti, RFC 2104), each for one purpose only."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def compute_mac(self, purpose: str, content: bytes) -> str:
        """Return the signature of bytes for a purpose: 64 hexadecimal digits."""
        return hmac.new(self._key, purpose.encode() + b"\0" + content, hashlib.sha256).hexdigest()

    def sign(self, purpose: str, value: Any) -> str:
        """Return a value as text that `read` knows again: letters, digits, `-`, `_` and one full stop."""
        body = base64.urlsafe_b64encode(derive_canonical_json(value)).rstrip(b"=")
        return f"{body.decode()}.{self.compute_mac(purpose, body)}"

    def read(self, purpose: str, text: str) -> Any | None:
        """Return the value of a signed text, None when it was not signed here for this purpose."""
        body, _, mac = text.partition(".")
        if not is_same(mac, self.compute_mac(purpose, body.encode())):
            return None
        with contextlib.suppress(binascii.Error, ValueError):
            return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return None


def is_same(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def read_key(path: Path) -> bytes:
    """Return the key of a file that only its owner may read, made at the first start: a restart keeps readers' places.

    Raises:
        UserError: the file cannot be made or read, or holds no key.
    """
    try:
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_key(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise UserError(f"{path}: the server's key cannot be kept ({error.strerror}); free the folder.") from None
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UserError(
            f"{path}: it holds no key of the server; delete it, and readers will be asked their name again."
        )
    return key


def _write_key(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(_KEY_BYTES) + "\n")
