"""Convolutions over time: strided ones down to few samples, transposed ones back to as many.

It is `conv` of one dimension. Signals are kept as pictures of height 1, (C, 1, T), and rows of a
table may be read as such: as one signal of D samples, or as C channels side by side.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from vaekit.errors import VaekitError
from vaekit.networks.base import Networks, Shape, activation, halved, padding, positive
from vaekit.networks.mlp import stack


class Conv1d(Networks):
    """Halve a signal once for each width of `widths`, 32, 64 and 128 by default, and back.

    Each convolution has `kernel` samples and stride 2; dense layers of `hidden` units follow. Of
    rows (D,), `channels` cuts each into as many signals of D / channels samples, side by side.
    Raises `VaekitError` for pictures, rows that cannot be cut so, and signals that are too short
    for that many halvings.
    """

    def __init__(
        self,
        *widths: int,
        kernel: int = 5,
        hidden: Sequence[int] = (256,),
        channels: int = 1,
        activation: str = "relu",
    ):
        self.widths = positive(widths or (32, 64, 128), "the widths of conv1d")
        self.kernel, self.channels = positive((kernel, channels), "kernel and channels of conv1d")
        self.hidden = positive(hidden, "the dense widths of conv1d")
        self.activation = activation

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Build (batch, C, 1, T) or (batch, D) → (batch, features)."""
        first, lengths = self._signal(shape)
        layers: list[nn.Module] = [nn.Flatten(), nn.Unflatten(1, (first, lengths[0]))]
        for before, after in pairwise((first, *self.widths)):
            step = nn.Conv1d(before, after, self.kernel, 2, padding(self.kernel))
            layers += [step, activation(self.activation)]
        widths = (self.widths[-1] * lengths[-1], *self.hidden, features)
        return nn.Sequential(*layers, nn.Flatten(), *stack(widths, self.activation))

    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Build (batch, latent) → (batch, C, 1, T) or (batch, D)."""
        first, lengths = self._signal(shape)
        small = (self.widths[-1], lengths[-1])
        widths = (latent, *self.hidden[::-1], small[0] * small[1])
        layers = [*stack(widths, self.activation), nn.Unflatten(1, small)]
        ways = zip(pairwise((*self.widths[::-1], first)), pairwise(lengths[::-1]), strict=True)
        for (before, after), (short, long) in ways:
            reached = (short - 1) * 2 - 2 * padding(self.kernel) + self.kernel
            extra = long - reached
            step = nn.ConvTranspose1d(before, after, self.kernel, 2, padding(self.kernel), extra)
            layers += [activation(self.activation), step]
        return nn.Sequential(*layers, nn.Flatten(), nn.Unflatten(1, tuple(shape)))

    def _signal(self, shape: Shape) -> tuple[int, list[int]]:
        """Return the channels, and the lengths from the signal's own to the shortest."""
        channels, *height, length = (self.channels, *shape) if len(shape) == 1 else shape
        if len(shape) == 1:
            if length % channels:
                raise VaekitError(
                    f"rows of {length} columns are no {channels} signals of one length: give "
                    "another channels="
                )
            length //= channels
        elif height != [1]:
            raise VaekitError(
                f"conv1d needs signals (C, 1, T) or rows (D,), got {tuple(shape)}: use network=conv"
            )
        lengths = [length]
        for _ in self.widths:
            if lengths[-1] < 2:
                raise VaekitError(
                    f"signals of {length} samples cannot be halved {len(self.widths)} times: give "
                    "fewer widths, for example network=conv1d(32,64)"
                )
            lengths.append(halved(lengths[-1], self.kernel))
        return channels, lengths
