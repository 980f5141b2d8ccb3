"""The page decides cases: alone, by two, by a third; what is refused keeps what was typed; a restart loses nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_study import Visitor, make_office, open_page, visit

from circuit_study import CELLS, CircuitStudy, make_queue
from probatio.review.log import read_entries
from probatio.review.page.application import build_application
from probatio.review.page.desk import LEASE

WEIGHT = CELLS.index(("P1", "weight", "start", ""))
TOXICITY = CELLS.index(("P1", "toxicity", "", "1"))


def pick(*places: int) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(CELLS[place] for place in places)


def read_decisions(folder: Path) -> list[dict[str, object]]:
    entries = [entry for entry in read_entries(folder / "first.jsonl") if entry.kind == "decision"]
    return [{"who": entry.who, **entry.content} for entry in entries]


def find_letter(reader: Visitor, text: str) -> str:
    """Return the letter of the candidate whose card holds a text."""
    for radio in reader.sheet.find("label", class_="choice"):
        if match := re.fullmatch(rf"\s*([A-Z])\s+{re.escape(text)}\s*", radio["text"]):
            return f"candidate:{match[1]}"
    raise AssertionError(f"no candidate {text}")


def test_a_decision_is_written_with_what_was_shown_and_the_next_case_comes(
    circuit_study: CircuitStudy, tmp_path: Path
) -> None:
    """Saving writes who, role, value, whose the values were, the digest shown and the seconds; then the next case."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    first = reader.case_id
    reader.decide(find_letter(reader, "IV"), comment="relu")
    (said,) = read_decisions(tmp_path)
    assert (said["who"], said["role"], said["decision"], said["value"]) == ("AB", "first", "confirmed", "IV")
    assert said["candidates"] == {"A": ["first", "other"]}
    assert said["comment"] == "relu"
    assert isinstance(said["seconds"], float)
    assert 0 <= said["seconds"] < 60
    kinds = [(entry.kind, entry.case, entry.shown) for entry in read_entries(tmp_path / "first.jsonl")][1:3]
    assert kinds[0][1:] == kinds[1][1:]
    assert [kind for kind, _, _ in kinds] == ["shown", "decision"]
    assert reader.case_id != first
    assert "décidés : 1 sur 12" in reader.sheet.text


@pytest.mark.parametrize(
    ("language", "typed", "value"),
    [
        ("fr", "61,8", "61.8"),
        ("fr", " 61,80 ", "61.8"),
        ("fr", "61.8 kg", "61.8"),
        ("fr", "1 061", "1061"),
        ("en", "61.8", "61.8"),
        ("en", "1 061 kg", "1061"),
    ],
)
def test_numbers_are_typed_as_people_write_them(
    circuit_study: CircuitStudy, tmp_path: Path, typed: str, value: str, language: str
) -> None:
    """A decimal comma or point, the unit, blanks between thousands: the same number."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT)), language=language)
    visit(page).sign_in("AB").decide("typed", **{"field:weight": typed})
    (said,) = read_decisions(tmp_path)
    assert (said["decision"], said["value"]) == ("corrected", value)


def test_a_comma_in_english_could_be_two_numbers(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """1,234 is refused on the English page, as 03/05/2024 is: the reader is told what to write."""
    queue = make_queue(pick(WEIGHT, CELLS.index(("P1", "death", "", ""))))
    reader = visit(open_page(circuit_study, tmp_path, queue, language="en")).sign_in("AB")
    reader.decide("typed", **{"field:weight": "1,234"})
    assert reader.answer.status_code == 422
    reader.decide("absent").decide("typed", **{"field:death": "03/05/2024"})
    assert "write 2023-05-03" in reader.sheet.find("p", role="alert")[0]["text"]
    reader.decide("typed", **{"field:death": "3 May 2024"})
    assert [said["value"] for said in read_decisions(tmp_path)] == ["", "2024-05-03"]


def test_a_value_typed_that_a_candidate_has_is_that_candidate(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Typing the reviewed source's own value confirms it: overrides are not overcounted."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT)))
    visit(page).sign_in("AB").decide("typed", **{"field:weight": "61,5"})
    assert read_decisions(tmp_path)[0]["decision"] == "confirmed"


def test_an_events_line_is_corrected_in_one_field(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """The line's fields hold what the source gave; changing the date in French form corrects that alone."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(TOXICITY)))
    reader = visit(page).sign_in("AB")
    assert [each["attrs"]["value"] for each in reader.sheet.find("input", name="field:grade", checked="")] == ["2"]
    line = {"field:term": "rash", "field:grade": "2", "field:date": "3 mai 2024"}
    reader.decide("typed", **line)
    said = read_decisions(tmp_path)[0]
    assert (said["decision"], said["value"]) == ("corrected", "term: rash; grade: 2; date: 2024-05-03")


