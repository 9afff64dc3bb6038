"""One linear layer and its transpose: x → W (x − m) + e, and back z → Wᵀ z + m + b.

m is the mean of the data seen in training. Without it each unit has an offset w·m, which over
the units spreads as much as w·(x − m) over the data: where units compete, as in a k-sparse code,
some then have a head start that the others never make up for.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.errors import VaekitError
from vaekit.networks.base import Networks, Shape


class Tied(Networks):
    """Build an encoder of one linear layer, and a decoder that is the transpose of the last one.

    W starts as that of any linear layer, but no larger than E[Wᵀ W] = 1, so that all units together
    give x − m back and not a multiple of it. `centre=False` leaves m out. Raises `VaekitError` for
    a decoder without its encoder, or one of other sizes than the encoder's.
    """

    def __init__(self, centre: bool = True):
        self.centre = centre
        self.last: tuple[nn.Linear, Centre | None] | None = None

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Build (batch, *shape) → (batch, features)."""
        if features < 1:
            raise VaekitError(f"a tied layer needs at least one unit, got {features}: latent ≥ 1")
        size = math.prod(shape)
        layer, centre = nn.Linear(size, features), Centre(size) if self.centre else None
        with torch.no_grad():  # rows of mean squared length 1/3: E[Wᵀ W] = features/(3 size)
            layer.weight.mul_(min(1.0, math.sqrt(3 * size / features)))
        self.last = layer, centre
        return nn.Sequential(nn.Flatten(), *([centre] if centre else []), layer)

    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Build (batch, latent) → (batch, *shape)."""
        if self.last is None:
            raise VaekitError(
                "a tied decoder is the encoder's transpose: build the encoder first, and for a "
                "code of blocks use another network, such as mlp()"
            )
        size, layer = math.prod(shape), self.last[0]
        if (layer.out_features, layer.in_features) != (latent, size):
            raise VaekitError(
                f"a tied decoder turns the encoder's {layer.out_features} features into its "
                f"{layer.in_features} entries, but is asked for {latent} → {size}: a code with a "
                "spread or a condition, or noise with parameters by entry, needs network=mlp()"
            )
        return nn.Sequential(Transposed(*self.last), nn.Unflatten(1, shape))


class Centre(nn.Module):
    """Subtract from x (batch, D) the mean of all x that it was given in training."""

    mean: Tensor
    count: Tensor

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return x − m, (batch, D); while training x is part of m."""
        if self.training:
            with torch.no_grad():
                self.count.add_(len(x))
                self.mean.add_((x.mean(0) - self.mean) * (len(x) / self.count))
        return x - self.mean


class Transposed(nn.Module):
    """Map z (batch, H) to Wᵀ z + m + b, with the W of a layer and the m of a centre.

    Both belong to the encoder, and so to its weights alone; b is this module's own.
    """

    def __init__(self, layer: nn.Linear, centre: Centre | None):
        super().__init__()
        self.of = layer, centre  # a tuple, so that they are not entered here as well
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    def forward(self, z: Tensor) -> Tensor:
        """Return Wᵀ z + m + b, (batch, D)."""
        layer, centre = self.of
        bias = self.bias if centre is None else self.bias + centre.mean
        return F.linear(z, layer.weight.t(), bias)
