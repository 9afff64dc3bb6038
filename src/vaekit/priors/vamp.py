"""The VampPrior: a mixture of the encoder's posteriors at learned pseudo-inputs.

The prior that is best for the ELBO is the aggregate posterior, mean_x q(z|x). Its variational
mixture of posteriors takes K learned inputs u_k in place of the data (Tomczak & Welling 2018,
eq. 9):

    p(z) = 1/K Σ_k q(z|u_k)
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from vaekit.distributions import Mixture, density
from vaekit.errors import VaekitError
from vaekit.priors.base import Prior

_LOGIT_DEVIATION = 0.5  # of the first logits


class Vamp(Prior):
    """Mix the posteriors at `components` learned pseudo-inputs of `shape`, all with share 1/K.

    The prior reads the model's own `posterior`; it is held, not registered, so that its weights are
    listed, saved and moved once, with the model. Pseudo-inputs are low + (high − low) σ(v), within
    the range of the data; v begins as noise N(0, ½²), mid-grey ± 12 % of the range, or at chosen
    examples with `start`. An encoder with batch normalisation takes them for a batch of their own.
    Raises `VaekitError` for components < 1, an empty range, and a condition, which they lack.
    """

    def __init__(
        self,
        posterior: nn.Module,
        shape: tuple[int, ...],
        components: int = 50,
        low: float = 0.0,
        high: float = 1.0,
    ):
        super().__init__()
        if isinstance(components, bool) or not isinstance(components, int) or components < 1:
            raise VaekitError(
                f"a vamp prior needs 1 pseudo-input or more, got components={components!r}"
            )
        if not low < high:
            raise VaekitError(f"pseudo-inputs need low < high, got low={low}, high={high}")
        self._posterior: tuple[Any] = (posterior,)  # in a tuple, so that it is not registered
        self.latent: int = self._posterior[0].latent
        self.low, self.high = low, high
        self.free = nn.Parameter(_LOGIT_DEVIATION * torch.randn(components, *shape))

    def forward(self, c: Tensor | None = None) -> Mixture:
        """Return the mixture; raise `VaekitError` with a condition."""
        if c is not None:
            raise VaekitError(
                "the pseudo-inputs of a vamp prior have no condition: use prior=normal for a "
                "conditional model"
            )
        members = density(self._posterior[0](self.pseudo_inputs()))
        if not members.independent:
            raise VaekitError(
                "a vamp prior mixes posteriors of independent coordinates, but this model's give "
                f"{members.kind}: use posterior Gaussian"
            )
        return Mixture(members, self.free.new_full((len(self.free),), 1 / len(self.free)).log())

    def check(self, low: float, high: float) -> None:
        """Raise `VaekitError` for data beyond the pseudo-inputs' range, by more than rounding."""
        room = 1e-3 * (self.high - self.low)
        if low < self.low - room or high > self.high + room:
            raise VaekitError(
                f"the pseudo-inputs of the vamp prior lie in [{self.low:g}, {self.high:g}], but "
                f"the data span [{low:.4g}, {high:.4g}]: write vamp({len(self.free)}, "
                f"low={math.floor(low)}, high={math.ceil(high)}), or scale the data"
            )

    def pseudo_inputs(self) -> Tensor:
        """Return the inputs u_k, (K, *shape)."""
        return self.low + (self.high - self.low) * self.free.sigmoid()

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Begin at the examples x (K, *shape), drawn in from the ends of the range by 1 %.

        Raises `VaekitError` for another number or shape.
        """
        if x.shape != self.free.shape:
            raise VaekitError(
                f"the pseudo-inputs are {tuple(self.free.shape)}, but the examples {tuple(x.shape)}"
            )
        share = ((x - self.low) / (self.high - self.low)).clamp(0.01, 0.99)
        self.free.copy_(share.logit())
