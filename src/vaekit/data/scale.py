"""The scale of images that come later, held against that of the training.

A model alone does not know which values its pixels had. Fed 0 to 255 where it was trained on 0 to
1, it gives codes all the same, and none of them means anything.
"""

import torch

from vaekit.data.dataset import Dataset
from vaekit.errors import VaekitError


def black_white(low: float, high: float) -> tuple[float, float]:
    """Return the values of black and white of images that span [low, high].

    They are 0 and 1 where the images lie within, else the lowest and highest value.
    """
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def check_scale(data: Dataset, trained: tuple[float, float], who: str) -> None:
    """Raise `VaekitError` for images on another scale than those that `who` was trained on.

    `trained` is their range. Bytes mean v/255, and are refused where those lay outside [0, 1].
    Floats may leave it by as much as it is wide, but [0, 1] by a tenth: −1 to 1 is another scale.
    """
    (low, high), (start, end) = data.range, black_white(*trained)
    unit = (start, end) == (0.0, 1.0)
    if data.images.dtype == torch.uint8 and not unit:
        raise VaekitError(
            f"{who} was trained on numbers from {start:g} to {end:g}, but these are whole "
            "numbers or bytes, which would mean v/255: convert them to float32 on that scale"
        )
    room = 0.1 if unit else end - start
    if low < start - room or high > end + room:
        raise VaekitError(
            f"values lie from {low:g} to {high:g}, but {who} was trained on values from "
            f"{start:g} to {end:g}: scale them as the training data were (0 to 255: uint8)"
        )
