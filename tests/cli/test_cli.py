"""Every command ends with the right exit code, and a mistake of the user's with one sentence."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from miniature import Miniature
from probatio import __version__
from probatio.cli import run_command
from probatio.provenance import RunFolder


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run_command([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints it, no command prints the help, and every command has its own."""
    assert call(capsys, "--version") == (0, f"probatio {__version__}\n", "")
    assert "reproduce" in call(capsys, "--help")[1]
    for command in ("check", "run", "report", "verify", "reproduce", "schema"):
        assert call(capsys, command, "--help")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["frobnicate"], "No such command"),
        (["run"], "Missing argument"),
        (["run", "x.yaml", "--worker", "2"], "No such option"),
        (["run", "x.yaml", "--workers", "0"], "Invalid value"),
        (["run", "x.yaml", "-p", "word"], "-p word: expected name=value."),
        (["check", "none.yaml"], "none.yaml: no such protocol"),
        (["verify", "none"], "no complete run in this folder"),
    ],
)
def test_mistakes_are_one_sentence(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], sentence: str,
) -> None:  # fmt: skip
    """A wrong word, option or file is one line on standard error, no traceback, exit code 2."""
    monkeypatch.chdir(miniature.path)
    code, out, err = call(capsys, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("probatio: ")
    assert sentence in err


def test_check_says_what_the_data_hold(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` shows patients, values and what does not conform, and runs nothing."""
    miniature.edit(miniature.data / "model.csv", "P3,I", "P3,VII")
    code, out, err = call(capsys, "check", miniature.protocol)
    assert (code, err) == (0, "")
    assert "3 patients, 3 of them evaluated" in out
    cells = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith(("registry", "model"))}
    assert cells["registry"] == ["reference", "3", "0", "0", "3", "0", "0"]
    assert cells["model"] == ["ai", "3", "0", "0", "3", "1", "3"]
    assert "warning: model: 1 values do not conform and count as wrong (stage 1)" in out
    assert "warning: registry and model are not declared independent" in out
    assert not miniature.run.exists()


def test_check_names_a_code_that_is_no_level(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """A frequent code is named with file, line and key path; a rare or long text, maybe a patient's, never is."""
    content = "patient_id,stage\nP1,IV\nP2,IV\nP3,IV\n"
    (miniature.data / "model.csv").write_text(content, encoding="utf-8")
    code, out, _ = call(capsys, "check", miniature.protocol)
    assert code == 0
    assert re.search(r"mini\.yaml:\d+: variables\[0\]\.levels: 'IV' appears in source 'model' \(3 values\)", out)
    (miniature.data / "model.csv").write_text(content.replace("P3,IV", "P3,Mrs Smith"), encoding="utf-8")
    assert "Smith" not in call(capsys, "check", miniature.protocol)[1]
    (miniature.data / "model.csv").write_text(content.replace("IV", "\x1b[2JIV"), encoding="utf-8")
    assert "\x1b" not in call(capsys, "check", miniature.protocol)[1]


def test_check_refuses_broken_data(miniature: Miniature, capsys: pytest.CaptureFixture[str]) -> None:
    """Data that cannot be read as declared end `check` with a sentence that names the file."""
    (miniature.data / "model.csv").write_text("", encoding="utf-8")
    code, _, err = call(capsys, "check", miniature.protocol)
    assert code == 2
    assert "model.csv: the file is empty" in err


def test_run_says_what_ran_and_why(
    copied: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` keeps its run in runs/<study>, prints each notebook's reason, and a summary; then all is fresh."""
    monkeypatch.chdir(copied.path)
    code, out, err = call(capsys, "run", "protocol/mini.yaml", "-p", "word=else")
    assert code == 0
    assert "03_third: parameter word changed\n03_third: done in " in err
    assert "runs/mini: 1 notebook run, 2 fresh, " in out
    code, out, err = call(capsys, "run", "protocol/mini.yaml", "-p", "word=else")
    assert (code, err) == (0, "")
    assert "runs/mini: 0 notebooks run, 3 fresh, " in out


def test_faults_are_told_by_type_only(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unforeseen error shows its type, exit code 1; its text, which may hold a patient, only with --debug."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("P7")

    monkeypatch.setattr("probatio.cli.checking.read_protocol", fail)
    code, _, err = call(capsys, "check", miniature.protocol)
    assert (code, "P7" in err, "unforeseen KeyError" in err, err.count("\n")) == (1, False, True, 1)
    code, _, err = call(capsys, "check", miniature.protocol, "--debug")
    assert (code, "KeyError: 'P7'" in err) == (1, True)


def test_stopping_and_full_disk(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is exit code 130; a disk that is full is exit code 2 and a sentence."""
    for error, code, sentence in (
        (KeyboardInterrupt(), 130, "takes up where it was"),
        (OSError(28, "No space left on device"), 2, "the disk is full"),
    ):

        def stop(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr("probatio.cli.checking.read_protocol", stop)
        found, _, err = call(capsys, "check", miniature.protocol)
        assert (found, sentence in err, err.count("\n")) == (code, True, 1)


def test_reader_that_leaves_is_no_error(miniature: Miniature) -> None:
    """When the reader of the output has left, as `head` does, the command ends quietly."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from probatio.cli import main; main()", "check", str(miniature.protocol)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_verify_finds_a_changed_row(
    copied: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row changed in the stored run is found: both values, the altered file, exit code 1; the run is not touched."""
    monkeypatch.chdir(copied.path)
    rows = RunFolder(copied.run).get_task("01_first").rows
    copied.edit(rows, ",first,,1.0,", ",first,,0.75,")
    code, out, _ = call(capsys, "verify", "runs/mini", "--json")
    found = json.loads(out)
    assert (code, found["outcome"]) == (1, "different")
    assert found["inputs"] == ["01_first/rows.csv: no longer what the manifest recorded; altered after the run"]
    (line,) = found["differences"]
    assert (line["task"], line["column"], line["stored"], line["again"]) == ("01_first", "estimate", "0.75", "1.0")
    assert ",0.75," in rows.read_text(encoding="utf-8")


def test_verify_prints_counts_and_agrees(
    copied: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An honest run is identical: exit code 0, and the table shows counts per task, then the protocol's proofs."""
    monkeypatch.chdir(copied.path)
    code, out, _ = call(capsys, "verify", "runs/mini")
    assert (code, out.splitlines()[-1]) == (0, "runs/mini: identical")
    assert out.splitlines()[-2].startswith("No external proof shows when this protocol existed")
    assert out.splitlines()[0].split() == [
        "task", "table", "identical", "equal", "within", "tolerance", "different", "missing", "extra"]  # fmt: skip
    assert "01_first   series/curve          3" in out


def test_report_passes_its_words_on(
    copied: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report` hands run, formats, project, document and renderer to the room that renders, and says where it is."""
    asked: list[object] = []

    def render(run: Path, formats: list[str], **settings: object) -> dict[str, Path]:
        asked.extend([run, formats, settings])
        return {"html": run / "report" / "index.html"}

    monkeypatch.setattr("probatio.compendium.report.render_report", render)
    code, out, _ = call(capsys, "report", copied.run, "--to", "html, pdf", "--renderer", "embedded")
    assert (code, out) == (0, f"html: {copied.run}/report/index.html\n")
    settings = {"project": copied.path, "document": "thesis", "renderer": "embedded"}
    assert asked == [copied.run, ["html", "pdf"], settings]


def test_fetch_reads_the_mirror(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`data fetch` verifies the files of PROBATIO_MIRROR in place; a study without downloads is a sentence."""
    monkeypatch.chdir(miniature.path)
    code, _, err = call(capsys, "data", "fetch", "mini")
    assert (code, "this study downloads nothing" in err) == (2, True)
    lines = [
        f"{path.name},{hashlib.sha256(path.read_bytes()).hexdigest()},{path.stat().st_size}"
        for path in sorted(miniature.data.glob("*.csv"))
    ]
    listed = miniature.path / "protocol" / "files.csv"
    listed.write_text("\n".join(["path,sha256,bytes", *lines, ""]), encoding="utf-8")
    miniature.data.rename(tmp_path / "mirror")
    miniature.edit(miniature.protocol, "data: ../data", "data: ../data\ndownloads: files.csv")
    monkeypatch.setenv("PROBATIO_MIRROR", str(tmp_path / "mirror"))
    code, out, _ = call(capsys, "data", "fetch", "mini")
    assert (code, out) == (0, f"{tmp_path}/mirror: 3 files verified, 0 downloaded now\n")
    assert call(capsys, "check", miniature.protocol)[0] == 0


def test_reproduce_makes_runs_and_reports_and_says_what_is_left_out(
    copied: Miniature, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`reproduce` ends with what was made, where and in how many seconds; absent public files are one line."""
    monkeypatch.chdir(copied.path)
    monkeypatch.delenv("PROBATIO_MIRROR", raising=False)
    (copied.data / "files.csv").write_text(f"path,sha256,bytes\nx.csv,{'0' * 64},10\n", encoding="utf-8")
    away = copied.protocol.read_text(encoding="utf-8").replace("study: mini", "study: away")
    away = away.replace("data: ../data", "data: ../data\ndownloads: ../data/files.csv")
    copied.protocol.with_name("away.yaml").write_text(away, encoding="utf-8")
    monkeypatch.setattr("probatio.cli.running.STUDIES", ("mini", "away"))
    monkeypatch.setattr("probatio.cli.running._render_thesis", lambda run, _: {"html": run / "report" / "index.html"})
    code, out, _ = call(capsys, "reproduce")
    assert code == 0
    assert "mini   html  " in out
    assert "away: its public files are not here: run `probatio data fetch away`, or set PROBATIO_MIRROR" in out
    assert sum(line.startswith("mini   0") for line in out.splitlines()) == 3
