"""Entries set to one value: masking noise."""

import torch
from torch import Tensor

from vaekit.corruptions.base import Corruption, finite, share


class Masking(Corruption):
    """Set each entry to `value` with probability p (Vincent et al. 2010, §4.1, with 0).

    Raises `VaekitError` for p outside [0, 1], and a value that is not finite.
    """

    def __init__(self, p: float = 0.3, value: float = 0.0):
        super().__init__()
        self.level, self.value = share(p, "masking"), finite(value, "masking", "value")

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        return x.masked_fill(torch.rand_like(x) < self.level, self.value)

    def at(self, level: float) -> Corruption:
        """Return masking with the same value."""
        return Masking(level, self.value)
