"""Signals: what an array of samples over time holds, and what windows of it are.

Inside, a signal of C channels and T samples is a picture of height 1, (C, 1, T), so that all that
is done with pictures is done with signals. Its numbers are taken as they are, whole ones too: they
are no bytes of v/255.

    layout   shape        what
    ct, tc   (C, T), …    one recording; (T,) is one of one channel
    nct, ntc (N, C, T), … N signals
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.values import as_numpy

if TYPE_CHECKING:
    from vaekit.data.border import Channels

LAYOUTS = ("ct", "tc", "nct", "ntc")


def signals(x: Any, layout: str, scale: float | None = None) -> Tensor:
    """Return an array of a layout as signals (N, C, 1, T), float32, divided by `scale`.

    Raises `VaekitError` for another number of axes, no samples, NaN and infinity.
    """
    array = as_numpy(x)
    array = array[None] if array.ndim == 1 and layout in ("ct", "tc") else array
    if array.ndim != len(layout) or not array.size:
        axes = ", ".join(layout.upper())
        raise VaekitError(f"layout={layout} is of arrays ({axes}), got shape {array.shape}")
    if layout.endswith("tc") and np.ndim(x) > 1:
        array = array.swapaxes(-1, -2)
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise VaekitError(f"scale must be a positive number to divide by, got {scale!r}")
    with np.errstate(over="ignore"):  # what overflows is found to be infinite
        array = np.ascontiguousarray(array if scale is None else array / scale, np.float32)
    bad = ~np.isfinite(array)
    if bad.any():
        *one, sample = (int(k) for k in np.argwhere(bad)[0])
        of = f"signal {one[0]}, " if len(one) > 1 else ""
        raise VaekitError(
            f"the signals hold {int(bad.sum())} NaN or infinite values (or beyond float32), the "
            f"first in {of}channel {one[-1]} at sample {sample}: repair them, as by interpolation, "
            "or cut the recording there"
        )
    array = array if array.ndim == 3 else array[None]
    return torch.from_numpy(array if array.flags.writeable else array.copy())[:, :, None]


def layout_of(shape: tuple[int, ...], window: int) -> "Channels":
    """Tell the layout of an array that windows are to be cut from: time is what is long enough.

    Raises `VaekitError` where it may be either of two axes, or none.
    """
    if len(shape) == 1:
        return "ct"
    if len(shape) not in (2, 3):
        raise VaekitError(
            f"windows are cut from a recording (T,), (C, T) or (T, C), or several (N, C, T), got "
            f"shape {shape}"
        )
    channels_first, channels_last = (length >= window for length in shape[-1:-3:-1])
    many = len(shape) == 3
    if channels_first == channels_last:
        why = "both may be time" if channels_first else f"none has the {window} of a window"
        cure = (
            f"say layout={'nct' if many else 'ct'} or layout={'ntc' if many else 'tc'}"
            if channels_first
            else "give a shorter window="
        )
        raise VaekitError(f"of the axes {shape[-2:]} of the recording {why}: {cure}")
    if channels_first:
        return "nct" if many else "ct"
    return "ntc" if many else "tc"


def cut(recordings: Tensor, window: int, step: int) -> tuple[Tensor, Tensor]:
    """Cut signals (N, C, 1, T) into windows (N·n, C, 1, window), and tell their first samples.

    What is left at the end is left out. The windows of one recording share its memory. Raises
    `VaekitError` for recordings that are shorter than a window.
    """
    many, channels, _, length = recordings.shape
    if length < window:
        raise VaekitError(
            f"the recording has {length} samples, fewer than a window of {window}: give a "
            "shorter window="
        )
    parts = recordings.unfold(-1, window, step).movedim(3, 1)
    starts = torch.arange(0, length - window + 1, step).repeat(many)
    return parts.reshape(-1, channels, 1, window), starts
