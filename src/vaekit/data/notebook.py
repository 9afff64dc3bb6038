"""What a notebook shows of a set."""

from typing import TYPE_CHECKING

import torch

from vaekit import pictures
from vaekit.data.border import evenly_spaced
from vaekit.faces import face

if TYPE_CHECKING:
    from vaekit.data.dataset import Dataset

_EXAMPLES_SHOWN = 16  # examples


def notebook_face(data: "Dataset") -> str:
    """Return HTML: what `print` says of a set, and of pictures some at equal distances."""
    title, *lines = repr(data).splitlines()
    if len(data.shape) != 3:
        return face(title, lines)
    x = data.batch(evenly_spaced(len(data), _EXAMPLES_SHOWN)).cpu()
    low, high = (0.0, 1.0) if data.images.dtype == torch.uint8 else map(float, x.aminmax())
    sheet = pictures.data_uri(pictures.grid(pictures.tiles(x, low, high), _EXAMPLES_SHOWN))
    return face(title, lines, picture=sheet, what="examples at equal distances")
