"""Corruptions x → x̃ of the encoder's input; the target of the likelihood is always the clean x.

A corruption acts while a model trains. In evaluation the encoder sees what it is given, and
`model.corruption(x)` corrupts on demand.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vaekit.errors import VaekitError
from vaekit.text import build


class Corruption(nn.Module):
    """Map x (batch, *shape) to x̃ of the same shape.

    To write one: draw on x's device without asking it a question, and say in `level` how much it
    corrupts; `at(level)` returns the same corruption at another level, for curves over levels.
    """

    level: float

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""

    def at(self, level: float) -> "Corruption":
        """Return this kind of corruption at another level."""
        return type(self)(level)


class Masking(Corruption):
    """Set each entry to 0 with probability p (Vincent et al. 2010, §4.1). Raises for p ∉ [0, 1]."""

    def __init__(self, p: float = 0.3):
        super().__init__()
        self.level = _share(p, "masking")

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        return x * (torch.rand_like(x) >= self.level)


class GaussianNoise(Corruption):
    """Add N(0, σ²) to each entry, unclipped. Raises `VaekitError` for σ that is not finite, ≥ 0."""

    def __init__(self, sigma: float = 0.4):
        super().__init__()
        if not (math.isfinite(sigma) and sigma >= 0):
            raise VaekitError(f"gaussian corruption needs a finite sigma ≥ 0, got {sigma}")
        self.level = float(sigma)

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        return x + self.level * torch.randn_like(x)


class SaltAndPepper(Corruption):
    """Set each entry, with probability p, to 0 or 1 by a fair coin. Raises for p ∉ [0, 1]."""

    def __init__(self, p: float = 0.3):
        super().__init__()
        self.level = _share(p, "salt_and_pepper")

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        u = torch.rand_like(x)
        salt = (u < self.level / 2).to(x.dtype)
        return torch.where(u < self.level, salt, x)


def _share(p: float, name: str) -> float:
    if not 0 <= p <= 1:
        raise VaekitError(f"{name} needs a share p from 0 to 1, got p={p}")
    return float(p)


class Custom(Corruption):
    """Corrupt by any callable x → x̃ of the same shape."""

    level = math.nan

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃; raise `VaekitError` where the callable returns no tensor or another shape."""
        found: Any = self.function(x)
        if not isinstance(found, Tensor):
            raise VaekitError(
                f"the corruption made {type(found).__name__} of a tensor: return x̃, of x's shape"
            )
        if found.shape != x.shape:
            raise VaekitError(
                f"the corruption made {tuple(found.shape)} of {tuple(x.shape)}: keep the shape"
            )
        return found

    def at(self, level: float) -> Corruption:
        """Return itself: a callable has no level."""
        return self


CORRUPTIONS: dict[str, Callable[..., Corruption]] = {
    "masking": Masking,
    "gaussian": GaussianNoise,
    "salt_and_pepper": SaltAndPepper,
}


def corruption(kind: str | Callable[[Tensor], Tensor]) -> Corruption:
    """Read a corruption: its text, such as `masking(p=0.3)`, or any callable x → x̃.

    Raises `VaekitError` for anything else.
    """
    if isinstance(kind, str):
        return build(kind, CORRUPTIONS, "corruption")
    if not callable(kind):
        raise VaekitError(
            f"corruption must be text such as 'masking(p=0.3)', or a callable x → x̃, got {kind!r}"
        )
    return kind if isinstance(kind, Corruption) else Custom(kind)
