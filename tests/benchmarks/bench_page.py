"""Time of the page's answers with 10,000 cases queued, measured from outside, on a server in its own process.

The study is synthetic: 10,000 cases of 2,500 patients with two candidates each in a letter of 3,000 characters and ten
other documents. Three readers take turns; one case in ten is read by two. Each view and each decision is written to the
log, on the disk, before it is answered.

Run: python tests/benchmarks/bench_page.py [decisions]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pandas as pd

from probatio.protocol import Protocol
from probatio.review.cases import compute_case_digest
from probatio.review.circuit import Circuit
from probatio.review.log import AuditLog
from probatio.review.page.application import build_application
from probatio.review.page.desk import Desk
from probatio.review.page.serving import bind_socket, serve
from probatio.review.page.sessions import Sessions
from probatio.review.page.showing import Shelf
from probatio.review.page.signing import Signer
from probatio.review.page.visit import Office
from probatio.review.tables import Candidate, Case, derive_case_id

CASES, PATIENTS, DOCUMENTS = 10_000, 2_500, 10
VARIABLES = ("stage", "weight", "death", "sites")
READERS = ("AB", "CD", "EF")
_FILE = {"path": "x.csv", "layout": "long"}
_LABEL = {"en": "Label", "fr": "Libellé"}
_SENTENCE = "Patient suivi dans le service, sans particularité notable à ce jour. "


def build_protocol() -> Protocol:
    """Return a study of four variables, one of each kind of field."""
    levels = {"stage": ["I", "II", "III", "IV"], "sites": ["bone", "liver", "lung"]}
    types = dict(zip(VARIABLES, ("ordinal", "number", "date", "set"), strict=True))
    variables = [
        {"name": name, "label": _LABEL, "type": kind, **({"levels": levels[name]} if name in levels else {})}
        for name, kind in types.items()
    ]
    sources = [{"name": name, "label": _LABEL, "role": "ai", "files": [_FILE]} for name in ("first", "other")]
    return Protocol.model_validate(
        {
            "study": "bench", "title": _LABEL, "language": "fr", "data": ".", "resampling": {"seed": 1},
            "patients": {"file": {"path": "p.csv"}}, "sources": sources, "variables": variables,
        }
    )  # fmt: skip


def build_case(place: int) -> Case:
    """Return one case with two candidates, their spans in the patient's first document."""
    patient, variable = f"P{place % PATIENTS:05d}", VARIABLES[place % 4]
    values = {
        "stage": ("I", "II"),
        "weight": ("61.5", "65.1"),
        "death": ("2024-05-03", "2024-05"),
        "sites": ("bone", "liver"),
    }
    candidates = tuple(
        Candidate(letter, value, (source,), f"{patient}-0", start, start + 20)
        for letter, value, source, start in zip("AB", values[variable], ("first", "other"), (1000, 2000), strict=True)
    )
    name = derive_case_id("bench", "first", patient_id=patient, variable=variable, visit="", event=str(place))
    case = Case(
        name, place + 1, "first", patient, variable, "", "", candidates, (), ("low_confidence",), place % 10 == 0, ""
    )
    return Case(**{**vars(case), "digest": compute_case_digest(case)})


def build_shelf() -> Shelf:
    """Return the patients' documents: the first of 3,000 characters, the others of 1,400."""
    names = [
        (f"P{patient:05d}", f"P{patient:05d}-{number}", number)
        for patient in range(PATIENTS)
        for number in range(DOCUMENTS)
    ]
    table = pd.DataFrame([(patient, name, "letter", "2024-01-01") for patient, name, _ in names],
                         columns=["patient_id", "document_id", "type", "date"])  # fmt: skip
    return Shelf(table, {name: _SENTENCE * (20 if number else 45) for _, name, number in names})


