"""When the AI first extracted a value: what a proof in time of the protocol has to precede."""

from __future__ import annotations

from datetime import date

import pandas as pd

from probatio.protocol import Protocol
from probatio.records import Records


def find_first_extraction(records: Records, protocol: Protocol) -> date | None:
    """Return the first day on which an AI extracted a value; None where the data do not say.

    Of all sources of role `ai`, further runs included, but for those after review, whose dates are decisions'.
    """
    judged = [source.name for source in protocol.sources if source.role == "ai" and source.reviewed is None]
    table = records.records
    told = table.loc[table["source"].isin(judged), "extracted_at"].dropna().astype(str).str[:10]
    days = pd.to_datetime(told, format="%Y-%m-%d", errors="coerce").dropna()
    return days.min().date() if len(days) else None
