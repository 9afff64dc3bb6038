"""The small handwritten digits that come with scikit-learn: a set that needs no file.

1 797 images of 8x8 with whole values 0 to 16 (the number of ink pixels in blocks of 4x4 of a 32x32
scan), divided by 16 here. The set is the *test* part of the UCI "optical recognition of handwritten
digits"; it has no customary split of its own. Enough to try an idea in seconds.
"""

from typing import Any

import numpy as np
import torch

from vaekit.data.dataset import Dataset


def digits() -> Dataset:
    """Load scikit-learn's digits: 1 797 handwritten digits, 8x8 grey, 10 classes; no download."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = np.asarray(bunch["images"], dtype=np.float32)[:, None] / 16
    return Dataset(
        torch.from_numpy(images),
        torch.from_numpy(np.asarray(bunch["target"], dtype=np.int64)),
        name="digits",
        label_names=tuple("0123456789"),
    )
