"""Pair each source with its reference: single values, repeated events; the outcome of each value."""

from probatio.comparison.comparing import compare
from probatio.comparison.matching import Event, match_events
from probatio.comparison.tables import PAIR_COLUMNS, Comparison, Side, list_sides

__all__ = ["PAIR_COLUMNS", "Comparison", "Event", "Side", "compare", "list_sides", "match_events"]
