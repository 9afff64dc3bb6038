"""Fully connected networks of any widths and activation."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from vaekit.errors import VaekitError
from vaekit.networks.base import Networks, Shape, activation, positive


class Mlp(Networks):
    """Stack linear layers of the given widths, the decoder's mirrored unless named.

    `mlp(512, 256)` encodes D → 512 → 256 → features and decodes H → 256 → 512 → D; `mlp()` is
    linear. `decoder` lists the decoder's widths in its own order, `decoder_activation` its own
    activation. Raises `VaekitError` for widths < 1 or an unknown activation.
    """

    def __init__(
        self,
        *widths: int,
        decoder: Sequence[int] | None = None,
        activation: str = "relu",
        decoder_activation: str | None = None,
    ):
        self.widths = positive(widths, "the widths of an mlp")
        mirrored = widths[::-1] if decoder is None else decoder
        self.decoder_widths = positive(mirrored, "the decoder widths of an mlp")
        self.activation = activation
        self.decoder_activation = decoder_activation or activation

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Build (batch, *shape) → (batch, features)."""
        layers = stack((math.prod(shape), *self.widths, features), self.activation)
        return nn.Sequential(nn.Flatten(), *layers)

    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Build (batch, latent) → (batch, *shape)."""
        layers = stack((latent, *self.decoder_widths, math.prod(shape)), self.decoder_activation)
        return nn.Sequential(*layers, nn.Unflatten(1, shape))


def stack(widths: Sequence[int], name: str) -> list[nn.Module]:
    """Build linear layers between consecutive widths, with activations between them.

    Raises `VaekitError` for a layer without units, which is what latent = 0 comes to.
    """
    if min(widths) < 1:
        sizes = "-".join(map(str, widths))
        raise VaekitError(
            f"a network of {sizes} units: each layer needs at least one, so latent ≥ 1"
        )
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation(name)]
    return layers[:-1]
