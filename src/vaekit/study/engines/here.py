"""Runs one after the other in this process."""

from collections.abc import Iterator

from vaekit.study.engines.base import Engine, Work
from vaekit.study.task import Task, TaskRow


class Here(Engine):
    """Make one run after the other in this process, with all its threads."""

    @property
    def slots(self) -> int:
        """Return 1."""
        return 1

    @property
    def about(self) -> str:
        """Say so."""
        return "one after the other"

    def run(self, tasks: Iterator[Task], work: Work) -> Iterator[tuple[Task, TaskRow]]:
        """Yield each task with what `work` returns of it."""
        for task in tasks:
            yield task, work(task)
