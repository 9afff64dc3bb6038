"""What a family of networks is, the activations by name, and the layout of images."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from vaekit.arguments import fits
from vaekit.errors import VaekitError, nearest

Shape = tuple[int, ...]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


class Networks(ABC):
    """Describe an encoder and a decoder that fit each other.

    To write one: a frozen dataclass of numbers whose two methods build fresh modules. An encoder
    maps x (batch, *shape) to features (batch, features); a decoder maps z (batch, latent) to
    (batch, *shape), unbounded: what the numbers mean is the posterior's and likelihood's business.
    """

    @abstractmethod
    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Build a network x → features."""

    @abstractmethod
    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Build a network z → x."""


def activation(name: str) -> nn.Module:
    """Build the activation of that name; raise `VaekitError` for an unknown one."""
    if name not in ACTIVATIONS:
        raise nearest(str(name), ACTIVATIONS, "activation")
    return ACTIVATIONS[name]()


def positive(numbers: Sequence[int], what: str) -> tuple[int, ...]:
    """Return `numbers` where all are whole and ≥ 1; raise `VaekitError` otherwise."""
    listed = isinstance(numbers, Sequence) and not isinstance(numbers, str)
    if not listed:
        raise VaekitError(f"{what} must be a list of whole numbers ≥ 1, got {numbers!r}")
    if not all(fits(n, int) and n >= 1 for n in numbers):
        raise VaekitError(f"{what} must be whole numbers ≥ 1, got {list(numbers)}")
    return tuple(int(n) for n in numbers)


class ChannelsLast(nn.Module):
    """Lay images out channels last, which convolutions on a CPU and tensor cores prefer."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x (batch, C, H, W), channels last in memory."""
        return x.contiguous(memory_format=torch.channels_last)


def laid_out(network: nn.Module) -> nn.Module:
    """Lay the kernels out as the images are: otherwise each step would convert them."""
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def padding(kernel: int) -> int:
    """Return what is added on each side, so that a step of stride 2 about halves a length."""
    return (kernel - 1) // 2


def halved(size: int, kernel: int) -> int:
    """Return the length that such a step leaves of `size`."""
    return (size + 2 * padding(kernel) - kernel) // 2 + 1
