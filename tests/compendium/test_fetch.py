"""The fetch of public data: complete and verified, resumed, or refused in one sentence."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from probatio.compendium.fetch import (
    DeclaredFile,
    FetchedFiles,
    check_files,
    fetch_files,
    find_data_root,
    find_mirror,
    read_file_list,
)
from probatio.protocol import UserError

ROOT = Path(__file__).parents[2]
TCGA = ROOT / "data" / "tcga" / "files.csv"
SECRET = b"the patient's own words "
CONTENT = {
    "owner/one/c0ffee/report 1.txt": SECRET * 10,
    "owner/one/c0ffee/table.csv": b"a,b\n1,2\n",
    "owner/two/beef/large.bin": hashlib.shake_256(b"large").digest(300_000),
}
LARGE = "owner/two/beef/large.bin"
SMALL = "owner/one/c0ffee/table.csv"

open_any = partial(urllib.request.urlopen, timeout=10)


@dataclass
class Server:
    """A loopback server whose faults are set by the test."""

    port: int = 0
    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    ranges: bool = True
    cut: Counter[str] = field(default_factory=Counter)  # so many answers break off half-way
    refuse: dict[str, list[int]] = field(default_factory=dict)  # status codes to give first
    hang: set[str] = field(default_factory=set)  # answers that stop half-way and wait
    log: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, server: Server, *args: object) -> None:
        self.setup_of_test = server
        super().__init__(*args)

    def log_message(self, *_: object) -> None:
        """Keep the tests quiet."""

    def do_GET(self) -> None:
        test, path = self.setup_of_test, urllib.request.unquote(self.path[1:])
        test.log.append((path, self.headers.get("Range", "")))
        if test.refuse.get(path):
            return self.send_error(test.refuse[path].pop(0))
        body = test.content[path]
        start = int(re.sub(r"\D", "", self.headers.get("Range", "")) or 0) if test.ranges else 0
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        return self._send(test, path, body[start:])

    def _send(self, test: Server, path: str, body: bytes) -> None:
        half = path in test.hang or test.cut[path] > 0
        test.cut[path] -= half
        self.wfile.write(body[: len(body) // 2] if half else body)
        self.wfile.flush()
        if path in test.hang:
            test.released.wait(20)


@pytest.fixture
def server() -> Iterator[Server]:
    test = Server()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, test)) as httpd:
        httpd.daemon_threads = True
        test.port = httpd.server_address[1]
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield test
        test.released.set()
        httpd.shutdown()
        thread.join()


@pytest.fixture
def study(tmp_path: Path, server: Server) -> Path:
    """Return a list of the served files, with the server's address beside it."""
    return write_list(tmp_path / "study", server.address)


def write_list(folder: Path, address: str) -> Path:
    folder.mkdir()
    (folder / "source.yaml").write_text(f"address: {address}\n", encoding="utf-8")
    lines = [f"{path},{hashlib.sha256(body).hexdigest()},{len(body)}\n" for path, body in CONTENT.items()]
    (folder / "files.csv").write_text("path,sha256,bytes\n" + "".join(lines), encoding="utf-8")
    return folder / "files.csv"


def fill(root: Path, content: dict[str, bytes] = CONTENT) -> Path:
    for path, body in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)
    return root


def fetch(study: Path, *, mirror: Path | None = None) -> FetchedFiles:
    return fetch_files(
        study, study.parent / "download", mirror=mirror, opener=open_any, pause=0.01, console=Console(quiet=True)
    )


def find_files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def leave_part(study: Path, path: str, body: bytes) -> None:
    fill(study.parent / "download", {f"{path}.part": body})


def test_all_declared_files_arrive_and_a_second_call_asks_for_none(study: Path, server: Server) -> None:
    """A fetch leaves exactly the declared files; the next one asks the server for nothing."""
    first = fetch(study)
    asked = len(server.log)
    second = fetch(study)
    assert first == FetchedFiles(study.parent / "download", files=3, downloaded=3)
    assert second == FetchedFiles(study.parent / "download", files=3, downloaded=0)
    assert find_files(first.root) == CONTENT
    assert asked == len(server.log) == 3
    assert find_data_root(study, first.root) == first.root


