"""Likelihoods whose entries each have a law of their own, independent given z."""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from vaekit.errors import VaekitError
from vaekit.likelihoods.base import Likelihood


class Entrywise(Likelihood):
    """Give every entry a law, from as many numbers of the network's as there are `heads`.

    To write one: return from `law` a distribution of PyTorch with one value for each entry, made of
    the heads, each (samples, batch, *shape), and without its checks (`validate_args=False`).
    """

    @abstractmethod
    def law(self, *heads: Tensor) -> Distribution:
        """Return the law of every entry, of batch shape (samples, batch, *shape)."""

    def forward(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        """Return the product of the laws of all entries."""
        heads = self.decode_heads(z, c)
        return Independent(self.law(*heads), heads[0].dim() - z.dim() + 1, validate_args=False)


class Noise(Entrywise):
    """Give entries noise of one `scale` around G(z), which is learned by the gradient, or fixed.

    A learned scale stays above `floor`. Raises `VaekitError` for scales that are none.
    """

    log_scale: Tensor

    def __init__(
        self, network: nn.Module, scale: float = 0.1, learned: bool = True, floor: float = 1e-3
    ):
        super().__init__()
        for name, value in (("scale", scale), ("floor", floor)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and 0 < value < math.inf):
                raise VaekitError(f"noise needs a finite {name} > 0, got {name}={value!r}")
        if not isinstance(learned, bool):
            raise VaekitError(f"learned must be true or false, got {learned!r}")
        self.network, self.learns, self.floor = network, learned, floor
        if learned:
            self.free = nn.Parameter(torch.tensor(math.log(max(scale - floor, floor))))
        else:
            self.register_buffer("log_scale", torch.tensor(math.log(scale)))

    @property
    def scale(self) -> Tensor:
        """Return the scale, ()."""
        return self.free.exp() + self.floor if self.learns else self.log_scale.exp()

    def noise(self) -> dict[str, float]:
        """Return the scale."""
        return {"noise_scale": float(self.scale.detach())}
