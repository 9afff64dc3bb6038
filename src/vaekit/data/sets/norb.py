"""Matrices in NORB's binary format.

A header of little-endian int32: a magic number for the type of the entries, the number K of
dimensions, then max(K, 3) sizes, of which those beyond K do not count; then the entries, the last
index fastest. A magic number with its bytes reversed says that all of it is big-endian.
"""

import math
from pathlib import Path

import numpy as np

from vaekit.errors import VaekitError

_NORB_TYPES = {
    0x1E3D4C51: "f4",
    0x1E3D4C53: "f8",
    0x1E3D4C54: "i4",
    0x1E3D4C55: "u1",
    0x1E3D4C56: "i2",
}
_DIMENSIONS = 8  # dimensions


def norb_matrix(content: bytes, path: Path) -> np.ndarray:
    """Read a matrix, without a copy where it can; `path` is said in errors.

    Raises `VaekitError` for another format, and where the length is not that of the header.
    """
    for order in "<>":
        kind = (
            _NORB_TYPES.get(_header_numbers(content, 0, 1, order)[0])
            if len(content) >= 20
            else None
        )
        if kind is not None:
            return _matrix_of(content, path, order, np.dtype(order + kind))
    raise VaekitError(f"{path} is no matrix in NORB's binary format: get it again")


def _matrix_of(content: bytes, path: Path, order: str, kind: np.dtype) -> np.ndarray:
    dimensions = _header_numbers(content, 4, 1, order)[0]
    start = 8 + 4 * max(dimensions, 3)
    if not 1 <= dimensions <= _DIMENSIONS or len(content) < start:
        raise VaekitError(f"{path} is damaged: its header says {dimensions} dimensions")
    sizes = _header_numbers(content, 8, dimensions, order)
    expected = start + math.prod(sizes) * kind.itemsize
    if min(sizes) < 0 or len(content) != expected:
        raise VaekitError(
            f"{path} is damaged or truncated: a matrix {tuple(sizes)} takes {expected} bytes, but "
            f"it has {len(content)}: get it again"
        )
    return np.frombuffer(content, kind, offset=start).reshape(sizes)


def _header_numbers(content: bytes, start: int, count: int, order: str) -> list[int]:
    return np.frombuffer(content, f"{order}i4", count, start).tolist()
