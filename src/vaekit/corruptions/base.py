"""What a corruption is."""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from vaekit.errors import VaekitError


class Corruption(nn.Module):
    """Map x (batch, *shape) to x̃ of the same shape.

    To write one: draw on x's device without asking it a question, and say in `level` how much it
    corrupts; `at(level)` returns the same corruption at another level, for curves over levels.
    Noise that is added to each entry by itself gives its `variance`, in squared units of x. One
    that `hides` entries makes them NaN, which is missing, and needs a likelihood that knows that.
    Where it means a certain scale of x, `check(low, high)` refuses data that span another.
    """

    level: float
    variance: float | None = None
    hides: bool = False

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""

    def at(self, level: float) -> "Corruption":
        """Return this kind of corruption at another level."""
        return type(self)(level)

    def check(self, low: float, high: float) -> None:
        """Raise `VaekitError` for data that span [low, high], where these are not what it means."""


class Custom(Corruption):
    """Corrupt by any callable x → x̃ of the same shape."""

    level = math.nan

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃; raise `VaekitError` where the callable returns no tensor or another shape."""
        noisy: Any = self.function(x)
        if not isinstance(noisy, Tensor):
            raise VaekitError(
                f"the corruption made {type(noisy).__name__} of a tensor: return x̃, of x's shape"
            )
        if noisy.shape != x.shape:
            raise VaekitError(
                f"the corruption made {tuple(noisy.shape)} of {tuple(x.shape)}: keep the shape"
            )
        return noisy

    def at(self, level: float) -> Corruption:
        """Return itself: a callable has no level."""
        return self


def share(p: float, name: str) -> float:
    """Return a share; raise `VaekitError` for what is none."""
    if not 0 <= p <= 1:
        raise VaekitError(f"{name} needs a share p from 0 to 1, got p={p}")
    return float(p)


def finite(value: float, name: str, what: str) -> float:
    """Return a number; raise `VaekitError` for one that is not finite."""
    if not math.isfinite(value):
        raise VaekitError(f"{name} needs a finite {what}, got {value}")
    return float(value)