def test_progress_is_shown_to_its_end(study: Path) -> None:
    """The progress line names the number of files and reaches 100 %."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    fetch_files(study, study.parent / "download", mirror=None, opener=open_any, console=console)
    assert "3 files" in text.getvalue()
    assert "100%" in text.getvalue()


@pytest.mark.parametrize("ranges", [True, False])
def test_partial_file_is_continued_or_restarted(study: Path, server: Server, ranges: bool) -> None:
    """A `.part` is continued by HTTP Range; a server without ranges makes it start again; both end right."""
    server.ranges = ranges
    leave_part(study, LARGE, CONTENT[LARGE][:100_000])
    root = fetch(study).root
    assert (LARGE, "bytes=100000-") in server.log
    assert find_files(root) == CONTENT


def test_partial_file_that_is_complete_needs_no_request(study: Path, server: Server) -> None:
    """A `.part` that already holds all bytes is verified and renamed without asking the server."""
    leave_part(study, LARGE, CONTENT[LARGE])
    assert find_files(fetch(study).root) == CONTENT
    assert LARGE not in dict(server.log)


@pytest.mark.parametrize("body", [b"x" * 100_000, b"x" * 400_000, b"x" * 300_000], ids=["shorter", "longer", "equal"])
def test_spoilt_partial_file_is_downloaded_afresh(study: Path, server: Server, body: bytes) -> None:
    """A `.part` with other bytes cannot spoil the file: it is dropped and fetched from its beginning."""
    leave_part(study, LARGE, body)
    assert find_files(fetch(study).root) == CONTENT
    assert (LARGE, "") in server.log


def test_spoilt_file_is_replaced(study: Path, server: Server) -> None:
    """A downloaded file that changed on the disk is fetched again, and only that one."""
    root = fetch(study).root
    server.log.clear()
    (root / SMALL).write_bytes(b"a,b\n1,3\n")
    assert fetch(study).downloaded == 1
    assert server.log == [(SMALL, "")]
    assert find_files(root) == CONTENT


@pytest.mark.parametrize(
    "body", [b"X" * 300_000, b"X" * 20, CONTENT[LARGE] + b"X"], ids=["other bytes", "shorter", "longer"]
)
def test_wrong_content_is_refused_and_nothing_of_it_stays(study: Path, server: Server, body: bytes) -> None:
    """A wrong checksum is one sentence with file, expected and got; neither the file nor a `.part` stays."""
    server.content[LARGE] = body
    with pytest.raises(UserError, match=r"^[^\n]*expected SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}\)[^\n]*\.$") as caught:
        fetch(study)
    assert LARGE in str(caught.value)
    assert hashlib.sha256(CONTENT[LARGE]).hexdigest() in str(caught.value)
    assert not [path for path in find_files(study.parent / "download") if path.startswith(LARGE)]
    assert find_data_root(study, study.parent / "download") is None


def test_part_longer_than_the_served_file_does_not_block(study: Path, server: Server) -> None:
    """A `.part` that the server cannot continue (416) is dropped, and what is served is judged by its checksum."""
    server.content[LARGE] = b"X" * 20
    leave_part(study, LARGE, CONTENT[LARGE][:100_000])
    with pytest.raises(UserError, match="expected SHA-256"):
        fetch(study)
    assert not [path for path in find_files(study.parent / "download") if path.startswith(LARGE)]


def test_endless_answer_is_cut_off(study: Path, server: Server) -> None:
    """An answer longer than declared is left at once: it cannot fill the disk."""
    server.content[SMALL] = b"X" * 400_000
    server.hang = {SMALL}
    with pytest.raises(UserError, match="expected SHA-256"):
        fetch(study)


def test_messages_hold_no_content(study: Path, server: Server) -> None:
    """A refusal tells checksums, never a word of what the file holds."""
    server.content["owner/one/c0ffee/report 1.txt"] = SECRET * 9
    with pytest.raises(UserError) as caught:
        fetch(study)
    assert SECRET.decode().strip() not in str(caught.value)


def test_broken_connection_is_continued(study: Path, server: Server) -> None:
    """When the server hangs up half-way, the next attempt asks for the other half."""
    server.cut[LARGE] = 2
    assert find_files(fetch(study).root) == CONTENT
    assert [asked for path, asked in server.log if path == LARGE] == ["", "bytes=150000-", "bytes=225000-"]


def test_busy_server_is_asked_again(study: Path, server: Server) -> None:
    """Statuses 429 and 503 are tried again and cost no file."""
    server.refuse[SMALL] = [503, 429]
    assert find_files(fetch(study).root) == CONTENT
    assert Counter(path for path, _ in server.log)[SMALL] == 3


def test_server_that_stays_busy_is_one_sentence(study: Path, server: Server) -> None:
    """After five attempts the reason is told, and what to do."""
    server.refuse[SMALL] = [503] * 99
    with pytest.raises(UserError, match=r"^127\.0\.0\.1: .*table\.csv .*status 503.*run the same command again.*\.$"):
        fetch(study)
    assert Counter(path for path, _ in server.log)[SMALL] == 5


def test_absent_file_is_told_at_once(study: Path, server: Server) -> None:
    """A 404 is not tried again: the sentence names the address and the status."""
    server.refuse[SMALL] = [404]
    with pytest.raises(
        UserError, match=r"^http://127\.0\.0\.1:\d+/owner/one/c0ffee/table\.csv: the server answered 404"
    ):
        fetch(study)
    assert Counter(path for path, _ in server.log)[SMALL] == 1


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    """An address that nothing answers ends in a sentence that names the mirror; no file appears."""
    study = write_list(tmp_path / "study", "http://127.0.0.1:9/")
    with pytest.raises(UserError, match=r"^[^\n]*could not be downloaded \([^\n]+\)[^\n]*PROBATIO_MIRROR[^\n]*\.$"):
        fetch(study)
    assert find_files(study.parent / "download") == {}


def test_only_https_is_fetched_by_default(study: Path, server: Server) -> None:
    """Without an injected opener an http address is refused before any request."""
    with pytest.raises(UserError, match="only https"):
        fetch_files(study, study.parent / "download", mirror=None, console=Console(quiet=True))
    assert server.log == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_full_disk_is_one_sentence_and_leaves_nothing(study: Path) -> None:
    """A full disk is told in one sentence, and the piece that did not fit is removed."""
    part = study.parent / "download" / f"{LARGE}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"^[^\n]*large\.bin: the disk is full; [^\n]*\.$"):
        fetch(study)
    assert not part.is_symlink()


def test_unwritable_folder_is_one_sentence(study: Path) -> None:
    """A download folder that cannot be made is told in one sentence."""
    (study.parent / "download").write_text("a file stands where the folder should", encoding="utf-8")
    with pytest.raises(UserError, match=r"^[^\n]*cannot be written \([^\n]*permissions\.$"):
        fetch(study)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_fetch_killed_half_way_is_completed_by_the_next(study: Path, server: Server) -> None:
    """After a kill no unfinished file bears its name; the next fetch asks only for what is missing."""
    server.hang = {LARGE}
    code = (
        "import sys, urllib.request; from pathlib import Path; from probatio.compendium.fetch import fetch_files\n"
        "study = Path(sys.argv[1]); fetch_files(study, study.parent / 'download', mirror=None, "
        "opener=urllib.request.urlopen)"
    )
    root = study.parent / "download"
    part = root / f"{LARGE}.part"
    with subprocess.Popen([sys.executable, "-c", code, str(study)], stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: part.is_file() and part.stat().st_size > 0 and len(find_files(root)) == 3)
        process.send_signal(signal.SIGKILL)
    assert not (root / LARGE).exists()
    server.hang = set()
    server.log.clear()
    kept = part.stat().st_size
    assert fetch(study).downloaded == 1
    assert server.log == [(LARGE, f"bytes={kept}-")]
    assert find_files(root) == CONTENT


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end, "the download did not get half-way within 20 seconds"
        time.sleep(0.02)


def test_mirror_is_read_in_place(study: Path, server: Server, tmp_path: Path) -> None:
    """With a mirror nothing is downloaded and nothing copied: its folder is the data's root."""
    mirror = fill(tmp_path / "mirror")
    assert fetch(study, mirror=mirror) == FetchedFiles(mirror, files=3, downloaded=0)
    assert server.log == []
    assert not (study.parent / "download").exists()


