"""Arrays that go to a .npy file piece by piece, so that they need not fit the memory."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np


class RowFile:
    """Write pieces (n, …), of one type, that follow one another as one array to `target`.

    They go through a file: on a full disk that raises, where a mapping would end the process.
    """

    def __init__(self, target: Path):
        self.path, self.count = target, 0
        self._file, self._header = target.open("wb"), dict[str, Any]()

    def add(self, piece: np.ndarray) -> None:
        """Write a piece."""
        if not self._header:
            self._header = {"descr": piece.dtype.str, "fortran_order": False}
            self._begin(piece.shape[1:])
        self._file.write(np.ascontiguousarray(piece).data)
        self.count += len(piece)

    def _begin(self, rest: tuple[int, ...]) -> None:
        header = {**self._header, "shape": (self.count, *rest)}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._header["shape"] = (self.count, *rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        with self._file:
            if self._header and kind is None:  # which has room for any number
                self._file.seek(0)
                self._begin(self._header["shape"][1:])


def save_rows(target: Path, pieces: Iterable[np.ndarray]) -> None:
    """Write pieces as `RowFile` does."""
    with RowFile(target) as file:
        for piece in pieces:
            file.add(piece)
