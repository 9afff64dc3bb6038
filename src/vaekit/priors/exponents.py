"""Exponents of norms, fixed or learned, for the priors that have them.

A learned exponent is p = 1 + eᵘ, above 1 whatever u: below 1 the density has cusps along the axes
and its gradient no bound. At p = 2, where they begin, dp/du = 1: there a step of the optimiser
changes p as it changes u.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vaekit.arguments import check
from vaekit.errors import VaekitError

MOST_NUMBERS = 40
RATE = 5e-4  # of learned exponents: ours, for [isa] names one rate for all, 1e-3 (A.3, A.4)


class Exponents(nn.Module):
    """Hold exponents `start`, of which those marked in `learned` are trained at a `rate` of theirs.

    Raises `VaekitError` for p that are no exponents, a learned p ≤ 1 and a rate that is none.
    """

    fixed: Tensor
    which: Tensor
    adam: dict[str, Any]  # settings of the optimiser

    def __init__(self, start: Sequence[float], learned: Sequence[bool], rate: float = RATE):
        super().__init__()
        for p, free in zip(start, learned, strict=True):
            check_exponent(p)
            check("learned", free, bool)
            if free and p <= 1:
                raise VaekitError(
                    f"a learned exponent stays above 1, so it cannot begin at p={p:g}: begin at "
                    "1.5 or 2, or hold it fixed"
                )
        if not 0 < rate < math.inf:
            raise VaekitError(f"rate must be a finite number > 0, got rate={rate}")
        first, chosen = torch.tensor(start, dtype=torch.get_default_dtype()), torch.tensor(learned)
        self.register_buffer("fixed", first, persistent=False)
        self.learns = bool(chosen.any())
        if self.learns:
            self.free = nn.Parameter((first[chosen] - 1).log())
            which = chosen.nonzero().flatten()
            self.register_buffer("which", which, persistent=False)
            self.adam = {"lr": rate, "weight_decay": 0.0}  # which would draw p to 2

    def forward(self, kind: torch.dtype | None = None) -> Tensor:
        """Return p, (exponents,), of a floating `kind`, by default that of the module."""
        kind = kind or self.fixed.dtype
        if not self.learns:
            return self.fixed.to(kind)
        free = 1 + self.free.to(kind).exp()
        return self.fixed.to(kind).index_copy(0, self.which, free)

    def numbers(self) -> dict[str, float]:
        """Return the learned exponents as `exponent_k`, k its place; nothing of more than 40."""
        if not self.learns or len(self.which) > MOST_NUMBERS:
            return {}
        p = self(torch.float64).detach()
        return {f"exponent_{k}": float(p[k]) for k in self.which.tolist()}


def check_exponent(p: float) -> None:
    """Raise `VaekitError` for a p that is no exponent."""
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 < p < math.inf:
        raise VaekitError(f"an exponent must be a finite number > 0, got p={p!r}")


def check_prior_scale(scale: float, unit_variance: bool) -> float:
    """Return `scale`; raise `VaekitError` where it is none, or given beside unit variance."""
    check("scale", scale, float)
    check("unit_variance", unit_variance, bool)
    if not 0 < scale < math.inf:
        raise VaekitError(f"a prior needs a finite scale > 0, got scale={scale}")
    if unit_variance and scale != 1:
        raise VaekitError(f"unit_variance sets the scale: leave out scale={scale:g}")
    return float(scale)
