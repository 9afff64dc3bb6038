"""The border: what an array holds is admitted here, whatever way it comes in, or refused.

`vaekit.values` says what its numbers mean. Inside, pictures are (N, C, H, W) and tables (N, D),
uint8 (v means v/255; a quarter of the memory, and exact) or float32. The costly mistakes are the
quiet ones: channels last read as channels first, 0/1 pixels divided by 255, one NaN that ends a run
after an hour. Each of these is an error here, with its cure. Floats outside [0, 1] are let through:
only some parts of a model mind, and these ask the data set for its `range`.

All passes over the numbers go piece by piece, so that a memory-mapped array is never copied whole.
"""

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from vaekit.data.recordings.windows import LAYOUTS, signals
from vaekit.errors import VaekitError, shortened, warn
from vaekit.values import as_numpy, check_bytes, unmasked

Channels = Literal["auto", "nchw", "nhwc", "nct", "ntc", "ct", "tc"]
_PIECE = 2**26  # bytes: large enough to be fast, small beside any memory
_MIN_EDGE = 16  # pixels: what is shorter is no picture of three channels that lacks its first axis
# A column of floats varies by rounding alone where its range is a few units in the last place.
ROUNDING = 16
_FINE_STEPS = 100_000  # of float32 across a column's range: fewer are coarse
_EPS = {bits: float(np.finfo(f"float{bits}").eps) for bits in (32, 64)}
_INPUTS = "images (N, C, H, W) or (N, H, W), or a table (N, D)"


def admit(x: Any, scale: float | None = None, layout: Channels = "auto") -> Tensor:
    """Check an array and return it as (N, C, H, W) or (N, D), uint8 or float32, on the CPU.

    `scale` divides the values in place of what its type says; bool stays 0 and 1.
    `layout="nhwc"` moves the channels of (N, H, W, C), `"nchw"` says that they come first where it
    looks otherwise; `nct` and its like read signals (see `data.recordings`). Memory is shared with
    the argument where type and layout allow. Raises `VaekitError` for other shapes and types, no
    examples, NaN, infinity, and whole numbers in pictures that are no bytes.
    """
    if layout in LAYOUTS:
        return signals(x, layout, scale)
    if layout not in ("auto", "nchw", "nhwc"):
        raise VaekitError(
            f"layout must be auto, nchw or nhwc, or of signals {', '.join(LAYOUTS)}, got {layout!r}"
        )
    array = _shaped(as_numpy(x), layout)
    if array.ndim == 2:
        warn_of_rounding("the array", array)
    array = _typed(array) if scale is None else _scaled(array, scale)
    tensor = _shared_tensor(array)
    if tensor.dtype == torch.float32:
        check_all_finite(tensor[part] for part in pieces(len(tensor), tensor[0].nbytes))
    return tensor


def class_numbers(labels: np.ndarray | Tensor | Sequence[int], n: int) -> Tensor:
    """Return labels as int64 (N,); raise `VaekitError` for what are not N whole numbers."""
    array = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else unmasked(labels)
    if array.dtype.kind not in "iub" or array.shape != (n,):
        raise VaekitError(
            f"expected {n} whole-number labels (N,), got shape {array.shape} of type {array.dtype}"
        )
    return torch.from_numpy(array.astype(np.int64))


def evenly_spaced(count: int, limit: int) -> Tensor:
    """Choose up to `limit` places at equal distances from the first to the last of `count`."""
    return torch.linspace(0, count - 1, min(count, limit)).round().long()


