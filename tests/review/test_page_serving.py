"""`probatio review serve` as a process: killed and started again, on its own machine or under a token, silent."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from page_study import Start, Visitor, make_office, read_address, read_port, visit

from circuit_study import CELLS, CircuitStudy, make_queue, make_study
from probatio.cli import run_command
from probatio.protocol import UserError
from probatio.review.log import read_entries
from probatio.review.page.application import build_application
from probatio.review.page.serving import bind_socket
from probatio.review.verifying import verify_log

Connect = Callable[[str], Visitor]
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "bench_page.py"
WEIGHT = ("P1", "weight", "start", "")


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return what opens a browser on an address; their connections are closed."""
    clients = []

    def begin(address: str) -> Visitor:
        clients.append(httpx.Client(base_url=address))
        return Visitor(clients[-1])

    yield begin
    for client in clients:
        client.close()


def read_decisions(study: CircuitStudy) -> list[tuple[str, str]]:
    path = study.root / "review" / "first.jsonl"
    return [(entry.who, str(entry.content["value"])) for entry in read_entries(path) if entry.kind == "decision"]


@pytest.mark.skipif(os.name == "nt", reason="signals are not those of Windows")
def test_a_killed_server_loses_nothing_and_says_nothing(
    opened_study: CircuitStudy, start: Start, connect: Connect
) -> None:
    """SIGKILL after an answer: the decision is in the log; the next server knows reader, place and open form."""
    process, said = start("--port", "0")
    address = read_address(said)
    assert "4 cases, 0 decided" in said
    reader = connect(address).sign_in("AB")
    reader.decide("typed", **{"field:weight": "62,5", "comment": "pesée du matin"})
    place, page = reader.path, reader.answer
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    assert read_decisions(opened_study) == [("AB", "62.5")]
    process, said = start("--port", read_port(address))
    assert "4 cases, 1 decided" in said
    again = connect(address)
    again.client.cookies, again.answer = reader.client.cookies, page
    assert again.path == place
    again.decide("unreadable")
    assert again.path.startswith("/case/")
    assert len(read_decisions(opened_study)) == 2
    process.send_signal(signal.SIGINT)
    rest, fault = process.communicate()
    assert process.returncode == 130
    told = out + err + rest + fault
    assert not any(word in told for word in ("62", "pesée", "P1", "weight", "stade", place[-16:], "GET", "POST"))
    assert verify_log(opened_study.root / "review" / "first.jsonl", study="circuit") == []


def test_on_a_network_only_with_a_token(start: Start, connect: Connect) -> None:
    """Beyond loopback a token is made, printed once, and asked; a rebound name is refused there, too."""
    process, said = start("--host", "0.0.0.0", "--port", "0")
    assert process.stdout is not None
    token = process.stdout.readline().rpartition(" ")[2].strip()
    assert "not encrypted" in process.stdout.readline()
    port = read_port(read_address(said))
    stranger = connect(f"http://127.0.0.1:{port}").go("/")
    assert stranger.answer.status_code == 403
    assert stranger.client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert stranger.post("/token", token=token).path == "/door"


def test_what_a_user_does_wrong_is_one_sentence(
    opened_study: CircuitStudy, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A taken port, a short token, a name that is none, a review that is not open: one sentence, exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        closed = make_study(tmp_path / "closed")
        for path, words, sentence in (
            (opened_study.path, ["--port", port], "name another --port"),
            (opened_study.path, ["--token", "short"], "can be guessed"),
            (opened_study.path, ["--port", "0", "--reader", "<b>"], "--reader"),
            (opened_study.path, ["--port", "0", "--language", "de"], "neither fr nor en"),
            (opened_study.path, ["--host", "no.such.host.invalid", "--port", "0"], "cannot be served"),
            (closed.path, ["--port", "0"], "no audit log"),
        ):
            assert run_command(["review", "serve", str(path), *words]) == 2
            told = capsys.readouterr().err
            assert sentence in told
            assert told.count("\n") == 1


def test_small_packets_are_sent_at_once() -> None:
    """The socket is named TCP, without which asyncio lets a page wait 40 ms for the reader's acknowledgement."""
    with bind_socket("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
    with bind_socket("::1", 0) if socket.has_ipv6 else bind_socket("127.0.0.1", 0) as listening:
        assert listening.getsockname()[1] > 0


def test_ten_thousand_cases_are_quick() -> None:
    """With 10,000 cases queued the median of a view and of a decision stays far below 100 ms."""
    spec = importlib.util.spec_from_file_location("bench_page", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    taken = bench.time_in_process(40)
    for kind in ("next", "view", "decide"):
        assert np.median(taken[kind]) < 100, kind


def test_what_is_out_in_a_workbook_is_passed_over(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A case that another reader has in a workbook is not given out, unless it came back or --again says so."""
    queue = make_queue(CELLS[:2])
    office = make_office(circuit_study, tmp_path, queue)
    first, second = queue["case_id"]
    reader = visit(build_application(office)).sign_in("AB")
    assert reader.case_id == first
    log = office.desk._log
    log.append("exported", who="CD", export="e1", cases={first: "digest"})
    reader.post("/leave")
    assert visit(build_application(office)).sign_in("EF").case_id == second
    assert visit(build_application(office)).sign_in("cd").case_id == first
    again = visit(build_application(make_office(circuit_study, tmp_path, queue, lent=True))).sign_in("GH")
    assert again.case_id == first
    log.append("imported", who="CD", export="e1")
    office.desk.close_case("CD")
    assert visit(build_application(office)).sign_in("IJ").case_id == first


def test_the_port_of_another_is_not_taken() -> None:
    """A number that is no port is told like a taken one."""
    with pytest.raises(UserError, match="cannot be served"):
        bind_socket("127.0.0.1", 70_000)
