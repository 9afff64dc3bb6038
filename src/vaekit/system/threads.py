"""Work that threads do side by side, its results in order.

Pillow decodes outside of Python's lock, so threads serve as well as processes would, start at once,
and need no guard around a user's script.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

TaskItem = TypeVar("TaskItem")
TaskMade = TypeVar("TaskMade")


def in_threads(
    work: Callable[[TaskItem], TaskMade], items: Iterable[TaskItem], together: int = 32
) -> Iterator[TaskMade]:
    """Yield `work(item)` for each item, in order, a few of them made ahead of their use.

    `together` items are handed to a thread at once, because handing over costs as much as a small
    JPEG; memory holds so many for each thread and twice as many more. What `work` raises is raised.
    """
    threads, left = min(16, os.cpu_count() or 1), iter(items)
    ahead = deque[Future[list[TaskMade]]]()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while some := list(islice(left, together)):
                ahead.append(pool.submit(lambda some: [work(item) for item in some], some))
                if len(ahead) > 2 * threads:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            for task in ahead:
                task.cancel()
