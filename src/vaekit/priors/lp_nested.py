"""The L^p-nested prior and independent subspace analysis ([isa] §3.2).

Theory: `vaekit.distributions.nested.lp_nested`.

The subspaces of the code are independent, the coordinates within one are not: what varies together
may share a subspace, and no rotation that mixes subspaces leaves the prior as it is.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.distributions.nested.lp_nested import Layout, LpNestedSymmetric, Tree
from vaekit.distributions.product import slices
from vaekit.errors import VaekitError, nearest
from vaekit.priors.base import Prior
from vaekit.priors.exponents import RATE, Exponents, check_prior_scale

LEARNED_EXPONENTS = ("no", "inner", "all")


class LpNested(Prior):
    """Give the L^p-nested law of a `tree` [p, child, …], a child a tree or a number of leaves.

    [2.1, [2.2, 4], [2.2, 4]] has two subspaces of four coordinates, [2.1, 1, [2.2, 2]] is eq. 6.
    The density is ∝ exp(−f(z)^{p0}/scale). `unit_variance` scales each coordinate by its standard
    deviation instead, in a subspace all alike. `learned` says which exponents are trained: `no`,
    `inner` (all but the root's) or `all`; they stay above 1 and have a learning `rate` of their
    own. Raises `VaekitError` for what is no tree, exponents ≤ 0 and scales that are none.
    """

    log_scale: Tensor
    ratios: Tensor

    def __init__(
        self,
        tree: Tree,
        scale: float = 1.0,
        learned: str | bool = "no",
        unit_variance: bool = False,
        rate: float = RATE,
    ):
        super().__init__()
        if isinstance(learned, bool):
            learned = "inner" if learned else "no"
        if learned not in LEARNED_EXPONENTS:
            raise nearest(str(learned), LEARNED_EXPONENTS, "choice of learned exponents")
        self.layout = Layout(tree)
        self.latent, self.tree, self.learned = self.layout.size, tree, learned
        self.scale, self.unit_variance = check_prior_scale(scale, unit_variance), unit_variance
        below = [learned != "no"] * (self.layout.nodes - 1)
        self.exponents = Exponents(self.layout.exponents, [learned == "all", *below], rate)
        self._constant: float | None = None
        if not self.exponents.learns:
            self._fix()

    def _fix(self) -> None:
        """Work out beforehand, in double precision, what does not change."""
        p, kind = self.exponents(torch.float64), torch.get_default_dtype()
        self.register_buffer("ratios", self.layout.ratios(p).to(kind), persistent=False)
        if self.unit_variance:
            scale = (-0.5 * self.layout.log_variance(p)).to(kind)
            self.register_buffer("log_scale", scale, persistent=False)
        self._constant = float(LpNestedSymmetric(self.layout, p, self._log_scale(p)).log_constant)

    def _log_scale(self, p: Tensor) -> Tensor | float | None:
        if self.unit_variance:
            fixed = not self.exponents.learns
            return self.log_scale.to(p) if fixed else -0.5 * self.layout.log_variance(p)
        if self.scale == 1:
            return None
        fixed = self.learned != "all"
        return math.log(self.scale) / (self.layout.exponents[0] if fixed else p[0])

    def forward(self, c: Tensor | None = None) -> LpNestedSymmetric:
        """Return the prior, for any c."""
        p = self.exponents()
        ratios = None if self.exponents.learns else self.ratios.to(p)
        return LpNestedSymmetric(self.layout, p, self._log_scale(p), self._constant, ratios)

    @property
    def blocks(self) -> dict[str, slice]:
        """Return the independent subspaces, the children of the root, by name."""
        return slices({f"subspace{i}": size for i, size in enumerate(self.layout.blocks)})

    def learned_numbers(self) -> dict[str, float]:
        """Return the learned exponents, of the root (0) and of the nodes below it in order."""
        return self.exponents.numbers()


class Subspace(NamedTuple):
    """Say of a subspace its exponent and its size."""

    p: float
    size: int


def isa(
    p0: float = 2.1,
    subspaces: Iterable[Subspace | tuple[float, int]] = ((2.2, 4),) * 5,
    scale: float = 1.0,
    learned: str | bool = "no",
    unit_variance: bool = False,
    rate: float = RATE,
) -> LpNested:
    """Build the prior of independent subspaces ([isa] eqs. 9, 11), each a pair (p, size).

    Raises `VaekitError` without subspaces, for empty ones, and as `LpNested` does.
    """
    tree: list = [p0]
    for pair in subspaces:
        if not isinstance(pair, Sequence) or len(pair) != 2:
            raise VaekitError(
                f"a subspace is a pair (p, size), as in subspaces=[(2.2, 4)], got {pair!r}"
            )
        p, size = pair
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise VaekitError(f"a subspace needs at least one coordinate, got size={size!r}")
        tree.append([p, size])
    if len(tree) == 1:
        raise VaekitError("isa needs at least one subspace: subspaces=[(2.2, 4)]")
    return LpNested(tree, scale, learned, unit_variance, rate)
