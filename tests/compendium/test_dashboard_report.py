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
from typing import Any

import pandas as pd
import pytest

from dashboard_study import CENTRES, SMALL, make_missing, make_rows
from probatio.compendium.dashboard import describe_run
from probatio.compendium.dashboard_released import write_released_page
from probatio.compendium.in_clone import reserve_pieces
from probatio.compendium.rendering import find_quarto
from probatio.compendium.report import render_report
from probatio.display.dashboard import NOTEBOOKS
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
from probatio.provenance.release import Release, derive_pseudonyms, read_key, suppress_rows
from probatio.provenance.release.pseudonyms import replace_names
from probatio.provenance.release.releasing import list_centres
from probatio.results import derive_csv, derive_table, read_rows, write_bytes

PROJECT = Path(__file__).parents[2]


def write_run(path: Path, rows_by_name: dict[str, pd.DataFrame], time: str = "2026-11-26T03:42:45+00:00") -> Path:
    """Write a finished run of the demonstration study, as a pipeline leaves it."""
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    folder, digest = RunFolder(path), compute_protocol_digest(protocol)
    tasks = {}
    for name, rows in rows_by_name.items():
        task = folder.get_task(name)
        table = derive_table(rows, study="demo", section=name, protocol_digest=digest)
        write_bytes(task.rows, derive_csv(table))
        tasks[name] = TaskRecord(notebook="x", needs=[], outputs=derive_output_digests(task), confidential={})
    write_manifest(folder.path, Manifest(
        study="demo", protocol=ProtocolRecord(path="protocol/demo.yaml", digest=digest), data={}, parameters={},
        tasks=tasks, recorded={"time": time},
        environment={"probatio": "0.1.0", "python": "3.11.7", "commit": "0123456789abcdef", "dirty": True},
    ))  # fmt: skip
    return folder.path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with made-up rows; not to be changed."""
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    return write_run(tmp_path_factory.mktemp("runs") / "demo", make_rows(protocol))


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
    path = RunFolder(run).confidential / "release_names.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.split(b"\n")[0] + b"\n")
    render_report(run, ["html"], project=PROJECT, document="dashboard")
    assert path.read_bytes() == whole


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


@pytest.fixture(scope="module")
def released(made: Path) -> Release:
    """What may leave of it, as `probatio release` finds; made-up rows have no benchmark."""
    protocol = read_protocol(PROJECT / "protocol" / "demo.yaml")
    tables = [read_rows(RunFolder(made).get_task(name).rows).assign(section=name) for name in NOTEBOOKS]
    found = suppress_rows(pd.concat(tables, ignore_index=True), protocol.min_stratum, events=[]).rows
    digest = compute_protocol_digest(protocol)
    names = derive_pseudonyms(protocol, list_centres(tables), key=read_key(made), digest=digest)
    rows = {name: derive_table(replace_names(found[found["section"] == name], names)) for name in NOTEBOOKS}
    return Release(protocol.min_stratum, rows, {}, derive_table([]), pd.DataFrame())


def read_payload(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="dashboard-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_released_page_shows_no_small_count_and_no_name(run: Path, released: Release) -> None:
    """No n or k from 1 to 9 in any table; sources bear pseudonyms in their order; centres, limits and files stay."""
    path = write_released_page(released, run=run, project=PROJECT)
    assert (
        path.name
        == f"demo-{compute_protocol_digest(read_protocol(PROJECT / 'protocol' / 'demo.yaml'))[:12]}.dashboard.html"
    )
    payload = read_payload(path.read_text("utf-8"))
    cells = [row[at] for name in ("errors", "differences", "new_centre", "by_centre", "review", "missing")
             for panel in [payload["panels"][name]] for at, column in enumerate(panel["columns"])
             if column["kind"] == "estimate" for row in panel["rows"] if row[at]]  # fmt: skip
    told = [cell for cell in cells if not isinstance(cell[0], str)]
    assert 0 < len(told) < len(cells)
    assert not [cell for cell in told if any(count in range(1, 10) for count in cell[3:5])]
    assert [cell[1] for cell in cells if isinstance(cell[0], str)].count("disclosure") > 0
    text = json.dumps(payload, ensure_ascii=False)
    assert not [name for name in ("ai_a", "IA A", "lector", *CENTRES) if re.search(rf"(?i)\b{name}\b", text)]
    labels = [source["label"][0] for source in payload["names"]["sources"] if source["id"].startswith("technology")]
    assert labels == sorted(labels)
    assert payload["study"]["limits"] == []
    assert set(payload["run"]) == {"commit", "protocol", "version"}


def test_a_released_page_is_the_same_from_another_day(run: Path, released: Release) -> None:
    """It depends on what is released, and on the key of the pseudonyms, not on when and where the run was."""
    first = write_released_page(released, run=run, project=PROJECT).read_bytes()
    write_manifest(run, read_manifest(run).model_copy(update={"recorded": {"time": "2027-01-01T00:00:00+00:00"}}))
    assert write_released_page(released, run=run, project=PROJECT).read_bytes() == first


def test_a_page_whose_texts_name_a_centre_is_not_released(made: Path, released: Release, tmp_path: Path) -> None:
    """Here a centre is called like a word of the study's title: the page is refused, and not written."""
    run = write_run(tmp_path / "demo", {"02_data_quality": derive_table(make_missing(["access"], ("bronchique",)))})
    shutil.copytree(made / "confidential", run / "confidential")
    with pytest.raises(UserError, match="its texts hold 'bronchique', the name of a centre"):
        write_released_page(released, run=run, project=PROJECT)
    assert not list(run.glob("*.dashboard.html"))


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
