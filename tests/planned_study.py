"""The demonstration's protocol, and a small one to break in one place at a time."""

from __future__ import annotations

from pathlib import Path

from probatio.protocol import Protocol, read_protocol

DEMO = Path(__file__).parents[1] / "protocol" / "demo.yaml"

SMALL = """\
study: small
title: {en: A small study, fr: Une petite étude}
data: .
resampling: {seed: 7}
patients: {file: {path: patients.csv}}
sources:
  - {name: registry, label: {en: R, fr: R}, role: reference, files: [{path: r.csv, columns: {stage: s}}]}
  - {name: model, label: {en: M, fr: M}, role: ai, files: [{path: m.csv, columns: {stage: s}}]}
  - {name: hand, label: {en: H, fr: H}, role: manual, files: [{path: h.csv, columns: {stage: s}}]}
variables:
  - {name: stage, label: {en: Stage, fr: Stade}, type: nominal, levels: [I, II], uses: [research]}
  - {name: weight, label: {en: Weight, fr: Poids}, type: number, unit: kg, uses: [research], visits: [a, b]}
uses: [research]
acceptance: acceptance.yaml
planning:
  patients: 400
  power: 0.8
  intraclass_correlation: 0.5
  alternatives:
    - types: [nominal]
      expected: {accuracy_documented: 0.95, error_difference: 0}
      discordance: 0.06
    - variables: [weight]
      missing: 0.2
      expected: {error_rate: 0.05}
"""

MATRIX = """\
sets:
  - types: [nominal]
    uses: [research]
    criteria:
      - name: accuracy
        metric: accuracy_documented
        bound: lower
        threshold: 0.9
        justification: {en: why, fr: pourquoi}
        source: someone
      - name: non_inferiority
        metric: error_difference
        bound: upper
        threshold: 0.05
        justification: {en: why, fr: pourquoi}
        source: someone
      - name: kappa
        metric: kappa
        bound: lower
        threshold: 0.8
        justification: {en: why, fr: pourquoi}
        source: someone
  - types: [number]
    uses: [research]
    criteria:
      - name: error
        metric: error_rate
        bound: upper
        threshold: 0.1
        justification: {en: why, fr: pourquoi}
        source: someone
      - name: omission
        metric: omission_rate
        bound: upper
        threshold: 0.1
        justification: {en: why, fr: pourquoi}
        source: someone
"""


def write_small(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the small protocol and its matrix, one text in either of them replaced; return its path."""
    assert old in SMALL or old in MATRIX
    for name, text in (("study.yaml", SMALL), ("acceptance.yaml", MATRIX)):
        (folder / name).write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return folder / "study.yaml"


def read_small(folder: Path, old: str = "", new: str = "") -> Protocol:
    """Return the small protocol, one text replaced."""
    return read_protocol(write_small(folder, old, new))
