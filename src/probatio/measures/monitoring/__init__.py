"""Routine use: is the error of an accepted source stable, and when has it risen, with stated false alarms?"""

from probatio.measures.monitoring.routine import derive_monitoring_series, estimate_monitoring

__all__ = ["derive_monitoring_series", "estimate_monitoring"]
