"""Sample size and precision, before the data are seen."""
