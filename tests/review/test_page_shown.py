"""What a case shows: text as text, blind to source, in two languages, for everybody who can read or hear it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from page_study import Sheet, Visitor, make_office, open_page, visit

from circuit_study import CELLS, FIRST, LETTER, CircuitStudy, make_queue, make_study
from probatio.review.page import application
from probatio.review.page.application import build_application
from probatio.review.page.fields import Field
from probatio.review.page.showing import describe_value
from probatio.wording import Language

STYLE = (Path(application.__file__).parent / "static" / "page.css").read_text(encoding="utf-8")
PATHS = ("case", "/overview", "/adjudication", "/door", "/nowhere")
LANGUAGES: tuple[Language, ...] = ("fr", "en")
EVIL = '<script>document.title="taken"</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def readers(circuit_study: CircuitStudy, tmp_path_factory: pytest.TempPathFactory) -> dict[Language, Visitor]:
    """Return a reader of each language, who has decided the first case of a queue read by two."""
    made = {}
    for language in LANGUAGES:
        folder = tmp_path_factory.mktemp(language)
        page = open_page(circuit_study, folder, make_queue(double=(1,)), language=language)
        for name in ("AB", "CD"):
            made[language] = visit(page).sign_in(name)
            made[language].decide("absent" if name == "AB" else "unreadable")
    return made


def list_sheets(reader: Visitor) -> list[tuple[str, Sheet]]:
    """Return each page as a reader meets it, a case of every type among them."""
    sheets = []
    while reader.go("/next").path.startswith("/case/"):
        sheets.append((f"{reader.path} {len(sheets)}", reader.sheet))
        if len(sheets) > len(CELLS):
            break
        reader.post("/skip")
    return sheets[: len(CELLS)] + [(path, reader.go(path).sheet) for path in PATHS[1:]]


@pytest.fixture(scope="module")
def sheets(readers: dict[Language, Visitor]) -> dict[Language, list[tuple[str, Sheet]]]:
    return {language: list_sheets(reader) for language, reader in readers.items()}


def test_html_in_a_document_is_shown_as_text(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """A script in a letter and in a snippet is read, not run: the only scripts are the page's own."""
    reader = visit(open_page(circuit_study, tmp_path, make_queue(tuple(cell for cell in CELLS if cell[0] == "P1"))))
    reader.sign_in("AB")
    assert (
        LETTER in reader.sheet.find("div", class_="text")[0]["text"].replace("A", "", 1) or LETTER in reader.sheet.text
    )
    texts = ""
    for _ in range(6):
        scripts = reader.sheet.find("script")
        assert [each["attrs"]["src"] for each in scripts] == ["/static/page.js"]
        assert not reader.sheet.find("b")
        texts += reader.sheet.text
        reader.decide("unreadable")
    assert "<b>foie</b>" in texts
    assert "<script>alert(1)</script>" in texts
    assert '=HYPERLINK("x")' in texts


def test_html_in_a_value_a_comment_and_a_name_is_shown_as_text(tmp_path: Path) -> None:
    """A value that is HTML, and a comment that an adjudicator reads, are text; so is what comes back refused."""
    evil = EVIL.replace('"', '""')
    study = make_study(tmp_path / "study", first=FIRST.replace("P3,stage,,,V", f'P3,stage,,,"{evil}"'))
    cell = CELLS.index(("P3", "stage", "", ""))
    page = open_page(study, tmp_path, make_queue((CELLS[cell],), double=(1,)))
    reader = visit(page).sign_in("AB")
    assert EVIL in reader.sheet.text
    reader.decide("candidate:A", comment=f"</textarea>{EVIL}")
    assert reader.answer.status_code == 422
    assert reader.sheet.find("textarea")[0]["text"] == f"</textarea>{EVIL}"
    reader.decide("level:I", comment=EVIL)
    visit(page).sign_in("CD").decide("level:II", comment=EVIL)
    third = visit(page).sign_in("EF").go("/adjudication").post("/task", task="adjudication")
    assert third.sheet.text.count(EVIL) >= 3
    for visitor in (reader, third):
        assert not visitor.sheet.find("img")
        assert len(visitor.sheet.find("script")) == 1


def test_values_are_blind_to_source(sheets: dict[Language, list[tuple[str, Sheet]]]) -> None:
    """No page names a source, by name or by label, in its text or in an attribute."""
    for _, sheet in (pair for both in sheets.values() for pair in both):
        said = " ".join([sheet.text, *(value for each in sheet.elements for value in each["attrs"].values())])
        assert not re.search(r"\b(first|other|registry|Première|Autre|Registre|First|Registry)\b", said)


