"""`probatio report --document dashboard` writes one file, refuses what is stale, and Quarto gives the same page."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dashboard_study import CENTRES, SMALL, make_rows
from probatio.compendium.dashboard import describe_run
from probatio.compendium.in_clone import reserve_pieces
from probatio.compendium.rendering import find_quarto
from probatio.compendium.report import render_report
from probatio.protocol import UserError, compute_protocol_digest, read_protocol
from probatio.provenance import (
    Manifest,
    ProtocolRecord,
    RunFolder,
    TaskRecord,
    derive_output_digests,
    read_manifest,
    write_manifest,
)
from probatio.results import derive_csv, derive_table, write_bytes

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the demonstration study with made-up rows, as a pipeline leaves it; not to be changed."""
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    folder, digest = RunFolder(tmp_path_factory.mktemp("runs") / "demo"), compute_protocol_digest(protocol)
    tasks = {}
    for name, rows in make_rows(protocol).items():
        task = folder.get_task(name)
        table = derive_table(rows, study="demo", section=name, protocol_digest=digest)
        write_bytes(task.rows, derive_csv(table))
        tasks[name] = TaskRecord(notebook="x", needs=[], outputs=derive_output_digests(task), confidential={})
    write_manifest(folder.path, Manifest(
        study="demo", protocol=ProtocolRecord(path="protocol/demo.yaml", digest=digest), data={}, parameters={},
        tasks=tasks, recorded={"time": "2026-11-26T03:42:45+00:00"},
        environment={"probatio": "0.1.0", "python": "3.11.7", "commit": "0123456789abcdef", "dirty": True},
    ))  # fmt: skip
    return folder.path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "demo"))


def test_one_file_is_written_twice_the_same(run: Path) -> None:
    """Whole, with its policy, and the same bytes when it is made again."""
    path = render_report(run, ["html"], project=PROJECT, document="dashboard")["html"]
    assert path == run / "report" / "dashboard.html"
    first = path.read_bytes()
    assert first.startswith(b"<!doctype html>")
    assert b"Content-Security-Policy" in first
    assert b'"commit":"0123456789ab +"' in first
    render_report(run, ["html"], project=PROJECT, document="dashboard", renderer="embedded")
    assert path.read_bytes() == first


def test_centres_bear_the_pseudonyms_of_a_release(run: Path) -> None:
    """No name of a centre is in the page; whoever holds the run finds them again in its confidential folder."""
    page = render_report(run, ["html"], project=PROJECT, document="dashboard")["html"].read_text("utf-8")
    table = pd.read_csv(RunFolder(run).confidential / "release_names.csv")
    named = table[table["kind"] == "centre"].set_index("name")["pseudonym"]
    assert set(CENTRES) <= set(named.index)
    assert [name for name in CENTRES if f'"{name}"' in page or f">{name}<" in page] == []
    assert all(f'"{named[name]}"' in page for name in CENTRES if name != SMALL)


def test_no_file_of_data_is_named(made: Path) -> None:
    """A file may bear the name of a patient or a centre: the page tells how many there are and one digest of all."""
    manifest = read_manifest(made).model_copy(update={"data": {"chu-xville/dupont.txt": "a" * 64, "b.csv": "b" * 64}})
    said = describe_run(manifest, checked=True)
    assert said["files"] == 2
    assert "dupont" not in json.dumps(said)
    assert said["data"] != describe_run(manifest.model_copy(update={"data": {}}), checked=True)["data"]


def test_another_format_is_refused(run: Path) -> None:
    """A page is printed from the browser: one sentence, and nothing is written."""
    with pytest.raises(UserError, match="the dashboard is a page"):
        render_report(run, ["pdf"], project=PROJECT, document="dashboard")
    assert not (run / "report" / "dashboard.html").exists()


def test_rows_changed_after_the_run_are_refused(run: Path) -> None:
    """An altered verdict never reaches the committee."""
    path = RunFolder(run).get_task("09_acceptance").rows
    path.write_text(path.read_text("utf-8").replace("not_accepted", "accepted"), encoding="utf-8", newline="")
    with pytest.raises(UserError, match=r"09_acceptance/rows\.csv changed after the run"):
        render_report(run, ["html"], project=PROJECT, document="dashboard")


@pytest.mark.skipif(find_quarto() is None, reason="Quarto is not installed")
def test_quarto_gives_the_same_page(run: Path, tmp_path: Path) -> None:
    """`quarto render reports/dashboard` in a clone: style, script and data byte by byte, under the same policy."""
    ours = render_report(run, ["html"], project=PROJECT, document="dashboard")["html"].read_text("utf-8")
    project = tmp_path / "clone"
    for name in ("reports/_shared", "reports/dashboard", "protocol", "data/demo"):
        shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("_run", "_book", ".quarto"))
    (project / "notebooks").mkdir()
    reserve_pieces(project)  # as every run does: Quarto looks for what is included before its first step
    command = [str(find_quarto()), "render", str(project / "reports" / "dashboard")]
    subprocess.run(command, check=True, capture_output=True,
                   env={**os.environ, "PROBATIO_RUN": str(run), "QUARTO_PYTHON": sys.executable})  # fmt: skip
    theirs = next((project / "reports" / "dashboard" / "_book").glob("*.html")).read_text("utf-8")
    data = re.compile(r'<script type="application/json" id="dashboard-data">(.*?)</script>', re.DOTALL)
    assert data.findall(theirs) == data.findall(ours)
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', theirs)[0]
    for tag in ("style", "script"):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", ours, re.DOTALL)[-1]
        assert f"<{tag}>{text}</{tag}>" in theirs
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
