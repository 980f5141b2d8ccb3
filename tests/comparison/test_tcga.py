"""The real study: 574 patients of TCGA, read from the public files, give the published counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probatio.comparison import Comparison, compare
from probatio.measures import estimate_agreement
from probatio.measures.definitions import estimate_definitions
from probatio.measures.heterogeneity import estimate_heterogeneity
from probatio.protocol import Protocol, read_protocol
from probatio.records import Records, find_data_files, read_records, read_texts
from probatio.resampling import Draws
from probatio.results import select_rows

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


def test_the_edition_of_the_staging_manual_in_liver(comparison: Comparison, protocol: Protocol) -> None:
    """The model never leaves the edition that a report names; at most 26 of 123 wrong T can come from an edition."""
    rows = estimate_definitions(comparison, protocol)
    rates = select_rows(rows, metric="definition_wrong_rate").set_index("term")
    found = {term: (rates.loc[term, "k"], rates.loc[term, "n"]) for term in rates.index}
    assert found == {
        "as_stated": (7, 25), "not_as_stated": (0, 0), "followed": (6, 13), "not_followed": (82, 192),
        "unread": (28, 84),
    }  # fmt: skip
    shares = select_rows(rows, metric="definition_share").set_index("term")
    assert (shares.loc["not_as_stated", "k"], shares.loc["not_as_stated", "n"]) == (0, 7)
    assert (shares.loc["not_followed", "k"], shares.loc["not_followed", "n"]) == (82, 95)
    assert (shares.loc["explained", "k"], shares.loc["explained", "n"]) == (26, 123)
    assert tuple(shares.loc["explained", ["lower", "upper"]]) == pytest.approx((0.142970, 0.294182), abs=1e-6)
    changes = select_rows(rows, metric="definition_change").set_index("at")["k"]
    assert changes.to_dict() == {"T2 > T1": 5, "T3 > T4": 1, "T3 > T2": 15, "T4 > T2": 3, "T4 > T3": 2}


def test_the_editions_that_reports_and_model_name(records: Records) -> None:
    """26 liver reports name one edition and the model repeats it; where none is named it says the 8th of 193."""
    liver = records.patients.query("project == 'LIHC'")
    named = liver[liver["edition_stated"] != ""]
    assert named["edition_stated"].value_counts().to_dict() == {"7": 25, "6": 1}
    assert (named["edition_stated"] == named["edition_read"]).all()
    others = liver[liver["edition_stated"] == ""]["edition_read"].value_counts().to_dict()
    assert others == {"8": 193, "": 87, "7": 12, "6": 1}


def test_t_n_m_and_grade_within_tumour_type(comparison: Comparison, protocol: Protocol) -> None:
    """Errors of T: 127 of 318 in the liver, none of 52 in the colon; types under ten patients are suppressed."""
    draws = Draws(seed=1, frame="all", unit="patient", replicates=100)
    rows = estimate_agreement(comparison, protocol, draws=draws)
    own = select_rows(rows, source="gpt_oss", stratum_by="project", metric="error_rate", comparator="registry")
    counts = {(r.variable, r.stratum): (r.k, r.n) for r in own[own["status"] == "ok"].itertuples()}
    for variable, expected in {
        "t_category": {"BRCA": (15, 101), "COAD": (0, 52), "ESCA": (2, 44), "LIHC": (127, 318), "STAD": (2, 53)},
        "n_category": {"BRCA": (54, 97), "COAD": (2, 52), "ESCA": (1, 43), "LIHC": (68, 239), "STAD": (13, 53)},
        "m_category": {"BRCA": (77, 101), "COAD": (36, 43), "ESCA": (24, 37), "LIHC": (106, 250), "STAD": (40, 52)},
        "grade": {"ESCA": (3, 32), "LIHC": (55, 314), "STAD": (3, 53)},
    }.items():
        assert {stratum: found for (name, stratum), found in counts.items() if name == variable} == expected
    assert set(own.loc[own["status"] != "ok", "reason"]) == {"small_stratum"}


def test_heterogeneity_within_tumour_type_where_defined(comparison: Comparison, protocol: Protocol) -> None:
    """Over all sites it is refused; within the liver six sites of ten and more have a spread; a lone site has none."""
    rows = select_rows(estimate_heterogeneity(comparison, protocol), source="gpt_oss", variable="t_category")
    spread = select_rows(rows, metric="centre_sd_error_rate").set_index("stratum")
    assert (spread.loc["", "status"], spread.loc["", "reason"]) == ("not_applicable", "nested_centres")
    assert (spread.loc["LIHC", "status"], spread.loc["LIHC", "clusters"]) == ("ok", 6)
    assert (spread.loc["BRCA", "reason"], spread.loc["THCA", "reason"]) == ("too_few_clusters", "small_stratum")
    q = select_rows(rows, metric="centre_q_error_rate", stratum="LIHC").iloc[0]
    assert (q["status"], q["reason"]) == ("not_applicable", "too_few_events")


def test_every_file_is_listed_and_every_kept_report_has_its_text(protocol: Protocol, records: Records) -> None:
    """Files for the manifest: reports, extractions, corrections and four tables; texts come by report."""
    assert len(find_data_files(protocol, Path(MIRROR))) == 597 + 597 + 151 + 4
    texts = read_texts(protocol, Path(MIRROR))
    first = records.documents.iloc[0]
    assert first["patient_id"] in texts[first["document_id"]]
