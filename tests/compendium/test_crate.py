"""The crate of a run: what goes in and what never does, and that its own commands make the rows again."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

import probatio
from miniature import Miniature
from probatio.cli import run_command
from probatio.compendium.crate import derive_files, open_finished, write_crate
from probatio.compendium.opening import DATA, find_data_root, use_data
from probatio.digest import compute_notebook_digest
from probatio.protocol import UserError, Written, derive_protocol_bytes, read_protocol
from probatio.provenance import read_manifest, write_manifest
from probatio.provenance.crate import (
    check_crate,
    compare_run,
    derive_contents,
    derive_metadata,
    read_statement,
    write_archive,
)
from probatio.provenance.crate.archive import derive_sums
from probatio.provenance.crate.study import Study
from probatio.provenance.crate.tracked import list_tracked
from probatio.provenance.proofs import keep_stamp
from stamping_authority import Authority

SYNTHETIC = """
nature: synthetic
redistributed: true
origins:
  - {name: Made up for the tests, licence: CC0-1.0}
"""
PUBLIC = """
nature: public
redistributed: false
origins:
  - {name: A registry, licence: CC-BY-4.0, address: "https://registry.example/data"}
"""
KEY = bytes(range(32))
MAIN = "from probatio.cli import main; main()"


def open_study(project: Path, statement: str = "") -> Study:
    """Return the finished miniature as its crate sees it, with every file tracked, and a release of one file."""
    made = Miniature(project)
    (made.run / "release").mkdir(exist_ok=True)
    (made.run / "release" / "rows.csv").write_text("metric,estimate\nfirst,1.0\n", encoding="utf-8")
    (made.run / "confidential" / "release_key.json").write_text(json.dumps({"key": KEY.hex()}), encoding="utf-8")
    if statement:
        folder = made.data / "mini"
        folder.mkdir(exist_ok=True)
        (folder / "source.yaml").write_text(statement, encoding="utf-8")
    study = open_finished(made.run, made.path)
    return dataclasses.replace(study, tracked=frozenset(path.resolve() for path in made.path.rglob("*")))


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def drop_program(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return a crate without the program's files, which most tests need not write out again."""
    kept = {name: content for name, content in files.items() if not name.startswith("src/") and name != "MANIFEST"}
    return {**kept, "MANIFEST": derive_sums(kept)}


