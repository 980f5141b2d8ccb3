"""Tolerance: how much extraction error an analysis bears before its conclusion moves."""
