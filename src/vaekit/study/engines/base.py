"""What an engine is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from vaekit.study.task import Task, TaskRow

TRIES = 3  # of a run whose process is killed
Work = Callable[[Task], TaskRow]


class Engine(ABC):
    """Make the runs of a study; close it when all are made.

    To write one: yield every task with its row as soon as it has ended, and take no more of them
    ahead than there are `slots`.
    """

    ahead: int = 64  # tasks that wait at a scheduler, so that new workers have some at once

    @property
    @abstractmethod
    def slots(self) -> int:
        """Return how many runs go on at once by now."""

    @property
    @abstractmethod
    def about(self) -> str:
        """Say where runs are made, and where to watch it."""

    @abstractmethod
    def run(self, tasks: Iterator[Task], work: Work) -> Iterator[tuple[Task, TaskRow]]:
        """Yield each task with what `work` returns of it."""

    def close(self) -> None:  # noqa: B027  not all have something to stop
        """Stop what was started: runs that go on keep a checkpoint."""

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def lost(task: Task) -> TaskRow:
    """Return the row of a run whose processes were killed."""
    why = (
        f"its process was killed {TRIES} times: memory may be short, take fewer --workers, a "
        "smaller batch or network"
    )
    return {**task.row(), "reason": why, "seconds": 0.0}