@pytest.fixture(scope="module")
def projects(finished: Miniature, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a copy of the finished miniature, one for each name."""

    def copy(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name) / "project"
        shutil.copytree(finished.path, folder)
        return folder

    return copy


@pytest.fixture(scope="module")
def synthetic(projects: Callable[[str], Path]) -> dict[str, bytes]:
    """Return the files of a crate with its data."""
    return derive_files(open_study(projects("synthetic"), SYNTHETIC))


@pytest.fixture(scope="module")
def confidential(projects: Callable[[str], Path]) -> dict[str, bytes]:
    """Return the files of a crate without a word on its data."""
    return derive_files(open_study(projects("confidential")))


@pytest.fixture
def study(copied: Miniature) -> Study:
    """Return an open study to be changed."""
    return open_study(copied.path, SYNTHETIC)


def read_commands(readme: bytes) -> list[str]:
    """Return the commands of a README's first block."""
    block = re.search(r"```\n(.*?)```", readme.decode(), re.DOTALL)
    assert block
    return block[1].splitlines()


def test_the_commands_it_prints_make_the_rows_again(synthetic: dict[str, bytes], tmp_path: Path) -> None:
    """Unpacked in an empty folder, its README's commands end with every row identical; only the set-up is left out.

    The program is the crate's own, by its path; the interpreter and its packages are those of the tests.
    """
    write_archive(tmp_path / "study.crate.zip", synthetic)
    folder = tmp_path / "empty"
    with zipfile.ZipFile(tmp_path / "study.crate.zip") as archive:
        archive.extractall(folder)
    check, setup, verify = read_commands((folder / "README.md").read_bytes())
    assert (check, setup) == ("sha256sum --check --quiet MANIFEST", "make setup")
    if shutil.which("sha256sum"):
        assert subprocess.run(check.split(), cwd=folder, check=False).returncode == 0
    program, *words = verify.split()
    assert program == ".venv/bin/probatio"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", f"import probatio; print(probatio.__file__); {MAIN}", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert Path(lines[0]).is_relative_to(folder)
    assert lines[1] == f".: {len(synthetic) - 1} files, 0 not as the MANIFEST says"
    assert lines[-1] == "run: identical"
    assert any(line.split()[:3] == ["01_first", "series/curve", "3"] for line in lines)


def test_the_same_run_gives_the_same_bytes(projects: Callable[[str], Path], tmp_path: Path) -> None:
    """Two archives of one run are the same bytes: no time, no order, no user of the machine gets in."""
    study = open_study(projects("twice"), SYNTHETIC)
    for name in ("one.zip", "two.zip"):
        write_archive(tmp_path / name, drop_program(derive_files(study)))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_manifest_has_every_other_file(synthetic: dict[str, bytes]) -> None:
    """MANIFEST has one line per other file, and each SHA-256 is that of the bytes."""
    lines = dict(reversed(line.split("  ", 1)) for line in synthetic["MANIFEST"].decode().splitlines())
    assert set(lines) == set(synthetic) - {"MANIFEST"}
    assert lines == {name: hashlib.sha256(synthetic[name]).hexdigest() for name in lines}


def test_program_is_whole(synthetic: dict[str, bytes]) -> None:
    """Every file of the package is in it, byte by byte."""
    folder = Path(probatio.__file__).parent
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    own = {name.removeprefix("src/probatio/") for name in synthetic if name.startswith("src/probatio/")}
    assert own == {name for name in files if "__pycache__" not in name}


def test_open_data_bring_protocol_data_and_run(synthetic: dict[str, bytes]) -> None:
    """Of synthetic data the crate has data, statement, protocol, and the run without what is confidential."""
    assert {"protocol/mini.yaml", "data/patients.csv", "data/model.csv", "data/mini/source.yaml"} <= set(synthetic)
    assert {"run/manifest.json", "run/tasks/01_first/rows.csv", "run/tasks/01_first/figures/line.svg"} <= set(synthetic)
    assert not [name for name in synthetic if "confidential" in name or name.endswith("notebook.ipynb")]


def test_notebooks_have_no_outputs(projects: Callable[[str], Path]) -> None:
    """Outputs of a committed notebook, which may show a patient, and attachments stay out; its digest stays."""
    project = projects("outputs")
    path = project / "notebooks" / "01_first.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][1] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "Mrs Smith"}]}
    notebook["cells"][1] |= {"execution_count": 7, "attachments": {"Smith.png": {}}}
    notebook["cells"][1]["metadata"]["papermill"] = notebook["metadata"]["editor"] = "kept by Smith"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    stripped = derive_files(open_study(project))["notebooks/01_first.ipynb"]
    assert b"Smith" not in stripped
    assert compute_notebook_digest(json.loads(stripped)) == compute_notebook_digest(notebook)


def test_public_data_are_named_not_copied(projects: Callable[[str], Path]) -> None:
    """Public data that may not be handed on are named by digest, licence and address; protocol and run are there."""
    files = derive_files(open_study(projects("public"), PUBLIC))
    assert not [name for name in files if name.endswith(("patients.csv", "model.csv", "registry.csv"))]
    assert "run/tasks/01_first/rows.csv" in files
    assert b"CC-BY-4.0; https://registry.example/data" in files["README.md"]
    crate = ROCrate(json.loads(files["ro-crate-metadata.json"]))
    digest = json.loads(files["digests.json"])["data"]["model.csv"]
    assert crate.get(f"urn:sha256:{digest}")["license"].id == "https://spdx.org/licenses/CC-BY-4.0"


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


def test_confidential_digests_recognise_the_study(confidential: dict[str, bytes], finished: Miniature) -> None:
    """Digests of protocol, data and rows are told, data by number, rows under the key that stays with the study.

    A plain digest of rows would tell a withheld count to whoever tries its few values.
    """
    digests, manifest = json.loads(confidential["digests.json"]), read_manifest(finished.run)
    assert digests["protocol"] == manifest.protocol.digest
    assert list(digests["data"]) == ["data 1", "data 2", "data 3"]
    assert sorted(digests["data"].values()) == sorted(manifest.data.values())
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


@pytest.mark.parametrize("tracked", [None, frozenset()])
def test_only_tracked_data_go_in(study: Study, tracked: frozenset[Path] | None) -> None:
    """Data that git does not track, or of a project without git, stay out even where the statement lets them go."""
    files = derive_files(dataclasses.replace(study, tracked=tracked))
    assert not [name for name in files if name.endswith(("patients.csv", "model.csv", "registry.csv"))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nature: patients\nredistributed: true\norigins: [{name: x, licence: MIT}]\n", "nature: "),
        ("nature: public\nredistributed: maybe\norigins: [{name: x, licence: MIT}]\n", "redistributed: "),
        ("nature: public\nredistributed: true\norigins: []\n", "origins: "),
        ("nature: public\nredistributed: true\norigins: [{name: x, licence: ask me}]\n", "origins.0.licence: "),
        ("nature: public\nredistributed: true\n", "origins: "),
        ("nature: public\nredistributed: true\norigins: [{name: x, licence: MIT}]\nopen: true\n", "open: "),
        ("address: https://x.example/\n", "nature: "),
        ("[", "cannot be read"),
    ],
)
def test_a_statement_that_is_not_clear_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """There is no word for patients' data, and a mistyped statement opens nothing: one sentence."""
    (tmp_path / "data" / "own").mkdir(parents=True)
    (tmp_path / "data" / "own" / "source.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as error:
        read_statement(tmp_path, "own")
    assert "\n" not in str(error.value)


def test_the_bundled_studies_say_whose_their_data_are() -> None:
    """The demonstration's data may be handed on; those of lung and TCGA are public and come from elsewhere."""
    project = Path(__file__).parents[2]
    found = {name: read_statement(project, name) for name in ("demo", "lung", "tcga")}
    said = {name: (each.nature, each.redistributed) for name, each in found.items() if each}
    assert said == {"demo": ("synthetic", True), "lung": ("public", False), "tcga": ("public", False)}
    assert read_statement(project, "own") is None


def change_protocol(study: Study) -> None:
    text = study.path.read_text(encoding="utf-8")
    study.path.write_text(text.replace("seed: 1", "seed: 2"), encoding="utf-8")


def change_notebook(study: Study) -> None:
    path = study.project / "notebooks" / "02_second.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("total", "sum_"), encoding="utf-8")


def change_program(study: Study) -> None:
    environment = {**study.manifest.environment, "package": "0" * 64}
    write_manifest(study.run, study.manifest.model_copy(update={"environment": environment}))


def change_data(study: Study) -> None:
    (study.project / "data" / "model.csv").write_text("patient_id,stage\nP1,II\n", encoding="utf-8")


def change_rows(study: Study) -> None:
    path = study.run / "tasks" / "01_first" / "rows.csv"
    path.write_bytes(path.read_bytes() + b"\n")


def drop_release(study: Study) -> None:
    shutil.rmtree(study.run / "release")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (change_protocol, r"mini\.yaml changed since this run"),
        (change_notebook, r"notebooks/02_second\.ipynb changed since this run"),
        (change_program, "the program changed since this run"),
        (change_data, r"data model\.csv changed since this run"),
        (change_rows, r"01_first/rows\.csv changed after the run"),
        (drop_release, "nothing is released yet"),
    ],
)
def test_what_did_not_make_the_rows_is_refused(study: Study, change: Callable[[Study], None], sentence: str) -> None:
    """A crate never holds rows beside a protocol, notebook, program or data that did not make them."""
    change(study)
    with pytest.raises(UserError, match=sentence):
        derive_files(dataclasses.replace(open_finished(study.run, study.project), tracked=study.tracked))


