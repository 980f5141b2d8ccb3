"""`probatio plan` prints the table, writes its rows, and names file, line and key of a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from planned_study import DEMO, write_small
from probatio.cli import run_command
from probatio.results import read_rows

PROJECT = Path(__file__).parents[2]


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run_command([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_plan_prints_the_demonstration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The table holds the golden floor and its patients, and the rows are those of the CSV file."""
    code, out, err = call(capsys, "plan", DEMO, "--csv", tmp_path / "plan.csv")
    assert (code, err) == (0, "")
    line = next(line for line in out.splitlines() if "Stade" in line and "Erreur" in line)
    assert [word for word in line.split() if word in ("316", "352", "●")] == ["316", "352", "●"]
    assert "Puissance avec 300" in out
    assert "Centres" in out
    rows = read_rows(tmp_path / "plan.csv")
    assert set(rows["study"]) == {"demo"}
    assert rows["protocol_digest"].str.len().eq(64).all()


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("power: 0.8", "power: 1.2", "study.yaml:17: planning.power: input should be less than 1"),
        ("power: 0.8", "power: 0", "study.yaml:17: planning.power: input should be greater than 0"),
        ("{error_rate: 0.05}", "{error_rate: 0.2}", "study.yaml:25: planning.alternatives[1].expected.error_rate: 0.2"),
        ("threshold: 0.05", "threshold: -0.05", "acceptance.yaml:11: sets[0].criteria[1]: threshold -0.05: the margin"),
        ("discordance: 0.06", "discordance: -1", "study.yaml:22: planning.alternatives[0].discordance"),
        ("      discordance: 0.06\n", "", "study.yaml:20: planning.alternatives[0]: an expected difference needs"),
        ("variables: [weight]", "variables: [wait]", "planning.alternatives[1].variables: ['wait'] is not declared"),
        ("missing: 0.2", "missing: 1", "study.yaml:24: planning.alternatives[1].missing"),
        ("patients: 400", "patient: 400", "study.yaml:16: planning.patient: unknown key"),
        ("    - types: [nominal]", "    - types: [nominal]\n      variables: [stage]", "give types or variables"),
        ("{error_rate: 0.05}", "{error_rate: -0.05}", "error_rate is a rate; give a number from 0 to 1"),
        ("error_difference: 0}", "error_difference: 0.07}", "discordance cannot be smaller"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, old: str, new: str, where: str
) -> None:
    """File, line and key path, exit code 2, and no rows are written."""
    path = write_small(tmp_path, old, new)
    code, out, err = call(capsys, "plan", path, "--csv", tmp_path / "plan.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert where in err
    assert not (tmp_path / "plan.csv").exists()


def test_a_protocol_without_a_plan_says_what_to_add(capsys: pytest.CaptureFixture[str]) -> None:
    """The lung study has no plan: the sentence says so and names an example."""
    code, _, err = call(capsys, "plan", PROJECT / "protocol" / "lung.yaml")
    assert code == 2
    assert "planning: missing; add the patients" in err


def test_rows_that_cannot_be_written_are_a_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder that is a file is named in one sentence."""
    (tmp_path / "taken").write_text("", encoding="utf-8")
    code, _, err = call(capsys, "plan", DEMO, "--csv", tmp_path / "taken" / "plan.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be written" in err