def test_complete_download_is_preferred_to_the_mirror(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The download folder is used where it is complete, the mirror where it is not, else none."""
    download = study.parent / "download"
    monkeypatch.delenv("PROBATIO_MIRROR", raising=False)
    assert find_mirror() is None
    assert find_data_root(study, download) is None
    mirror = fill(tmp_path / "mirror")
    monkeypatch.setenv("PROBATIO_MIRROR", str(mirror))
    assert find_data_root(study, download) == find_mirror() == mirror
    fill(download)
    assert find_data_root(study, download) == download
    assert fetch(study, mirror=tmp_path / "nowhere") == FetchedFiles(download, files=3, downloaded=0)
    (download / SMALL).write_bytes(b"cut")
    assert find_data_root(study, download) == mirror
    assert fetch(study, mirror=find_mirror()).root == mirror


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda mirror: (mirror / SMALL).write_bytes(b"a,b\n1,3\n"), r"holds other bytes \(expected SHA-256"),
        (lambda mirror: (mirror / SMALL).unlink(), r"is missing, 1 such files in all"),
        (lambda mirror: mirror.rename(mirror.with_name("elsewhere")), r"is not a folder that can be read"),
        (lambda mirror: (mirror / SMALL).unlink() or (mirror / SMALL).mkdir(), r"cannot be read"),
    ],
    ids=["wrong", "missing", "no folder", "unreadable"],
)
def test_bad_mirror_is_one_sentence(
    study: Path, tmp_path: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    """A mirror with wrong, missing or unreadable files is refused with the file and what to do."""
    mirror = fill(tmp_path / "mirror")
    spoil(mirror)
    with pytest.raises(UserError, match=rf"^[^\n]*{sentence}[^\n]*\.$"):
        fetch(study, mirror=mirror)


def test_check_names_missing_and_changed_files(tmp_path: Path) -> None:
    """A check returns each file that differs, with the checksum found, empty for a missing one."""
    files = [DeclaredFile(path, hashlib.sha256(body).hexdigest(), len(body)) for path, body in CONTENT.items()]
    root = fill(tmp_path)
    assert check_files(root, files) == []
    (root / SMALL).write_bytes(b"other")
    (root / LARGE).unlink()
    found = {mismatch.file.path: mismatch.found for mismatch in check_files(root, files)}
    assert found == {SMALL: hashlib.sha256(b"other").hexdigest(), LARGE: ""}


DIGEST = "0" * 64


@pytest.mark.parametrize(
    "line",
    [
        f"/etc/x,{DIGEST},1",
        f"a/../../x,{DIGEST},1",
        f"a\\x,{DIGEST},1",
        f"C:/x,{DIGEST},1",
        f"a//x,{DIGEST},1",
        f",{DIGEST},1",
        f"x,{DIGEST[1:]},1",
        f"x,{DIGEST.replace('0', 'G')},1",
        f"x,{DIGEST},0",
        f"x,{DIGEST},-1",
        f"x,{DIGEST},many",
        f"x,{DIGEST}",
        "",
    ],
)
def test_malformed_list_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    """A path that could leave the folder, a bad checksum or size is refused by file and line."""
    path = tmp_path / "files.csv"
    path.write_text(f"path,sha256,bytes\ngood,{DIGEST},1\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"files\.csv:3: expected a relative path"):
        read_file_list(path)


@pytest.mark.parametrize(
    "text", ["", "path,sha256\n", "path,sha256,bytes\n", f"path,sha256,bytes\nx,{DIGEST},1\nx,{DIGEST},1\n", None]
)
def test_unusable_list_is_one_sentence(tmp_path: Path, text: str | None) -> None:
    """A missing, empty, headless or doubled list is refused in one sentence."""
    path = tmp_path / "files.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"^[^\n]*files\.csv[^\n]*restore (it|the list)\.$"):
        read_file_list(path)


@pytest.mark.parametrize("text", ["", "address: 7\n", "adress: https://x/\n", "[", "address: https://x\n", None])
def test_unusable_address_is_one_sentence(study: Path, text: str | None) -> None:
    """A missing or malformed source.yaml is refused in one sentence, before any request."""
    if text is None:
        study.with_name("source.yaml").unlink()
    else:
        study.with_name("source.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"^[^\n]*source\.yaml: [^\n]*restore the file\.$"):
        fetch(study)


def test_tcga_list_declares_what_the_study_reads() -> None:
    """The list holds 597 reports and extractions, 151 annotations, survival, registry T, N, M, three licences."""
    paths = [file.path for file in read_file_list(TCGA)]
    kinds = Counter(
        "annotation" if "annotation_2025" in path else Path(path).suffix if "/data/" in path else Path(path).stem
        for path in paths
    )
    assert kinds == {
        ".txt": 597,
        ".json": 597,
        "annotation": 151,
        ".xlsx": 1,
        "TCGA_T14_patients": 1,
        "TCGA_N03_patients": 1,
        "TCGA_M01_patients": 1,
        "LICENSE": 3,
    }
    assert paths == sorted(paths)


def test_tcga_addresses_are_https_and_name_commits() -> None:
    """Every address is https and holds a commit's full hash, so that its content cannot change."""
    address = TCGA.with_name("source.yaml").read_text(encoding="utf-8")
    assert "\naddress: https://" in address
    commits = {"/".join(file.path.split("/")[:3]) for file in read_file_list(TCGA)}
    assert len(commits) == 3
    assert all(re.fullmatch(r"[\w-]+/[\w-]+/[0-9a-f]{40}", commit) for commit in commits)


@pytest.mark.skipif(not os.environ.get("PROBATIO_MIRROR"), reason="PROBATIO_MIRROR is not set")
def test_tcga_mirror_holds_the_declared_bytes(tmp_path: Path) -> None:
    """The mirror's files have the declared SHA-256, all of them, and are found as the study's root."""
    mirror = find_mirror()
    assert mirror is not None
    fetched = fetch_files(TCGA, tmp_path / "download", mirror=mirror)
    assert fetched == FetchedFiles(mirror, files=1352, downloaded=0)
    assert find_data_root(TCGA, tmp_path / "download") == mirror
