"""A deterministic code on vectors of a codebook, through which gradients pass unchanged."""

import torch
from torch import Tensor

from vaekit.distributions.gaussian import PointMass


class Quantised(PointMass):
    """Put all mass on `nearest` (..., H), what the codebook has for `encoded`, the encoder's.

    The gradient of the code is that of `encoded`, straight through; none reaches the codebook.
    `places` (..., groups) say which vector each group of the code is, where that is known.
    """

    def __init__(self, encoded: Tensor, nearest: Tensor, places: Tensor | None = None):
        # In this order nothing is lost to rounding: the code is a vector of the codebook, exactly.
        self.code = nearest.detach() + (encoded - encoded.detach())
        super().__init__(self.code)
        self.encoded, self.nearest, self.places = encoded, nearest, places
        self.parameters = (encoded, nearest)

    @property
    def mean(self) -> Tensor:
        """Return the code, (..., H)."""
        return self.code


@torch.no_grad()
def nearest_vectors(outputs: Tensor, books: Tensor) -> Tensor:
    """Return which vector of `books` (groups, codes, size) is nearest to outputs (groups, n, size).

    Whole numbers (groups, n), of float32 also where the arithmetic around is of bf16.
    """
    centre = books.sum(1, keepdim=True) / books.shape[1]  # from where e² − 2ze cancels least
    outputs, books = outputs - centre, books - centre
    with torch.autocast(outputs.device.type, enabled=False):
        products = outputs @ books.mT
    return (books.square().sum(-1)[:, None] - 2 * products).argmin(-1)
