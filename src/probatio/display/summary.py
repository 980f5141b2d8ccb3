"""The one-page summary: each variable's error by source, the difference to manual, the verdict."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from probatio.display.rows import label_of, read_interval, select_reporting, stack_names
from probatio.display.table import Table
from probatio.protocol import Language, Protocol, Use
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, read_word


def render_summary_table(
    agreement: pd.DataFrame,
    acceptance: pd.DataFrame,
    protocol: Protocol,
    *,
    language: Language,
    use: Use = "research",
    variables: Sequence[str] = (),
) -> Table:
    """Return per variable: each source's error, the primary AI minus manual, and its verdict for one use.

    Args:
        agreement: rows of the agreement notebook.
        acceptance: rows of the acceptance notebook.
        protocol: the study's protocol.
        language: of the words and numbers.
        use: the use whose verdict is shown.
        variables: names to show; empty: all but the attributes of events.
    """
    overall = select_reporting(agreement)
    reference = protocol.reference.name if protocol.reference else ""
    errors = select_rows(overall, metric="error_rate", comparator=reference)
    names = [n for n in stack_names(errors, protocol) if (n in variables if variables else "." not in n)]
    sources = [s for s in protocol.select_sources("manual", "ai") if s.name in set(errors["source"])]
    primary = next((s.name for s in sources if s.role == "ai"), "")
    body = []
    for name in names:
        cells = [read_interval(select_rows(errors, variable=name, source=s.name), "error_rate", language, percent=True)
                 for s in sources]  # fmt: skip
        own = select_rows(overall, variable=name, source=primary)
        difference = read_interval(own, "error_difference", language, percent=True, sign=True)
        verdict = _read_verdict(select_rows(acceptance, variable=name, source=primary, use=use), language)
        body.append([label_of(protocol, name, language), *cells, difference, verdict])
    titles = [f"{source.label.read(language)}" for source in sources]
    difference = f"{protocol.get_source(primary).label.read(language)} − {titles[0]}" if primary else EMPTY
    verdict = f"{read_word('column', 'verdict', language)} ({read_word('use', use, language).lower()})"
    return Table([read_word("column", "variable", language), *titles, difference, verdict], body,
                 "l" * (len(sources) + 3))  # fmt: skip


def _read_verdict(rows: pd.DataFrame, language: Language) -> str:
    found = select_rows(rows, metric="verdict")
    if found.empty or found["status"].iloc[0] != Status.OK:
        return EMPTY
    return read_word("verdict", str(found["unit"].iloc[0]), language)
