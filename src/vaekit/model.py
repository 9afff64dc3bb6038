"""The whole contract: a model is three conditional distributions, a pass is one look at data.

    corruption  x → x̃             posterior  x̃ → q(z|x̃)
    prior         → p(z)            likelihood z → p(x|z)

Objectives, metrics and pictures read a `Pass` and nothing else, so any part goes with any other.
Networks live inside posteriors and likelihoods and know no probability.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.likelihoods.base import Likelihood
from vaekit.posteriors.base import Posterior
from vaekit.priors.base import Prior

Corruption = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pass:
    """Record one pass of data through a model.

    x is (batch, *shape), the clean data; z is (samples, batch, H), drawn from q; `p` has batch
    shape (samples, batch). `prior` is None for models without one.
    """

    model: "Model"
    x: Tensor
    q: Distribution
    z: Tensor
    p: Distribution
    prior: Distribution | None


class Model(nn.Module):
    """Join a posterior, a likelihood and, where there is one, a prior and a corruption.

    `model(x, samples=L)` returns a `Pass`. The target is always the clean x, also under corruption.
    """

    def __init__(
        self,
        posterior: Posterior,
        likelihood: Likelihood,
        prior: Prior | None = None,
        corruption: Corruption | None = None,
    ):
        super().__init__()
        self.posterior, self.likelihood, self.prior = posterior, likelihood, prior
        self.corruption = corruption

    def forward(self, x: Tensor, samples: int = 1) -> Pass:
        """Encode x (batch, *shape), draw `samples` codes each, and decode them."""
        q = self.posterior(x if self.corruption is None else self.corruption(x))
        z = q.rsample((samples,))
        prior = None if self.prior is None else self.prior(z)
        return Pass(self, x, q, z, self.likelihood(z), prior)
