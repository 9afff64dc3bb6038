"""A prior of named blocks, each with a prior of its own: p(z) = Π_b p_b(z_b)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from vaekit.distributions.product import Blocks, check_names, slices
from vaekit.priors.base import Prior


class Product(Prior):
    """Lay the blocks `name → prior` side by side in z, in their order, independent.

    A block under a condition is told it. Raises `VaekitError` without blocks.
    """

    def __init__(self, blocks: Mapping[str, Prior]):
        super().__init__()
        self.names, self.parts = check_names(blocks), nn.ModuleList(blocks.values())
        self._places = slices({name: part.latent for name, part in blocks.items()})
        self.latent = sum(part.latent for part in blocks.values())

    def forward(self, c: Tensor | None = None) -> Blocks:
        """Return the product of the blocks' priors."""
        return Blocks([part(c) for part in self.parts], self.names)

    @property
    def blocks(self) -> dict[str, slice]:
        """Return where each block lies: name → slice."""
        return dict(self._places)

    def learned_numbers(self) -> dict[str, float]:
        """Return what the blocks have learned, the name of the block behind each."""
        parts: dict[str, Any] = dict(zip(self.names, self.parts, strict=True))
        return {
            f"{name}_{block}": value
            for block, part in parts.items()
            for name, value in part.learned_numbers().items()
        }
