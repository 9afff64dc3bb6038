"""The median of each column of numbers that need not fit the memory, exact.

A radix selection: float64, read as whole numbers of 64 bits in the same order, is cut into digits
of 11 bits. Each pass counts the next digit among the numbers that agree in those before, until few
are left.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

_BITS = 11
_SORTED_AT_ONCE = 2**22  # numbers that are sorted at once
_SIGN = np.uint64(1 << 63)
Pieces = Callable[[], Iterable[np.ndarray]]


def medians(parts: Pieces) -> np.ndarray:
    """Return the median (D,) of what is there of each column of pieces (n, D), NaN where missing.

    Every column needs a value.
    """
    counts = np.sum([(~np.isnan(part)).sum(axis=0) for part in parts()], axis=0)
    low = _of_rank(parts, (counts - 1) // 2)
    high = low if (counts % 2).all() else _of_rank(parts, counts // 2)
    return np.where(low == high, low, (low + high) / 2)


def _of_rank(parts: Pieces, ranks: np.ndarray) -> np.ndarray:
    """Return the number of rank `ranks` (D,), from 0 on, of each column."""
    left, prefix, shift = ranks.astype(np.int64), np.zeros(len(ranks), np.uint64), 64
    alike = np.full(len(ranks), _SORTED_AT_ONCE)
    while shift and alike.sum() >= _SORTED_AT_ONCE:
        bits = min(_BITS, shift)
        counts = np.zeros((len(ranks), 2**bits), np.int64)
        for k, keys in _keys_agreeing(parts, prefix, shift):
            digits = (keys >> np.uint64(shift - bits)) & np.uint64(2**bits - 1)
            counts[k] += np.bincount(digits.astype(np.int64), minlength=2**bits)
        until = counts.cumsum(axis=1)
        digit = (until <= left[:, None]).sum(axis=1)[:, None]
        left -= np.take_along_axis(until - counts, digit, 1)[:, 0]
        alike = np.take_along_axis(counts, digit, 1)[:, 0]
        prefix, shift = (prefix << np.uint64(bits)) | digit[:, 0].astype(np.uint64), shift - bits
    if shift:  # the few numbers that are left are sorted
        few: list[list[np.ndarray]] = [[] for _ in ranks]
        for k, keys in _keys_agreeing(parts, prefix, shift):
            few[k].append(keys)
        prefix = np.array([np.sort(np.concatenate(few[k]))[left[k]] for k in range(len(ranks))])
    return np.where(prefix & _SIGN, prefix ^ _SIGN, ~prefix).view(np.float64)


def _keys_agreeing(
    parts: Pieces, prefix: np.ndarray, shift: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the keys of each column, piece by piece, whose digits above `shift` are `prefix`."""
    for part in parts():
        for k, column in enumerate(np.ascontiguousarray(part.T)):
            keys = _keys(column[~np.isnan(column)])
            yield k, keys if shift == 64 else keys[keys >> np.uint64(shift) == prefix[k]]


def _keys(numbers: np.ndarray) -> np.ndarray:
    """Return whole numbers, uint64, in the order of float64."""
    bits = np.ascontiguousarray(numbers).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)
