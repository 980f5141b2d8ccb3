"""The results of an early-access report that are no survival analysis, from every source on the same patients.

Response rate, adverse events at worst grade and characteristics of the patients: each source's numbers, and their
paired differences from the comparator. What a row means stands in `proportions`, `characteristics` and `changes`.
Beside them `count` rows say what was left out or taken for granted (`term`: asked, not_documented, not_evaluable;
treated, events, outside_window, undated, without_grade, terms_below): k of n.

Sampling weights of the reference are not used: as in a survival analysis, the patients compared are those at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probatio.protocol import Descriptive, Protocol
from probatio.records import Records
from probatio.replication.accounts import Account
from probatio.replication.changes import estimate_changes
from probatio.replication.characteristics import estimate_numbers, estimate_profiles
from probatio.replication.descriptive_views import derive_accounts
from probatio.replication.differences import Row
from probatio.replication.paired_proportions import PatientRule, Setting
from probatio.replication.proportions import estimate_proportions
from probatio.resampling import Draws
from probatio.results import build_row, derive_table

_STRATA: dict[PatientRule, Row] = {"same": {}, "own": {"stratum_by": "patients", "stratum": "own"}}


def estimate_descriptive(
    records: Records, protocol: Protocol, *, draws: Draws, patients: Sequence[PatientRule] = ("same", "own")
) -> pd.DataFrame:
    """Return the rows of every descriptive result of the protocol, `analysis` its name.

    Args:
        records: the study's tables.
        protocol: its descriptive results and level.
        draws: replicate weights over all evaluated patients, those of the survival analyses.
        patients: "same": those counted in every source that was asked (no stratum); "own": each source's own, as
            it would publish them (stratum_by `patients`, stratum `own`). A result without sources has "same" only.
    """
    cohort = records.patients[~records.patients["development"].astype(bool)].sort_index()
    compared = any(result.sources for result in protocol.descriptive)
    weights = draws.weights(cohort) if compared else None
    rows: list[Row] = []
    for result in protocol.descriptive:
        accounts = derive_accounts(records, protocol, result)
        key: Row = {"analysis": result.name}
        rows += [row | key for account in accounts for row in _derive_counts(account, result)]
        for rule in patients if result.sources else ("same",):
            setting = _derive_setting(protocol, result, rule)
            rows += [row | key | _STRATA[rule] for row in _estimate(accounts, setting, weights)]
    return derive_table(rows)


def _estimate(accounts: list[Account], setting: Setting, weights: NDArray[np.uint16] | None) -> Iterator[Row]:
    used = weights if setting.comparator else None
    yield from estimate_proportions(accounts, setting, used)
    yield from estimate_numbers(accounts, setting, used)
    yield from estimate_profiles(accounts, setting, used)
    if setting.rule == "same":
        yield from estimate_changes(accounts, setting)


def _derive_setting(protocol: Protocol, result: Descriptive, rule: PatientRule) -> Setting:
    comparator = result.comparator or ""
    judged = frozenset(name for name in result.sources if protocol.is_judged(name, comparator))
    return Setting(rule, protocol.level, comparator, result.margin, judged)


def _derive_counts(account: Account, result: Descriptive) -> Iterator[Row]:
    variable = result.variable or ""
    for term, (k, n) in account.counts.items():
        yield build_row("count", k, source=account.source, variable=variable, term=term, n=n, k=k)
