"""Targeted human review: the queue, the round trip by workbook, the page, and the log that proves what was decided."""
