"""The crate of confidential data: nothing of them, and who holds them recognises the rows."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import shutil
from pathlib import Path

import pytest
from crate_files import KEY, drop_program, read_commands, unpack

from miniature import Miniature
from probatio.cli import run_command
from probatio.compendium.crate import derive_files
from probatio.compendium.opening import DATA, find_data_root, use_data
from probatio.protocol import UserError, derive_protocol_bytes, read_protocol
from probatio.provenance import read_manifest
from probatio.provenance.crate import (
    compare_run,
)
from probatio.provenance.crate.study import Study
from probatio.provenance.proofs import keep_stamp
from stamping_authority import Authority


def test_confidential_data_leave_nothing(confidential: dict[str, bytes]) -> None:
    """Without a statement neither data, protocol nor run are in it, and nothing names a file or a source."""
    own = {name: text for name, text in confidential.items() if not name.startswith(("src/", "notebooks/", "MANIFEST"))}
    assert not [name for name in own if name.startswith(("data/", "run/"))]
    assert [name for name in own if name.startswith("protocol/")] == []
    for word in (b"registry", b"Registry", b"model.csv", b"Model", b"patients.csv", b"P1"):
        assert [name for name, text in own.items() if word in text] == []
    assert read_commands(own["README.md"])[-1] == ".venv/bin/probatio verify ."
    assert b"--data FOLDER" in own["README.md"]


def test_a_confidential_crate_proves_its_protocols_date(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stamp over the digest goes in without the protocol, and `verify` of the crate verifies it again."""
    authority = Authority()
    (tmp_path / "answer.tsr").write_bytes(authority.stamp(derive_protocol_bytes(study.protocol)))
    (tmp_path / "root.pem").write_bytes(authority.pem)
    keep_stamp(study.path, study.protocol, tmp_path / "answer.tsr", tmp_path / "root.pem")
    files = derive_files(dataclasses.replace(study, statement=None, key=KEY.hex()))
    assert {Path(name).suffix for name in files if name.startswith("protocol/")} == {".tsq", ".tsr", ".pem"}
    assert run_command(["verify", str(unpack(drop_program(files), tmp_path / "crate"))]) == 0
    out = capsys.readouterr().out
    assert "by Authority of the tests, Probatio tests: signature verified" in out
    assert "Its data are confidential" in out


