"""The generator: determinism, a coherent truth, and the error pattern that the design announces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from probatio.synthetic import count_outcomes, derive_outcomes, generate_study
from probatio.synthetic.answers import compute_rates, count_lines
from probatio.synthetic.design import AI, CELLS, CENTRES, EVERY_SOURCE, READERS, REPEATS, SOURCES, derive_days
from probatio.synthetic.truth import generate_truth


@pytest.fixture(scope="module")
def large():
    """One study of 9,000 patients of the design's centres."""
    return generate_study(404, patients=9_000)


@pytest.fixture(scope="module")
def errors(large):
    """Per source, True where an assessed value is in error, NaN where not assessed or both absent."""
    letters = {source: derive_outcomes(large, source) for source in READERS}
    return {source: table.isin(["W", "O", "U"]).where(~table.isin(["", "B"])) for source, table in letters.items()}


def _derive_values(study, source):
    """Delivered values of an AI as one long table: confidence, right, centre, cause."""
    reading = study.readings[source]
    parts = [
        pd.DataFrame(
            {
                "confidence": reading.confidence[cell.key],
                "right": reading.cells[cell.key] == study.truth.cells[cell.key],
                "cause": reading.causes[cell.key],
                "centre": study.patients["centre"],
            }
        )[reading.cells[cell.key] != ""]
        for cell in CELLS
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_same_seed_gives_the_same_study_and_another_does_not():
    """A study is a function of its seed."""
    first, again, other = generate_study(5), generate_study(5), generate_study(6)
    for source in SOURCES:
        pd.testing.assert_frame_equal(first.derive_wide(source), again.derive_wide(source))
        assert not first.derive_wide(source).equals(other.derive_wide(source))


def test_asking_for_fewer_sources_moves_no_number():
    """Streams are per purpose: ai_b alone is the ai_b of the whole study."""
    pd.testing.assert_frame_equal(
        generate_study(5).derive_wide("ai_b"), generate_study(5, sources=["ai_b"]).derive_wide("ai_b")
    )


def test_further_sources_move_no_number():
    """The four main sources are the same whether or not runs and a second reader are generated beside them."""
    alone, beside = generate_study(5), generate_study(5, sources=EVERY_SOURCE)
    for source in SOURCES:
        pd.testing.assert_frame_equal(alone.derive_wide(source), beside.derive_wide(source))
    for source in REPEATS:
        single = generate_study(5, sources=[source])
        pd.testing.assert_frame_equal(single.derive_wide(source), beside.derive_wide(source))
        for variable, lines in single.readings[source].events.items():
            pd.testing.assert_frame_equal(lines, beside.readings[source].events[variable])


@pytest.fixture(scope="module")
def repeated():
    """Errors, where both sources were asked and something is due or told, of a source and its repeats."""
    study = generate_study(405, patients=9_000, sources=EVERY_SOURCE)
    letters = {source: derive_outcomes(study, source) for source in EVERY_SOURCE if source != "reference"}
    return study, {
        source: table.isin(["W", "O", "U"]).where(~table.isin(["", "B"])) for source, table in letters.items()
    }


def _compute_joint(errors, one, two):
    """Return the error rates of two sources on their common cells, and that of errors of both."""
    pair = [errors[source].to_numpy().ravel() for source in (one, two)]
    both = pd.DataFrame({"one": pair[0], "two": pair[1]}).dropna().astype(bool)
    return both["one"].mean(), both["two"].mean(), (both["one"] & both["two"]).mean()


def test_a_second_run_errs_as_often_and_partly_on_the_same_values(repeated):
    """The same version again: the same rate, more than half of the errors in common, values that differ in 2 to 8 %."""
    study, errors = repeated
    lead, run, both = _compute_joint(errors, "ai_a", "ai_a_run2")
    assert run == pytest.approx(lead, abs=0.004)
    assert 0.5 * lead < both < 0.8 * lead
    asked = study.derive_assessed("ai_a_run2").to_numpy()
    differ = (study.derive_wide("ai_a") != study.derive_wide("ai_a_run2")).to_numpy()[asked].mean()
    assert 0.02 < differ < 0.08


def test_the_version_before_errs_clearly_more_in_the_same_ways(repeated):
    """Version 1.4: half as many errors again or more, and no mechanism that version 2.1 does not have."""
    study, errors = repeated
    lead, run, both = _compute_joint(errors, "ai_a", "ai_a_v1")
    assert 1.4 * lead < run < 2.2 * lead
    assert both > 0.6 * lead
    old, new = (
        {cell.key: set(study.readings[source].causes[cell.key]) for cell in CELLS} for source in ("ai_a_v1", "ai_a")
    )
    assert all(old[key] <= new[key] for key in old)


def test_the_second_reader_errs_like_manual_collection_but_apart_from_it(repeated):
    """The same rate; outside ambiguous and missing documents, errors in common are those of chance."""
    study, errors = repeated
    asked = [cell.key for cell in CELLS if cell.variable.name in REPEATS["second_reader"].variables]
    manual, second, _ = _compute_joint({s: e[asked] for s, e in errors.items()}, "manual", "second_reader")
    assert second == pytest.approx(manual, abs=0.006)
    excess, n = [], 0
    for key in asked:
        document = next(cell.document for cell in CELLS if cell.key == key)
        clear = ~(study.papers.ambiguous[document] | study.papers.missing[document])
        for centre in ("C01", "C02", "C03"):
            chosen = clear & ~study.truth.masks["scanned"] & (study.patients["centre"] == centre).to_numpy()
            one, two, both = _compute_joint(
                {s: e.loc[chosen, [key]] for s, e in errors.items()}, "manual", "second_reader"
            )
            size = int(errors["second_reader"].loc[chosen, key].notna().sum())
            excess.append(size * (both - one * two))
            n += size
    assert abs(sum(excess)) / n < 0.0015


def test_samples_are_random_shares_of_the_evaluated_patients(repeated):
    """Two sevenths for the second reader, three for the runs (the same patients), none of development."""
    study, _ = repeated
    asked = {source: study.derive_assessed(source).any(axis=1).to_numpy() for source in REPEATS}
    assert (asked["ai_a_run2"] == asked["ai_a_v1"]).all()
    assert asked["second_reader"].sum() == round(8_400 * 2 / 7)
    assert asked["ai_a_v1"].sum() == round(8_400 * 3 / 7)
    assert not any(chosen[(study.patients["development"] == "yes").to_numpy()].any() for chosen in asked.values())


def test_reading_the_truth_leaves_it_untouched():
    """After four sources and their errors the truth is what it was, and its arrays refuse to be written."""
    alone, read = generate_truth(8, 300), generate_study(8).truth
    for key, values in alone.cells.items():
        assert values.tolist() == read.cells[key].tolist()
        with pytest.raises(ValueError, match="read-only"):
            read.cells[key][0] = "changed"


def test_a_wrong_request_is_refused():
    """Too few patients or an unknown source is an error, not an empty study."""
    with pytest.raises(ValueError, match="at least 50"):
        generate_study(1, patients=10)
    with pytest.raises(ValueError, match="sources among"):
        generate_study(1, sources=["ai_c"])


def test_the_design_is_three_hundred_patients_in_fifteen_centres_of_3_to_60():
    """Centre sizes, development patients and the reference's sampling are those announced."""
    patients = generate_study(9).patients
    sizes = patients["centre"].value_counts()
    assert (len(patients), len(sizes), sizes.min(), sizes.max()) == (300, 15, 3, 60)
    assert (patients["development"] == "yes").sum() == 20
    assert set(patients.loc[patients["sampling_probability"] == 1, "reference_sampled"]) == {"yes"}


def test_the_reference_is_sampled_with_its_known_probability(large):
    """Large centres are sampled at 0.7, whatever happens to the patient; about 230 of 300 end up labelled."""
    patients = large.patients[large.patients["development"] == "no"]
    sampled = patients["reference_sampled"] == "yes"
    big = patients["sampling_stratum"] == "large"
    dead = pd.Series(large.truth.course.died)[patients.index]
    for group in (big & dead, big & ~dead):
        assert abs(sampled[group].mean() - 0.7) < 4 * np.sqrt(0.21 / group.sum())
    assert 225 < sampled.mean() * 280 < 240


def test_the_truth_obeys_the_rules_of_the_forms(large):
    """Dates are in order, brain_mets agrees with the sites, stage IV has sites, lines agree with their count."""
    truth = large.derive_wide("truth")
    days = {
        name: derive_days(truth[name].replace("", "NaT").to_numpy()).astype(float)
        for name in (
            "diagnosis_date",
            "request_date",
            "start_date",
            "progression_date",
            "stop_date",
            "last_news",
            "death_date",
            "next_treatment_date",
        )
    }
    for name, values in days.items():
        values[(truth[name] == "").to_numpy()] = np.nan
    for first, second in (
        ("diagnosis_date", "request_date"),
        ("request_date", "start_date"),
        ("start_date", "progression_date"),
        ("progression_date", "death_date"),
        ("start_date", "last_news"),
        ("last_news", "death_date"),
        ("stop_date", "death_date"),
        ("stop_date", "next_treatment_date"),
        ("next_treatment_date", "last_news"),
    ):
        assert np.nanmin(days[second] - days[first]) >= 0
    assert truth["last_news"].max() <= "2024-12-31"
    assert 0.35 < (truth["next_treatment_date"] != "").mean() < 0.45
    assert ((truth["brain_mets"] == "yes") == truth["metastatic_sites"].str.contains("brain")).all()
    assert (truth["stage"].str.startswith("IV") == (truth["metastatic_sites"] != "")).all()
    counts = large.events["prior_lines"]["patient"].value_counts().sort_index()
    assert (counts.to_numpy() == truth["n_prior_lines"].astype(int).to_numpy()).all()
    assert (truth.loc[truth["stop_reason"] == "progression", "progression_date"] != "").all()
    fatal = large.events["adverse_events"].query("grade == '5'")["patient"]
    assert len(fatal)
    assert large.truth.course.died[fatal].all()


def test_prior_lines_are_ordered_and_disjoint(large):
    """Each line starts after the previous one has ended."""
    lines = large.events["prior_lines"]
    same = lines["patient"] == lines["patient"].shift()
    assert (lines["start"] <= lines["end"]).all()
    assert (lines["start"] >= lines["end"].shift())[same].all()


def test_between_55_and_65_percent_die(large):
    """The share of deaths observed is the one announced."""
    assert 0.55 < large.truth.course.died.mean() < 0.65


def test_overall_error_rates_are_those_announced(large):
    """Manual errs about 6.6 % of the time, each AI between 4 and 8 %, over single values and visits."""
    rates = {source: compute_rates(count_outcomes(large, source)["*", "all"])["error_rate"] for source in READERS}
    assert rates["manual"] == pytest.approx(0.066, abs=0.004)
    assert all(0.04 < rates[source] < 0.08 for source in AI)


def test_each_technology_is_better_somewhere(errors):
    """ai_b beats ai_a on brain metastases and stage, ai_a beats ai_b on start date and smoking."""
    gap = {
        name: errors["ai_b"][name].mean() - errors["ai_a"][name].mean()
        for name in ("brain_mets", "stage", "start_date", "smoking")
    }
    assert max(gap["brain_mets"], gap["stage"]) < -0.01
    assert min(gap["start_date"], gap["smoking"]) > 0.01


def test_manual_and_ai_errors_go_together(errors):
    """Within nearly every variable, manual and AI err on the same values more often than chance would have it."""
    for source in AI:
        ratios = []
        for cell in CELLS:
            both = pd.concat([errors["manual"][cell.key], errors[source][cell.key]], axis=1, keys=["m", "a"]).dropna()
            if cell.visit in ("", "access") and len(both):
                both = both.astype(float)
                ratios.append((both["m"] * both["a"]).mean() / (both["m"].mean() * both["a"].mean()))
        assert np.mean(np.array(ratios) > 1.3) > 0.95


def test_shared_errors_are_the_same_error(large):
    """In an ambiguous document manual and both AIs mostly give the very same wrong value."""
    truth, values = large.truth.cells["brain_mets"], [large.readings[s].cells["brain_mets"] for s in READERS]
    wrong = [(v != truth) & (v != "") for v in values]
    doubtful = large.papers.ambiguous["imaging"]
    together = wrong[0] & wrong[1] & wrong[2]
    assert together[doubtful].mean() > 20 * max(together[~doubtful].mean(), 1e-4)


def test_harder_and_smaller_centres_err_more(large, errors):
    """The three smallest centres have a clearly higher error rate than the three largest, in every source."""
    centre = large.patients["centre"].to_numpy()
    for source in READERS:
        by_centre = errors[source].astype(float).T.mean().groupby(centre).mean()
        assert by_centre[["C13", "C14", "C15"]].mean() > 1.4 * by_centre[["C01", "C02", "C03"]].mean()


def test_errors_on_brain_metastases_are_differential(large, errors):
    """Patients who die early are misread more often, so that naive hazard ratios are biased."""
    early = large.truth.masks["early_death"]
    for source in ("manual", "ai_a"):
        wrong = errors[source]["brain_mets"].astype(float).to_numpy()
        assert wrong[early].mean() > wrong[~early].mean() + 0.015


def test_manual_collection_forgets_mild_events_and_ai_invents_some(large):
    """Manual omits grades 1-2 far more than grades 3-5; each AI adds unsupported adverse events, manual hardly any."""
    true = large.events["adverse_events"]
    told = large.readings["manual"].events["adverse_events"]["origin"]
    kept = pd.Series(np.isin(np.arange(len(true)), told)).groupby(true["grade"].isin(["1", "2"])).mean()
    assert kept[False] - kept[True] > 0.2
    share = {
        source: (lambda c: c[2] / (c[1] + c[2]))(count_lines(large, source)["adverse_events"]) for source in READERS
    }
    assert share["manual"] < 0.02 < 0.04 < min(share["ai_a"], share["ai_b"])


@pytest.mark.parametrize("source", AI)
def test_confidence_is_informative(large, source):
    """The confidence ranks right above wrong values with an AUC between 0.75 and 0.85."""
    values = _derive_values(large, source)
    right, rank = values["right"].to_numpy(dtype=bool), rankdata(values["confidence"])
    auc = (rank[right].sum() - right.sum() * (right.sum() + 1) / 2) / (right.sum() * (~right).sum())
    assert 0.75 < auc < 0.85


@pytest.mark.parametrize("source", AI)
def test_confidence_is_miscalibrated_differently_by_centre(large, source):
    """Mean confidence exceeds accuracy where the design says over-confident, falls short where under-confident."""
    means = _derive_values(large, source).groupby("centre")[["confidence", "right"]].mean()
    excess = means["confidence"] - means["right"].astype(float)
    bias = pd.Series({c.name: c.over_a if source == "ai_a" else c.over_b for c in CENTRES})
    assert np.corrcoef(excess, bias[excess.index])[0, 1] > 0.8
    assert excess.max() > 0.015
    assert excess.min() < -0.04


@pytest.mark.parametrize("source", AI)
def test_some_deliveries_do_not_conform_and_some_extractions_fail(large, source):
    """About 1.5 % of an AI's values do not conform; extractions fail for some 0.5 to 1.5 % of the cells."""
    causes = _derive_values(large, source)["cause"]
    assert 0.012 < (causes == "F").mean() < 0.019
    failed = np.concatenate([large.readings[source].causes[cell.key] == "failed" for cell in CELLS])
    assert 0.003 < failed.mean() < 0.015


def test_what_is_not_assessed_differs_by_source():
    """Questionnaires are not for AIs, documents are withheld from each AI apart, visits not due are nobody's."""
    study = generate_study(10)
    listed = study.assessments
    assert not listed.duplicated(["source", "variable", "visit", "patient_id"]).any()
    count = listed.groupby(["source", "reason"]).size()
    assert set(count["reference"].index) == {"not_due", "out_of_sample"}
    assert set(count["manual"].index) == {"not_due"}
    quality = listed[listed["variable"] == "qol_global"].groupby("source").size()
    assert quality["ai_a"] == quality["ai_b"] == 300
    withheld = listed[listed["reason"] == "document_not_supplied"].groupby(["source", "variable"]).size()
    assert ("ai_b", "histology") in withheld.index
    assert ("ai_a", "histology") not in withheld.index


def test_nothing_is_delivered_where_nothing_was_assessed():
    """No source has a value in a cell that the assessments table takes out of its denominator."""
    study = generate_study(11, sources=EVERY_SOURCE)
    for source in EVERY_SOURCE:
        assert not (study.derive_wide(source) != "").to_numpy()[~study.derive_assessed(source).to_numpy()].any()


def test_true_absence_exists_so_that_unsupported_and_both_absent_occur(large):
    """pdl1, progression and stop are absent in truth for some patients, and AIs fill some of these cells."""
    for name in ("pdl1", "progression_date", "stop_date"):
        letters = derive_outcomes(large, "ai_a")[name].value_counts()
        assert letters["U"] > 0
        assert letters["B"] > 0
