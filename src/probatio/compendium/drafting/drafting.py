"""Write the draft of a protocol: what the files show, and what only people can decide, marked as such."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from probatio.compendium.drafting.exports import Export, derive_name, find_key, read_export
from probatio.compendium.drafting.guesses import Guess, guess_column, guess_decimal, guess_order, guess_unit
from probatio.compendium.drafting.matching import match_columns
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

_MATCHED = "# CHECK: {name} was put together by its values, not by its names: {headers}.\n"


@dataclass(frozen=True)
class _Given:
    """One file with its role, the name and number of its source, and the column of its patients."""

    role: str
    name: str
    number: str
    export: Export
    key: str

    @cached_property
    def values(self) -> dict[str, dict[str, str]]:
        """The texts of each column, or of each variable where a row is a value, by patient."""
        return self.export.derive_values(self.key)


@dataclass(frozen=True)
class _Found:
    """One variable: its name, its header in each file by the file's place, and what it seems to hold."""

    name: str
    headers: Mapping[int, str]
    guess: Guess

    @property
    def label(self) -> str:
        """The header in the first file that has it."""
        return next(iter(self.headers.values()))


@dataclass(frozen=True)
class Draft:
    """A drafted protocol: its file, what was guessed by variable, the columns left out with the reason.

    `matched`: of the variables whose headers differ, the headers that values alone brought together.
    """

    path: Path
    variables: Mapping[str, Guess]
    left_out: Mapping[str, str]
    patients: int
    matched: Mapping[str, Sequence[str]]


def draft_protocol(
    path: Path,
    *,
    manual: Sequence[Path] = (),
    ai: Sequence[Path] = (),
    reference: Sequence[Path] = (),
    patient: str | None = None,
) -> Draft:
    """Draft a protocol from files with a row per patient, or per value, and write it.

    The acceptance matrix `acceptance.yaml` beside it is named if it is there. A variable is a column that stands in
    two files or more: under the same header but for case, accents, signs and unit, or with the same values.

    Args:
        path: the protocol to write, such as `protocol/mine.yaml`; it must not exist.
        manual: file of the manual collection, one per collection.
        ai: file of each technology.
        reference: file of the reference, at most one.
        patient: the column with the patient's pseudonym in the files that have it; found by itself elsewhere.

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
    base = next(file for file in files if not file.export.long)
    centre = _find_centre(base)
    found, left_out, matched = _find_variables(files, centre)
    head = {"study": derive_name(path.stem), **_derive_title(path.stem), "language": "fr"}
    data = os.path.relpath(given[0][1].resolve().parent, path.resolve().parent)
    content = {**head, "data": Path(data).as_posix(), **_derive_content(files, base, centre, found)}
    if path.with_name(_MATRIX).is_file():
        content["acceptance"] = _MATRIX
    write_bytes(path, _derive_text(content, matched).encode())
    guesses = {variable.name: variable.guess for variable in found}
    return Draft(path, guesses, left_out, len(set(base.export.columns[base.key])), matched)


def _derive_title(name: str) -> dict[str, Any]:
    return {"title": {"en": f"DECIDE: title of {name}", "fr": f"À DÉCIDER : titre de {name}"}}


def _find_centre(file: _Given) -> str | None:
    return next((header for header in file.values if derive_name(header) in _CENTRES), None)


def _find_variables(
    files: Sequence[_Given], centre: str | None
) -> tuple[list[_Found], dict[str, str], dict[str, list[str]]]:
    apart = _CENTRES if centre else ()
    values = [{header: file.values[header] for header in file.values if derive_name(header) not in apart}
              for file in files]  # fmt: skip
    groups, by_values = match_columns(values)
    found: list[_Found] = []
    left_out: dict[str, str] = {}
    matched: dict[str, list[str]] = {}
    for group in groups:
        name = _derive_free(next(iter(group.values())), [variable.name for variable in found])
        texts = [text for at, header in group.items() for text in files[at].values[header].values()]
        guess = guess_column(texts, unit=any(map(guess_unit, group.values())))
        if len(group) < 2:
            left_out[name] = f"in {files[next(iter(group))].export.declared.path} only"
        elif not guess.type:
            left_out[name] = "free text, or nothing"
        else:
            found.append(_Found(name, group, guess))
            if group in by_values:
                matched[name] = list(dict.fromkeys(group.values()))
    if not found:
        raise UserError("no column has the name, or the values, of a column in another file; rename those of one file.")
    return found, left_out, matched


def _derive_free(header: str, taken: Sequence[str]) -> str:
    """Return the header as a name that no other variable has."""
    name, number = derive_name(header), 2
    while name in taken:
        name, number = f"{derive_name(header)[:37]}_{number}", number + 1
    return name


def _derive_content(
    files: Sequence[_Given], base: _Given, centre: str | None, found: Sequence[_Found]
) -> dict[str, Any]:
    patients: dict[str, Any] = {"file": _derive_file(base.export), "patient": {"column": base.key}}
    if centre:
        patients["centre"] = {"label": {"en": "Centre", "fr": "Centre"}, "column": centre}
    return {
        "resampling": {"seed": 1},
        "patients": patients,
        "sources": [_derive_source(file, at, found) for at, file in enumerate(files)],
        "variables": [_derive_variable(variable) for variable in found],
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


def _derive_source(file: _Given, at: int, found: Sequence[_Found]) -> dict[str, Any]:
    own = [(variable, variable.headers[at]) for variable in found if at in variable.headers]
    declared = _derive_file(file.export)

    def select(kind: str) -> list[list[str]]:
        return [[*file.values[header].values()] for variable, header in own if variable.guess.type == kind]

    if (mark := guess_decimal(select("number"))) != ".":
        declared["decimal"] = mark
    if order := guess_order(select("date")):
        declared["date_order"] = order
    declared |= {"patient": {"column": file.key}} | _derive_layout(file.export, own)
    english, french = _ROLES[file.role]
    label = {"en": english + file.number, "fr": french + file.number}
    return {"name": file.name, "label": label, "role": file.role, "files": [declared]}


def _derive_layout(export: Export, own: Sequence[tuple[_Found, str]]) -> dict[str, Any]:
    if not export.long:
        return {"columns": {variable.name: header for variable, header in own}}
    renamed = {kind: column for kind, column in export.long.items() if kind != column}
    called = {variable.name: header for variable, header in own if variable.name != header}
    out: dict[str, Any] = {"layout": "long", "long": renamed, "columns": called}
    return {key: value for key, value in out.items() if value}


def _derive_variable(variable: _Found) -> dict[str, Any]:
    header, guess = variable.label, variable.guess
    out: dict[str, Any] = {"name": variable.name, "label": {"en": header, "fr": header}, "type": guess.type}
    if guess.type == "number" and (unit := guess_unit(header)):
        out["unit"] = unit
    if guess.levels:
        out["levels"] = list(guess.levels)
    if guess.missing:
        out["missing"] = list(guess.missing)
    if guess.recode:
        out["recode"] = {"values": dict(guess.recode)}
    return out


def _derive_text(content: Mapping[str, Any], matched: Mapping[str, Sequence[str]]) -> str:
    parts = [_HEAD]
    for key, value in content.items():
        note = f"\n# {_NOTES[key]}\n" if key in _NOTES else ""
        if key == "variables":
            note += "".join(_MATCHED.format(name=name, headers=_show(headers)) for name, headers in matched.items())
        parts.append(note + yaml.safe_dump({key: value}, allow_unicode=True, sort_keys=False, width=110))
    return "".join(parts)


def _show(headers: Sequence[str]) -> str:
    return " = ".join(" ".join(header.split()) for header in headers)
