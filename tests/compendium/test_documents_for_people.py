"""Guide, reference, governance and the other texts are true: their commands, paths, examples and requirements exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from probatio.cli.app import app
from probatio.display.requirements import THEMES, read_requirements, render_requirements
from probatio.protocol import Protocol, read_protocol
from probatio.records import read_records
from probatio.results import COLUMNS, Reason, Status
from probatio.review.entries import KINDS

PROJECT = Path(__file__).parents[2]
NAMES = [name for name in ("guide", "framework", "governance", "landscape", "specification", "slides")
         if (PROJECT / "reports" / name).is_dir()]  # fmt: skip
TEXTS = {path: path.read_text(encoding="utf-8") for name in NAMES
         for path in sorted((PROJECT / "reports" / name).glob("*.qmd"))}  # fmt: skip
BLOCKS = [(path.name, language, body) for path, text in TEXTS.items()
          for language, body in re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]  # fmt: skip
GUIDE = PROJECT / "reports" / "guide"
OWN = ("essai", "donnees")


@cache
def read_source() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "src").rglob("*.py")))


def list_commands() -> list[str]:
    lines = [line for _, language, body in BLOCKS if language in ("sh", "powershell") for line in body.split("\n")]
    return [found[1] for line in lines if (found := re.match(r"(?:\.venv[\\/]\w+[\\/])?probatio (.*)", line))]


def parse(words: list[str]) -> None:
    """Follow the words of a command line to its command, and have it read the options; raises typer's own errors."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command = command.commands[words.pop(0)]
    command.make_context("probatio", words)


def list_names() -> set[str]:
    return set(getattr(typer.main.get_command(app), "commands"))  # noqa: B009 - typer's own groups are not typed


def test_every_command_shown_can_be_typed() -> None:
    """Each command line of the documents names a command with options that it has."""
    lines = list_commands()
    assert len(set(lines)) > 15
    for line in lines:
        parse(shlex.split(line))


def test_a_command_that_is_none_is_found() -> None:
    """An invented option does not pass."""
    with pytest.raises(Exception, match="No such option"):
        parse(["check", "protocol/demo.yaml", "--invented"])


def test_every_command_named_in_prose_exists() -> None:
    """`probatio word` within a sentence is a command."""
    named = {word for text in TEXTS.values() for word in re.findall(r"`probatio (\w+)", text)}
    assert len(named) > 5
    assert named <= list_names()


def test_every_path_named_is_there() -> None:
    """Files and folders of the repository that a text names exist."""
    pattern = r"`((?:protocol|data|reports|src|tests|notebooks)/[\w./-]*)`"
    named = {place for text in TEXTS.values() for place in re.findall(pattern, text)}
    named |= {word for line in list_commands() for word in line.split() if word.startswith("protocol/")}
    assert len(named) > 8
    missing = [place for place in sorted(named) if not (PROJECT / place).exists()]
    assert [place for place in missing if not any(own in place for own in OWN)] == []


def test_the_first_example_of_the_guide_runs_as_shown(tmp_path: Path) -> None:
    """The three small files and the protocol of the guide are read as they stand, and one patient is left out."""
    blocks = [(language, body) for name, language, body in BLOCKS if name == "03-donnees.qmd"]
    patients, values = (body for language, body in blocks if language == "text")
    folder = tmp_path / "donnees"
    folder.mkdir()
    for name, text in (("patients", patients), ("reference", values), ("ia", values)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "essai.yaml").write_text(next(body for language, body in blocks if language == "yaml"), "utf-8")
    records = read_records(read_protocol(tmp_path / "essai.yaml"), folder)
    assert len(records.patients) == 3
    assert list(records.patients["development"]) == [False, False, True]
    assert set(records.records["variable"]) == {"stage", "diagnosis_date"}


def test_messages_that_the_guide_explains_are_the_programs_own() -> None:
    """Each message quoted among the mistakes stands in the source, word for word."""
    text = (GUIDE / "09-erreurs.qmd").read_text(encoding="utf-8")
    quoted = [said for line in re.findall(r"^`.*`$", text, re.MULTILINE) for said in re.findall(r"`(.*?)`", line)]
    flat = re.sub(r'"\s*\n\s*f?"', "", read_source())
    assert len(quoted) > 8
    assert [said for said in quoted if said not in flat and not said.startswith("input should be")] == []


def test_requirements_are_numbered_once_and_shown() -> None:
    """R1, R2, … without gap; each theme is one passage of the reference, and holds its own in both languages."""
    requirements = read_requirements()
    assert [each.id for each in requirements] == [f"R{place}" for place in range(1, len(requirements) + 1)]
    assert {each.theme for each in requirements} == set(THEMES)
    shown = "".join(text for path, text in TEXTS.items() if path.parent.name == "framework")
    for theme in THEMES:
        assert shown.count(f"_run/requirements_{theme}.qmd") == 1
        for language in ("fr", "en"):
            said = re.findall(r"^(R\d+) \(", render_requirements(theme, language=language).text, re.MULTILINE)
            assert said == [each.id for each in requirements if each.theme == theme]