def pieces(count: int, row_bytes: int) -> Iterator[slice]:
    """Cut `count` rows of `row_bytes` bytes each into slices of about 64 MiB."""
    step = max(1, _PIECE // max(1, row_bytes))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def chosen_pieces(numbers: np.ndarray, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield `rows` (M,) of numbers (N, D), None for all, in pieces (n, D), row by row in memory."""
    count = len(numbers) if rows is None else len(rows)
    for part in pieces(count, numbers.itemsize * numbers.shape[1]):
        yield np.ascontiguousarray(numbers[part] if rows is None else numbers[rows[part]])


# ---- its shape


def _shaped(array: np.ndarray, layout: Channels) -> np.ndarray:
    shape = array.shape
    if len(shape) not in (2, 3, 4):
        raise VaekitError(f"expected {_INPUTS}, got shape {shape}")
    if 0 in shape:
        raise VaekitError(f"expected {_INPUTS}, got none: shape {shape}")
    if layout != "nchw":
        _check_order(shape, layout)
    if layout == "nhwc" and len(shape) == 4:
        return np.moveaxis(array, -1, 1)
    if layout == "auto":
        _check_layout(shape)
    return array[:, None] if len(shape) == 3 else array


def _check_order(shape: tuple[int, ...], layout: str) -> None:
    """Raise `VaekitError` where the examples seem to come last, as MATLAB's users keep them.

    They do where the last axis is by far the longest, and those before it are a square picture with
    one, three or four channels, or without; or, in colour, one that is large enough.
    """
    *one, n = shape
    if len(one) < 2 or n < 2 * max(one) or sorted(one)[-2] < _MIN_EDGE // 2:
        return
    square, few = one[0] == one[1], one[-1] in (1, 3, 4)
    if len(one) == 2 and square:
        seems, cure = "(H, W, N)", "np.moveaxis(x, -1, 0)"
    elif len(one) == 3 and few and (square or (one[2] > 1 and min(one[:2]) >= _MIN_EDGE)):
        seems, cure = "(H, W, C, N)", "np.transpose(x, (3, 2, 0, 1))"
    elif len(one) == 3 and one[0] in (3, 4) and one[1] == one[2] and layout == "auto":
        seems, cure = "(C, H, W, N)", "np.moveaxis(x, -1, 0)"
    else:
        return
    raise VaekitError(
        f"expected {_INPUTS}, got shape {shape}, which looks like {seems}, examples last: move "
        f"them to the front, {cure}, or pass layout='nchw' if it is right"
    )


def channels_last(a: int, b: int, c: int) -> bool:
    """Tell whether a picture (a, b, c) seems to have its channels last.

    So it does if it is square with a = b alone, or c is less than a, unless b = c makes it square
    the other way.
    """
    return a > 1 and b != c and (c < a or a == b)


def _check_layout(shape: tuple[int, ...]) -> None:
    """Raise `VaekitError` where the channels seem to come last.

    A picture of three channels may lack its first axis.
    """
    rest = shape[2:]
    if len(shape) == 4 and channels_last(*shape[1:]):
        raise VaekitError(
            f"expected {_INPUTS}, got shape {shape}, which looks like (N, H, W, C), channels last: "
            "move them, np.moveaxis(x, -1, 1), or where data are loaded pass layout='nhwc' (or "
            "'nchw' if it is right)"
        )
    if len(rest) == 1 and rest[0] in (3, 4) and min(shape[:2]) >= _MIN_EDGE:
        raise VaekitError(
            f"expected {_INPUTS}, got shape {shape}, which looks like one picture (H, W, C): add a "
            "first axis and move the channels, np.moveaxis(x[None], -1, 1), or pass layout='nchw' "
            f"if these are {shape[0]} pictures of one channel"
        )


# ---- its numbers


def _typed(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool and array.ndim == 4:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu" and array.ndim == 4:
        return _bytes(array)
    if isinstance(array, np.memmap) and array.dtype != np.float32:
        raise VaekitError(
            f"a memory-mapped array must be float32, or bytes as pictures, got {array.dtype}: save "
            "it as one of these, say scale=255 for bytes that mean v/255, or load it with "
            "mmap=false"
        )
    return _as_type(array, np.float32)


def _bytes(array: np.ndarray) -> np.ndarray:
    low, high = _bounds(array)
    most = max(high, 1)
    cure = f"pass scale={most} where data are loaded, or divide, x / {most}"
    check_bytes(low, high, f"the array ({array.dtype})", cure)
    return _as_type(array, np.uint8)


def _scaled(array: np.ndarray, scale: float) -> np.ndarray:
    if not (isinstance(scale, int | float) and math.isfinite(scale) and scale > 0):
        raise VaekitError(f"scale must be a positive number to divide by, got {scale!r}")
    if array.dtype == bool:
        return _typed(array)
    if array.dtype == np.uint8 and scale == 255:  # which is what bytes mean inside
        return _as_type(array, np.uint8)
    with np.errstate(over="ignore"):  # what overflows is found to be infinite
        return np.ascontiguousarray(array / np.float32(scale), dtype=np.float32)


def _as_type(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    if isinstance(array, np.memmap) and array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=dtype)


def _bounds(array: np.ndarray) -> tuple[int, int]:
    parts = [array[part] for part in pieces(len(array), array[0].nbytes)]
    return min(int(p.min()) for p in parts), max(int(p.max()) for p in parts)


def check_all_finite(examples: Iterable[Tensor]) -> None:
    """Raise `VaekitError` for NaN, infinity and what float32 cannot hold, in pieces (n, …)."""
    count, number, first, kind = 0, 0, -1, "row"
    for piece in examples:
        bad = ~torch.isfinite(piece.flatten(1))
        if bool(bad.any()):
            first = number + int(bad.any(1).int().argmax()) if first < 0 else first
            count += int(bad.sum())
        number, kind = number + len(piece), "row" if piece.ndim == 2 else "image"
    if count:
        raise VaekitError(
            f"the {kind}s hold {count} NaN or infinite values (or beyond float32), the first in "
            f"{kind} {first}: remove or repair such {kind}s"
        )


def warn_of_rounding(
    what: str,
    numbers: np.ndarray,
    used: Sequence[str] | None = None,
    cure: str = "standardise them in float64 before, or subtract the smallest of them",
) -> None:
    """Warn of columns (N, D) whose values differ by less than float32 tells apart.

    They become equal. A column of floats is looked at where the rounding is coarse against its
    range, else chance alone would make some of many values equal. Values of a large table are
    compared within pieces. `used` names the columns.
    """
    if numbers.dtype.kind not in "iuf" or np.can_cast(numbers.dtype, np.float32):
        return
    coarse = _coarse(numbers)
    merged = {k for piece in chosen_pieces(numbers) for k in coarse if _merges(piece[:, k])}
    if merged:
        names = [f"column {k}" if used is None else used[k] for k in sorted(merged)]
        warn(
            f"{what}: values of {shortened(names)} differ by less than float32 can tell apart and "
            f"become equal: {cure}"
        )


def _coarse(numbers: np.ndarray) -> list[int]:
    """List the columns of numbers (N, D) the range of which float32 cuts coarsely."""
    extremes = [(np.fmin.reduce(p), np.fmax.reduce(p)) for p in chosen_pieces(numbers)]
    low = np.fmin.reduce([each for each, _ in extremes])
    high = np.fmax.reduce([each for _, each in extremes])
    spread = np.array([float(b - a) for a, b in zip(low.tolist(), high.tolist(), strict=True)])
    largest = np.maximum(np.abs(low.astype(np.float64)), np.abs(high.astype(np.float64)))
    few, whole = _FINE_STEPS * _EPS[32] * largest > spread, largest >= 2**24
    doubtful = (few | whole) & (spread > 0)
    if numbers.dtype.kind == "f":
        doubtful &= spread > ROUNDING * _EPS[64] * largest
        for piece in chosen_pieces(numbers):
            broad = np.flatnonzero(doubtful & ~few)
            doubtful[broad] = (np.nan_to_num(piece[:, broad]) % 1 == 0).all(axis=0)
    return np.flatnonzero(doubtful).tolist()


def _merges(column: np.ndarray) -> bool:
    return len(np.unique(column.astype(np.float32))) < len(np.unique(column))


def _shared_tensor(array: np.ndarray) -> Tensor:
    if min(array.strides) < 0:  # of single entries numpy calls that contiguous
        array = array.copy()
    with warnings.catch_warnings():  # a read-only mapping is as it should be: nobody writes to it
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