def build_office(folder: Path) -> Office:
    """Open the review of all cases, with its log in a folder."""
    circuit = Circuit([build_case(place) for place in range(CASES)], build_protocol())
    signer = Signer(b"benchmark")
    desk = Desk(circuit, AuditLog(folder / "first.jsonl", study="bench"))
    return Office(circuit.protocol, desk, build_shelf(), signer, Sessions(signer, language="fr"))


class Direct(httpx.BaseTransport):
    """Hands requests to an application in this process."""

    def __init__(self, office: Office) -> None:
        self._inner = httpx.ASGITransport(build_application(office))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the application's answer."""
        request.read()
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def time_in_process(decisions: int) -> dict[str, list[float]]:
    """Return the milliseconds of each kind of request without a network."""
    with tempfile.TemporaryDirectory() as folder:
        transport = Direct(build_office(Path(folder)))
        return time_requests(
            [httpx.Client(base_url="http://127.0.0.1", transport=transport) for _ in READERS], decisions
        )


def run_server(folder: str, ready: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    """Serve the page until the process is ended."""
    begun = time.perf_counter()
    office = build_office(Path(folder))
    listening = bind_socket("127.0.0.1", 0)
    ready.put((listening.getsockname()[1], time.perf_counter() - begun))
    serve(build_application(office), listening)


def start(folder: str) -> tuple[multiprocessing.Process, str, float]:
    """Start a server; return its process, address and the seconds it took to read log and cases."""
    ready: multiprocessing.Queue = multiprocessing.Queue()  # type: ignore[type-arg]
    process = multiprocessing.Process(target=run_server, args=(folder, ready), daemon=True)
    process.start()
    port, seconds = ready.get(timeout=120)
    return process, f"http://127.0.0.1:{port}", seconds


def read_fields(html: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that is posted to an address."""
    form = next(part for part in html.split("<form")[1:] if f'action="{action}"' in part.split(">")[0])
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.split("</form>")[0]))


def time_requests(clients: list[httpx.Client], decisions: int) -> dict[str, list[float]]:
    """Return the milliseconds of each kind of request while readers, one per client, decide in turns."""
    pages = {}
    for client, name in zip(clients, READERS, strict=True):
        door = client.get("/door").text
        client.post("/door", data={**read_fields(door, "/door"), "reader": name})
    taken: dict[str, list[float]] = {"next": [], "view": [], "decide": [], "overview": []}

    def ask(kind: str, client: httpx.Client, method: str, path: str, **options: object) -> httpx.Response:
        begun = time.perf_counter()
        answer = client.request(method, path, **options)  # type: ignore[arg-type]
        taken[kind].append(1000 * (time.perf_counter() - begun))
        return answer

    for turn in range(decisions):
        client = clients[turn % len(READERS)]
        place = ask("next", client, "GET", "/next").headers["location"]
        pages[place] = ask("view", client, "GET", place).text
        choice = ("candidate:A", "candidate:B", "absent", "unreadable")[turn % 4]
        fields = {**read_fields(pages.pop(place), place), "decision": choice}
        assert ask("decide", client, "POST", place, data=fields).headers["location"] == "/next"
        if turn % 50 == 0:
            ask("overview", client, "GET", "/overview")
    return taken


def run(decisions: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        process, address, empty = start(folder)
        taken = time_requests([httpx.Client(base_url=address) for _ in READERS], decisions)
        process.kill()
        process.join()
        process, _, replayed = start(folder)
        process.kill()
        process.join()
    lines = ["| request | n | p50 ms | p95 ms | p99 ms | largest ms |", "| --- | --- | --- | --- | --- | --- |"]
    for kind, values in taken.items():
        low, high, last = np.percentile(values, [50, 95, 99])
        lines.append(f"| {kind} | {len(values)} | {low:.1f} | {high:.1f} | {last:.1f} | {max(values):.1f} |")
    lines.append(
        f"\nStart with {CASES} cases: {empty:.1f} s; after SIGKILL, with {decisions} decisions: {replayed:.1f} s."
    )
    lines.append(f"{platform.machine()}, Python {platform.python_version()}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
