"""The released folder: whole or absent, under pseudonyms, without a name in any byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from release_study import list_outcome_rows

from probatio.protocol import UserError, compute_protocol_digest, read_protocol
from probatio.provenance import (
    Manifest,
    ProtocolRecord,
    RunFolder,
    TaskRecord,
    derive_output_digests,
    write_manifest,
)
from probatio.provenance.release import Release, release_run, search_bytes
from probatio.provenance.release.searching import is_ordinary
from probatio.results import build_row, derive_csv, derive_series, derive_table, read_rows, write_bytes

CENTRES = ["CHU de Besançon", "Institut Gustave-Roussy", "AI", "rate", "Hôpital Nord", "Lyon"]
PROTOCOL = """
study: small
title: {en: Small, fr: Petite}
data: ../data
resampling: {seed: 1}
patients: {file: {path: p.csv}, centre: {label: {en: Centre, fr: Centre}, column: centre}}
sources:
  - {name: registry, label: {en: Registry, fr: Registre}, role: reference, files: [{path: r.csv, layout: long}]}
  - {name: form, label: {en: Form, fr: Formulaire}, role: manual, files: [{path: m.csv, layout: long}]}
  - name: scriba
    label: {en: Scriba Pro, fr: Scriba Pro}
    role: ai
    version: scriba-0.9
    files: [{path: a.csv, layout: long}]
variables:
  - {name: stage, label: {en: Stage, fr: Stade}, type: nominal, levels: [I, II]}
  - {name: sex, label: {en: Sex, fr: Sexe}, type: nominal, levels: [M, F]}
"""


def derive_rows() -> pd.DataFrame:
    """Return rates of two sources and two variables, overall and by centre; the last two centres are small."""
    random, rows = np.random.default_rng(1), []
    sizes = [90, 80, 70, 60, 20, 12]
    for source in ("scriba", "form"):
        for variable in ("stage", "sex"):
            key = {"source": source, "comparator": "registry", "variable": variable}
            tables = [_draw(random, size) for size in sizes]
            rows += list_outcome_rows({name: sum(table[name] for table in tables) for name in "CWOUB"}, **key)
            for centre, table in zip(CENTRES, tables, strict=True):
                rows += list_outcome_rows(table, stratum_by="centre", stratum=centre, **key)
    rows.append(build_row("leave_one_out_error_rate", 0.2, term=CENTRES[0], source="scriba", comparator="registry",
                          section="03_agreement"))  # fmt: skip
    return derive_table(rows, study="small", section="03_agreement")


def _draw(random: np.random.Generator, size: int) -> dict[str, int]:
    omitted = int(random.binomial(size, 0.1))
    wrong = int(random.binomial(size - omitted, 0.2))
    return {"C": size - omitted - wrong, "W": wrong, "O": omitted, "U": 0, "B": 0}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a finished run of one task; not to be changed."""
    project = tmp_path_factory.mktemp("released")
    path = project / "protocol" / "small.yaml"
    write_bytes(path, PROTOCOL.encode())
    digest = compute_protocol_digest(read_protocol(path))
    folder = RunFolder(project / "runs" / "small")
    task = folder.get_task("03_agreement")
    write_bytes(task.rows, derive_csv(derive_rows()))
    curve = [{"metric": "cost", "source": "scriba", "x": x / 10, "y": 0.1} for x in range(3)]
    write_bytes(task.series / "numbers.csv", derive_csv(derive_series(curve, section="03_agreement")))
    record = TaskRecord(notebook="x", needs=[], outputs=derive_output_digests(task), confidential={})
    write_manifest(folder.path, Manifest(
        study="small", protocol=ProtocolRecord(path="protocol/small.yaml", digest=digest), data={}, parameters={},
        tasks={"03_agreement": record}, recorded={}, environment={"probatio": "0.1.0", "commit": "0123456789ab"},
    ))  # fmt: skip
    return project


@pytest.fixture(scope="module")
def released(project: Path) -> Path:
    release_run(project / "runs" / "small", project / "out", project=project)
    return project / "out"


