"""Whether other processes keep the cores busy that this one computes on."""

import time

try:
    import resource
except ImportError:  # Windows has none
    resource = None

_SECONDS = 10.0  # of a look
_SHARE = 0.7  # of its cores that a crowded process gets at most
_TAKEN = 20.0  # times in a second that each of its threads loses a core to another process


class Crowding:
    """Look how much of the cores a process with so many threads gets.

    Threads of one product wait for each other, so that one that has to wait for its core stops
    them all: two beside another busy process fall to a third of what one thread keeps.
    """

    def __init__(self, threads: int):
        self.threads = threads
        self._begin = _now()

    def share(self) -> float | None:
        """Return the share of its cores where others take them; None where not, or too soon.

        Each look is at the time since the one before.
        """
        seconds, busy, taken = (b - a for a, b in zip(self._begin, _now(), strict=True))
        if seconds < _SECONDS or self.threads < 2:
            return None
        self._begin = _now()
        share, rate = busy / seconds / self.threads, taken / seconds / self.threads
        return share if share < _SHARE and rate > _TAKEN else None


def _now() -> tuple[float, float, float]:
    """Return wall time, time of all threads, and how often they lost a core to others."""
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0
    return time.monotonic(), time.process_time(), float(taken)
