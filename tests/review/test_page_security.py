"""Nobody else comes in, nothing is posted from elsewhere, nothing of a patient leaves by an address or a fault."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest
from page_study import make_office, open_page, visit

from circuit_study import CELLS, LETTER, CircuitStudy, make_queue
from probatio.protocol import UserError
from probatio.review.log import read_entries
from probatio.review.page import deciding
from probatio.review.page.application import build_application
from probatio.review.page.security import HEADERS, LARGEST_BODY, derive_host_name, is_loopback
from probatio.review.page.serving import choose_address, make_token
from probatio.review.page.sessions import LIFETIME, Sessions, make_session, read_reader
from probatio.review.page.signing import Signer, read_key

TOKEN = "a-token-that-is-long-enough"


def test_without_the_token_nothing_is_shown(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Every address answers 403 with a plain sentence: missing, then wrong; the right token leads where one wanted."""
    stranger = visit(open_page(circuit_study, tmp_path, token=TOKEN))
    for path in ("/", "/door", "/next", "/overview", "/adjudication", f"/case/{'0' * 16}", "/nowhere"):
        stranger.go(path)
        assert stranger.answer.status_code == 403
        assert not re.search(r"Stade|Un circuit|décidés", stranger.answer.text)
    assert "ouvert à qui détient son jeton" in stranger.go("/overview").sheet.text
    stranger.post("/token", token="a-token-that-is-not-it")
    assert stranger.answer.status_code == 403
    assert "n'est pas celui du serveur" in stranger.sheet.find("p", role="alert")[0]["text"]
    stranger.post("/token", token=f" {TOKEN} ")
    assert stranger.path == "/door"
    assert stranger.post("/door", reader="AB").path.startswith("/case/")


def test_another_token_lets_nobody_stay(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A visit that the former token let in must show the new one."""
    page = open_page(circuit_study, tmp_path, token=TOKEN)
    known = visit(page).go("/").post("/token", token=TOKEN).post("/door", reader="AB")
    after = visit(open_page(circuit_study, tmp_path, token=TOKEN[::-1]))
    after.client.cookies = known.client.cookies
    assert after.go("/next").answer.status_code == 403


@pytest.mark.parametrize("address", ["/door", "/settings", "/leave", "/skip", "/withdraw", "/task", "/token", "case"])
def test_a_form_from_elsewhere_is_refused(circuit_study: CircuitStudy, tmp_path: Path, address: str) -> None:
    """Without this visit's form token, with none or with another visit's, every post is refused with 403."""
    page = open_page(circuit_study, tmp_path)
    reader, other = visit(page).sign_in("AB"), visit(page).sign_in("CD")
    path = reader.path if address == "case" else address
    foreign = other.sheet.get_form("/skip")["fields"]["form_token"]
    for fields in ({}, {"form_token": ""}, {"form_token": foreign}, {"form_token": "é" * 64}):
        answer = reader.client.post(path, data={"decision": "absent", "case": reader.case_id, **fields})
        assert answer.status_code == 403
        assert "pas de votre visite" in answer.text
    assert [entry.kind for entry in read_entries(tmp_path / "first.jsonl")] == ["log", "shown", "shown"]


def test_only_forms_are_read(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Other kinds of bodies are refused, also with a good form token."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    token = reader.sheet.get_form("/skip")["fields"]["form_token"]
    assert reader.client.post("/skip", json={"form_token": token}).status_code == 415
    assert reader.client.post("/skip", files={"form_token": (None, token)}).status_code == 415
    assert reader.client.get("/skip").status_code == 405


@pytest.mark.parametrize("declared", [True, False])
def test_a_form_above_the_limit_is_refused(circuit_study: CircuitStudy, tmp_path: Path, declared: bool) -> None:
    """A large body is refused, whether its length is declared or it comes in pieces."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    large = b"comment=" + b"x" * (LARGEST_BODY + 1)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = reader.client.post(
        reader.path, content=large if declared else iter([large[:9], large[9:]]), headers=headers
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "192.0.2.1", "localhost.evil.example:80"]
)
def test_a_rebound_name_is_refused(circuit_study: CircuitStudy, tmp_path: Path, host: str) -> None:
    """A request under a name that is not this server's gets nothing, not even the door."""
    answer = visit(open_page(circuit_study, tmp_path)).client.get("/door", headers={"host": host})
    assert answer.status_code == 421
    assert "circuit" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST:1"])
