"""How much memory there is, and a note where more is asked for."""

from contextlib import suppress
from pathlib import Path

from vaekit.errors import warn

_MACHINE, _LIMIT, _USED = (
    Path("/proc/meminfo"),
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory.current"),
)


def free_memory() -> int | None:
    """Tell how many bytes can still be had, also in a container; None where the system hides it."""
    free = list[int]()
    with suppress(OSError, ValueError, IndexError):
        lines = dict(line.split(":") for line in _MACHINE.read_text().splitlines())
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
    with suppress(OSError, ValueError):  # "max" is no limit
        free.append(int(_LIMIT.read_text()) - int(_USED.read_text()))
    return min(free, default=None)


def warn_of_memory(what: str, needed: int, cure: str) -> None:
    """Warn where `what` will need more bytes than can be had; `cure` says what to do instead."""
    free = free_memory()
    if free is not None and needed > free:
        much = f"about {needed / 2**30:.1f} GiB of memory, but {free / 2**30:.1f} GiB are free"
        warn(f"{what} will take {much}: {cure}")
