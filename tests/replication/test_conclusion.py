"""Which equivalence decides: the hazard ratio where hazards are proportional, else the restricted mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from probatio.replication.replicating import Replication
from probatio.results import select_rows
from survival_data import read_lung, read_oracle
from survival_study import BY_STAGE, build_patients, build_protocol, build_records, run, simulate

VETERAN = BY_STAGE | {"horizons": [90, 180], "landmarks": [90]}


def read(rows: pd.DataFrame, metric: str, **values: object) -> pd.Series:
    """Return the one row asked for."""
    found = select_rows(rows, metric=metric, **({"stratum_by": ""} | values))
    assert len(found) == 1, found
    return found.iloc[0]


@pytest.fixture(scope="module")
def veteran():
    """The veterans' lung cancer trial: treatment as stage, Karnofsky as age; the AI misreads two treatments in 137."""
    data = read_oracle("veteran")
    status = np.where(data["status"] == 1, "dead", "alive")
    patients = build_patients(len(data), days=data["time"].to_numpy(float), status=status,
                              age=data["karno"].to_numpy(float))  # fmt: skip
    test = (data["trt"] == 2).to_numpy()
    read_wrong = np.where(np.isin(np.arange(len(data)), [20, 110]), ~test, test)
    values = {("registry", "stage"): np.where(test, "III", "I"), ("ai", "stage"): np.where(read_wrong, "III", "I")}
    return build_records(patients, values)


def analyse(records, terms: list[dict], **more: object) -> Replication:
    """Run the trial's analysis on some terms."""
    return run(records, build_protocol(VETERAN | {"terms": terms} | more))


TREATMENT, KARNO = BY_STAGE["terms"][0], {"variable": "age", "per": 1}


def test_veterans_hazards_are_not_proportional(veteran):
    """Treatment and Karnofsky: R's cox.zph for Karnofsky, 11.9588, p 0.000544; rejected, and the ratios say so."""
    rows, _ = analyse(veteran, [TREATMENT, KARNO])
    check = read(rows, "proportional_hazards_chi2", source="registry", variable="age")
    assert check["estimate"] == pytest.approx(11.9588, abs=5e-5)
    p = read(rows, "proportional_hazards_p", source="registry", variable="age")
    assert p["estimate"] == pytest.approx(0.000544, abs=5e-7)
    assert read(rows, "proportional_hazards_p", source="registry", variable="")["estimate"] < 0.05
    for metric in ("hazard_ratio", "log_hazard_ratio", "delta_log_hazard_ratio", "equivalence"):
        found = select_rows(rows, metric=metric, status="ok", stratum_by="")
        assert set(found.loc[found["method"] != "wald_robust", "reason"]) == {"non_proportional_hazards"}
    assert set(select_rows(rows, metric=["rmst", "delta_rmst_difference"])["reason"]) <= {"", "no_interval"}


@pytest.mark.parametrize(("margin", "verdict"), [(60.0, "equivalent"), (5.0, "inconclusive")])
def test_the_restricted_mean_decides(veteran, margin, verdict):
    """The treatment's conclusion is that of the RMST difference at 180 days, whatever the hazard ratios say."""
    rows, _ = analyse(veteran, [TREATMENT, KARNO], rmst_margin=margin)
    conclusion, mean = read(rows, "conclusion", variable="stage"), read(rows, "equivalence_rmst")
    delta = read(rows, "delta_rmst_difference", method="paired_t", level=0.9, at="180")
    assert (conclusion["method"], conclusion["unit"]) == ("rmst_difference", verdict)
    assert conclusion["reason"] == "non_proportional_hazards"
    assert (
        (conclusion["lower"], conclusion["upper"]) == (mean["lower"], mean["upper"]) == (delta["lower"], delta["upper"])
    )
    assert read(rows, "conclusion", variable="age")["method"] == "log_hazard_ratio"


@pytest.mark.parametrize("more", [{}, {"rmst_margin": 30.0, "horizons": []}])
def test_without_a_margin_or_a_horizon_there_is_no_conclusion(veteran, more):
    """Where the protocol states no margin (or no horizon) of the restricted mean, nothing is concluded."""
    rows, _ = analyse(veteran, [TREATMENT, KARNO], **more)
    conclusion = read(rows, "conclusion", variable="stage")
    assert (conclusion["status"], conclusion["reason"]) == ("not_applicable", "not_declared")
    assert read(rows, "equivalence", variable="stage")["status"] == "ok"


def test_proportional_hazards_leave_the_ratio_to_decide():
    """A simulated study with proportional hazards: no caution, and the conclusion is the hazard ratio's."""
    patients, values = simulate(3, 200)
    rows, _ = run(build_records(patients, values), build_protocol(BY_STAGE | {"rmst_margin": 1.0}))
    assert read(rows, "proportional_hazards_p", source="registry", variable="")["estimate"] > 0.05
    conclusion, ratio = read(rows, "conclusion"), read(rows, "equivalence")
    assert (conclusion["method"], conclusion["unit"]) == ("log_hazard_ratio", ratio["unit"])
    assert "non_proportional_hazards" not in set(rows["reason"])
    assert read(rows, "equivalence_rmst")["status"] == "ok"


def test_the_sources_under_test_do_not_choose(veteran):
    """What decides depends on the comparator's hazards: with roles exchanged, on the other's."""
    forward, _ = analyse(veteran, [TREATMENT])
    assert read(forward, "proportional_hazards_p", source="registry", variable="")["estimate"] > 0.05
    assert "non_proportional_hazards" not in set(forward["reason"])


def test_lung_check_and_concordance():
    """NCCTG lung, three terms: R's global check 4.46366, p 0.2156; concordance 0.637136, SE 0.025068."""
    lung = read_lung()
    patients = build_patients(len(lung), days=lung["time"].to_numpy(float), age=lung["age"].to_numpy(float),
                              status=np.where(lung["event"], "dead", "alive"),
                              sex=np.where(lung["sex"] == 1, "M", "F"))  # fmt: skip
    values = {("registry", "weight"): [None if np.isnan(x) else str(x) for x in lung["ph_ecog"]]}
    terms = [{"variable": "age", "per": 1}, {"variable": "sex", "groups": {"M": ["M"], "F": ["F"]}},
             {"variable": "weight", "per": 1}]  # fmt: skip
    analysis = BY_STAGE | {"terms": terms, "sources": ["registry"], "horizons": [], "landmarks": []}
    rows, _ = run(build_records(patients, values), build_protocol(analysis))
    check = read(rows, "proportional_hazards_chi2", variable="")
    assert (check["estimate"], check["n"], check["k"]) == (pytest.approx(4.46366, abs=5e-6), 227, 164)
    assert read(rows, "proportional_hazards_p", variable="")["estimate"] == pytest.approx(0.2156, abs=5e-5)
    found = read(rows, "concordance")
    assert found["estimate"] == pytest.approx(0.637136, abs=1e-6)
    assert (found["upper"] - found["lower"]) / 2 / 1.959964 == pytest.approx(0.025068, abs=5e-7)


def test_the_course_of_a_hazard_ratio_moves_where_hazards_are_not_proportional(veteran):
    """Karnofsky protects at first and fades: its smoothed coefficient rises towards 0, within bounds."""
    _, series = analyse(veteran, [TREATMENT, KARNO])
    course = select_rows(series, metric="log_hazard_ratio_course", source="registry", variable="age")
    assert course["y"].iloc[0] < -0.04
    assert course["y"].iloc[0] < course["y"].iloc[len(course) // 2]
    assert ((course["lower"] < course["y"]) & (course["y"] < course["upper"])).all()
