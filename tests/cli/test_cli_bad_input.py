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

LABELS = "label: {en: x, fr: x}"
SEEN = "  - {name: seen, label: {en: Seen, fr: Vu}, type: date}\n"
STAGE = "type: nominal, levels: [I, II]}"
RULE = (
    f"rules:\n  - name: order\n    {LABELS}\n    expression: seen >= born\n    source: x\n"
    "    justification: {en: x, fr: x}\n"
)
EVENTS = (
    f"  - name: ae\n    {LABELS}\n    type: events\n"
    f"    attributes: {{start: {{{LABELS}, type: date}}, dose: {{{LABELS}, type: number}}}}\n"
    "    match: {date: start, window: 30}\n"
)
TUNED = "days: {label: {en: Days, fr: Jours}, column: days, type: number}"


def add(text: str, *more: tuple[str, str]) -> Callable[[Path], None]:
    """Add variables after the last, then replace texts in the protocol."""
    changes = [replace(STUDY, SEEN, SEEN + text), *(replace(STUDY, old, new) for old, new in more)]
    return lambda project: [change(project) for change in changes] and None


def weigh(weights: str) -> Callable[[Path], None]:
    return replace(STUDY, STAGE, f"type: ordinal, levels: [I, II], weights: {weights}}}")


def tune(*flags: str) -> Callable[[Path], None]:
    """Declare a development column with these flags, the last for all other patients."""
    lines = PATIENTS.splitlines()
    cells = [*flags, *[flags[-1]] * 8]
    text = "\n".join([f"{lines[0]},tuned", *(f"{a},{b}" for a, b in zip(lines[1:], cells, strict=False))])
    patients = "  file: {path: patients.csv}\n"

    def change(project: Path) -> None:
        write("data/patients.csv", text.encode())(project)
        replace(STUDY, patients, patients + "  development: tuned\n")(project)

    return change


def ask_for_tuned(old: str, new: str) -> Callable[[Path], None]:
    """Declare the development column an attribute too, and ask for its patients."""
    changes = [tune("yes", "no"), replace(STUDY, TUNED, f"{TUNED}\n    used: {{{LABELS}, column: tuned}}")]
    return lambda project: [change(project) for change in (*changes, replace(STUDY, old, new))] and None


def judge(fields: str) -> Callable[[Path], None]:
    """Add an acceptance matrix with one criterion."""
    why = "source: x, justification: {en: x, fr: x}"
    matrix = "acceptance:\n  sets:\n    - types: [nominal]\n      uses: [research]\n      criteria:\n"
    return replace(STUDY, "endpoints:\n", f"{matrix}        - {{name: c, {fields}, {why}}}\nendpoints:\n")


# A criterion that could not mean what its author wants.
FAULTS |= {
    "negative margin of a difference": (
        judge("metric: error_difference, bound: upper, threshold: -0.02"),
        r"small\.yaml:28: acceptance\.sets\[0\]\.criteria\[0\]: threshold -0\.02: the margin of a difference.*give"),
    "percent instead of a share": (judge("metric: error_rate, bound: upper, threshold: 10"),
                                   r"small\.yaml:28: .*threshold 10: error_rate lies between 0 and 1; give a share"),
    "bound on the wrong side": (judge("metric: kappa, bound: upper, threshold: 0.6"),
                                r"small\.yaml:28: .*kappa is better when higher: its bound is lower; correct"),
    "strata not declared": (judge("metric: worst_stratum_error_rate, bound: upper, threshold: 0.1, strata: [region]"),
                            r"acceptance: criterion c: strata: \['region'\] is not declared"),
    "an unknown metric": (judge("metric: error, bound: upper, threshold: 0.1"),
                          r"small\.yaml:28: acceptance\.sets\[0\]\.criteria\[0\]\.metric"),
    "adjudicated between one": (
        replace(STUDY, "data: ../data", "data: ../data\nadjudication: {between: [model, model]}"),
        r"small\.yaml:4: adjudication: between names one source twice"),
}  # fmt: skip

