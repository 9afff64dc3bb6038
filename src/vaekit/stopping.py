"""Signals that ask a program to stop: Ctrl-C, and SIGTERM, which clusters and systems send."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

ASKING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Break off as Ctrl-C does; `status` is what a shell expects of a program that was stopped."""

    def __init__(self, number: int):
        self.status = 128 + number
        super().__init__()


def stop(number: int, frame: object) -> NoReturn:
    """Break off, as the handler of a signal."""
    raise Stopped(number)


@contextmanager
def on_signals(handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Let `handler` answer the signals inside, in the main thread, where they arrive."""
    before: dict[int, Any] = {}
    try:
        for number in ASKING:
            before[number] = signal.signal(number, handler)
    except ValueError:  # another thread
        pass
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)
