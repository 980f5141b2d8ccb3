"""Two-phase error rates: shares by hand, exact bound, no adjudication, coverage."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from agreement_study import build_pairs, build_patients, build_protocol

from probatio.measures.cells import find_type
from probatio.measures.rates import compute_acceptance_interval, compute_reporting_interval
from probatio.measures.two_phase import compute_two_phase, estimate_two_phase
from probatio.resampling import compute_clopper_pearson, compute_clustered_mean, compute_wilson
from probatio.results import select_rows


def build_cells(agreement: str, ai: str, manual: str, *, weights: list[float] | None = None) -> pd.DataFrame:
    """Pairs of one patient per letter: AI beside manual, then each against the reference; `-` not adjudicated."""
    frames = []
    for text, names in ((agreement, ("ai", "manual", "agreement")), (ai, ("ai", "registry", "error")),
                        (manual, ("manual", "registry", "error"))):  # fmt: skip
        source, comparator, kind = names
        frame = build_pairs([(f"P{at:04d}", "", "", letter) for at, letter in enumerate(text)], variable="weight")
        frame = frame.assign(source=source, comparator=comparator, kind=kind)
        if weights is not None and kind == "error":
            frame["weight"] = weights
        frames.append(frame[frame["outcome"] != "-"])
    return pd.concat(frames, ignore_index=True)


def run(pairs: pd.DataFrame, **options: object) -> pd.DataFrame:
    """Two-phase rows of some pairs."""
    return estimate_two_phase(SimpleNamespace(pairs=pairs, patients=build_patients(pairs)), build_protocol(**options))


def pick(rows: pd.DataFrame, metric: str, **key: object) -> pd.Series:
    """The one row of a metric; of the reporting interval unless told otherwise."""
    found = select_rows(rows, metric=metric, **key)
    assert len(found) == 1, found[["source", "method"]]
    return found.iloc[0]


def test_shares_by_hand() -> None:
    """80 concordant cells of which 20 are adjudicated with 1 error, 20 discordant with 12: .8 x .05 + .2 x .6."""
    pairs = build_cells("C" * 80 + "W" * 20, "W" + "C" * 19 + "-" * 60 + "W" * 12 + "C" * 8,
                        "W" + "C" * 19 + "-" * 60 + "C" * 12 + "W" * 8)  # fmt: skip
    rows = run(pairs)
    ai = pick(rows, "two_phase_error_rate", source="ai", method="two_phase_wilson")
    manual = pick(rows, "two_phase_error_rate", source="manual", method="two_phase_wilson")
    assert ai.estimate == pytest.approx(0.8 * 0.05 + 0.2 * 0.6)
    assert manual.estimate == pytest.approx(0.8 * 0.05 + 0.2 * 0.4)
    assert (ai.n, ai.k, ai.term, ai.comparator) == (40, 13, "manual", "registry")
    shared = pick(rows, "shared_error_rate", method="wilson")
    assert (shared.source, shared.comparator, shared.n, shared.k) == ("ai", "manual", 20, 1)
    assert (shared.lower, shared.upper) == pytest.approx(tuple(float(x) for x in compute_wilson(1, 20, 0.95)))


def test_exact_bound_at_zero_errors() -> None:
    """No error in 30 of 100 sampled concordant values: the bound is theirs, 1 - .025^(1/30), not zero."""
    pairs = build_cells("C" * 100, "C" * 30 + "-" * 70, "C" * 30 + "-" * 70)
    rows = run(pairs)
    exact = 1 - 0.025 ** (1 / 30)
    shared = pick(rows, "shared_error_rate", method="clopper_pearson")
    assert (shared.estimate, shared.lower, shared.upper) == pytest.approx((0, 0, exact))
    total = pick(rows, "two_phase_error_rate", source="ai", method="two_phase_clopper_pearson")
    assert (total.estimate, total.lower, total.upper) == pytest.approx((0, 0, exact))


def test_weights_of_the_sample() -> None:
    """Concordant cells drawn with unequal probabilities count by their inverse (Hajek)."""
    pairs = build_cells("C" * 8, "WCCC----", "WCCC----", weights=[4, 1, 1, 2, 1, 1, 1, 1])
    found = pick(run(pairs), "two_phase_error_rate", source="ai", method="two_phase_wilson")
    assert found.estimate == pytest.approx(4 / 8)


def test_discordances_alone_hide_shared_errors() -> None:
    """Adjudication of discordances only: no rate at all, for want of a reference among concordant values."""
    rows = run(build_cells("C" * 10 + "W" * 5, "-" * 10 + "WWWCC", "-" * 10 + "CCCWW"))
    assert set(rows["status"]) == {"not_estimable"}
    assert set(rows["reason"]) == {"no_reference"}


def test_everything_adjudicated_is_the_plain_rate() -> None:
    """With a reference for all cells, the estimate is the error rate over all of them."""
    found = pick(run(build_cells("C" * 12 + "WOUB", "C" * 9 + "WOB" + "WUOB", "C" * 9 + "WOB" + "COCB")),
                 "two_phase_error_rate", source="ai", method="two_phase_wilson")  # fmt: skip
    assert found.estimate == pytest.approx(5 / 16)


def test_dependent_sources_have_no_rate() -> None:
    """A manual source that saw the AI's work agrees with it for that reason: not applicable."""
    rows = run(build_cells("CCWW", "CCWW", "CCCC"), independent=False)
    assert set(rows["reason"]) == {"not_independent"}