# What a protocol or a development column may ask for that no evaluation can give: fault, then the whole place.
FAULTS |= {
    "tolerance without unit": (add(f"  - {{name: weight, {LABELS}, type: number, tolerance: 2}}\n"),
                               r"small\.yaml:23: variables\[2\]\.tolerance: tolerance 2 of what\? give the unit"),
    "tolerance of an attribute without unit": (
        add(EVENTS, ("type: number}}", "type: number, tolerance: 0.5}}")),
        r"small\.yaml:26: variables\[2\]\.attributes\.dose\.tolerance: tolerance 0\.5 of what\?"),
    "tolerance of levels": (replace(STUDY, STAGE, "type: nominal, levels: [I, II], tolerance: 1}"),
                            r"small\.yaml:21: variables\[0\]\.tolerance: tolerance goes with a number or a date"),
    "negative tolerance": (replace(STUDY, "type: date}", "type: date, tolerance: -7}"),
                           r"small\.yaml:22: variables\[1\]\.tolerance: .*greater than or equal to 0"),
    "negative margin": (replace(STUDY, "    comparator: registry", "    comparator: registry\n    margin: -0.1"),
                        r"small\.yaml:32: analyses\[0\]\.margin: a margin of -0\.1 is no hazard ratio.*give"),
    "margin of one": (replace(STUDY, "    comparator: registry", "    comparator: registry\n    margin: 1"),
                      r"small\.yaml:32: analyses\[0\]\.margin: a margin of 1 is no hazard ratio above 1"),
    "a missing limit above one": (replace(STUDY, "data: ../data", "data: ../data\nmissing_limit: 10"),
                                  r"small\.yaml:4: missing_limit: .*less than 1"),
    "weights of too many levels": (weigh("[[0, 1, 2], [1, 0, 1], [2, 1, 0]]"),
                                   r"small\.yaml:21: variables\[0\]\.weights: 3 rows of 3 numbers for 2 levels"),
    "weights that are not square": (weigh("[[0, 1], [1]]"), r"variables\[0\]\.weights: 2 rows of 1/2 numbers for 2"),
    "weights that are not symmetric": (weigh("[[0, 1], [2, 0]]"), r"weights: I against II weighs 1 one way and 2 the"),
    "weights with a diagonal": (weigh("[[1, 1], [1, 0]]"), r"weights: I against itself weighs 1; .*give 0"),
    "negative weights": (weigh("[[0, -1], [-1, 0]]"), r"weights: the weight of I against II is negative"),
    "weights of nothing": (weigh("[[0, 0], [0, 0]]"), r"weights: all weights are 0"),
    "weights that are no numbers": (weigh("[[0, near], [near, 0]]"), r"weights: a weight is not a number"),
    "weights by another word": (weigh("cubic"), r"small\.yaml:21: variables\[0\]\.weights: write linear, quadratic"),
    "weights without order": (replace(STUDY, STAGE, "type: nominal, levels: [I, II], weights: linear}"),
                              r"small\.yaml:21: variables\[0\]\.weights: weights go with an ordinal variable"),
    "window of zero": (add(EVENTS, ("window: 30", "window: 0")),
                       r"small\.yaml:27: variables\[2\]\.match\.window: a window of 0 days .*give at least 1"),
    "rule of an unknown variable": (replace(STUDY, "endpoints:\n", f"{RULE}endpoints:\n"),
                                    r"small\.yaml:26: rules\[0\]\.expression: .*born is not a variable; declare it"),
    "everybody tuned": (tune("yes"), r"patients\.csv: column tuned: no patient is left to evaluate: all 8 were used"),
    "a development flag that is none": (tune("no", "perhaps"),
                                        r"patients\.csv:3: column tuned: 7 cells from this line on are neither"),
    "an analysis of tuned patients": (
        ask_for_tuned("    endpoint: os\n", "    endpoint: os\n    population: {used: ['yes']}\n"),
        r"small\.yaml:31: analyses\[0\]\.population: used tells who was used for development.*drop it"),
    "strata by tuned patients": (ask_for_tuned("endpoints:\n", "stratify_by: [used]\nendpoints:\n"),
                                 r"small\.yaml:25: stratify_by: used tells who was used for development"),
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
    (project / "notebooks" / "03_agreement.ipynb").unlink()  # neither sentence is this one's
    monkeypatch.chdir(project)
    code = run_command(["run", "protocol/small.yaml", "--workers", "1"])
    err = capsys.readouterr().err
    assert code == 2
    assert re.search(said, err, re.IGNORECASE)
    run = project / "runs" / "small"
    assert not (run / "manifest.json").exists()
    assert not list(run.rglob("*.partial"))


def test_what_is_refused_can_be_said_rightly(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same study with a unit, fitting weights, a window and some patients tuned passes the check."""
    add(f"  - {{name: weight, {LABELS}, type: number, unit: kg, tolerance: 2}}\n{EVENTS}")(project)
    weigh("[[0, 1], [1, 0]]")(project)
    replace(STUDY, "    comparator: registry", "    comparator: registry\n    margin: 1.2")(project)
    tune("yes", "no")(project)
    assert run_command(["check", str(project / "protocol" / "small.yaml")]) == 0
    assert "8 patients, 7 of them evaluated" in capsys.readouterr().out


@pytest.mark.slow
def test_the_mended_study_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a fault, the same study checks and runs to its manifest."""
    monkeypatch.chdir(project)
    assert run_command(["check", "protocol/small.yaml"]) == 0
    assert run_command(["run", "protocol/small.yaml", "--workers", "2"]) == 0
    assert (project / "runs" / "small" / "manifest.json").exists()
