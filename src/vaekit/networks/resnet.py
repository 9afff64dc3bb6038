"""Residual convolutions, which stay trainable where more of them are needed: pictures from 64² on.

A block adds to its input what two convolutions make of it (He et al. 2016, "Identity mappings in
deep residual networks", Figure 4e), each after a group normalisation (Wu & He 2018) and SiLU. The
second begins small, so that a new network is nearly its skips, and so nearly linear.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vaekit.errors import VaekitError
from vaekit.networks.base import (
    ChannelsLast,
    Networks,
    Shape,
    activation,
    laid_out,
    positive,
)
from vaekit.networks.mlp import stack


class Resnet(Networks):
    """Halve a picture once for each width, with residual blocks after each halving, and back.

    `resnet()` is `resnet(16, 32, 64, 128)`: 3 × 3 convolutions of stride 2, each followed by
    `blocks` blocks, then one linear layer or the dense widths `hidden`. The decoder goes the same
    sizes back: blocks, the nearest pixels to exactly the size that was halved, a convolution.
    `groups` of channels are normalised within each example, none sees another one. Any side goes
    that is 2 or more at its last halving. Raises `VaekitError` for smaller ones, examples that are
    no images, and widths that are no multiples of `groups`.
    """

    def __init__(
        self,
        *channels: int,
        blocks: int = 1,
        groups: int = 8,
        hidden: Sequence[int] = (),
        activation: str = "silu",
    ):
        self.channels = positive(channels or (16, 32, 64, 128), "the channels of a resnet")
        self.blocks, self.groups = positive((blocks, groups), "blocks and groups of a resnet")
        self.hidden = positive(hidden, "the dense widths of a resnet")
        self.activation = activation
        if odd := [width for width in self.channels if width % groups]:
            fits = math.gcd(*self.channels)
            raise VaekitError(
                f"{odd[0]} channels cannot be parted into {groups} groups of one size: give "
                f"multiples of {groups}, or groups={fits}"
            )

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Build (batch, C, H, W) → (batch, features)."""
        last = self._sizes(shape)[-1]
        layers: list[nn.Module] = []
        for before, after in zip((shape[0], *self.channels), self.channels, strict=False):
            layers += [nn.Conv2d(before, after, 3, 2, 1), *self._level(after)]
        flat = self.channels[-1] * math.prod(last)
        dense = stack((flat, *self.hidden, features), self.activation)
        layers += [*self._ready(self.channels[-1]), nn.Flatten(), *dense]
        return laid_out(nn.Sequential(ChannelsLast(), *layers))

    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Build (batch, latent) → (batch, C, H, W)."""
        *sizes, last = self._sizes(shape)
        first = (self.channels[-1], *last)
        dense = stack((latent, *self.hidden[::-1], math.prod(first)), self.activation)
        layers = [*dense, nn.Unflatten(1, first), ChannelsLast()]
        ways = zip(self.channels[::-1], (*self.channels[-2::-1], shape[0]), strict=True)
        for (before, after), size in zip(ways, sizes[::-1], strict=True):
            layers += [*self._level(before), *(self._ready(before) if size == sizes[0] else [])]
            layers += [nn.Upsample(size), nn.Conv2d(before, after, 3, padding=1)]
        return laid_out(nn.Sequential(*layers))

    def _level(self, width: int) -> list[nn.Module]:
        return [_ResidualBlock(width, self.groups, self.activation) for _ in range(self.blocks)]

    def _ready(self, width: int) -> list[nn.Module]:
        return [nn.GroupNorm(self.groups, width), activation(self.activation)]

    def _sizes(self, shape: Shape) -> list[tuple[int, int]]:
        if len(shape) != 3:
            raise VaekitError(f"a resnet needs images (C, H, W), got {shape}: use network=mlp(400)")
        sizes = [(shape[1], shape[2])]
        for width in self.channels:
            height, length = sizes[-1]
            sizes.append(((height + 1) // 2, (length + 1) // 2))
            if min(height, length) < 2 or math.prod(sizes[-1]) * width == self.groups:
                raise VaekitError(
                    f"images of {shape[1]} × {shape[2]} cannot be halved {len(self.channels)} "
                    "times: give fewer channels, for example network=resnet(32,64)"
                )
        return sizes


class _ResidualBlock(nn.Module):
    """Add to x what two convolutions make of it; widths stay."""

    def __init__(self, width: int, groups: int, name: str):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.GroupNorm(groups, width), activation(name)]
            layers += [nn.Conv2d(width, width, 3, padding=1)]
        self.branch = nn.Sequential(*layers)
        with torch.no_grad():  # not 0, with which the first convolution would have no gradient
            for weight in layers[-1].parameters():
                weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x and its branch, (batch, width, H, W)."""
        return x + self.branch(x)
