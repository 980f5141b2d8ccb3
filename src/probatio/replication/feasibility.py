"""Can the declared analyses be run at all on the study's data? Said before anything is estimated."""

from __future__ import annotations

import numpy as np

from probatio.protocol import Analysis, Protocol, UserError
from probatio.records import Records
from probatio.replication.views import View, derive_view


def check_analyses(records: Records, protocol: Protocol) -> None:
    """Refuse an analysis that the comparator's own data leave without patients or without a contrast.

    Another source's lack of contrast is a result (`one_class_only`), not a mistake: its rows say so.

    Raises:
        UserError: no patient is complete, or all complete patients fall into one group of the first term.
    """
    for analysis in protocol.analyses:
        source = analysis.comparator or ""
        check_view(derive_view(records, protocol, analysis, source), analysis)


def check_view(view: View, analysis: Analysis) -> None:
    """Refuse the comparator's view of an analysis when it holds no contrast.

    Raises:
        UserError: as `check_analyses`.
    """
    owner = f"in {view.source}" if view.source else "among the patients' attributes"
    n = int(view.complete.sum())
    if n == 0:
        raise UserError(
            f"analyses: {analysis.name}: no patient has endpoint and terms known {owner}; "
            "correct its population, endpoint or terms, or remove the analysis."
        )
    seen = np.unique(view.group[view.complete])
    if view.groups and len(seen) == 1:
        term = analysis.terms[0].variable
        name = view.groups[int(seen[0])].term
        raise UserError(
            f"analyses: {analysis.name}: {term} has one class only, '{name}' ({n} patients), {owner}; "
            "regroup its levels or remove the analysis."
        )
