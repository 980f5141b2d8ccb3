"""Proportions by source and their paired differences from the comparator.

| metric | method | n, k |
|---|---|---|
| proportion, incidence, serious_incidence, worst_grade_share, share, missing_share | clopper_pearson | patients counted, those for whom it is so |
| delta_* of each, on the same patients | newcombe, at the protocol's level | patients, those for whom the two differ |
| the same | tango, at the protocol's level and at 1 - 2 (1 - level): 90 % for 95 % | the same |
| delta_* of each, on each source's own patients | percentile_bootstrap, paired_t (as in `agreement`) | patients of either; those who differ, or whom only one has |
| equivalence_* of each, where the result has a margin | tango, or paired_t on own patients | the same; 1 equivalent, 0 inconclusive, -1 not equivalent, the word in `unit`, the interval in `lower` and `upper` |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from probatio.replication.accounts import Account, Answer, Mask, Question
from probatio.replication.differences import Row
from probatio.replication.estimate import describe_undefined
from probatio.replication.paired_proportions import NEVER_ASKED, PatientRule, Setting, Told, compare_proportions
from probatio.resampling import Floats, compute_clopper_pearson, compute_totals
from probatio.results import Reason, build_row


def estimate_proportions(
    accounts: list[Account], setting: Setting, weights: NDArray[np.uint16] | None
) -> Iterator[Row]:
    """Yield the rows of every question: each source's proportion, then its difference from the comparator.

    Args:
        accounts: what each source says, all with the same questions.
        setting: patients, level, comparator, margin.
        weights: replicate weights, shape (replicates, patients), for `own` patients; None where nothing is compared.
    """
    chosen = [_choose_patients(accounts, question, setting.rule) for question in accounts[0].answers]
    drawn: list[Floats | None] = [None] * len(accounts)
    if setting.rule == "own" and weights is not None:
        drawn = [_compute_replicates([answers[place] for answers in chosen], weights) for place in range(len(accounts))]
    for at, (question, answers) in enumerate(zip(accounts[0].answers, chosen, strict=True)):
        sides = [
            Told(account.source, answer, None if table is None else table[:, at])
            for account, answer, table in zip(accounts, answers, drawn, strict=True)
        ]
        yield from (derive_rate(question, side, setting.level) for side in sides)
        base = next((side for side in sides if side.source == setting.comparator), None)
        for side in sides if base is not None else ():
            if base is not None and side is not base:
                yield from compare_proportions(question, side, base, setting)


def _choose_patients(accounts: list[Account], question: Question, rule: PatientRule) -> list[Answer]:
    """Return each source's answer on its own patients, or on those counted in every source that was asked."""
    answers = [account.answers[question] for account in accounts]
    if rule == "own":
        return answers
    masks = [answer.counted for answer in answers if answer.asked]
    common: Mask = np.logical_and.reduce(masks) if masks else answers[0].counted
    return [Answer(common & answer.asked, common & answer.positive, answer.asked) for answer in answers]


def _compute_replicates(answers: list[Answer], weights: NDArray[np.uint16]) -> Floats:
    """Return each proportion in each replicate, shape (replicates, questions); NaN where nobody is drawn."""
    tables = [np.column_stack([getattr(answer, name) for answer in answers]) for name in ("positive", "counted")]
    hits, trials = (compute_totals(weights, table.astype(np.uint8)) for table in tables)
    return np.where(trials > 0, hits / np.where(trials > 0, trials, 1.0), np.nan)


def derive_rate(question: Question, side: Told, level: float) -> Row:
    """Return one source's proportion with its exact interval, or why there is none."""
    key: Row = {"source": side.source, **question.describe()}
    if not side.answer.asked:
        return build_row(question.metric, n=0, **key, **NEVER_ASKED)
    n, k = int(side.answer.counted.sum()), int(side.answer.positive.sum())
    fields = key | {"unit": "proportion", "method": "clopper_pearson", "level": level, "n": n, "k": k}
    if n == 0:
        return build_row(question.metric, **fields, **describe_undefined(Reason.EMPTY_DENOMINATOR))
    lower, upper = compute_clopper_pearson(k, n, level)
    return build_row(question.metric, k / n, lower=float(lower), upper=float(upper), **fields)
