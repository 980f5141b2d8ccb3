"""An unpacked crate that was altered, or is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from crate_files import drop_program, unpack

from probatio.cli import run_command
from probatio.protocol import UserError
from probatio.provenance.crate import (
    check_crate,
)
from probatio.provenance.crate.archive import derive_sums


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("data/model.csv", b"patient_id,stage\nP1,II\n", "data/model.csv: altered"),
        ("data/model.csv", None, "data/model.csv: missing"),
        ("run/tasks/01_first/rows.csv", b"", "run/tasks/01_first/rows.csv: altered"),
        ("run/tasks/01_first/series/other.csv", b"x\n", "series/other.csv: not in the MANIFEST; added since"),
        ("release/benchmark.csv", b"x\n", "release/benchmark.csv: not in the MANIFEST; added since"),
    ],
)
def test_an_altered_crate_is_found(
    synthetic: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    name: str, content: bytes | None, sentence: str,
) -> None:  # fmt: skip
    """A file altered, missing or added is named, nothing of the crate is executed, and the exit code is 1."""
    files = drop_program(synthetic) | ({} if content is None else {name: content})
    unpack({key: value for key, value in files.items() if content is not None or key != name}, tmp_path)
    assert run_command(["verify", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert sentence in out
    assert "1 not as the MANIFEST says" in out


def test_metadata_that_disagree_are_found(synthetic: dict[str, bytes], tmp_path: Path) -> None:
    """Metadata with another SHA-256 than the MANIFEST's are found, even where MANIFEST was made to fit them."""
    files = {**drop_program(synthetic)}
    digest = hashlib.sha256(files["data/model.csv"]).hexdigest().encode()
    files["ro-crate-metadata.json"] = files["ro-crate-metadata.json"].replace(digest, b"0" * 64)
    del files["MANIFEST"]
    found = check_crate(unpack({**files, "MANIFEST": derive_sums(files)}, tmp_path))
    assert found.faults == ["ro-crate-metadata.json: another SHA-256 for data/model.csv than the MANIFEST"]


def derive_spoilt(**changes: object) -> bytes:
    """Return digests as a crate has them, but for some parts."""
    whole: dict[str, object] = {"study": "mini", "protocol": "0", "key": "", "data": {}, "environment": {}, "rows": {}}
    return json.dumps(whole | changes).encode()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("MANIFEST", b"no line of sums\n", "MANIFEST:1: expected a SHA-256"),
        ("MANIFEST", b"0" * 64 + b"  ../outside\n", "MANIFEST:1: expected a SHA-256"),
        ("MANIFEST", b"0" * 64 + b"  /etc/passwd\n", "MANIFEST:1: expected a SHA-256"),
        ("digests.json", b"[]", r"digests\.json: missing or not JSON"),
        ("digests.json", b"{}", r"digests\.json: without study, protocol, key"),
        ("digests.json", derive_spoilt(study="../../elsewhere"), r"digests\.json: study: no name of a study"),
        ("digests.json", derive_spoilt(rows={"01_first": "0"}), r"digests\.json: without study, protocol, key"),
        ("digests.json", derive_spoilt(data={"data 1": 7}), r"digests\.json: without study, protocol, key"),
        ("ro-crate-metadata.json", b"{}", "no RO-Crate metadata"),
        ("ro-crate-metadata.json", b"{", "missing or not JSON"),
    ],
)
def test_what_is_no_crate_is_refused(
    synthetic: dict[str, bytes], tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    """A MANIFEST that leaves its folder, or descriptions that cannot be read, are one sentence."""
    unpack({**drop_program(synthetic), name: content}, tmp_path)
    with pytest.raises(UserError, match=sentence):
        check_crate(tmp_path)
