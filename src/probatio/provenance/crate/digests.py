"""The digests by which who holds the data recognises a study and its rows."""

from __future__ import annotations

import hashlib
import hmac
import json

from probatio.digest import compute_json_digest
from probatio.provenance.crate.study import Study
from probatio.provenance.manifest import Manifest


def derive_digests(study: Study) -> bytes:
    """Return the digests by which who holds the data recognises study and rows.

    Of confidential data those of data and rows are keyed. Released rows are the rows but for a few counts, and a file
    may hold a few values of one patient: whoever tries them all would know them by a plain digest.
    """
    manifest = study.manifest
    value = {
        "study": manifest.study,
        "protocol": manifest.protocol.digest,
        "data": derive_data_digests(manifest, study.key),
        "parameters": manifest.parameters,
        "environment": manifest.environment,
        "machine": manifest.recorded.get("machine", {}),
        "key": hide_digest(manifest.protocol.digest, study.key) if study.key else "",
        "rows": derive_row_digests(manifest, study.key),
    }
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def derive_data_digests(manifest: Manifest, key: str) -> dict[str, str]:
    """Return the digest of each file of data; with a key, one of all under it, so that not even their number shows."""
    if not key:
        return dict(manifest.data)
    return {"all": hide_digest(compute_json_digest(sorted(manifest.data.values())), key)}


def derive_row_digests(manifest: Manifest, key: str) -> dict[str, dict[str, str]]:
    """Return the digest of each table of rows and curves, by notebook; with a key, HMAC-SHA-256 of it (RFC 2104)."""
    return {
        task: {name: hide_digest(digest, key) for name, digest in record.outputs.items() if name.endswith(".csv")}
        for task, record in manifest.tasks.items()
    }


def hide_digest(digest: str, key: str) -> str:
    """Return a digest under a key; without one, as it is."""
    return hmac.new(bytes.fromhex(key), digest.encode(), hashlib.sha256).hexdigest() if key else digest