def test_crate_is_named_by_study_and_digest(study: Study) -> None:
    """The archive stands beside the release, under the study's name and its protocol's digest."""
    path = write_crate(study.run, project=study.project)
    assert path == study.run / f"mini-{study.manifest.protocol.digest[:12]}.crate.zip"
    assert zipfile.is_zipfile(path)


def test_release_ends_with_a_crate(copied: Miniature, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`probatio release` writes what may leave, then the crate with the same files, whole by its own MANIFEST."""
    assert run_command(["release", str(copied.run)]) == 0
    (path,) = copied.run.glob("*.crate.zip")
    assert f"{path.name}: its crate" in capsys.readouterr().out
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "crate")
    found = check_crate(tmp_path / "crate")
    assert (found.faults, found.run) == ([], None)
    released = {file.relative_to(copied.run): file.read_bytes() for file in (copied.run / "release").rglob("*.csv")}
    assert Path("release/rows/01_first.csv") in released
    assert {name: (tmp_path / "crate" / name).read_bytes() for name in released} == released


def test_metadata_read_back(synthetic: dict[str, bytes]) -> None:
    """The library rocrate reads one action: this program, protocol and data in, released files and rows out."""
    crate = ROCrate(json.loads(synthetic["ro-crate-metadata.json"]))
    digests = json.loads(synthetic["digests.json"])
    (action,) = crate.get_by_type("CreateAction")
    assert action["instrument"].id == f"urn:sha256:{digests['environment']['package']}"
    assert action["instrument"]["softwareVersion"].startswith(probatio.__version__)
    protocol, *data = action["object"]
    assert protocol["sha256"] == digests["protocol"]
    assert {entity["sha256"] for entity in data} == set(digests["data"].values())
    results = {entity.id: entity["sha256"] for entity in action["result"]}
    assert "release/rows.csv" in results
    assert results["run/tasks/01_first/rows.csv"] == digests["rows"]["01_first"]["rows.csv"]
    parts = {part.id for part in crate.root_dataset["hasPart"]}
    assert {"src/", "notebooks/", "README.md", "data/model.csv", "protocol/mini.yaml"} <= parts
    assert crate.root_dataset["license"].id == "https://spdx.org/licenses/MIT"


def test_people_are_those_of_the_protocol(study: Study) -> None:
    """Investigator and sponsor are author and publisher of an open study; a confidential crate names nobody."""
    written = Written(investigator="Dr Zébrange", sponsor="A hospital")
    named = dataclasses.replace(study, protocol=study.protocol.model_copy(update={"written": written}))
    crate = ROCrate(json.loads(derive_metadata(named, derive_contents(named))))
    people = [(crate.root_dataset[key].type, crate.root_dataset[key]["name"]) for key in ("author", "publisher")]
    assert people == [("Person", "Dr Zébrange"), ("Organization", "A hospital")]
    hidden = dataclasses.replace(named, statement=None, key="00")
    assert "Zébrange" not in derive_metadata(hidden, derive_contents(hidden)).decode()


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


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("MANIFEST", b"no line of sums\n", "MANIFEST:1: expected a SHA-256"),
        ("MANIFEST", b"0" * 64 + b"  ../outside\n", "MANIFEST:1: expected a SHA-256"),
        ("MANIFEST", b"0" * 64 + b"  /etc/passwd\n", "MANIFEST:1: expected a SHA-256"),
        ("digests.json", b"[]", r"digests\.json: missing or not JSON"),
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


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_tracked_files(tmp_path: Path) -> None:
    """What git tracks is listed, a file beside it is not; outside a checkout there is no list."""
    (tmp_path / "kept.csv").write_text("x", encoding="utf-8")
    (tmp_path / "own.csv").write_text("x", encoding="utf-8")
    assert list_tracked(tmp_path) is None
    for words in (("init", "--quiet"), ("add", "kept.csv")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert list_tracked(tmp_path) == {(tmp_path / "kept.csv").resolve()}
