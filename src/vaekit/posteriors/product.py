"""A posterior of named blocks read from one encoder: q(z|x) = Π_b q_b(z_b|x) ([vmi] eq. 4.16)."""

from collections.abc import Callable, Mapping
from typing import cast

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions import density
from vaekit.distributions.product import Blocks, check_names, slices
from vaekit.posteriors.base import Posterior

PosteriorMaker = Callable[[nn.Module, int], Posterior]


class Product(Posterior):
    """Share the network's features among blocks `name → (kind, size)`, independent given x.

    `{"style": (Gaussian, 16), "class": (RelaxedOneHot, 10)}` reads 2 · 16 + 10 features and makes a
    z of 26 entries, both in the order of the blocks. A kind is a posterior's class, or a function
    of (network, size) that sets more of it. Raises `VaekitError` without blocks, for names with
    dots, and as the kinds do for sizes.
    """

    def __init__(self, network: nn.Module, blocks: Mapping[str, tuple[PosteriorMaker, int]]):
        super().__init__()
        self.names = check_names(blocks)
        # Each block is a posterior of its own whose network hands on its share of the features.
        parts = [kind(nn.Identity(), size) for kind, size in blocks.values()]
        self.network, self.parts = network, nn.ModuleList(parts)
        sizes = [part.latent for part in parts]
        self._places, self.latent = slices(dict(zip(self.names, sizes, strict=True))), sum(sizes)
        self._widths = [part.width for part in parts]

    @property
    def width(self) -> int:
        """Return the number of features that the blocks read together."""
        return sum(self._widths)

    @property
    def blocks(self) -> dict[str, slice]:
        """Return where each block lies: name → slice."""
        return dict(self._places)

    def adapt(self, q: Distribution) -> None:
        """Have every block change what is its own."""
        for part, own in zip(self.parts, density(q).parts, strict=True):
            cast(Posterior, part).adapt(own)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Blocks:
        """Return the product of the blocks' posteriors for x (batch, *shape)."""
        shares = self.features(x, c).split(self._widths, -1)
        blocks = [part(share) for part, share in zip(self.parts, shares, strict=True)]
        return Blocks(blocks, self.names)
