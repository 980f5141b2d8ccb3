"""The answer key lies in the intervals at the nominal rate; ai_a's naive hazard ratio does not (in small).

`tests/benchmarks/bench_answer_key.py` does the same over more seeds; its README has the last table.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binom

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from bench_answer_key import (
    RATES,
    USES,
    derive_records,
    estimate_rates,
    estimate_ratios,
    select_possible,
    summarise_bias,
    summarise_rates,
    summarise_variables,
)

from demo_study import read_demo
from probatio.replication import derive_view
from probatio.synthetic import BUNDLED_SEED, SOURCES, generate_study
from probatio.synthetic.design import READERS

FIRST_SEED = 700_000
SEEDS = 60
MISS = 0.05
FAMILY = 1e-3
"""Probability that a family of comparisons refutes intervals that hold exactly 95 %, shared by its members."""


@pytest.fixture(scope="module")
def simulated():
    """Rates of every reader, and log hazard ratios of reference and ai_a, in studies of consecutive seeds."""
    rates, ratios = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        study = generate_study(seed)
        rates.append(estimate_rates(study))
        ratios.append(estimate_ratios(study, ("reference", "ai_a")))
    return pd.concat(rates, ignore_index=True), pd.concat(ratios, ignore_index=True)


@pytest.fixture(scope="module")
def rates(simulated):
    """The simulated rates."""
    return simulated[0]


def find_pooled_excess(rates):
    """Return the pooled families (source, rate, interval) that miss more often than a binomial bound allows.

    Values of one patient, and of one study, hang together: the intervals of a family count as the number of
    independent ones that gives the variance seen between seeds, never more than there are.
    """
    found = summarise_rates(rates)
    n = found["per_study"] * SEEDS
    plain = np.maximum(found["missed"], MISS) * (1 - np.maximum(found["missed"], MISS)) / n
    effective = np.floor(n / np.maximum(found["missed_se"] ** 2 / plain, 1))
    limit = binom.isf(FAMILY / len(found), effective, MISS) / effective
    return found[found["missed"] > limit]


def find_single_excess(rates):
    """Return the rates of single variables that miss more often than the binomial bound: one interval a seed."""
    found = summarise_variables(rates)
    limit = binom.isf(FAMILY / len(found), found["seeds"], MISS)
    return found[found["missed"] * found["seeds"] > limit]


def test_the_intervals_of_each_source_hold_the_key_at_the_nominal_rate(rates):
    """Pooled over variables, no source, rate or interval misses the true rate more often than 5 % allows."""
    families = select_possible(rates).groupby(["source", "metric", "use"]).size()
    assert set(families.index) == {(s, m, u) for s in READERS for m in RATES for u in USES}
    assert find_pooled_excess(rates).empty


def test_the_intervals_of_each_variable_hold_the_key_at_the_nominal_rate(rates):
    """No single rate of a variable misses more often than an exact binomial bound allows."""
    assert summarise_variables(rates)["seeds"].eq(SEEDS).all()
    assert find_single_excess(rates).empty


@pytest.mark.parametrize(("find", "share"), [(find_pooled_excess, 0.8), (find_single_excess, 0.5)])
def test_intervals_too_short_are_caught(rates, find, share):
    """Intervals a fifth shorter fail the pooled bound, of half the length that of single variables: both have teeth."""
    low, high = ((1 - share) * rates["estimate"] + share * rates[side] for side in ("lower", "upper"))
    short = rates.assign(lower=low, upper=high, above=rates["truth"] > high, below=rates["truth"] < low)
    assert not find(short).empty


def test_a_wrong_key_is_caught(rates):
    """A key of rates half as high again is refuted."""
    truth = rates["truth"] * 1.5
    wrong = rates.assign(truth=truth, above=truth > rates["upper"], below=truth < rates["lower"])
    assert len(find_pooled_excess(wrong)) > 6
    assert not find_single_excess(wrong).empty


def test_error_rates_are_not_covered_for_free(rates):
    """The intervals to report of error rates miss at least 2.5 % of the time: they are not merely wide."""
    found = summarise_rates(rates)
    chosen = found[(found["metric"] == "error_rate") & (found["use"] == "reporting")]
    assert (chosen["missed"] + 3 * chosen["missed_se"] > MISS / 2).all()
    assert chosen["missed"].mean() > MISS / 2


def test_weighted_rates_aim_at_all_patients(rates):
    """Mean error rates are those of the whole programme, and not those of the labelled patients alone.

    The two differ by 3 % of the rate: coverage in one study cannot tell them apart, the mean over studies can.
    """
    found = {name: summarise_bias(rates[rates["metric"] == "error_rate"], name) for name in ("all", "labelled")}
    assert (found["all"]["bias"].abs() < 3.5 * found["all"]["se"]).all()
    assert (found["labelled"]["bias"] < -2 * found["labelled"]["se"]).all()


def count_covered(simulated, source, patients):
    """Count the seeds whose 95 % interval for brain metastases holds the true log hazard ratio."""
    ratios = simulated[1]
    rows = ratios[(ratios["source"] == source) & (ratios["patients"] == patients)]
    rows = rows[rows["variable"] == "brain_mets"]
    assert len(rows) == SEEDS
    return int(((rows["estimate"] - rows["truth"]).abs() <= 1.959964 * rows["se"]).sum())


def test_the_reference_covers_the_true_hazard_ratio(simulated):
    """The reference's intervals hold the true hazard ratio within binomial limits of 95 %."""
    low, high = binom.ppf([0.0005, 0.9995], SEEDS, 1 - MISS)
    assert low <= count_covered(simulated, "reference", "own") <= high


@pytest.mark.parametrize("patients", ["own", "labelled"])
def test_the_naive_hazard_ratio_of_ai_a_misses_it(simulated, patients):
    """The exact upper bound of ai_a's coverage lies below 60 %."""
    covered = count_covered(simulated, "ai_a", patients)
    assert beta.ppf(0.975, covered + 1, SEEDS - covered) < 0.6


def test_the_simulation_reads_what_the_files_say():
    """On the bundled study every source's view of the survival analysis is the one read from its files."""
    (protocol, read), made = read_demo(), derive_records(generate_study(BUNDLED_SEED))
    for source in SOURCES:
        one, other = (derive_view(records, protocol, protocol.analyses[0], source) for records in (read, made))
        pd.testing.assert_frame_equal(one.outcome, other.outcome, check_dtype=False)
        np.testing.assert_array_equal(one.covariates, other.covariates)
        np.testing.assert_array_equal(one.complete, other.complete)
