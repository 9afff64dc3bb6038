"""Strided convolutions down to a small map, and transposed ones back to exactly the same size.

Every down step of kernel k and padding ⌊(k − 1)/2⌋ about halves the map, by a rule that depends on
the parity of the size. The way back follows the same list of sizes, and each transposed step takes
the output padding (0 or 1) that reaches it. So 28, 32, 64, 192 × 168 and any size that survives
the halvings work without a crop.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.errors import VaekitError
from vaekit.networks.base import (
    ChannelsLast,
    Networks,
    Shape,
    activation,
    halved,
    laid_out,
    padding,
    positive,
)
from vaekit.networks.mlp import stack


class Conv(Networks):
    """Describe the four-convolution networks of the disentanglement literature, and their kin.

    `conv()` is 32-32-64-64 channels of kernel 4 and stride 2, then a dense layer of 256, and back
    (Locatello et al. 2019). `up` names the decoder's channels in its own order; with `tail` its
    last layer keeps the size (stride 1) in place of doubling it. Raises `VaekitError` where images
    are not (C, H, W) or too small for that many halvings.
    """

    def __init__(
        self,
        *channels: int,
        hidden: Sequence[int] = (256,),
        kernel: int = 4,
        up: Sequence[int] | None = None,
        tail: bool = False,
        batch_norm: bool = False,
        activation: str = "relu",
    ):
        self.channels = positive(channels or (32, 32, 64, 64), "the channels of a conv network")
        self.up = positive(up or self.channels[::-1], "the decoder channels")
        self.hidden = positive(hidden, "the dense widths of a conv network")
        (self.kernel,) = positive((kernel,), "the kernel")
        self.tail, self.batch_norm, self.activation = tail, batch_norm, activation

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Build (batch, C, H, W) → (batch, features)."""
        maps = self._sizes(shape, len(self.channels))
        layers: list[nn.Module] = []
        for before, after in zip((shape[0], *self.channels), self.channels, strict=False):
            step = nn.Conv2d(before, after, self.kernel, 2, padding(self.kernel))
            layers += [step, *self._after(after)]
        flat = self.channels[-1] * math.prod(maps[-1])
        dense = stack((flat, *self.hidden, features), self.activation)
        return laid_out(nn.Sequential(ChannelsLast(), *layers, nn.Flatten(), *dense))

    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Build (batch, latent) → (batch, C, H, W)."""
        maps = self._sizes(shape, len(self.up) - self.tail)[::-1]
        first = (self.up[0], *maps[0])
        widths = (latent, *self.hidden[::-1], math.prod(first))
        layers = [
            *stack(widths, self.activation),
            activation(self.activation),
            nn.Unflatten(1, first),
            ChannelsLast(),
        ]
        channels = (*self.up, shape[0])
        for i, size in enumerate(maps[1:]):
            layers += [self._doubling(channels[i], channels[i + 1], maps[i], size)]
            layers += self._after(channels[i + 1])
        if self.tail:
            return laid_out(nn.Sequential(*layers, *self._tail(shape[0])))
        return laid_out(nn.Sequential(*layers[: -len(self._after(1))]))

    def _tail(self, channels: int) -> list[nn.Module]:
        before = padding(self.kernel)
        after = self.kernel - 1 - before
        keep = nn.ZeroPad2d((before, after, before, after))
        return [keep, nn.Conv2d(self.up[-1], channels, self.kernel)]

    def _after(self, channels: int) -> list[nn.Module]:
        norm = [nn.BatchNorm2d(channels)] if self.batch_norm else []
        rectify = activation(self.activation)
        if isinstance(rectify, nn.ReLU | nn.LeakyReLU):
            rectify.inplace = True  # no gradient needs what stood there, and maps are large
        return [*norm, rectify]

    def _sizes(self, shape: Shape, halvings: int) -> list[tuple[int, int]]:
        if len(shape) != 3:
            raise VaekitError(
                f"conv networks need images (C, H, W), got {shape}: use network=mlp(400)"
            )
        sizes = [(shape[1], shape[2])]
        for _ in range(halvings):
            if min(sizes[-1]) < 2:
                if shape[1] == 1:
                    raise VaekitError(
                        f"signals of {shape[2]} samples have no height to halve: use network=conv1d"
                    )
                raise VaekitError(
                    f"images of {shape[1]} × {shape[2]} cannot be halved {halvings} times: "
                    "give fewer channels, for example network=conv(32,64), or network=mlp(400)"
                )
            height, width = (halved(side, self.kernel) for side in sizes[-1])
            sizes.append((height, width))
        return sizes

    def _doubling(
        self, before: int, after: int, small: tuple[int, int], big: tuple[int, int]
    ) -> nn.Module:
        pad = padding(self.kernel)
        extra = tuple(
            b - ((s - 1) * 2 - 2 * pad + self.kernel) for s, b in zip(small, big, strict=True)
        )
        return _ConvTranspose(before, after, self.kernel, 2, pad, output_padding=extra)  # pyright: ignore[reportArgumentType]


class _ConvTranspose(nn.ConvTranspose2d):
    """Compute the same faster: the bias added apart, and few output channels as pixels.

    On a CPU PyTorch takes as long for the gradient of the bias as for that of the kernels when it
    takes both together (5 ms against 2.6 of bf16 at 32 channels of 32 × 32 and batch 64).
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert output_size is None and isinstance(self.padding, tuple) and self.bias is not None
        if self.kernel_size == (4, 4) and self.output_padding == (0, 0) and self.out_channels <= 4:
            return _by_pixels(input, self.weight, self.bias)
        out = F.conv_transpose2d(
            input, self.weight, None, self.stride, self.padding, self.output_padding
        )
        return out.add_(self.bias.to(out.dtype)[:, None, None])


def _by_pixels(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Double a map with a 4 × 4 kernel as one 3 × 3 convolution for each pixel of a 2 × 2 block.

    y[2m + p] = Σ_d x[m + d] w[p + 1 − 2d] with d from −1 to 1: nine entries an output in place of
    sixteen, most of them zero, but four times the channels, without which the library idles.
    """
    before, after = weight.shape[:2]
    blocks = F.pad(weight, (1, 1, 1, 1)).reshape(before, after, 3, 2, 3, 2).flip((2, 4))
    kernel = blocks.permute(1, 3, 5, 0, 2, 4).reshape(4 * after, before, 3, 3)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    return F.pixel_shuffle(F.conv2d(x, kernel, bias.repeat_interleave(4), padding=1), 2)
