"""Arrays as sets: examples as they are, or windows that are cut from recordings.

Windows with a step shorter than themselves share samples. Parted at random, what is held out would
lie in the training data too, and every score of it would flatter. So such a set knows how many
neighbours a window overlaps (`Dataset.overlap`), and `Dataset.split` holds out whole stretches, and
leaves out the windows between these and the rest that share a sample with both. Windows side by
side, the default, share none and are parted at random; but neighbours in time are alike, and where
the question is how a model does on another day, hold out another recording.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from vaekit.arguments import check_counts
from vaekit.data.border import Channels
from vaekit.data.dataset import Dataset
from vaekit.data.recordings.windows import LAYOUTS, cut, layout_of
from vaekit.data.tables.row_names import RowNames
from vaekit.errors import VaekitError


def array_set(
    images: Any,
    labels: Any = None,
    name: str = "data",
    scale: float | None = None,
    layout: Channels = "auto",
    window: int | None = None,
    step: int | None = None,
) -> Dataset:
    """Make a set of an array as `Dataset.from_array` does, or of windows of recordings.

    With `window`, a number of samples, the array is a recording (T,), (C, T) or (T, C), or several
    (N, C, T), each with its label where there are labels. A window begins every `step` samples,
    by default where the last one ended. Raises `VaekitError` for what windows cannot be cut from.
    """
    if window is None and step is None:
        return Dataset.from_array(images, labels, name, scale, layout)
    if window is None:
        raise VaekitError(f"step={step} is that of windows: say how long one is, window=256")
    step = window if step is None else step
    check_counts(window=window, step=step)
    if layout == "auto":
        layout = layout_of(np.shape(images), window)
    if layout not in LAYOUTS:
        raise VaekitError(
            f"layout={layout} is of pictures, and windows are cut from signals: give one of "
            f"{', '.join(LAYOUTS)}"
        )
    whole = Dataset.from_array(images, labels, name, scale, layout)
    return windows(whole, window, step)


def windows(recordings: Dataset, window: int, step: int) -> Dataset:
    """Cut signals (C, 1, T) of a set into windows named by their first samples.

    Raises `VaekitError` for a window or step < 1, recordings shorter than a window, and pictures.
    """
    if len(recordings.shape) != 3 or recordings.shape[1] != 1:
        raise VaekitError(
            f"windows are cut from signals (C, 1, T), got examples of {recordings.shape}: read "
            "them with layout=nct"
        )
    check_counts(window=window, step=step)
    pieces, starts = cut(recordings.batch(), window, step)
    each = len(starts) // len(recordings)
    of = torch.arange(len(recordings)).repeat_interleave(each)
    names: Any = RowNames(starts)
    if len(recordings) > 1:
        pairs = zip(of.tolist(), starts.tolist(), strict=True)
        names = tuple(f"{recording}:{start}" for recording, start in pairs)
    labels = None if recordings.labels is None else recordings.batch_labels(of)
    overlap = -(-window // step) - 1
    return replace(
        recordings, images=pieces, labels=labels, rows=None, names=names, overlap=overlap
    )


def fitted(x: Any, shape: tuple[int, ...]) -> Dataset | None:
    """Read an array as signals like those of the shape (C, 1, T); None where it is none.

    It may be (N, C, T), of which longer ones are cut into windows side by side, or a recording.
    """
    if len(shape) != 3 or shape[1] != 1:
        return None
    own = np.shape(x)
    channels, _, length = shape
    layout = None
    if (own[1:] == (channels, length) and channels > 1) or (
        own[1:2] == (channels,) and len(own) == 3 and own[2] > length
    ):  # of one they are pictures (N, H, W)
        layout = "nct"
    elif own[:1] == (channels,) != own[1:] and len(own) == 2:
        layout = "ct"
    elif own[1:] == (channels,) or (len(own) == 1 and channels == 1):
        layout = "tc"
    return None if layout is None else longer(Dataset.from_array(x, layout=layout), shape)


def longer(data: Dataset, shape: tuple[int, ...]) -> Dataset:
    """Cut signals that are longer than those of a shape (C, 1, T) into such, others stay."""
    if len(shape) != 3 or shape[1] != 1 or data.shape[:2] != shape[:2] or data.shape == shape:
        return data
    return windows(data, shape[2], shape[2])