@pytest.mark.parametrize(("decision", "word"), [("absent", "absent"), ("unreadable", "unreadable")])
def test_what_the_documents_do_not_give(circuit_study: CircuitStudy, tmp_path: Path, decision: str, word: str) -> None:
    """Absent and unreadable are decisions without value."""
    visit(open_page(circuit_study, tmp_path)).sign_in("AB").decide(decision)
    (said,) = read_decisions(tmp_path)
    assert (said["decision"], said["value"]) == (word, "")


@pytest.mark.parametrize(
    ("decision", "typed", "sentence"),
    [
        (None, "", "Choisissez une valeur"),
        ("typed", "", "une correction demande une valeur"),
        ("typed", "soixante", "n'est pas de celles que la variable peut prendre"),
        ("absent", "61", "une valeur n'accompagne qu'une correction"),
        ("candidate:Q", "", "aucune valeur ne porte cette lettre"),
        ("anything", "", "ce n'est pas une décision"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_typed(
    circuit_study: CircuitStudy, tmp_path: Path, decision: str | None, typed: str, sentence: str
) -> None:
    """Nothing is written; one sentence says why, and the form still holds value and comment."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT)))
    reader = visit(page).sign_in("AB")
    chosen = {} if decision is None else {"decision": decision}
    reader.post(reader.path, **chosen, **{"field:weight": typed, "comment": "à revoir"})
    assert reader.answer.status_code == 422
    (alert,) = reader.sheet.find("p", role="alert")
    assert sentence.casefold() in alert["text"].casefold()
    assert reader.sheet.find("input", name="field:weight")[0]["attrs"]["value"] == typed
    assert reader.sheet.find("textarea")[0]["text"] == "à revoir"
    assert read_decisions(tmp_path) == []


def test_a_candidate_that_is_no_value_cannot_be_chosen(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A stage V is shown as it was delivered, without a button, and levels can be chosen instead."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(CELLS.index(("P3", "stage", "", "")))))
    reader = visit(page).sign_in("AB")
    offered = [each["attrs"]["value"] for each in reader.sheet.find("input", name="decision")]
    assert offered == ["level:I", "level:II", "level:III", "level:IV", "absent", "unreadable"]
    assert "n'est pas une valeur de cette variable" in reader.sheet.text
    reader.decide("level:III")
    assert read_decisions(tmp_path)[0]["value"] == "III"


def test_an_implausible_number_is_asked_twice(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A number outside the protocol's range is saved when it is handed in again, and only the same one."""
    protocol = circuit_study.protocol
    ranged = [v.model_copy(update={"range": (30, 200)}) if v.name == "weight" else v for v in protocol.variables]
    office = make_office(circuit_study, tmp_path, make_queue(pick(WEIGHT)))
    object.__setattr__(office, "protocol", protocol.model_copy(update={"variables": ranged}))
    reader = visit(build_application(office)).sign_in("AB")
    reader.decide("typed", **{"field:weight": "615"})
    assert "plausible" in reader.sheet.find("p", role="alert")[0]["text"]
    reader.decide("typed", **{"field:weight": "651"})
    assert read_decisions(tmp_path) == []
    reader.decide("typed", **{"field:weight": "651"})
    assert read_decisions(tmp_path)[0]["value"] == "651"


def test_two_readers_never_have_one_case_and_each_gets_his_own(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """The next case passes over what another reader has open, and offers it again once he has left it for too long."""
    now = [0.0]
    page = open_page(circuit_study, tmp_path, clock=lambda: now[0])
    one, two = visit(page).sign_in("AB"), visit(page).sign_in("CD")
    assert one.case_id != two.case_id
    two.post("/leave")
    now[0] = LEASE + 1
    assert visit(page).sign_in("EF").case_id == one.case_id


def test_the_later_of_two_decisions_is_refused_and_keeps_what_was_typed(
    circuit_study: CircuitStudy, tmp_path: Path
) -> None:
    """Two people on one case: the first decision stands, the second gets a clear page with value and comment."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT)))
    one, two = visit(page).sign_in("AB"), visit(page).sign_in("CD")
    assert "Plus rien pour vous" in two.sheet.text
    assert "Cas ouverts à un autre poste : 1" in two.sheet.text
    two.go(one.path)
    assert "sous les yeux" in two.sheet.text
    one.decide("typed", **{"field:weight": "61"})
    two.decide("typed", **{"field:weight": "62", "comment": "bascule"})
    assert two.answer.status_code == 409
    assert "tranché entre-temps" in two.sheet.find("p", role="alert")[0]["text"]
    assert two.sheet.find("input", name="field:weight")[0]["attrs"]["value"] == "62"
    assert two.sheet.find("textarea")[0]["text"] == "bascule"
    assert [said["value"] for said in read_decisions(tmp_path)] == ["61"]


def test_one_person_does_not_read_a_case_twice(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A case read by two goes to another person, also where the first one writes his name in other letters."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT), double=(1,)))
    one = visit(page).sign_in("Éve Duc")
    case = one.path
    one.decide("absent")
    again = visit(page).sign_in("éve  DUC")
    assert "Plus rien pour vous" in again.sheet.text
    again.go(case)
    assert "Vous avez décidé" in again.sheet.text
    assert all("disabled" in each["attrs"] for each in again.sheet.find("input", name="decision"))
    again.post(case, decision="absent")
    assert again.answer.status_code == 409
    assert len(read_decisions(tmp_path)) == 1


def test_double_reading_is_blind_and_a_third_person_settles(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """The second reader sees nothing of the first one's decision; the adjudicator sees both, without names."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT), double=(1,)))
    one = visit(page).sign_in("Premier")
    case = one.path
    one.decide("typed", **{"field:weight": "58,25", "comment": "note-du-premier"})
    two = visit(page).sign_in("Second").go(case)
    for told in ("58,25", "58.25", "note-du-premier", "Premier"):
        assert told not in two.answer.text
    two.decide("typed", **{"field:weight": "59", "comment": "note-du-second"})
    for reader in (one, two):
        assert "Désaccords : 1 ; pour vous : 0" in reader.go("/adjudication").sheet.text
    third = visit(page).sign_in("Tiers").go("/adjudication").post("/task", task="adjudication")
    assert third.path == case
    assert {"58,25 kg", "59 kg"} <= {each["text"].replace("\xa0", " ") for each in third.sheet.find("strong")}
    assert "note-du-premier" in third.answer.text
    assert not re.search("Premier|Second", third.answer.text)
    third.decide("level:59")
    assert [(said["role"], said["value"]) for said in read_decisions(tmp_path)] == [
        ("first", "58.25"), ("second", "59"), ("adjudicator", "59"),
    ]  # fmt: skip


def test_an_agreement_of_two_needs_no_third(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Two readers who say the same close the case."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT), double=(1,)))
    for name in ("AB", "CD"):
        visit(page).sign_in(name).decide("typed", **{"field:weight": "59"})
    assert "Désaccords : 0" in visit(page).sign_in("EF").go("/adjudication").sheet.text


def test_the_last_decision_is_taken_back(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Taking back reopens the case for the same person and writes so; the log keeps both."""
    page = open_page(circuit_study, tmp_path)
    reader = visit(page).sign_in("AB")
    case = reader.path
    reader.decide("absent").post("/withdraw")
    assert reader.path == case
    assert "Vous avez annulé" in reader.sheet.text
    reader.decide("unreadable")
    kinds = [entry.kind for entry in read_entries(tmp_path / "first.jsonl") if entry.case == case[-16:]]
    assert kinds == ["shown", "decision", "withdrawn", "decision"]
    assert "décidés : 1 sur 12" in reader.sheet.text


def test_a_decision_that_another_one_followed_stands(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A form of taking back that is handed in after somebody else has decided is refused."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT), double=(1,)))
    one, two = visit(page).sign_in("AB"), visit(page)
    case = one.path
    one.decide("absent").go(case)
    two.sign_in("CD").decide("unreadable")
    one.post("/withdraw")
    assert one.answer.status_code == 409
    assert "a décidé depuis" in one.sheet.text
    assert len(read_decisions(tmp_path)) == 2


def test_later_and_back(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A case put off comes after all others; back leads to the one before."""
    page = open_page(circuit_study, tmp_path, make_queue(pick(0, 1, 2)))
    reader = visit(page).sign_in("AB")
    first = reader.path
    reader.post("/skip")
    second = reader.path
    assert second != first
    (back,) = reader.sheet.find("a", data_key="p")
    assert back["attrs"]["href"] == first
    reader.decide("absent").decide("absent")
    assert reader.path == first


def test_a_restart_loses_nothing(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A new server on the same log knows every decision, the reader and where he was; his form still counts."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB").decide("absent")
    place, typed = reader.path, reader.answer
    after = visit(open_page(circuit_study, tmp_path))
    after.client.cookies = reader.client.cookies
    after.answer = typed
    after.decide("unreadable", comment="tapé avant la panne")
    assert [said["decision"] for said in read_decisions(tmp_path)] == ["absent", "unreadable"]
    assert read_decisions(tmp_path)[1]["comment"] == "tapé avant la panne"
    assert after.path != place
    assert "décidés : 2 sur 12" in after.sheet.text
    assert after.sheet.find("a", data_key="p")[0]["attrs"]["href"] == place


def test_what_another_process_writes_is_seen(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Two servers on one log do not overwrite each other: the second decision on a case is refused."""
    queue = make_queue(pick(WEIGHT))
    one = visit(open_page(circuit_study, tmp_path, queue)).sign_in("AB")
    two = visit(open_page(circuit_study, tmp_path, queue)).sign_in("CD")
    assert one.path == two.path
    one.decide("absent")
    two.decide("unreadable")
    assert two.answer.status_code == 409
    assert len(read_decisions(tmp_path)) == 1


def test_the_overview_counts_and_names_no_patient(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Per variable: cases, open, decided, doubled, disagreeing; no patient, value or text of a document."""
    page = open_page(circuit_study, tmp_path, make_queue(double=(1, 2)))
    for name, decision in (("AB", "absent"), ("CD", "unreadable")):
        visit(page).sign_in(name).decide(decision)
    reader = visit(page).sign_in("EF").go("/overview")
    rows = [row["text"] for row in reader.sheet.find("tr")]
    assert "Stade5401100,0" in rows
    assert rows[-1].startswith("Total1211")
    assert not re.search(r"\bP\d\b|stade IV|Madame|61,5", reader.answer.text)


def test_a_view_that_cannot_be_logged_is_not_shown(
    circuit_study: CircuitStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the log cannot be written no case is shown: a plain page says so, the terminal says why."""
    from probatio.protocol import UserError
    from probatio.review.log import AuditLog

    reader = visit(open_page(circuit_study, tmp_path)).go("/door")

    def refuse(*_: object, **__: object) -> None:
        raise UserError("no space left")

    monkeypatch.setattr(AuditLog, "append", refuse)
    reader.sign_in("AB")
    assert reader.answer.status_code == 503
    assert "stade IV" not in reader.answer.text
    assert "journal d'audit" in reader.sheet.text
    assert capsys.readouterr().err == "probatio: no space left\n"


def test_a_full_disk_is_told_and_what_was_typed_stays(
    circuit_study: CircuitStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the log cannot be written the decision is not taken, and the form keeps it."""
    from probatio.protocol import UserError
    from probatio.review.log import AuditLog

    reader = visit(open_page(circuit_study, tmp_path, make_queue(pick(WEIGHT)))).sign_in("AB")

    def refuse(*_: object, **__: object) -> None:
        raise UserError("disk full")

    monkeypatch.setattr(AuditLog, "append", refuse)
    reader.decide("typed", **{"field:weight": "64,5"})
    assert reader.answer.status_code == 503
    assert reader.sheet.find("input", name="field:weight")[0]["attrs"]["value"] == "64,5"
    assert read_decisions(tmp_path) == []
    assert "64" not in capsys.readouterr().err
