"""Commands in processes of their own, forked from this one, which has everything imported.

A fresh process takes seconds to start. PyTorch's threads do not survive a fork, so a test that uses
this runs on one thread.
"""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import filelock  # noqa: F401
import jsonargparse  # noqa: F401
import lightning_fabric  # noqa: F401

from vaekit import (  # noqa: F401  what commands import late, once for all processes
    cli,
    information,
    report,
    runs,
)


@dataclass
class Worker:
    """Follow a forked process; what it prints goes to a file."""

    pid: int
    log: Path
    status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, minus the signal that ended it; None while it runs."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status

    def wait(self, seconds: float = 120) -> int:
        """Return the exit status; raise where it does not end in time."""
        end = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                self.end()
                raise AssertionError(f"it did not end: {self.said}")
            time.sleep(0.002)
        return status

    def end(self, by: int = signal.SIGKILL) -> int:
        """Send a signal that ends it, and return the exit status."""
        if self.poll() is None:
            os.kill(self.pid, by)
        return self.wait()

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def fork(work: Callable[[], object], log: Path) -> Worker:
    """Start `work` in a forked process."""
    sys.stdout.flush()
    sys.stderr.flush()
    log.write_text("")
    with warnings.catch_warnings():  # newer versions of Python warn of forks beside threads
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return Worker(pid, log)
    status = 1
    try:
        with log.open("a", encoding="utf-8", buffering=1) as out:
            sys.stdout = sys.stderr = out
            try:
                work()
                status = 0
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else 0
            except BaseException:
                traceback.print_exc()
    finally:
        with suppress(BaseException):
            os._exit(status)
    raise AssertionError


def command(*words: str, log: Path) -> Worker:
    """Start a command line."""
    return fork(lambda: cli.main(words), log)


def ran(*words: str, log: Path) -> str:
    """Run a command that should go well and return what it said."""
    worker = command(*words, log=log)
    status = worker.wait()
    assert status == 0, (status, worker.said)
    assert "Traceback" not in worker.said, worker.said
    return worker.said


def leftovers(folder: Path) -> list[str]:
    """List the files below a folder that only a running process should have there."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.name.startswith(".") or path.suffix in (".part", ".lock")
    )
