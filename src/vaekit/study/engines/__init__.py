"""Where the runs of a study are made: in this process, in some on this machine, on a cluster.

An engine takes tasks one by one as it has room for them, and yields each with its row, in whatever
order they end. A task whose process is killed is given to another one, up to `TRIES` times.
"""

from vaekit.study.engines.base import TRIES, Engine
from vaekit.study.engines.here import Here
from vaekit.study.engines.processes import Processes

__all__ = ["TRIES", "Engine", "Here", "Processes"]
