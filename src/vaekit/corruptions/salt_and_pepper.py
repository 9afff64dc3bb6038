"""Entries set to the ends of the data: salt and pepper."""

import torch
from torch import Tensor

from vaekit.corruptions.base import Corruption, finite, share
from vaekit.errors import VaekitError


class SaltAndPepper(Corruption):
    """Set each entry, with probability p, to `low` or `high` by a fair coin: the ends of the data.

    Raises `VaekitError` for p outside [0, 1], and unless low < high are finite.
    """

    def __init__(self, p: float = 0.3, low: float = 0.0, high: float = 1.0):
        super().__init__()
        self.level = share(p, "salt_and_pepper")
        self.low = finite(low, "salt_and_pepper", "low")
        self.high = finite(high, "salt_and_pepper", "high")
        if not self.low < self.high:
            raise VaekitError(f"salt_and_pepper needs low < high, got low={low}, high={high}")

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        u = torch.rand_like(x)
        salt = self.low + (self.high - self.low) * (u < self.level / 2).to(x.dtype)
        return torch.where(u < self.level, salt, x)

    def at(self, level: float) -> Corruption:
        """Return salt and pepper of the same values."""
        return SaltAndPepper(level, self.low, self.high)

    def check(self, low: float, high: float) -> None:
        """Raise `VaekitError` for data that go beyond `low` and `high`, by more than rounding."""
        room = 1e-3 * (self.high - self.low)
        if low < self.low - room or high > self.high + room:
            raise VaekitError(
                f"salt_and_pepper sets entries to {self.low:g} or {self.high:g}, but the data span "
                f"[{low:.4g}, {high:.4g}]: write low and high, as in "
                f"salt_and_pepper(p={self.level:g}, low={low:.7g}, high={high:.7g}), "
                "or scale the data"
            )
