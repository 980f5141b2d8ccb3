"""Bad input, end to end: one clear sentence, exit code 2, nothing half-written, nobody named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from probatio.cli import run_command

PROTOCOL = """\
study: small
title: {en: Small, fr: Petite}
data: ../data
resampling: {seed: 1, replicates: 100}
patients:
  file: {path: patients.csv}
  attributes:
    days: {label: {en: Days, fr: Jours}, column: days, type: number}
    status: {label: {en: Status, fr: Statut}, column: status}
sources:
  - name: registry
    label: {en: Registry, fr: Registre}
    role: reference
    files: [{path: registry.csv, columns: {stage: stage, seen: seen}}]
  - name: model
    label: {en: Model, fr: Modèle}
    role: ai
    independent_of: [registry]
    files: [{path: model.csv, columns: {stage: stage, seen: seen}}]
variables:
  - {name: stage, label: {en: Stage, fr: Stade}, type: nominal, levels: [I, II]}
  - {name: seen, label: {en: Seen, fr: Vu}, type: date}
endpoints:
  - {name: os, label: {en: Survival, fr: Survie}, time: days, event: status, event_values: [dead]}
analyses:
  - name: by_stage
    label: {en: By stage, fr: Selon le stade}
    endpoint: os
    terms: [{variable: stage, groups: {early: [I], late: [II]}}]
    sources: [registry, model]
    comparator: registry
"""
PATIENTS = "patient_id,days,status\n" + "".join(f"P{i},{i * 10},{'dead' if i % 2 else 'alive'}\n" for i in range(1, 9))
VALUES = "patient_id,stage,seen\n" + "".join(f"P{i},{'I' if i % 3 else 'II'},2024-05-1{i}\n" for i in range(1, 9))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one small study and one notebook that reads everything."""
    for name in ("protocol", "data", "notebooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    (tmp_path / "requirements.lock").write_text("", encoding="utf-8")
    (tmp_path / "protocol" / "small.yaml").write_text(PROTOCOL, encoding="utf-8")
    (tmp_path / "data" / "patients.csv").write_text(PATIENTS, encoding="utf-8")
    for name in ("registry", "model"):
        (tmp_path / "data" / f"{name}.csv").write_text(VALUES, encoding="utf-8")
    source = Path(__file__).parents[2] / "notebooks"
    for name in ("00_protocol", "01_cohort", "03_agreement", "04_replication"):
        shutil.copy(source / f"{name}.ipynb", tmp_path / "notebooks")
    return tmp_path


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        path = project / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def write(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda project: (project / file).write_bytes(content) and None


def remove(file: str) -> Callable[[Path], None]:
    return lambda project: (project / file).unlink()


MODEL, STUDY = "data/model.csv", "protocol/small.yaml"
EMPTY = b"patient_id,stage,seen\n" + b"".join(b"P%d,,\n" % i for i in range(1, 9))
FAULTS = {
    "missing file": (remove(MODEL), r"model\.csv"),
    "empty file": (write(MODEL, b""), r"model\.csv.*empty"),
    "wrong delimiter": (write(MODEL, VALUES.replace(",", ";").encode()), r"model\.csv.*(semicolon|delimiter)"),
    "wrong encoding": (write(MODEL, VALUES.replace("P1,I,", "P1,I\u00e9,").encode("cp1252")), r"model\.csv.*cp1252"),
    "unknown column": (replace(STUDY, "model.csv, columns: {stage: stage", "model.csv, columns: {stage: stade"),
                       r"model\.csv.*stade"),
    "duplicate patient": (write(MODEL, (VALUES + "P1,II,2024-05-11\n").encode()), r"model\.csv.*same patient"),
    "ambiguous date": (replace(MODEL, "2024-05-11", "03/04/2024"), r"model\.csv.*date_order"),
    "protocol key mistyped": (replace(STUDY, "independent_of:", "independant_of:"),
                              r"small\.yaml:\d+: sources\[1\]\.independant_of"),
    "no pair in common": (replace(MODEL, "P", "Q"), r"model"),
    "one class only": (replace("data/registry.csv", ",II,", ",I,"), r"by_stage: stage has one class only"),
    "a source without values": (write(MODEL, EMPTY),
                                r"model"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_check_refuses(fault: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` says where and what in one line, without a traceback and without naming a patient."""
    change, said = FAULTS[fault]
    change(project)
    code = run_command(["check", str(project / "protocol" / "small.yaml")])
    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(said, err, re.IGNORECASE)
    assert "Traceback" not in err
    assert not re.search(r"\b[PQ][1-8]\b|2024-05|03/04", err)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["wrong delimiter", "one class only"])
def test_run_refuses_and_leaves_nothing_half_written(
    fault: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run stops with the same sentence; what is there is whole, and there is no manifest."""
    change, said = FAULTS[fault]
    change(project)
    monkeypatch.chdir(project)
    code = run_command(["run", "protocol/small.yaml", "--workers", "1"])
    err = capsys.readouterr().err
    assert code == 2
    assert re.search(said, err, re.IGNORECASE)
    run = project / "runs" / "small"
    assert not (run / "manifest.json").exists()
    assert not list(run.rglob("*.partial"))


@pytest.mark.slow
def test_the_mended_study_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a fault, the same study checks and runs to its manifest."""
    monkeypatch.chdir(project)
    assert run_command(["check", "protocol/small.yaml"]) == 0
    assert run_command(["run", "protocol/small.yaml", "--workers", "2"]) == 0
    assert (project / "runs" / "small" / "manifest.json").exists()