def test_this_machines_names_are_served(circuit_study: CircuitStudy, tmp_path: Path, host: str) -> None:
    """Loopback names are its own, with any port."""
    assert visit(open_page(circuit_study, tmp_path)).client.get("/door", headers={"host": host}).status_code == 200


def test_every_answer_carries_the_headers(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Pages, redirections, static files and refusals: no inline script or style, no frame, no referrer, no copy."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    answers = [reader.client.get(path) for path in ("/", "/next", reader.path, "/static/page.css", "/nowhere", "/skip")]
    answers.append(reader.client.get("/", headers={"host": "evil.example"}))
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Every address in a page is of this server; there is no inline script, style or handler."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    for path in (reader.path, "/overview", "/adjudication", "/door", "/nowhere"):
        for element in reader.go(path).sheet.elements:
            attributes = element["attrs"]
            for name in ("href", "src", "action"):
                assert attributes.get(name, "/").startswith(("/", "#"))
                assert not attributes.get(name, "/").startswith("//")
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert element["tag"] not in ("style", "iframe")
            assert element["tag"] != "script" or element["text"] == ""
    for name in ("page.js", "page.css"):
        text = reader.client.get(f"/static/{name}").text
        assert not re.search(r"https?:|@import|url\(|localStorage|sessionStorage|innerHTML|eval", text)
        assert re.findall(r"fetch\(.*?[,)]", text) in ([], ['fetch("/static/icon.svg",'])


def test_the_cookie_is_signed_and_kept_from_scripts(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """HttpOnly, SameSite=Strict, of this browser session; a changed one is that of nobody."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    header = reader.client.get("/overview").headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=strict" in header
    assert "Max-Age" not in header
    (name, value), *_ = reader.client.cookies.items()
    reader.client.cookies.clear()
    reader.client.cookies.set(name, value[:-1] + ("0" if value[-1] != "0" else "1"))
    assert reader.go("/overview").path == "/door"


def test_a_visit_ends_with_the_working_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cookie older than its lifetime is that of nobody."""
    from starlette.requests import Request

    sessions, signer = Sessions(Signer(b"k"), language="fr"), Signer(b"k")
    session = make_session("fr")
    name = sessions._name
    old = {**vars(session), "reader": "AB", "begun": session.begun - LIFETIME - 1}
    for content, reader in (({**vars(session), "reader": "AB"}, "AB"), (old, "")):
        cookie = f"{name}={signer.sign('session', content)}".encode()
        assert sessions.read(Request({"type": "http", "headers": [(b"cookie", cookie)]})).reader == reader


def test_a_signature_is_for_one_purpose() -> None:
    """What was signed for one purpose, by another key, or was changed, is not read."""
    signer = Signer(b"key")
    text = signer.sign("session", {"reader": "AB"})
    assert signer.read("session", text) == {"reader": "AB"}
    assert signer.read("shown", text) is None
    assert Signer(b"other").read("session", text) is None
    for broken in ("", ".", "x" + text, text[:-1], text.replace(".", "")):
        assert signer.read("session", broken) is None


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are not those of Windows")
def test_the_key_is_its_owners_and_survives_a_restart(tmp_path: Path) -> None:
    """Made once with mode 600, read again; a file that holds none is told in one sentence."""
    path = tmp_path / "review" / "first.key"
    key = read_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == key
    path.write_text("nonsense", encoding="ascii")
    with pytest.raises(UserError, match="delete it"):
        read_key(path)


def test_addresses_hold_no_more_than_a_cases_name(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """No address of a page, and no redirection, holds a patient, a variable, a value or a query."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    seen: set[str] = set()
    for _ in range(len(CELLS)):
        seen |= {
            each["attrs"][name]
            for each in reader.sheet.elements
            for name in ("href", "action")
            if name in each["attrs"]
        }
        seen |= {str(answer.url) for answer in (*reader.answer.history, reader.answer)}
        reader.decide("unreadable")
    shape = re.compile(
        r"(?:http://127\.0\.0\.1)?/(?:case/[0-9a-f]{16}|door|next|skip|withdraw|settings|leave|overview|adjudication"
        r"|static/[a-z.]+)|#(?:main|decision|span-[A-Z])"
    )
    assert [address for address in sorted(seen) if not shape.fullmatch(address)] == []


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_tells_nothing_of_the_patient(
    circuit_study: CircuitStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    debug: bool,
) -> None:  # fmt: skip
    """A fault of the program is a plain page; the terminal gets its type, with --debug its places, never its text."""
    application = build_application(make_office(circuit_study, tmp_path), debug=debug)
    reader = visit(application).sign_in("AB")

    def fail(*_: object) -> None:
        secret = LETTER
        raise ValueError(secret)

    monkeypatch.setattr(deciding, "show_case", fail)
    reader.go("/next")
    assert reader.answer.status_code == 500
    told = reader.answer.text + capsys.readouterr().err
    assert "ValueError" in told
    assert ("test_page_security.py" in told) is debug
    for word in ("Madame", "Traceback", "secret", "script", "stade"):
        assert word not in told


def test_an_unknown_case_is_not_found(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A name that no case has, or that is none, is answered 404 without repeating it."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    for name in ("0" * 16, "P1", "..%2Fsecret", "<script>"):
        answer = reader.client.get(f"/case/{name}")
        assert answer.status_code == 404
        assert name not in answer.text


def test_where_one_returns_to_is_of_this_page(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """After a change of settings no other site's address is followed."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    token = reader.sheet.get_form("/skip")["fields"]["form_token"]
    for place in ("https://evil.example/", "//evil.example", "/case/../../x", "/next?x=1", ""):
        answer = reader.client.post("/settings", data={"form_token": token, "language": "en", "place": place})
        assert answer.headers["location"] == "/next"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  A.  Martin ", "A. Martin"),
        ("É-D", "É-D"),
        ("<b>", ""),
        ("", ""),
        ("a" * 41, ""),
        ("=cmd", ""),
        ("A\nB", "A B"),
    ],
)
def test_names_of_readers(typed: str, name: str) -> None:
    """A name is letters, digits and few marks; it is never HTML, a formula or a line of its own."""
    assert read_reader(typed) == name


def test_only_listed_readers_where_a_list_is_given(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A closed list of readers refuses any other name."""
    page = open_page(circuit_study, tmp_path, readers=("AB", "CD"))
    reader = visit(page).go("/door")
    assert not reader.sheet.find("input", id="reader")
    token = reader.sheet.get_form("/door")["fields"]
    assert reader.client.post("/door", data={**token, "reader": "EF"}).status_code == 422
    assert reader.post("/door", known="CD").path.startswith("/case/")


def test_beyond_this_machine_only_with_a_token() -> None:
    """Loopback needs none; any other host gets one; a short one is refused."""
    assert choose_address("127.0.0.1", 8765, "").token == ""
    assert choose_address("localhost", 8765, "").token == ""
    made = choose_address("0.0.0.0", 8765, "").token
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){3}[a-z2-9]{5}", made)
    assert make_token() != made
    assert choose_address("0.0.0.0", 8765, TOKEN).token == TOKEN
    with pytest.raises(UserError, match="can be guessed"):
        choose_address("0.0.0.0", 8765, "secret")


def test_names_of_hosts() -> None:
    """A Host header's name is read without port and brackets; loopback is told from the rest."""
    assert derive_host_name("Example:80") == "example"
    assert derive_host_name("[::1]:80") == "::1"
    assert derive_host_name("::1") == "::1"
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "192.0.2.1", "example", "::")] == [False] * 4
    assert "hopital.example" in choose_address("0.0.0.0", 1, TOKEN, ["hopital.example"]).hosts


def test_the_queue_of_a_reader_is_his_own(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A form filled in by one reader is not taken from another."""
    page = open_page(circuit_study, tmp_path, make_queue(CELLS[:1]))
    one, two = visit(page).sign_in("AB"), visit(page).sign_in("CD").go("/next")
    two.go(one.path)
    shown = one.sheet.get_form(one.path)["fields"]["shown"]
    two.post(two.path, shown=shown, decision="absent")
    assert two.answer.status_code == 409
    assert "n'est plus celui qui a été montré" in two.sheet.text
