"""The border: every array that enters is checked here, once, and nowhere else.

Inside, images are (N, C, H, W) or (N, D), either uint8 (v means v/255; a quarter of the memory, and
exact) or float32. Outside they come in every shape and type, and the costly mistakes are the quiet
ones: channels last read as channels first, 0/1 pixels divided by 255, one NaN that ends a run after
an hour. Each of these is an error here, with its cure. Floats outside [0, 1] are let through: only
a Bernoulli likelihood minds, and it asks the data set for its `range`.

All passes over the pixels go piece by piece, so that a memory-mapped array is never copied whole.
"""

import math
import warnings
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vaekit.errors import VaekitError

Layout = Literal["auto", "nchw", "nhwc"]
_PIECE = 2**26  # bytes: large enough to be fast, small beside any memory
_CHANNELS = (1, 3, 4)


def admit(
    images: np.ndarray | Tensor, scale: float | None = None, layout: Layout = "auto"
) -> Tensor:
    """Check images and return them as (N, C, H, W) or (N, D), uint8 or float32, on the CPU.

    `scale` divides the values and gives float32; without it uint8 stays, bool becomes 0 and 255,
    other integers must lie in 0 to 255, floats are kept. `layout="nhwc"` moves the channels of
    (N, H, W, C). Memory is shared with the argument where type and layout allow.
    Raises `VaekitError` for other shapes and types, no images, NaN or infinity.
    """
    if layout not in ("auto", "nchw", "nhwc"):
        raise VaekitError(f"layout must be auto, nchw or nhwc, got {layout!r}")
    array = _shaped(_as_numpy(images), layout)
    array = _scaled(array, scale) if scale is not None else _typed(array)
    if array.dtype == np.float32:
        _check_finite(array)
    with warnings.catch_warnings():  # a read-only mapping is as it should be: nobody writes to it
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _plain(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    keep = isinstance(array, np.memmap) and array.dtype == dtype
    return array if keep else np.ascontiguousarray(array, dtype=dtype)


def pieces(count: int, row_bytes: int) -> Iterator[slice]:
    """Cut `count` rows of `row_bytes` bytes each into slices of about 64 MiB."""
    step = max(1, _PIECE // max(1, row_bytes))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _as_numpy(images: np.ndarray | Tensor) -> np.ndarray:
    if not isinstance(images, Tensor):
        return images if isinstance(images, np.ndarray) else np.asarray(images)
    tensor = images.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _shaped(array: np.ndarray, layout: Layout) -> np.ndarray:
    shape = array.shape
    if len(shape) not in (2, 3, 4):
        raise VaekitError(f"expected images (N, C, H, W) or (N, D), got shape {shape}")
    if 0 in shape:
        raise VaekitError(f"expected images (N, C, H, W) or (N, D), got none: shape {shape}")
    if len(shape) == 3:
        return array[:, None]
    if layout == "nhwc" and len(shape) == 4:
        return np.moveaxis(array, -1, 1)
    last = len(shape) == 4 and shape[-1] in _CHANNELS and shape[1] not in _CHANNELS
    if last and layout == "auto":
        raise VaekitError(
            f"expected images (N, C, H, W) or (N, D), got shape {shape}, which looks like "
            "(N, H, W, C): pass layout='nhwc' (or 'nchw' if it is right as it is)"
        )
    return array


def _typed(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu":
        return _bytes(array)
    return _floats(array)


def _bytes(array: np.ndarray) -> np.ndarray:
    low, high = _bounds(array)
    if low < 0 or high > 255:
        raise VaekitError(
            f"integer images must lie in 0 to 255, got {low} to {high} ({array.dtype}): "
            f"pass scale={high if high > 0 else 1} to divide by it, or convert them to float32"
        )
    if high == 1:
        raise VaekitError(
            f"integer images ({array.dtype}) hold only 0 and 1, and 1 would mean 1/255: "
            "pass bool for black and white, or scale=1 (scale=255 if 1/255 is meant)"
        )
    return _plain(array, np.uint8)


def _scaled(array: np.ndarray, scale: float) -> np.ndarray:
    if not (math.isfinite(scale) and scale > 0):
        raise VaekitError(f"scale must be a positive number to divide by, got {scale}")
    if array.dtype == bool:
        return _typed(array)
    if array.dtype.kind not in "iuf":
        return _floats(array)
    return np.ascontiguousarray(array / np.float32(scale), dtype=np.float32)


def _floats(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise VaekitError(
            f"cannot read images of type {array.dtype}: pass uint8, bool or float32 numbers"
        )
    if isinstance(array, np.memmap) and array.dtype != np.float32:
        raise VaekitError(
            f"a memory-mapped array must be uint8 or float32, got {array.dtype}: "
            "save it as one of these, or load it with mmap=false"
        )
    return _plain(array, np.float32)


def _bounds(array: np.ndarray) -> tuple[int, int]:
    parts = [array[part] for part in pieces(len(array), array[0].nbytes)]
    return min(int(p.min()) for p in parts), max(int(p.max()) for p in parts)


def _check_finite(array: np.ndarray) -> None:
    count, first = 0, -1
    for part in pieces(len(array), array[0].nbytes):
        bad = ~np.isfinite(array[part]).reshape(part.stop - part.start, -1)
        if bad.any():
            first = part.start + int(bad.any(axis=1).argmax()) if first < 0 else first
            count += int(bad.sum())
    if count:
        raise VaekitError(
            f"images hold {count} NaN or infinite values, the first in image {first}: "
            "remove or repair these images"
        )