def test_a_spoilt_proof_in_a_crate_is_told(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """A stamp that proves nothing, in a crate that is whole by its own MANIFEST, is told, and the exit code is 1."""
    (tmp_path / "answer.tsr").write_bytes(Authority().stamp(derive_protocol_bytes(study.protocol)))
    keep_stamp(study.path, study.protocol, tmp_path / "answer.tsr", None)
    files = derive_files(dataclasses.replace(study, statement=None, key=KEY.hex()))
    (name,) = [name for name in files if name.endswith(".tsr")]
    spoilt = files | {name: files[name][:-1]}
    before, after = (hashlib.sha256(each[name]).hexdigest().encode() for each in (files, spoilt))
    spoilt["ro-crate-metadata.json"] = files["ro-crate-metadata.json"].replace(before, after)
    assert run_command(["verify", str(unpack(drop_program(spoilt), tmp_path / "crate"))]) == 1
    out = capsys.readouterr().out
    assert "0 not as the MANIFEST says" in out
    assert "Not proved: " in out


def test_confidential_digests_recognise_the_study(confidential: dict[str, bytes], finished: Miniature) -> None:
    """Digests of protocol, data and rows are told, the last two under the key that stays with the study.

    A plain digest would tell a withheld count, or a small file of one patient, to whoever tries its few values.
    """
    digests, manifest = json.loads(confidential["digests.json"]), read_manifest(finished.run)
    assert digests["protocol"] == manifest.protocol.digest
    assert len(digests["data"]) == 1
    for plain in manifest.data.values():
        assert [name for name, text in confidential.items() if plain.encode() in text] == []
    plain = manifest.tasks["01_first"].outputs["rows.csv"]
    assert set(digests["rows"]["01_first"]) == {"rows.csv", "series/curve.csv"}
    assert digests["rows"]["01_first"]["rows.csv"] == hmac.new(KEY, plain.encode(), "sha256").hexdigest()
    assert [name for name, text in confidential.items() if plain.encode() in text] == []


def test_a_name_in_a_confidential_crate_is_refused(study: Study) -> None:
    """A centre's or a technology's name in any file but the program's is found, and no crate is made."""
    hidden = dataclasses.replace(study, statement=None, key="00", secret=["CHU Zébrange", "rate"])
    derive_files(hidden)
    (study.run / "release" / "rows.csv").write_text("term\nchu-zebrange\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"release/rows\.csv holds 'CHU Zébrange', the name of a centre"):
        derive_files(hidden)


def test_a_holder_of_the_data_recognises_the_rows(
    confidential: dict[str, bytes], copied: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who runs the study on the same data has the crate's rows: every table identical, exit code 0."""
    crate = unpack(drop_program(confidential), tmp_path)
    assert run_command(["verify", str(crate), "--run", str(copied.run)]) == 1
    assert capsys.readouterr().out.splitlines()[1].startswith("another key of pseudonyms than the crate's: copy")
    (copied.run / "confidential" / "release_key.json").write_text(json.dumps({"key": KEY.hex()}), encoding="utf-8")
    assert run_command(["verify", str(crate), "--run", str(copied.run)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("4 of 4 tables identical; the crate's rows")


def test_other_rows_are_not_the_crates(confidential: dict[str, bytes], copied: Miniature, tmp_path: Path) -> None:
    """Another table, protocol, program or other data are each told, and the run is not the crate's."""
    digests = json.loads(confidential["digests.json"])
    crate, known = unpack(drop_program(confidential), tmp_path), read_manifest(copied.run)
    tasks = {**known.tasks, "02_second": known.tasks["02_second"].model_copy(update={"outputs": {"rows.csv": "0"}})}
    found = compare_run(crate, digests, copied.run, known.model_copy(update={"tasks": tasks}), key=KEY.hex())
    assert (found.other, found.inputs, found.is_same) == (["02_second/rows.csv"], [], False)
    other = known.model_copy(
        update={
            "protocol": known.protocol.model_copy(update={"digest": "0"}),
            "data": {**known.data, "model.csv": "0"},
            "environment": {**known.environment, "package": "0"},
        }
    )
    found = compare_run(crate, digests, copied.run, other, key=KEY.hex())
    assert [sentence.split()[1] for sentence in found.inputs] == ["protocol", "data", "program"]
    assert not found.is_same


def test_released_rows_decide_where_last_digits_moved(
    confidential: dict[str, bytes], copied: Miniature, tmp_path: Path
) -> None:
    """With a release of one's own, equal released files suffice; another released file does not."""
    digests, crate = json.loads(confidential["digests.json"]), unpack(drop_program(confidential), tmp_path)
    known = read_manifest(copied.run)
    tasks = {**known.tasks, "02_second": known.tasks["02_second"].model_copy(update={"outputs": {"rows.csv": "0"}})}
    moved = known.model_copy(update={"tasks": tasks})
    shutil.copytree(crate / "release", copied.run / "release")
    assert compare_run(crate, digests, copied.run, moved, key=KEY.hex()).is_same
    (copied.run / "release" / "rows.csv").write_text("metric,estimate\nfirst,2.0\n", encoding="utf-8")
    found = compare_run(crate, digests, copied.run, moved, key=KEY.hex())
    assert (found.other, found.is_same) == (["02_second/rows.csv", "release/rows.csv"], False)
    assert compare_run(crate, digests, copied.run, known, key=KEY.hex()).is_same


def test_data_may_stand_elsewhere(miniature: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--data` reads a study from another folder, for that run alone; a folder that is not there is one sentence."""
    monkeypatch.delenv(DATA, raising=False)
    protocol = read_protocol(miniature.protocol)
    shutil.move(miniature.data, tmp_path / "elsewhere")
    with use_data(tmp_path / "elsewhere"):
        assert find_data_root(miniature.protocol, protocol) == (tmp_path / "elsewhere").resolve()
        assert os.environ[DATA] == str((tmp_path / "elsewhere").resolve())
    assert DATA not in os.environ
    with pytest.raises(UserError, match="correct the protocol or make it"):
        find_data_root(miniature.protocol, protocol)
    with use_data(tmp_path / "nowhere"), pytest.raises(UserError, match="nowhere: no such folder of data"):
        find_data_root(miniature.protocol, protocol)
