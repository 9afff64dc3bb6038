"""Signals that ask a program to stop: Ctrl-C, and SIGTERM, which clusters and systems send.

An import that breaks off leaves half a module behind, and whoever asks for it next fails in words
of its own. So a signal that comes during one is sent once more a moment later.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

ASKING = (signal.SIGINT, signal.SIGTERM)
_SHORT_WAIT = 0.02  # seconds
_IMPORTS = "<frozen importlib._bootstrap>"
_late = set[int]()  # signals that are on their way again


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
    """Let `handler` answer the signals inside, in the main thread, between imports."""
    before: dict[int, Any] = {}
    outer = _import_depth(sys._getframe())

    def answer(number: int, frame: FrameType | None) -> None:
        _late.discard(number)
        if _import_depth(frame) > outer:
            _send_late(number)
        else:
            handler(number, frame)

    try:
        for number in ASKING:
            before[number] = signal.signal(number, answer)
    except ValueError:  # another thread
        pass
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)


def _import_depth(frame: FrameType | None) -> int:
    """Count the steps of imports among a frame and those that called it."""
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename == _IMPORTS
        frame = frame.f_back
    return count


def _send_late(number: int) -> None:
    if number not in _late:
        _late.add(number)
        timer = threading.Timer(_SHORT_WAIT, os.kill, (os.getpid(), number))
        timer.daemon = True
        timer.start()