def test_spans_are_marked_with_their_letter(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """The passage is marked in its document, bears its letter, and a link beside the value leads to it."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    (mark,) = reader.sheet.find("mark", class_="span")
    assert mark["text"] == "Astade IV"
    assert reader.sheet.find("span", id="span-A")
    assert reader.sheet.find("a", href="#span-A")[0]["attrs"]["aria-label"] == "Voir le passage A"


def test_without_a_passage_the_documents_lie_open(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """Where no source gives a value, the documents that speak of the variable come first, or all lie open."""
    cell = ("P5", "stage", "", "")
    reader = visit(open_page(circuit_study, tmp_path / "all", make_queue((cell,)))).sign_in("AB")
    assert all("open" in each["attrs"] for each in reader.sheet.find("details")[:-1])
    assert not reader.sheet.find("article")
    variables = circuit_study.protocol.variables
    spoken = [each.model_copy(update={"mentioned": "STADE"}) if each.name == "stage" else each for each in variables]
    office = make_office(circuit_study, tmp_path / "some", make_queue((cell,)))
    object.__setattr__(office, "protocol", circuit_study.protocol.model_copy(update={"variables": spoken}))
    reader = visit(build_application(office)).sign_in("AB")
    assert "Stade 5." in reader.sheet.find("article")[0]["text"]


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        ("2024-05-03", "date", "03/05/2024"),
        ("2024-05", "date", "05/2024"),
        ("03-05-2024", "date", "03-05-2024"),
        ("0-1", "date", "0-1"),
        ("61.5", "number", "61,5\xa0kg"),
        ("1.2.3", "number", "1.2.3"),
        ("bone|liver", "levels", "os, liver"),
        ("I", "level", "I"),
    ],
)
def test_what_does_not_conform_stays_as_it_was_delivered(value: str, kind: str, shown: str) -> None:
    """Canonical values are written the French way; whatever else was delivered is shown unchanged."""
    field = Field("x", "X", kind, "kg" if kind == "number" else "", (("bone", "os"),), None)  # type: ignore[arg-type]
    assert describe_value(value, [field], "fr") == [("", shown)]


def test_a_broken_rule_is_shown_with_its_reason(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """The rule's label in the reader's language, and why it stands in the protocol."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    (rules,) = reader.sheet.find("section", class_="rules")
    assert "Pas de femme au stade IV" in rules["text"]
    assert "Aucune" in rules["text"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_of_the_language(sheets: dict[Language, list[tuple[str, Sheet]]], language: Language) -> None:
    """The page says its language; reasons, rules, values and buttons are in it; documents keep the study's."""
    words = {"fr": ("Enregistrer", "Métastases", "Homme", "Pourquoi"), "en": ("Save", "Male", "Why this case")}
    other = {"fr": ("Save", "Unreadable", "No woman"), "en": ("Enregistrer", "Illisible", "Pas de femme")}
    text = " ".join(sheet.text for _, sheet in sheets[language])
    for _, sheet in sheets[language]:
        assert sheet.find("html")[0]["attrs"]["lang"] == language
        assert all(each["attrs"]["lang"] == "fr" for each in sheet.find("div", class_="text"))
    assert all(word in text for word in words[language])
    assert not any(word in text for word in other[language])


def test_french_writes_dates_and_numbers_its_own_way(sheets: dict[Language, list[tuple[str, Sheet]]]) -> None:
    """05/2024 and 61,5 kg in French, 2024-05 and 61.5 kg in English."""
    texts = {language: " ".join(sheet.text for _, sheet in sheets[language]) for language in LANGUAGES}
    assert "05/2024" in texts["fr"]
    assert re.search(r"61,5\skg", texts["fr"])
    assert "2024-05" in texts["en"]
    assert re.search(r"61\.5\skg", texts["en"])


def test_the_language_is_switched_in_place(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """One button changes the language and leads back to the same case."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    place = reader.path
    reader.post("/settings", language="en")
    assert reader.path == place
    assert reader.sheet.find("html")[0]["attrs"]["lang"] == "en"


def test_single_keys_can_be_turned_off(circuit_study: CircuitStudy, tmp_path: Path) -> None:
    """WCAG 2.1, 2.1.4: shortcuts of one letter can be turned off, and on again."""
    reader = visit(open_page(circuit_study, tmp_path)).sign_in("AB")
    assert "data-shortcuts" in reader.sheet.find("body")[0]["attrs"]
    reader.post("/settings", shortcuts="off")
    assert "data-shortcuts" not in reader.sheet.find("body")[0]["attrs"]
    reader.post("/settings", shortcuts="on")
    assert "data-shortcuts" in reader.sheet.find("body")[0]["attrs"]


def test_every_field_has_a_label(sheets: dict[Language, list[tuple[str, Sheet]]]) -> None:
    """Each visible field stands in a label, or one is for it; names of groups and of buttons are there."""
    for path, sheet in sheets["fr"]:
        labelled = {each["attrs"].get("for") for each in sheet.find("label")}
        for tag in ("input", "select", "textarea"):
            for each in sheet.find(tag):
                hidden = each["attrs"].get("type") == "hidden"
                assert hidden or each["in_label"] or each["attrs"].get("id") in labelled, (path, each["attrs"])
        assert all(each["text"].strip() for each in sheet.find("button") + sheet.find("label")), path
        assert all(each["text"].strip() or "aria-label" in each["attrs"] for each in sheet.find("a")), path


def test_references_lead_somewhere_and_names_are_unique(sheets: dict[Language, list[tuple[str, Sheet]]]) -> None:
    """Each id stands once; whatever refers to one (labels, descriptions, links within the page) finds it."""
    for path, sheet in sheets["fr"]:
        ids = [each["attrs"]["id"] for each in sheet.elements if "id" in each["attrs"]]
        assert len(ids) == len(set(ids)), path
        for each in sheet.elements:
            for name in ("for", "aria-labelledby", "aria-describedby", "form"):
                assert set(each["attrs"].get(name, "").split()) <= set(ids), (path, each["attrs"])
            if each["attrs"].get("href", "").startswith("#"):
                assert each["attrs"]["href"][1:] in ids, (path, each["attrs"])


def test_headings_landmarks_and_titles(sheets: dict[Language, list[tuple[str, Sheet]]]) -> None:
    """One h1, no level passed over, one main, a header, a title; what moves the focus follows the order of reading."""
    for path, sheet in sheets["fr"]:
        levels = [int(each["tag"][1]) for each in sheet.elements if re.fullmatch("h[1-6]", each["tag"])]
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in pairwise(levels)), path
        assert [len(sheet.find(tag)) for tag in ("main", "header", "title")] == [1, 1, 1], path
        assert all(int(each["attrs"].get("tabindex", "0")) <= 0 for each in sheet.elements), path
        assert sheet.find("a", class_="skip"), path


def test_every_page_works_without_script(sheets: dict[Language, list[tuple[str, Sheet]]]) -> None:
    """Whatever a key does is a plain control of the page, too: a button, a link or a field of a form."""
    keys = {"v", "x", "l", "n", "s", "?", "t", "p", "z"}
    found = set()
    for path, sheet in sheets["fr"]:
        for each in sheet.elements:
            if key := each["attrs"].get("data-key"):
                assert each["tag"] in ("a", "button", "input", "select", "textarea", "summary"), path
                found.add(key)
        assert all(form["method"] == "post" and form["action"].startswith("/") for form in sheet.forms), path
    assert keys <= found


def compute_luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.1)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def compute_contrast(one: str, other: str) -> float:
    low, high = sorted((compute_luminance(one), compute_luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white() -> None:
    """The formula gives 21 for black on white, 4.54 for #767676 on white (both in WCAG's own examples)."""
    assert compute_contrast("#000000", "#ffffff") == pytest.approx(21)
    assert compute_contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize(
    ("text", "grounds"),
    [
        ("ink", ("paper", "ground", "amber", "amber-pale", "blue-pale")),
        ("soft", ("paper", "ground", "blue-pale", "amber-pale")),
        ("blue", ("paper", "ground", "blue-pale")),
        ("red", ("red-pale",)),
        ("paper", ("blue", "ink")),
    ],
)
def test_text_is_legible(text: str, grounds: tuple[str, ...]) -> None:
    """Each colour of text has a contrast of 4.5 at least on what it stands on (WCAG 2.1 AA)."""
    palette = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE))
    assert min(compute_contrast(palette[text], palette[ground]) for ground in grounds) >= 4.5


def test_borders_of_fields_and_focus_are_seen() -> None:
    """What shows where a field is, or where the focus is, has a contrast of 3 at least (WCAG 2.1, 1.4.11)."""
    palette = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE))
    assert min(compute_contrast(palette[each], palette["paper"]) for each in ("edge", "blue")) >= 3
    assert ":focus-visible" in STYLE
    assert "outline: 0" not in STYLE


def test_touch_targets_are_large_enough() -> None:
    """Buttons, choices, fields, links of the menu and what unfolds are at least 44 pixels high."""
    rules = {name.strip(): body for name, body in re.findall(r"^([^{}@]+) \{ ([^{}]*) \}$", STYLE, re.MULTILINE)}
    for selector in ("button, .button", ".choice", ".top nav a", "summary"):
        assert "min-height: 44px" in rules[selector], selector
    assert any("min-height: 44px" in body for name, body in rules.items() if name.startswith("input[type"))
