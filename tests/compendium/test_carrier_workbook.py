"""The workbook of carriers: a sheet per analysis and source, safe to open, the same bytes each time."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from probatio.compendium.carrier_workbook import derive_carrier_workbook
from probatio.protocol import Protocol
from probatio.replication import Label
from probatio.replication.carrier_tables import CarrierTable
from probatio.replication.swaps import Quantity
from survival_study import BY_STAGE, build_protocol

TABLE = pd.DataFrame({
    "rank": [1, 2], "patient_id": ["=P1", "P2"], "centre": ["A", "B"], "differs": ["stage", "stage, start"],
    "share": [0.75, 0.25], "cumulative": [0.75, 1.0], "in:registry": [True, True], "in:ai": [True, False],
    "change:0": [0.3, -0.1], "stage:registry:value": ["III", "I"], "stage:registry:document_id": ["", ""],
    "stage:ai:value": ["=cmd()", None], "stage:ai:document_id": ["D1", ""],
    "weight@m1:registry:value": ["", "70"], "weight@m1:registry:document_id": ["", "D2"],
    "weight@m1:ai:value": ["71", "70"], "weight@m1:ai:document_id": ["D3", "D3"],
})  # fmt: skip
QUANTITY = Quantity("log_hazard_ratio", Label("stage", "late"), "")


@pytest.fixture
def protocol() -> Protocol:
    """A study whose sources are named apart."""
    return build_protocol(BY_STAGE)


def write(protocol: Protocol, language: str, *tables: CarrierTable) -> bytes:
    return derive_carrier_workbook(tables, protocol, language=language)


@pytest.fixture
def table() -> CarrierTable:
    """Two patients, one of whom the AI leaves out."""
    return CarrierTable("by_stage", "ai", "registry", (QUANTITY,), TABLE)


def read_sheet(content: bytes, name: str) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name(name).to_python()


@pytest.mark.parametrize(("language", "sheet"), [("en", "Carriers 1"), ("fr", "Porteurs 1")])
def test_a_patient_per_line(protocol: Protocol, table: CarrierTable, language: str, sheet: str) -> None:
    """Header and two patients; changes are numbers, values texts, a missing value is blank."""
    head, first, second = read_sheet(write(protocol, language, table), sheet)
    assert all(head)
    shown = [name for name in TABLE.columns if name != "stage:registry:document_id"]  # it holds nothing
    assert len(head) == len(shown)
    place = shown.index
    assert first[place("change:0")] == 0.3
    assert first[place("share")] == 0.75
    assert second[place("stage:ai:value")] == ""
    assert second[place("in:ai")] in ("no", "non")
    assert first[place("weight@m1:registry:value")] in ("(none)", "(aucun)")


def test_formulas_are_harmless(protocol: Protocol, table: CarrierTable) -> None:
    """A value or an identifier that begins like a formula is written as text."""
    line = read_sheet(write(protocol, "en", table), "Carriers 1")[1]
    assert line[1] == "'=P1"
    assert "'=cmd()" in line
    assert not any(isinstance(value, str) and value.startswith("=") for value in line)


def test_same_tables_same_bytes(protocol: Protocol, table: CarrierTable) -> None:
    """Written twice, the workbook is the same."""
    assert write(protocol, "fr", table) == write(protocol, "fr", table)


def test_legend_says_whose_data_these_are(protocol: Protocol, table: CarrierTable) -> None:
    """The legend warns, explains a change, and names each sheet's analysis and sources; it may stand alone."""
    content = write(protocol, "en", table, table)
    legend = read_sheet(content, "Legend")
    texts = [str(cell) for line in legend for cell in line]
    assert texts[0].startswith("Confidential")
    assert {"Carriers 1", "Carriers 2"} <= set(texts)
    alone = CalamineWorkbook.from_filelike(io.BytesIO(write(protocol, "en")))
    assert alone.sheet_names == ["Legend"]
