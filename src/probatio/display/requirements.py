"""What the methodological reference requires of a validation: numbered, each with its reason and where it is shown."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

from probatio.display.table import Passage, escape_prose
from probatio.protocol import Language
from probatio.wording import read_word

Theme = Literal[
    "before", "reference", "counting", "measures", "acceptance", "review", "provenance", "routine", "reporting"
]
THEMES: Final = get_args(Theme)


@dataclass(frozen=True)
class Requirement:
    """One requirement of the reference.

    `level`: `must` or `should`. `text` and `reason` by language. `shown`: the key of the protocol, notebook, metric of
    rows, command or document that shows it. `source`: whom the reason comes from; `@key` of the bibliography, or words.
    """

    id: str
    theme: str
    level: str
    text: Mapping[str, str]
    reason: Mapping[str, str]
    shown: str
    source: str


@cache
def read_requirements() -> tuple[Requirement, ...]:
    """Return all requirements, in the order of their numbers."""
    text = (files("probatio.display") / "requirements.csv").read_text(encoding="utf-8")
    return tuple(map(_read_requirement, csv.DictReader(text.splitlines())))


def _read_requirement(line: Mapping[str, str]) -> Requirement:
    text, reason = (
        {language: line[f"{what}_{language}"] for language in ("en", "fr")} for what in ("requirement", "reason")
    )
    return Requirement(line["id"], line["theme"], line["level"], text, reason, line["shown"], line["source"])


def render_requirements(theme: Theme, *, language: Language) -> Passage:
    """Return the requirements of a theme as a list of definitions: number, level, text, reason, where shown."""
    chosen = [requirement for requirement in read_requirements() if requirement.theme == theme]
    return Passage("\n".join(_word_requirement(requirement, language) for requirement in chosen))


def _word_requirement(requirement: Requirement, language: Language) -> str:
    reason, shown = (read_word("requirement", name, language) for name in ("reason", "shown"))
    level = read_word("requirement", requirement.level, language)
    said = escape_prose(requirement.text[language])
    why = f"{escape_prose(requirement.reason[language])} {_word_source(requirement.source, language)}".strip()
    where = ", ".join(f"`{place}`" for place in requirement.shown.split("; "))
    return f"{requirement.id} ({level})\n: {said} *{reason}* {why} *{shown}* {where}.\n"


def _word_source(source: str, language: Language) -> str:
    if source == "Judgement":
        return f"({read_word('requirement', 'judgement', language)})"
    return f"[{source}]" if source.startswith("@") else f"({escape_prose(source)})"