def test_events_have_none() -> None:
    """Repeated events and their attributes cannot be told concordant cell by cell."""
    protocol = build_protocol()
    pairs = build_cells("CCWW", "CCWW", "CCCC").assign(variable="adverse_events")
    assert find_type(protocol, "adverse_events") == "events"
    assert run(pairs).empty
    assert run(pairs.assign(variable="adverse_events.grade")).empty


def test_interval_covers() -> None:
    """Over 600 seeded studies (300 cells, all discordances, 60 concordances) both intervals hold at 93 to 100 %."""
    rng = np.random.default_rng(23)
    inside = np.zeros(2)
    p_discordant, p_concordant, share = 0.55, 0.04, 0.15
    truth = share * p_discordant + (1 - share) * p_concordant
    for _ in range(600):
        found = _simulate(rng, share, p_concordant, p_discordant)
        inside += [low <= truth <= high for _, low, high in found]
    assert (inside >= 0.93 * 600).all()
    assert inside[0] <= 0.995 * 600


def _simulate(rng: np.random.Generator, share: float, concordant: float, discordant: float) -> list:
    cells = rng.random(300) < share
    part = np.concatenate([np.zeros(60, dtype=np.int64), np.ones(int(cells.sum()), dtype=np.int64)])
    wrong = (rng.random(len(part)) < np.where(part, discordant, concordant)).astype(np.int8)
    size = len(part)
    of_all = compute_clustered_mean(cells.astype(np.int8), np.zeros(300, np.int64), np.arange(300), np.ones(300), 1)
    error = compute_clustered_mean(wrong, part, np.arange(size), np.ones(size), 2)
    return [
        compute_two_phase(of_all, error, compute(error, 0.95), 0.95)
        for compute in (compute_reporting_interval, compute_acceptance_interval)
    ]


def test_bound_grows_with_the_part_not_looked_up() -> None:
    """The same sample speaks less about the total when concordant cells are a larger part of it."""
    bounds = []
    for more in (0, 200):
        pairs = build_cells(
            "C" * (20 + more) + "W" * 20, "C" * 20 + "-" * more + "C" * 20, "C" * 20 + "-" * more + "W" * 20
        )
        bounds.append(pick(run(pairs), "two_phase_error_rate", source="ai", method="two_phase_clopper_pearson").upper)
    assert bounds[0] < bounds[1] < float(compute_clopper_pearson(0, 20, 0.95)[1])
