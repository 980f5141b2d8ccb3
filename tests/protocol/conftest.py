"""A small valid protocol as text, to be broken in one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

VALID = """\
study: small
title: {en: A small study, fr: Une petite étude}
data: ../data
resampling: {seed: 7}
patients:
  file: {path: patients.csv}
  attributes:
    sex:
      label: {en: Sex, fr: Sexe}
      column: sex
sources:
  - name: registry
    label: {en: Registry, fr: Registre}
    role: reference
    files:
      - path: registry.csv
        columns: {stage: st, ecog@access: e0}
  - name: model
    label: {en: Model, fr: Modèle}
    role: ai
    independent_of: [registry]
    files:
      - path: model.csv
        columns: {stage: st}
variables:
  - name: stage
    label: {en: Stage, fr: Stade}
    type: ordinal
    levels: [I, II, III, IV]
  - name: ecog
    label: {en: ECOG, fr: ECOG}
    type: binary
    levels: [no, yes]
    visits: [access]
endpoints:
  - name: os
    label: {en: Survival, fr: Survie}
    time: sex
    event: sex
    event_values: [F]
analyses:
  - name: cox
    label: {en: Cox, fr: Cox}
    endpoint: os
    terms:
      - {variable: stage, groups: {early: [I, II], late: [III, IV]}}
    sources: [registry, model]
    comparator: registry
stratify_by: [sex, centre]
"""

ACCEPTANCE = """\
sets:
  - types: [ordinal]
    uses: [research]
    criteria:
      - name: error
        metric: error_rate
        bound: upper
        threshold: 0.10
        review: 0.2
        justification: {en: why, fr: pourquoi}
        source: someone
"""

Write = Callable[..., Path]


@pytest.fixture
def valid() -> str:
    return VALID


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a protocol (and its acceptance matrix, if given) and return its path."""

    def write_protocol(text: str, acceptance: str | None = ACCEPTANCE) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        if acceptance is not None:
            (tmp_path / "acceptance.yaml").write_text(acceptance, encoding="utf-8")
        return path

    return write_protocol
