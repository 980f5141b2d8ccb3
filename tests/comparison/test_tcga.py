"""The real study: 574 patients of TCGA, read from the public files, give the published counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probatio.comparison import Comparison, compare
from probatio.protocol import Protocol, read_protocol
from probatio.records import Records, find_data_files, read_records, read_texts

PROTOCOL = Path(__file__).parents[2] / "protocol" / "tcga.yaml"
MIRROR = os.environ.get("PROBATIO_MIRROR", "")

pytestmark = pytest.mark.skipif(not MIRROR, reason="PROBATIO_MIRROR does not name a folder with the public files")


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return read_protocol(PROTOCOL)


@pytest.fixture(scope="module")
def records(protocol: Protocol) -> Records:
    return read_records(protocol, Path(MIRROR))


@pytest.fixture(scope="module")
def comparison(protocol: Protocol, records: Records) -> Comparison:
    return compare(records, protocol)


@pytest.mark.parametrize(
    ("variable", "outcomes"),
    [
        ("t_category", {"C": 425, "W": 136, "O": 10, "U": 2, "B": 1}),
        ("n_category", {"C": 349, "W": 17, "O": 50, "U": 72, "B": 86}),
        ("m_category", {"C": 202, "W": 2, "O": 259, "U": 25, "B": 86}),
    ],
)
def test_the_model_against_the_registry(comparison: Comparison, variable: str, outcomes: dict[str, int]) -> None:
    """The language model's T, N and M against the registry's have the published outcomes."""
    pairs = comparison.pairs
    chosen = (pairs["source"] == "gpt_oss") & (pairs["kind"] == "error") & (pairs["variable"] == variable)
    assert pairs.loc[chosen, "outcome"].value_counts().to_dict() == outcomes


def test_patients_documents_and_rejections(records: Records) -> None:
    """597 reports of 574 patients; one report each; 10,586 other patients of the survival file outside."""
    flow = records.flow.set_index(["unit", "source", "variable", "step"])["n"]
    assert flow["patients", "", "", "read"] == 11_160
    assert flow["patients", "", "", "rejected_outside_cohort"] == 10_586
    assert flow["patients", "", "", "evaluated"] == 574
    assert flow["documents", "", "", "read"] == 597
    assert flow["documents", "", "", "rejected_not_first_document"] == 23
    assert flow["values", "physician", "t_category", "assessed"] == 150
    assert records.records["conformant"].all()
    assert records.patients["centre"].nunique() == 55


def test_liver_patients_with_t_in_both_sources(comparison: Comparison) -> None:
    """314 patients with a liver tumour have T in both sources, 96 died; wrong T groups are commoner in deaths."""
    pairs = comparison.pairs
    both = pairs["outcome"].isin(["C", "W"]) & (pairs["source"] == "gpt_oss") & (pairs["kind"] == "error")
    stages = pairs[both & (pairs["variable"] == "t_category")].set_index("patient_id")
    liver = comparison.patients.loc[stages.index].query("project == 'LIHC'")
    deaths = liver["os_status"] == "1"
    assert (len(liver), deaths.sum()) == (314, 96)
    late = stages.loc[liver.index, ["reference", "value"]].isin(["T3", "T4"])
    wrong = late["reference"] != late["value"]
    assert [round(100 * wrong[chosen].mean()) for chosen in (deaths, ~deaths)] == [27, 15]


def test_the_grade_is_not_assessed_where_the_registry_never_collected_it(records: Records) -> None:
    """Breast, colorectal and thyroid tumours have no registry grade: their cells leave the denominator."""
    cells = records.assessments
    graded = cells[(cells["source"] == "registry") & (cells["variable"] == "grade")]["patient_id"]
    projects = records.patients.loc[graded, "project"]
    assert len(graded) == 414
    assert not {"BRCA", "COAD", "THCA"} & {*projects}


def test_every_file_is_listed_and_every_kept_report_has_its_text(protocol: Protocol, records: Records) -> None:
    """Files for the manifest: reports, extractions, corrections and four tables; texts come by report."""
    assert len(find_data_files(protocol, Path(MIRROR))) == 597 + 597 + 151 + 4
    texts = read_texts(protocol, Path(MIRROR))
    first = records.documents.iloc[0]
    assert first["patient_id"] in texts[first["document_id"]]
