"""Between centres: how much rates differ from one to the next, and what to expect in one not yet seen."""

from probatio.measures.heterogeneity.centres import estimate_heterogeneity

__all__ = ["estimate_heterogeneity"]
