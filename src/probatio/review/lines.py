"""An event's line as one text: see `records.event_text`."""

from probatio.records.event_text import derive_line_text, parse_line_text

__all__ = ["derive_line_text", "parse_line_text"]