def read_all(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_no_name_stands_in_any_byte(released: Path) -> None:
    """Neither centres nor the technology, its version or label, in file or file name; ordinary words aside."""
    files = read_all(released)
    names = [*CENTRES, "scriba", "scriba-0.9", "Scriba Pro"]
    for file, content in files.items():
        assert search_bytes(file.encode() + b"\n" + content, names) == set()
    plain = [name for name in names if not is_ordinary(name)]
    assert len(plain) == len(names) - 2
    assert not any(name.encode() in content for content in files.values() for name in plain)


def test_names_of_ordinary_words_are_replaced_in_their_cells(released: Path) -> None:
    """The centres called `AI` and `rate` are pseudonyms in every row of a centre."""
    rows = read_rows(released / "rows" / "03_agreement.csv")
    shown = set(rows.loc[rows["stratum_by"] == "centre", "stratum"])
    assert all(name.startswith("centre-") for name in shown)
    assert len(shown) == len(CENTRES)


def test_pseudonyms_agree_between_files_and_releases(project: Path, released: Path) -> None:
    """Rows and benchmark call a centre the same; a second release has the same bytes; the key does not leave."""
    rows, benchmark = (read_rows(released / name) for name in ("rows/03_agreement.csv", "benchmark/benchmark.csv"))
    assert set(benchmark["stratum"]) - {""} <= set(rows["stratum"])
    assert set(benchmark["source"]) <= set(rows["source"])
    release_run(project / "runs" / "small", project / "again", project=project)
    assert read_all(project / "again") == read_all(released)
    key = json.loads((project / "runs" / "small" / "confidential" / "release_key.json").read_text("utf-8"))["key"]
    assert not any(key.encode() in content for content in read_all(released).values())


def test_the_benchmark_merges_small_centres_and_rounds(released: Path) -> None:
    """Centres are told apart but for two at least; n and patients are multiples of the minimum, k is gone."""
    benchmark = read_rows(released / "benchmark" / "benchmark.csv")
    lines = benchmark[(benchmark["metric"] == "error_rate") & (benchmark["source"] == "manual")]
    assert sorted(lines["term"])[-1] == "others"
    assert 2 <= (lines["term"] == "").sum() <= 4
    assert (lines["n"] % 10 == 0).all()
    assert lines["k"].isna().all()
    assert set(benchmark["metric"]) >= {"centre_median_error_rate", "centre_sd_error_rate", "shrunken_error_rate"}


def test_pages_speak_both_languages(released: Path) -> None:
    """The comparison is a page of its own in French and English, with its figure inside and nothing from outside."""
    for language, word in (("fr", "Autres centres réunis"), ("en", "Other centres together")):
        page = (released / "benchmark" / f"benchmark_{language}.html").read_text("utf-8")
        assert "default-src 'none'" in page
        assert 'name="viewport"' in page
        assert "size:A4 landscape" in page  # on a page standing, the last two columns were cut
        assert not re.search(r"<th[^>]*></th>", page)
        assert f'lang="{language}"' in page
        assert word in page
        assert "<svg" in page
        assert "src=" not in page


def test_the_folder_says_what_it_holds_and_what_was_withheld(released: Path) -> None:
    """The README names each file; the summary counts every row of the run."""
    text = (released / "README.md").read_text("utf-8")
    assert all(name in text for name in ("rows/", "series/", "benchmark/", "suppressed.csv", "disclosure.json"))
    summary = pd.read_csv(released / "suppressed.csv")
    own = summary[summary["kind"] == "row"]
    assert own["before"].sum() == len(derive_rows())
    assert (own["before"] == own[["silent", "kept", "without_counts", "withheld"]].sum(axis=1)).all()


def test_a_folder_in_the_way_is_not_overwritten(project: Path, released: Path) -> None:
    """Without --overwrite nothing is touched."""
    before = read_all(released)
    with pytest.raises(UserError, match="already there"):
        release_run(project / "runs" / "small", released, project=project)
    assert read_all(released) == before


def test_a_name_brought_in_by_another_is_refused_and_nothing_is_left(project: Path) -> None:
    """What a caller adds is searched: a centre in a file it wrote stops the release, which says where."""

    def wrap(folder: Path, release: Release) -> None:
        write_bytes(folder / "notes.txt", b"merci au chu de besancon")

    out = project / "refused"
    with pytest.raises(UserError, match=r"notes\.txt holds 'CHU de Besançon'"):
        release_run(project / "runs" / "small", out, project=project, wrap=wrap)
    assert not out.exists()
    assert not out.with_name("refused.partial").exists()


def test_a_spoilt_key_is_refused(project: Path, tmp_path: Path) -> None:
    """A key that is not what was written would give other pseudonyms: say so."""
    import shutil

    shutil.copytree(project, tmp_path / "copy")
    run = tmp_path / "copy" / "runs" / "small"
    write_bytes(run / "confidential" / "release_key.json", b"{}")
    with pytest.raises(UserError, match="not the key of pseudonyms"):
        release_run(run, tmp_path / "out", project=tmp_path / "copy")
