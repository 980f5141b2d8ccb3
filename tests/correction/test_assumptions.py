"""What the data say of a correction's assumptions: random labels, one extractor, probabilities, events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from probatio.correction.assumptions import compute_balance, list_assumptions
from probatio.correction.sample import derive_sample
from probatio.protocol import Protocol
from probatio.records import Records
from probatio.replication import derive_view
from probatio.results import Reason, build_row
from survival_study import BY_STAGE, LABEL, build_protocol, build_records, simulate

CORRECTION = {"name": "half", "label": LABEL, "analysis": "by_stage", "source": "ai"}
NO_WARNING = pd.DataFrame([build_row("differential_error", 0.0, analysis="by_stage", source="ai", variable="stage")])


def build_study(labelled: np.ndarray, **patients: Any) -> tuple[Records, Protocol]:
    """Return 200 patients of whom some are labelled, and a protocol that corrects the AI."""
    table, values = simulate(1, 200)
    records = build_records(table.assign(reference_sampled=labelled, **patients), values)
    return records, build_protocol(BY_STAGE, corrections=[CORRECTION])


def judge(records: Records, protocol: Protocol, warnings: pd.DataFrame = NO_WARNING) -> dict[str, Any]:
    """Return 1, 0 or the reason by assumption."""
    gold, proxy = (derive_view(records, protocol, protocol.analyses[0], name) for name in ("registry", "ai"))
    sample = derive_sample(records, gold, proxy)
    rows = list(list_assumptions(records, protocol, protocol.corrections[0], sample, warnings))
    return {row["term"]: row["reason"] or row["estimate"] for row in rows if row["metric"] == "assumption"}


RANDOM = np.random.default_rng(3).random(200) < 0.5


def test_what_the_data_can_tell_of_a_random_sample() -> None:
    """Nothing against random labels; the protocol declares neither probability nor development patients."""
    found = judge(*build_study(RANDOM))
    assert found["labelled_at_random"] == 1
    assert found["enough_events"] == 1
    assert found["nondifferential_error"] == 1
    assert found["known_probability"] == found["not_used_for_tuning"] == Reason.NOT_DECLARED
    assert found["same_extractor"] == Reason.NOT_DECLARED


def test_labels_that_follow_the_outcome_are_seen() -> None:
    """Labelling the dead more often than the living is spoken against."""
    dead = (simulate(1, 200)[0]["status"] == "dead").to_numpy()
    labelled = np.random.default_rng(1).random(200) < np.where(dead, 0.8, 0.3)
    assert judge(*build_study(labelled))["labelled_at_random"] == 0


def test_sampling_by_stratum_is_no_imbalance() -> None:
    """A stratum sampled in full beside one at a third differs from the rest by design, and is not blamed."""
    late = simulate(1, 200)[1]["ai", "stage"] == "III"
    labelled = late | (np.random.default_rng(2).random(200) < 0.33)
    stratum = np.where(late, "late", "early")
    assert judge(*build_study(labelled))["labelled_at_random"] == 0
    assert judge(*build_study(labelled, sampling_stratum=stratum))["labelled_at_random"] == 1


def test_two_extractor_versions_are_seen() -> None:
    """The labelled patients read by another version than the others: the assumption fails."""
    records, protocol = build_study(RANDOM)
    own = records.records["source"] == "ai"
    mine = records.records["patient_id"].isin(records.patients.index[RANDOM])
    for versions, expected in (("1.0", 1), (np.where(mine, "1.0", "2.0"), 0)):
        read = records.records.assign(extractor=versions)
        changed = Records(records.patients, *(getattr(records, name) for name in ("documents", "assessments")),
                          read[own | True], records.rejected, records.flow)  # fmt: skip
        assert judge(changed, protocol)["same_extractor"] == expected


def test_a_warning_of_differential_error_counts() -> None:
    """The agreement notebook's warning speaks against error that does not depend on the outcome; none made: unknown."""
    records, protocol = build_study(RANDOM)
    warned = NO_WARNING.assign(estimate=1.0)
    assert judge(records, protocol, warned)["nondifferential_error"] == 0
    assert judge(records, protocol, NO_WARNING.iloc[:0])["nondifferential_error"] == Reason.NO_VALUES


def test_few_events_are_seen() -> None:
    """Ten labelled patients hold fewer than ten events."""
    assert judge(*build_study(np.arange(200) < 10))["enough_events"] == 0


def test_everyone_labelled_cannot_be_unbalanced() -> None:
    """Without unlabelled patients there is nothing to compare."""
    assert judge(*build_study(np.ones(200, dtype=bool)))["labelled_at_random"] == Reason.ONE_CLASS_ONLY


@pytest.mark.parametrize("seed", [1, 2])
def test_balance_is_a_permutation_test(seed: int) -> None:
    """The p-value is the share of permutations within strata whose sum lies as far from its expectation."""
    rng = np.random.default_rng(seed)
    stratum = np.repeat(["a", "b"], [60, 40])
    score, labelled = rng.random(100) + (stratum == "b"), rng.random(100) < 0.4
    sums = []
    for _ in range(4000):
        drawn = np.concatenate([rng.permutation(labelled[stratum == name]) for name in ("a", "b")])
        sums.append(score[drawn].sum())
    gap = np.abs(np.array(sums) - np.mean(sums))
    share = float((gap >= abs(score[labelled].sum() - np.mean(sums))).mean())
    assert compute_balance(score, labelled, stratum) == pytest.approx(share, abs=0.03)


def test_balance_of_a_constant_is_undefined() -> None:
    """Nothing varies, or a stratum is wholly labelled: no test."""
    labelled = np.arange(20) < 10
    assert np.isnan(compute_balance(np.ones(20), labelled, np.full(20, "")))
    assert np.isnan(compute_balance(np.arange(20.0), np.ones(20, dtype=bool), np.full(20, "")))
