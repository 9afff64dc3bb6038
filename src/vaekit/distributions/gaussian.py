"""The distributions that parts hand to one another: diagonal, lean, ready for a training step.

Each is a `torch.distributions.Distribution` whose event is one whole example, so `log_prob` already
sums over entries and returns nats. They exist because composing `Independent(Normal(...))` in every
step costs more than a small network's arithmetic, and because argument checks would ask the device
a question in every step.
"""

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

LOG_2PI = math.log(2 * math.pi)


class DiagonalGaussian(Distribution):
    """Describe N(mean, diag(std²)) over the last dimension; `mean` and `log_std` are (..., H)."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, mean: Tensor, log_std: Tensor):
        self._mean, self.log_std = mean, log_std
        self.std = log_std.exp()
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the mean, (..., H)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return the variance of each coordinate, (..., H)."""
        return self.std * self.std

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw reparameterised samples, (*sample_shape, ..., H)."""
        shape = (*sample_shape, *self._mean.shape)
        noise = torch.randn(shape, device=self._mean.device, dtype=self._mean.dtype)
        return torch.addcmul(self._mean, noise, self.std)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return log N of every coordinate, same shape as `value`."""
        scaled = (value - self._mean) / self.std
        # One pass over what may be (samples, batch, batch, H), not five.
        return torch.addcmul(-0.5 * LOG_2PI - self.log_std, scaled, scaled, value=-0.5)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log N of every example in nats, summed over the last dimension."""
        return self.log_prob_by_coordinate(value).sum(-1)


class StandardNormal(Distribution):
    """Describe N(0, 1) in H independent coordinates, on the device and in the type of `like`."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, size: int, like: Tensor):
        self._like = like
        super().__init__(torch.Size(), torch.Size((size,)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return zeros, (H,)."""
        return self._like.new_zeros(self.event_shape)

    @property
    def variance(self) -> Tensor:
        """Return ones, (H,)."""
        return self._like.new_ones(self.event_shape)

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Draw samples, (*sample_shape, H)."""
        shape = (*sample_shape, *self.event_shape)
        return torch.randn(shape, device=self._like.device, dtype=self._like.dtype)

    def log_prob_by_coordinate(self, value: Tensor) -> Tensor:
        """Return log N(0, 1) of every coordinate, same shape as `value`."""
        return -0.5 * (value * value + LOG_2PI)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log N(0, 1) of every example in nats, summed over the last dimension."""
        return self.log_prob_by_coordinate(value).sum(-1)


class PointMass(Distribution):
    """Put all mass on `value` (..., H): a deterministic code. It has samples and no density."""

    arg_constraints: ClassVar[dict[str, Any]] = {}  # pyright: ignore[reportIncompatibleMethodOverride]
    has_rsample = True

    def __init__(self, value: Tensor):
        self._mean = value
        super().__init__(value.shape[:-1], value.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Return the point, (..., H)."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """Return zeros, (..., H)."""
        return torch.zeros_like(self._mean)

    def rsample(self, sample_shape=()) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Repeat the point, (*sample_shape, ..., H)."""
        return self._mean.expand(*sample_shape, *self._mean.shape)
