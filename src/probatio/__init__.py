"""Probatio: a reproducible research compendium for the validation of AI-extracted oncology data."""

__version__ = "0.1.0"
