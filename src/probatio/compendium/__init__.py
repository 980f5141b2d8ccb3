"""The compendium: the study handle of the notebooks, the pipeline that runs them, the report.

Names are imported on first use: the process that executes a notebook needs none of pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probatio.compendium.faults import TaskError
    from probatio.compendium.pipeline import RunSummary, run_study
    from probatio.compendium.plan import TaskEvent
    from probatio.compendium.study import Study, open_study

__all__ = ["RunSummary", "Study", "TaskError", "TaskEvent", "open_study", "run_study"]

_HOMES = {
    "RunSummary": "pipeline",
    "Study": "study",
    "TaskError": "faults",
    "TaskEvent": "plan",
    "open_study": "study",
    "run_study": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
