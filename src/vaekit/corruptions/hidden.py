"""Columns of a table that the encoder does not see."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaekit.corruptions.base import Corruption, share
from vaekit.errors import VaekitError


class Hidden(Corruption):
    """Hide each column with probability p: its entries are missing, NaN, for the encoder alone.

    `sizes` are the numbers of entries of the columns, as of one-hots; without them each entry is a
    column. An encoder that learns so fills in what is missing better. It needs a likelihood that
    knows missing entries (`columns`). Raises `VaekitError` for p outside [0, 1], and for examples
    that are not of these columns.
    """

    hides = True
    _widths: Tensor

    def __init__(self, p: float = 0.2, sizes: Sequence[int] | None = None):
        super().__init__()
        self.level, self.sizes = share(p, "hidden"), None if sizes is None else list(sizes)
        if self.sizes is not None:
            self.register_buffer("_widths", torch.tensor(self.sizes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, D)."""
        if self.sizes is None:
            return x.masked_fill(torch.rand_like(x) < self.level, torch.nan)
        if x.shape[1:] != (sum(self.sizes),):
            raise VaekitError(
                f"hidden is of {sum(self.sizes)} entries, got examples of {tuple(x.shape[1:])}: "
                "leave sizes out, they come from the data"
            )
        off = torch.rand(len(x), len(self.sizes), device=x.device) < self.level
        wide = off.repeat_interleave(self._widths, 1, output_size=x.shape[1])
        return x.masked_fill(wide, torch.nan)

    def at(self, level: float) -> Corruption:
        """Return hiding of the same columns."""
        return Hidden(level, self.sizes)
