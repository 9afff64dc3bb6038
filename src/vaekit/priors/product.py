"""A prior of named blocks, each with a prior of its own: p(z) = Π_b p_b(z_b)."""

from collections.abc import Mapping

from torch import Tensor, nn

from vaekit.compounds import Blocks
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior, slices


class Product(Prior):
    """Lay the blocks `name → prior` side by side in z, in their order, independent.

    A block under a condition is told it. Raises `VaekitError` without blocks.
    """

    def __init__(self, blocks: Mapping[str, Prior]):
        super().__init__()
        if not blocks:
            raise VaekitError("a product needs at least one block: {'style': Normal(8)}")
        if bad := [name for name in blocks if not name or "." in name]:
            raise VaekitError(f"a block needs a name without dots, got {bad[0]!r}")
        self.names, self.parts = tuple(blocks), nn.ModuleList(blocks.values())
        self.latent = sum(part.latent for part in blocks.values())

    def forward(self, like: Tensor, c: Tensor | None = None) -> Blocks:
        """Return the product of the blocks' priors."""
        return Blocks([part(like, c) for part in self.parts])

    @property
    def blocks(self) -> dict[str, slice]:
        """Return where each block lies: name → slice."""
        sizes = [part.latent for part in self.parts]
        return slices(dict(zip(self.names, sizes, strict=True)))  # pyright: ignore[reportArgumentType]
