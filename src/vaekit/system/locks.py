"""Locks between processes: a file that one process holds, and that goes when it is released.

The lock is the operating system's and ends with its process, so a file that a killed process left
behind locks nothing. Its content tells people who holds it.

Who waits may have opened a file that its holder then removed, and would hold a lock that nobody
else sees. So the file is held against its name once it is locked, and opened anew where it is
another by then.
"""

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vaekit.errors import VaekitError, warn

_UNKNOWN = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # to file systems without locks
_PAUSE = 0.02


class Taken(VaekitError):
    """Report a lock that another process holds."""


@contextmanager
def locked(path: Path, wait: float = 0.0, said: str = "") -> Iterator[None]:
    """Hold the lock file `path` inside, and remove it then.

    Raises `Taken` where another process holds it for longer than `wait` seconds, which is `said`
    with the process in place of {holder}. On a file system without locks it warns and goes on.
    """
    said = said or f"{path} is held by {{holder}}: wait until it has ended"
    file = _acquire(path, time.monotonic() + wait, said)
    try:
        yield
    finally:
        if file is not None:
            _release(path, file)


def discard(path: Path) -> None:
    """Remove a lock file that nobody holds."""
    if path.exists():
        with suppress(Taken, OSError), locked(path):
            pass


def _acquire(path: Path, end: float, said: str) -> int | None:
    """Open and lock the file of that name; None where the file system has no locks."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = _lock(file)
            if locked and _is_at(file, path):
                _sign(file)
                return file
        except BaseException as error:
            os.close(file)
            if isinstance(error, OSError) and error.errno in _UNKNOWN:
                warn(f"{path.parent}: there are no locks here, so let nobody else write")
                return None
            raise
        os.close(file)
        if not locked:
            if time.monotonic() >= end:
                raise Taken(said.replace("{holder}", _lock_owner(path)))
            time.sleep(_PAUSE)


def _lock(file: int) -> bool:
    from filelock import lock_descriptor  # takes as long to import as all of the command line

    return lock_descriptor(file, blocking=False)


def _is_at(file: int, path: Path) -> bool:
    """Say whether an open file still has that name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _release(path: Path, file: int) -> None:
    from filelock import unlock_descriptor

    try:
        if _is_at(file, path):
            with suppress(OSError):  # Windows removes no open file; a free one locks nothing
                path.unlink()
        unlock_descriptor(file)  # also for processes that were forked from this one
    finally:
        os.close(file)


def _sign(file: int) -> None:
    os.ftruncate(file, 0)
    os.write(file, f"process {os.getpid()} on {platform.node()}".encode())


def _lock_owner(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:100] or "another process"
    except OSError:
        return "another process"
