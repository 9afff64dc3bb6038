"""Runs side by side in processes of this machine, through loky.

Each slot has a process of its own, so that one that is killed takes no other with it, and it is
known whose run it was. On a CPU each computes with one thread: two threads beside another busy
process fall to a third of what one keeps. With accelerators a slot has one of them.
"""

import os
import tempfile
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vaekit.study.engines.base import TRIES, Engine, Work, lost
from vaekit.study.task import AT_WORK, Leash, Task, TaskRow, on_leash

_IDLE = 600  # seconds after which a process without work ends
_LOOK = 1.0  # seconds between looks for the process that started this one


class Processes(Engine):
    """Make runs in so many processes: as many as cores, or accelerators, where not said."""

    def __init__(self, workers: int | None = None, threads: int | None = None):
        import loky

        devices = self.devices = torch.cuda.device_count()
        count = workers or devices or loky.cpu_count()
        self.threads = threads or 1
        self._stop = Path(tempfile.gettempdir()) / f"vaekit-{os.getpid()}-{id(self)}.stop"
        names = [_device(k % devices) if devices else None for k in range(count)]
        leash = Leash(str(self._stop), os.getpid())
        self._slots = [_Slot(leash, self.threads, name) for name in names]

    @property
    def slots(self) -> int:
        """Return how many processes there are."""
        return len(self._slots)

    @property
    def about(self) -> str:
        """Say how many processes there are, and what each has."""
        each = f", one of {self.devices} devices each" if self.devices else ""
        return f"{self.slots} processes, {_threads(self.threads)} each{each}"

    def run(self, tasks: Iterator[Task], work: Work) -> Iterator[tuple[Task, TaskRow]]:
        """Yield each task with what `work` returns of it."""
        again, tries = deque[Task](), dict[str, int]()
        busy: dict[Future[TaskRow], tuple[_Slot, Task]] = {}
        free = deque(self._slots)
        more = True
        while more or busy or again:
            while free and (again or more):
                task = again.popleft() if again else next(tasks, None)
                if task is None:
                    more = False
                    break
                slot = free.popleft()
                own = replace(task, threads=self.threads)
                busy[slot.submit(work, own)] = slot, task
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                slot, task = busy.pop(future)
                free.append(slot)
                try:
                    yield task, future.result()
                except BrokenExecutor:
                    slot.end(wait=False)
                    tries[task.name] = tries.get(task.name, 0) + 1
                    if tries[task.name] < TRIES:
                        again.append(task)
                    else:
                        yield task, lost(task)

    def close(self) -> None:
        """End the processes; those with a run end it at its next row, with a checkpoint."""
        self._stop.touch()
        try:
            for slot in self._slots:
                slot.end(wait=True)
        except KeyboardInterrupt:  # asked a second time
            for slot in self._slots:
                slot.end(wait=False)
            raise
        finally:
            self._stop.unlink(missing_ok=True)


class _Slot:
    """Hold one process, started when it has something to do."""

    def __init__(self, leash: Leash, threads: int, device: str | None):
        self.leash = leash
        self.env = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self.env |= {} if device is None else {"CUDA_VISIBLE_DEVICES": device}
        self._pool: Any = None

    def submit(self, work: Work, task: Task) -> "Future[TaskRow]":
        """Give the process a task."""
        from loky import ProcessPoolExecutor

        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1, timeout=_IDLE, env=self.env, initializer=_hold, initargs=(self.leash,)
            )
        with warnings.catch_warnings():  # it takes a set that was mapped for a leak
            warnings.filterwarnings("ignore", "A worker was restarted", UserWarning)
            return self._pool.submit(work, on_leash(task, self.leash.stop_file, self.leash.master))

    def end(self, wait: bool) -> None:
        """End the process, and forget it."""
        if self._pool is not None:
            self._pool.shutdown(wait=wait, kill_workers=not wait)
        self._pool = None


def _hold(leash: Leash) -> None:
    """End this process once its leash is pulled and no run goes on. Ctrl-C is for the master."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()

    def watch() -> None:
        while not leash.pulled or AT_WORK.locked():
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _device(number: int) -> str:
    """Return the device of that number among those that this process sees."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name for name in seen.split(",") if name]
    return names[number] if number < len(names) else str(number)


def _threads(count: int) -> str:
    return "one thread" if count == 1 else f"{count} threads"
