"""Sample size and precision, before the data are seen."""

from probatio.planning.estimating import derive_power_curves, estimate_plan, estimate_planning
from probatio.planning.profiles import find_faults

__all__ = ["derive_power_curves", "estimate_plan", "estimate_planning", "find_faults"]
