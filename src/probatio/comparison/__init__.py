"""Pair each source with its reference: single values, repeated events; the outcome of each value."""

from probatio.comparison.comparing import compare
from probatio.comparison.events import derive_event_confidence, derive_events
from probatio.comparison.matching import Event, match_events
from probatio.comparison.singles import derive_single_pairs
from probatio.comparison.tables import PAIR_COLUMNS, Comparison, Side, list_sides

__all__ = [
    "PAIR_COLUMNS",
    "Comparison",
    "Event",
    "Side",
    "compare",
    "derive_event_confidence",
    "derive_events",
    "derive_single_pairs",
    "list_sides",
    "match_events",
]
