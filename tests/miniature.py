"""A project in miniature: three notebooks on three small files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROTOCOL = """
study: mini
title: {en: A miniature, fr: Une miniature}
data: ../data
resampling: {seed: 1, replicates: 100}
patients: {file: {path: patients.csv}}
sources:
  - name: registry
    label: {en: Registry, fr: Registre}
    role: reference
    files: [{path: registry.csv, columns: {stage: stage}}]
  - name: model
    label: {en: Model, fr: Modèle}
    role: ai
    files: [{path: model.csv, columns: {stage: stage}}]
variables:
  - {name: stage, label: {en: Stage, fr: Stade}, type: nominal, levels: [I, II]}
"""
PATIENTS = "patient_id\nP1\nP2\nP3\n"
REGISTRY = "patient_id,stage\nP1,I\nP2,II\nP3,I\n"
MODEL = "patient_id,stage\nP1,I\nP2,I\nP3,I\n"

OPEN = "from probatio.compendium import open_study\ns = open_study(study, run=run, notebook='{name}')"
FIRST = """
lines = (s.root / 'model.csv').read_text().splitlines()[1:]
from probatio.results import build_row
rows = [build_row('first', len(lines) / 3, n=len(lines))]
curve = [{'metric': 'curve', 'x': x, 'y': x / 3} for x in range(3)]
from matplotlib.figure import Figure
figure = Figure(); figure.subplots().plot([1, 3, 2])
s.write(rows, series={'curve': curve}, figures={'line': figure}, confidential={'cases.csv': b'P2'})
"""
SECOND = """
total = s.rows('01_first')['n'].sum() + len(s.series('01_first'))
from probatio.results import build_row
s.write([build_row('second', total)])
"""
THIRD = """
from probatio.results import build_row
s.write([build_row('third', status='not_estimable', reason='no_events', term=word)])
"""


def derive_notebook(name: str, code: str, *, needs: tuple[str, ...] = (), reads: tuple[str, ...] | None = None,
                    parameters: str = "") -> dict[str, Any]:  # fmt: skip
    """Return a notebook with its parameters cell, the opening of the study, and one cell of code."""
    sources = [f"study = '../protocol/mini.yaml'\nrun = ''\n{parameters}", OPEN.format(name=name), code.strip()]
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": source, "outputs": [], "execution_count": None,
         "metadata": {"tags": ["parameters"]} if i == 0 else {}}
        for i, source in enumerate(sources)
    ]  # fmt: skip
    meta: dict[str, Any] = {"needs": list(needs)}
    if reads is not None:
        meta["reads"] = list(reads)
    return {"cells": cells, "metadata": {"probatio": meta}, "nbformat": 4, "nbformat_minor": 5}


@dataclass(frozen=True)
class Miniature:
    """A project folder: protocol, data, notebooks, and a run once there is one."""

    path: Path

    @property
    def protocol(self) -> Path:
        return self.path / "protocol" / "mini.yaml"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def notebooks(self) -> Path:
        return self.path / "notebooks"

    @property
    def run(self) -> Path:
        return self.path / "runs" / "mini"

    def write_notebook(self, name: str, code: str, **settings: Any) -> None:
        content = derive_notebook(name, code, **settings)
        (self.notebooks / f"{name}.ipynb").write_text(json.dumps(content), encoding="utf-8")

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def make_miniature(path: Path) -> Miniature:
    """Write a project in miniature."""
    made = Miniature(path)
    for folder in (made.protocol.parent, made.data, made.notebooks):
        folder.mkdir(parents=True)
    made.protocol.write_text(PROTOCOL, encoding="utf-8")
    for name, text in (("patients", PATIENTS), ("registry", REGISTRY), ("model", MODEL)):
        (made.data / f"{name}.csv").write_text(text, encoding="utf-8")
    made.write_notebook("01_first", FIRST)
    made.write_notebook("02_second", SECOND, needs=("01_first",), reads=("protocol",))
    made.write_notebook("03_third", THIRD, reads=("protocol",), parameters="word = 'none'")
    return made
