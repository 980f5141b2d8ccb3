"""Write the draft of a protocol: what the files show, and what only people can decide, marked as such."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from probatio.compendium.drafting.exports import Export, derive_name, find_key, read_export
from probatio.compendium.drafting.guesses import Guess, guess_column, guess_decimal, guess_order, guess_unit
from probatio.protocol import UserError
from probatio.results import write_bytes

_MATRIX = "acceptance.yaml"
_CENTRES = ("centre", "center", "site", "hospital", "hopital", "etablissement", "institution")
_ROLES = {
    "reference": ("Reference", "Référence"),
    "manual": ("Manual collection", "Saisie manuelle"),
    "ai": ("AI", "IA"),
}
_HEAD = """\
# yaml-language-server: $schema=study.schema.json
# A draft, read off the files: check every line, above all those marked DECIDE, before AI data are looked at.
# Every key is explained, with an example, in protocol/README.md.
"""
_NOTES = {
    "resampling": "Any number: it makes the resampling repeatable.",
    "patients": "DECIDE: attributes by which errors may differ, such as age; patients used to tune an extractor.",
    "sources": "DECIDE: what each source is independent of: one that saw another's work shares its errors.\n"
    "# DECIDE: whether day or month comes first in dates (date_order), where no day above 12 tells.",
    "variables": "DECIDE: type, levels in order, tolerance of numbers (with unit) and dates (days), uses.",
    "acceptance": "DECIDE: thresholds and margins, in that file, each with its justification.",
}


@dataclass(frozen=True)
class _Given:
    """One file with its role, the name and number of its source, and the column of its patients."""

    role: str
    name: str
    number: str
    export: Export
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """The columns by the name that they get: `Stade` and `stade ` are one variable; the first of a file counts."""
        found: dict[str, str] = {}
        for header, name in self._names:
            found.setdefault(name, header)
        return found

    @property
    def doubled(self) -> dict[str, str]:
        """The columns whose name an earlier one has, with that name."""
        return {header: name for header, name in self._names if self.headers[name] != header}

    @property
    def _names(self) -> list[tuple[str, str]]:
        return [(header, derive_name(header)) for header in self.export.columns if header != self.key]


@dataclass(frozen=True)
class Draft:
    """A drafted protocol: its file, what was guessed by column, and the columns left out with the reason."""

    path: Path
    variables: Mapping[str, Guess]
    left_out: Mapping[str, str]
    patients: int


def draft_protocol(
    path: Path,
    *,
    manual: Sequence[Path] = (),
    ai: Sequence[Path] = (),
    reference: Sequence[Path] = (),
    patient: str | None = None,
) -> Draft:
    """Draft a protocol from files with a row per patient, and write it.

    The acceptance matrix `acceptance.yaml` beside it is named if it is there. A variable is a column that stands in
    two files or more, under the same header but for case, accents and signs.

    Args:
        path: the protocol to write, such as `protocol/mine.yaml`; it must not exist.
        manual: file of the manual collection, one per collection.
        ai: file of each technology.
        reference: file of the reference, at most one.
        patient: the column with the patient's pseudonym; found by itself if not given.

    Raises:
        UserError: a file cannot be read, the files share no column, or the protocol exists.
    """
    if path.exists():
        raise UserError(f"{path}: exists; name another protocol, or remove this one.")
    given = [("reference", file) for file in reference] + [("manual", file) for file in manual]
    given += [("ai", file) for file in ai]
    if len(reference) > 1 or len(given) < 2:
        raise UserError("name two files or more, at most one of them by --reference; the others by --manual or --ai.")
    if len({file.resolve().parent for _, file in given}) > 1:
        raise UserError("the files lie in different folders; put them into one, which the protocol names.")
    exports = [read_export(file) for _, file in given]
    keys, names = find_key(exports, patient), _derive_names([role for role, _ in given])
    files = [_Given(role, *names[at], exports[at], keys[at]) for at, (role, _) in enumerate(given)]
    centre = _find_centre(files[0])
    guesses, left_out = _guess_variables(files, centre)
    head = {"study": derive_name(path.stem), **_derive_title(path.stem), "language": "fr"}
    data = os.path.relpath(given[0][1].resolve().parent, path.resolve().parent)
    content = {**head, "data": Path(data).as_posix(), **_derive_content(files, centre, guesses)}
    if path.with_name(_MATRIX).is_file():
        content["acceptance"] = _MATRIX
    write_bytes(path, _derive_text(content).encode())
    return Draft(path, guesses, left_out, len(set(exports[0].columns[keys[0]])))


def _derive_title(name: str) -> dict[str, Any]:
    return {"title": {"en": f"DECIDE: title of {name}", "fr": f"À DÉCIDER : titre de {name}"}}


def _find_centre(file: _Given) -> str | None:
    return next((name for name in file.headers if name in _CENTRES), None)


def _guess_variables(files: Sequence[_Given], centre: str | None) -> tuple[dict[str, Guess], dict[str, str]]:
    found: dict[str, Guess] = {}
    left_out = {header: f"named {name}, as another column of its file is; rename one"
                for file in files for header, name in file.doubled.items()}  # fmt: skip
    for name in dict.fromkeys(name for file in files for name in file.headers if name != centre):
        holders = [file.export.columns[file.headers[name]] for file in files if name in file.headers]
        guess = guess_column([text for cells in holders for text in cells])
        if len(holders) < 2:
            left_out[name] = "in one file only"
        elif not guess.type:
            left_out[name] = "free text, or nothing"
        else:
            found[name] = guess
    if not found:
        raise UserError("no column stands under the same name in two files; rename the columns of one of them.")
    return found, left_out


def _derive_content(files: Sequence[_Given], centre: str | None, guesses: Mapping[str, Guess]) -> dict[str, Any]:
    patients: dict[str, Any] = {"file": _derive_file(files[0].export), "patient": {"column": files[0].key}}
    if centre:
        patients["centre"] = {"label": {"en": "Centre", "fr": "Centre"}, "column": files[0].headers[centre]}
    return {
        "resampling": {"seed": 1},
        "patients": patients,
        "sources": [_derive_source(file, guesses) for file in files],
        "variables": [_derive_variable(name, _find_header(name, files), guess) for name, guess in guesses.items()],
    }


def _derive_names(roles: Sequence[str]) -> list[tuple[str, str]]:
    out = []
    for at, role in enumerate(roles):
        several, before = roles.count(role) > 1, roles[:at].count(role)
        letter = chr(ord("a") + before) if several else ""
        out.append((f"{role}_{letter}" if letter else role, f" {letter.upper()}" if letter else ""))
    return out


def _derive_file(export: Export) -> dict[str, Any]:
    return export.declared.model_dump(mode="json", exclude_defaults=True)


def _find_header(name: str, files: Sequence[_Given]) -> str:
    return next(file.headers[name] for file in files if name in file.headers)


def _derive_source(file: _Given, guesses: Mapping[str, Guess]) -> dict[str, Any]:
    own = {name: header for name, header in file.headers.items() if name in guesses}
    declared = _derive_file(file.export)

    def select(kind: str) -> list[list[str]]:
        return [file.export.columns[header] for name, header in own.items() if guesses[name].type == kind]

    if (mark := guess_decimal(select("number"))) != ".":
        declared["decimal"] = mark
    if order := guess_order(select("date")):
        declared["date_order"] = order
    declared |= {"patient": {"column": file.key}, "columns": own}
    english, french = _ROLES[file.role]
    label = {"en": english + file.number, "fr": french + file.number}
    return {"name": file.name, "label": label, "role": file.role, "files": [declared]}


def _derive_variable(name: str, header: str, guess: Guess) -> dict[str, Any]:
    out: dict[str, Any] = {"name": name, "label": {"en": header, "fr": header}, "type": guess.type}
    if guess.type == "number" and (unit := guess_unit(header)):
        out["unit"] = unit
    if guess.levels:
        out["levels"] = list(guess.levels)
    if guess.missing:
        out["missing"] = list(guess.missing)
    if guess.recode:
        out["recode"] = {"values": dict(guess.recode)}
    return out


def _derive_text(content: Mapping[str, Any]) -> str:
    parts = [_HEAD]
    for key, value in content.items():
        note = f"\n# {_NOTES[key]}\n" if key in _NOTES else ""
        parts.append(note + yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=110))
    return "".join(parts)
