"""Shrink pictures by averaging areas: a new pixel is the mean of the light that falls on it.

The windows of new pixels tile the old picture; an old pixel that two of them share counts in each
by the share that lies in it. So the mean of a picture is kept, nothing between two sampling points
is lost (no aliasing), and at a whole ratio r a new pixel is the plain mean of r x r old ones. The
average is separable, new = R · old · Cᵀ, with R[i, j] = |window i ∩ pixel j| / |window i|.

Pillow's `Image.BOX` and PyTorch's `area` count a shared pixel wholly or not at all, so that at a
ratio that is not whole they weigh the picture unevenly; at a whole ratio all three agree.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from vaekit.data.border import pieces
from vaekit.errors import VaekitError

Box = tuple[int, int]


def box(size: Any, name: str = "size") -> Box:
    """Read a side in pixels or a pair [height, width] as a pair.

    Raises `VaekitError` for anything else, calling the argument `name`.
    """
    pair = (size, size) if isinstance(size, int) else size
    if not (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(isinstance(side, int) and side >= 1 for side in pair)
    ):
        raise VaekitError(f"{name} must be a side in pixels, or [height, width], got {size!r}")
    return pair[0], pair[1]


def averaged(images: np.ndarray, size: Box, crop: Box | None = None) -> np.ndarray:
    """Shrink images (..., H, W) uint8 to (..., *size), from the largest window of that shape.

    The window lies in the middle of the picture, or of its middle part of size `crop`. Raises
    `VaekitError` where it would have to grow.
    """
    have = (images.shape[-2], images.shape[-1])
    within = have if crop is None else crop
    if within[0] > have[0] or within[1] > have[1]:
        raise VaekitError(f"cannot crop {_h_by_w(within)} from pictures of {_h_by_w(have)} (h x w)")
    ratio = min(within[0] / size[0], within[1] / size[1])
    if ratio < 1:
        raise VaekitError(
            f"pictures of {_h_by_w(within)} (h x w) are shrunk, never enlarged: "
            f"choose a size below that, not {_h_by_w(size)}"
        )
    rows = weights(have[0], size[0], ratio)
    columns = weights(have[1], size[1], ratio)
    each = images.reshape(-1, *have)
    shrunk = np.empty((len(each), *size), np.uint8)
    for part in pieces(len(each), 4 * each[0].nbytes):
        shrunk[part] = np.rint(rows @ each[part].astype(np.float32) @ columns.T)
    return shrunk.reshape(*images.shape[:-2], *size)


@lru_cache(maxsize=64)  # asked for with every picture
def weights(old: int, new: int, ratio: float) -> np.ndarray:
    """Return the shares (new, old) of old pixels in windows `ratio` wide about the middle."""
    edges = (old - new * ratio) / 2 + ratio * np.arange(new + 1)
    pixels = np.arange(old)
    ends = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(ends, 0, None) / ratio).astype(np.float32)


def _h_by_w(pair: Box) -> str:
    return f"{pair[0]}x{pair[1]}"
