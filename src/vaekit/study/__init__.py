"""Many runs as one: planned, made where there is room, gathered into one table."""

from vaekit.study import analysis, forecast
from vaekit.study.driver import Follower, run_study
from vaekit.study.engines import Engine, Here, Processes
from vaekit.study.page import compare
from vaekit.study.plan import Plan, Planned, planned, read_study
from vaekit.study.store import results

__all__ = [
    "Engine",
    "Follower",
    "Here",
    "Plan",
    "Planned",
    "Processes",
    "analysis",
    "compare",
    "forecast",
    "planned",
    "read_study",
    "results",
    "run_study",
]
