"""Arrays that go to a .npy file piece by piece, so that they need not fit the memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def row_file(target: Path) -> Iterator[Callable[[np.ndarray], None]]:
    """Give what writes pieces (n, …), of one type, that follow one another as one array.

    They go through a file: on a full disk that raises, where a mapping would end the process.
    """
    kind, rest, count = "", (), 0
    with target.open("wb") as file:

        def begin() -> None:
            header = {"descr": kind, "fortran_order": False, "shape": (count, *rest)}
            np.lib.format.write_array_header_1_0(file, header)

        def add(piece: np.ndarray) -> None:
            nonlocal kind, rest, count
            if not kind:
                kind, rest = piece.dtype.str, piece.shape[1:]
                begin()
            file.write(np.ascontiguousarray(piece).data)
            count += len(piece)

        yield add
        if kind:
            file.seek(0)  # the header has room for any number
            begin()


def save_rows(target: Path, pieces: Iterable[np.ndarray]) -> None:
    """Write pieces as `row_file` does."""
    with row_file(target) as add:
        for piece in pieces:
            add(piece)
