"""Checks without a reference: conformance, completeness, plausibility; clinicians' rules."""
