"""The whole contract: a model is three conditional distributions, a pass is one look at data.

    corruption  x → x̃             posterior  x̃ [, c] → q(z|x, c)
    prior       [c] → p(z|c)        likelihood z [, c] → p(x|z, c)

Objectives, metrics and pictures read a `Pass` and nothing else, so any part goes with any other.
Networks live inside posteriors and likelihoods and know no probability. The condition c is there
for models that are made with one: a vector for each example, such as its class as a one-hot.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.corruption import Corruption
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import Likelihood
from vaekit.posteriors.base import Posterior
from vaekit.priors.base import Prior

Found = TypeVar("Found")


@dataclass(frozen=True)
class Condition:
    """Say what a model is conditioned on: `kind` of what is known of an example, its `width`.

    Kinds are `labels` (classes as one-hots), `factors` (a one-hot for each factor, side by side)
    and `attributes` (real vectors); see `Dataset.condition`.
    """

    kind: str
    width: int


@dataclass(frozen=True)
class Pass:
    """Record one pass of data through a model.

    x is (batch, *shape), the clean data; z is (samples, batch, H), drawn from q; `p` has batch
    shape (samples, batch). `prior` is None for models without one, `condition` (batch, width) is
    None for models without one.
    """

    model: "Model"
    x: Tensor
    q: Distribution
    z: Tensor
    p: Distribution
    prior: Distribution | None
    condition: Tensor | None = None
    _found: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, compute: Callable[..., Found], *arguments: Any) -> Found:
        """Return `compute(self, *arguments)`, computed once however many terms ask for it."""
        key = compute, arguments
        if key not in self._found:
            self._found[key] = compute(self, *arguments)
        return self._found[key]


class Model(nn.Module):
    """Join a posterior, a likelihood and, where there are, a prior, a corruption, a condition.

    `model(x, samples=L)` returns a `Pass`, `model(x, c, samples=L)` that of a conditional model.
    While training, the encoder sees a corrupted x; the target is always the clean one.
    """

    def __init__(
        self,
        posterior: Posterior,
        likelihood: Likelihood,
        prior: Prior | None = None,
        corruption: Corruption | None = None,
        condition: Condition | None = None,
    ):
        super().__init__()
        self.posterior, self.likelihood, self.prior = posterior, likelihood, prior
        self.corruption, self.condition = corruption, condition

    def forward(self, x: Tensor, c: Tensor | None = None, samples: int = 1) -> Pass:
        """Encode x (batch, *shape), draw `samples` codes each, and decode them.

        Raises `VaekitError` for a condition c (batch, width) that is missing, unasked for, or of
        another size.
        """
        self.check(c)
        if c is not None and (c.ndim != 2 or len(c) != len(x)):
            raise VaekitError(
                f"{len(x)} examples need conditions ({len(x)}, width), got shape {tuple(c.shape)}"
            )
        corrupted = self.corruption(x) if self.corruption and self.training else x
        q = self.posterior(corrupted, c)
        z = q.rsample((samples,))
        prior = None if self.prior is None else self.prior(z, c)
        return Pass(self, x, q, z, self.likelihood(z, c), prior, c)

    def check(self, c: Tensor | None) -> None:
        """Raise `VaekitError` where a condition and the model do not fit."""
        if self.condition is None:
            if c is not None:
                raise VaekitError("this model takes no condition: leave it out")
        elif c is None:
            raise VaekitError(
                f"this model is conditioned on {self.condition.kind}: give a condition "
                f"(batch, {self.condition.width})"
            )
        elif c.shape[-1] != self.condition.width:
            raise VaekitError(
                f"the condition has width {c.shape[-1]}, but the model was made for "
                f"{self.condition.width}"
            )