def test_the_verb_of_a_requirement_is_its_level() -> None:
    """What must be says `must` and `doit`, what should be `should` and `devrait`."""
    verbs = {"must": ("must", "may", r"doi(?:t|vent)"), "should": ("should", "should", r"devrai(?:t|ent)")}
    for each in read_requirements():
        first, other, french = verbs[each.level]
        assert first in each.text["en"] or other in each.text["en"], each.id
        assert re.search(rf"\b{french}\b", each.text["fr"]), each.id


def find_wrong_place(place: str) -> bool:
    """Say whether a place that a requirement names does not exist."""
    kind, _, names = place.partition(": ")
    keys = [name.strip() for name in names.split(",")]
    if kind == "protocol":
        return not {key.partition(".")[0] for key in keys} <= {*Protocol.model_fields, "missing"}
    if kind in ("rows", "03_agreement") and names:
        return not all(key in COLUMNS or key in set(Reason) or f'"{key}"' in read_source() for key in keys)
    if re.fullmatch(r"0\d_\w+", place):
        return not (PROJECT / "notebooks" / f"{place}.ipynb").is_file()
    if place.startswith(("probatio ", "report ")):
        return place.split()[0 if place.startswith("report") else 1] not in list_names()
    return not ((PROJECT / kind).exists() or place.startswith(("confidential/", "table ", "manifest", "acceptance.")))


def test_what_requirements_point_to_exists() -> None:
    """Keys of the protocol, notebooks, metrics of rows, commands and files that are named are there."""
    places = [place for each in read_requirements() for place in each.shown.split("; ")]
    assert [place for place in places if find_wrong_place(place)] == []
    assert find_wrong_place("rows: invented_rate")
    assert find_wrong_place("protocol: invented")


def test_what_requirements_cite_is_in_the_bibliography() -> None:
    """Each key of a source is one of the shared references."""
    known = set(re.findall(r"^@\w+\{([^,]+),", (PROJECT / "reports/_shared/references.bib").read_text("utf-8"), re.M))
    cited = {key for each in read_requirements() for key in re.findall(r"@([\w]+)", each.source)}
    assert len(cited) > 10
    assert cited <= known


def test_one_person_answers_for_each_activity() -> None:
    """Each line of the RACI matrix has one A, and somebody who does it."""
    text = (PROJECT / "reports/governance/01-roles.qmd").read_text(encoding="utf-8")
    lines = [line for line in text.partition("| Activité")[2].split("\n")[2:] if line.startswith("| ")]
    assert len(lines) > 15
    for line in lines:
        letters = re.findall(r"\b[RACI]\b", line.partition("|")[2].partition("|")[2])
        assert letters.count("A") == 1, line
        assert "R" in letters, line


def read_first_column(name: str, title: str) -> list[str]:
    """Return the words in code of the first column of the table, in a chapter of the specification, headed so."""
    text = (PROJECT / "reports" / "specification" / f"{name}.qmd").read_text(encoding="utf-8")
    table = text.partition(f"| {title} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)


def test_the_specification_shows_the_rooms_in_their_order() -> None:
    """The table of rooms is that of the import contract, ground floor first."""
    contract = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    assert read_first_column("04-architecture", "Pièce") == layers[::-1]


def test_the_specification_names_what_the_program_has() -> None:
    """Columns and states of a row, commands, entries of the log, reasons of the queue: all of them, in their order."""
    assert read_first_column("03-donnees", "Colonne") == list(COLUMNS)
    assert read_first_column("03-donnees", "Statut") == list(Status)
    assert set(read_first_column("05-interfaces", "Commande")) == list_names()
    assert read_first_column("07-trace", "Entrée") == list(KINDS)
    words = (PROJECT / "src/probatio/wording/words.csv").read_text(encoding="utf-8")
    reasons = re.findall(r"^queue_reason,(\w+),", words, re.MULTILINE)
    assert set(read_first_column("06-controles", "Raison")) == set(reasons)


def test_the_rules_that_the_specification_shows_are_the_demonstration_studys() -> None:
    """Each example of the grammar stands in the protocol."""
    rules = {rule.expression for rule in read_protocol(PROJECT / "protocol" / "demo.yaml").rules}
    shown = next(body for name, language, body in BLOCKS if name == "06-controles.qmd" and language == "text")
    assert set(shown.strip().split("\n")) <= rules
