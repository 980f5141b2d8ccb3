"""The README is true: its table is made from rows, its commands exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from demo_study import compare_demo, read_demo
from probatio.acceptance import estimate_acceptance
from probatio.checks import estimate_checks
from probatio.cli.app import app
from probatio.display.summary import render_summary_table
from probatio.measures import estimate_agreement
from probatio.measures.completeness import estimate_completeness
from probatio.measures.heterogeneity import estimate_heterogeneity
from probatio.measures.monitoring import estimate_monitoring
from probatio.resampling import Draws
from probatio.results import derive_table

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
SHOWN = ["sex", "stage", "brain_mets", "pdl1", "smoking", "response", "death_date", "ecog"]


def test_the_table_is_that_of_the_demonstration_study() -> None:
    """Every cell of the README's table is what the study's rows give today."""
    (protocol, records), comparison = read_demo(), compare_demo()
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    agreement = derive_table(estimate_agreement(comparison, protocol, draws=draws))
    judged = [agreement, estimate_heterogeneity(comparison, protocol), estimate_monitoring(comparison, protocol)]
    judged += [estimate_completeness(records, protocol), estimate_checks(records, protocol)]
    acceptance = derive_table(estimate_acceptance(pd.concat(judged), protocol))
    table = render_summary_table(agreement, acceptance, protocol, language="en", variables=SHOWN)
    block = re.search(r"<!-- summary: demo -->\n(.*?)<!-- end -->", README, re.DOTALL)
    assert block
    head, _, *body = block[1].strip().split("\n")
    assert [cell.strip() for cell in head.strip("|").split("|")] == list(table.columns)
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in body] == [list(r) for r in table.rows]


def test_the_commands_exist() -> None:
    """Each `probatio <command>` of the README answers to --help."""
    named = set(re.findall(r"probatio (check|run|report|verify|reproduce|data|\w+)\b", README)) & set(
        re.findall(r"`probatio (\w+)", README)
    )
    assert {"check", "run", "report", "verify", "reproduce", "data"} <= named
    for name in sorted(named):
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0


def test_every_file_that_the_readme_names_is_there() -> None:
    """Pictures, protocols and lists exist under the names given."""
    named = re.findall(r"(?:\(|`)((?:protocol|data|reports)/[\w./-]+\.\w+)", README)
    assert len(named) >= 5
    missing = [name for name in named if not (PROJECT / name).exists() and "yours" not in name]
    assert missing == []


def test_the_map_has_every_room_in_its_order() -> None:
    """CONTRIBUTING names the rooms from the lowest to the highest, as the order that lint checks."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([a-z]+)` \|", text, flags=re.MULTILINE)
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert named == settings["tool"]["importlinter"]["contracts"][0]["layers"][::-1]
