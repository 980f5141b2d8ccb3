"""What goes into a crate, and what never does."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from crate_files import PUBLIC, open_study
from rocrate.rocrate import ROCrate

import probatio
from probatio.compendium.crate import derive_files
from probatio.digest import compute_notebook_digest
from probatio.protocol import UserError
from probatio.provenance.crate import (
    read_statement,
)
from probatio.provenance.crate.study import Study
from probatio.provenance.crate.tracked import list_tracked


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
    project = Path(__file__).parents[3]
    found = {name: read_statement(project, name) for name in ("demo", "lung", "tcga")}
    said = {name: (each.nature, each.redistributed) for name, each in found.items() if each}
    assert said == {"demo": ("synthetic", True), "lung": ("public", False), "tcga": ("public", False)}
    assert read_statement(project, "own") is None


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_tracked_files(tmp_path: Path) -> None:
    """What git tracks is listed, a file beside it is not; outside a checkout there is no list."""
    (tmp_path / "kept.csv").write_text("x", encoding="utf-8")
    (tmp_path / "own.csv").write_text("x", encoding="utf-8")
    assert list_tracked(tmp_path) is None
    for words in (("init", "--quiet"), ("add", "kept.csv")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert list_tracked(tmp_path) == {(tmp_path / "kept.csv").resolve()}
