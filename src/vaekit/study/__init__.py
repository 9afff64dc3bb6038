"""Many runs as one: planned, made where there is room, gathered into one table, compared."""

from typing import TYPE_CHECKING, Any

from vaekit.study import forecast
from vaekit.study.driver import Follower, run_study
from vaekit.study.engines import Engine, Here, Processes
from vaekit.study.plan import Plan, Planned, planned, read_study
from vaekit.study.store import results

if TYPE_CHECKING:
    from vaekit.study import analysis
    from vaekit.study.page import compare_study

__all__ = [
    "Engine",
    "Follower",
    "Here",
    "Plan",
    "Planned",
    "Processes",
    "analysis",
    "compare_study",
    "forecast",
    "planned",
    "read_study",
    "results",
    "run_study",
]


def __getattr__(name: str) -> Any:
    """Import what compares when it is asked for: a process that makes runs needs none of it."""
    from importlib import import_module

    if name == "analysis":
        return import_module("vaekit.study.analysis")
    if name == "compare_study":
        return import_module("vaekit.study.page").compare_study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
