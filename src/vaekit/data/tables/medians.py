"""The median of each column of numbers that need not fit the memory, exact."""

from collections.abc import Callable, Iterable

import numpy as np

_AT_ONCE = 2**26  # numbers that are gathered at once: as many columns as that, and one at least
Pieces = Callable[[], Iterable[np.ndarray]]


def medians(parts: Pieces) -> np.ndarray:
    """Return the median (D,) of what is there of each column of pieces (n, D), NaN where missing.

    Every column needs a value.
    """
    count, width = sum(len(part) for part in parts()), next(iter(parts())).shape[1]
    step = max(1, _AT_ONCE // count)
    found = []
    for start in range(0, width, step):  # copies, for the pieces themselves need not fit
        some = [part[:, start : start + step].copy() for part in parts()]
        found.append(np.nanmedian(np.concatenate(some), axis=0, overwrite_input=True))
    return np.concatenate(found)
