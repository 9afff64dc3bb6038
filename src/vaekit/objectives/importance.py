"""The importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8).

    −ln 1/K Σ_k w_k,   w_k = p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x)

Its mean is an upper bound on −log p(x) that falls with K (their Theorem 1); K = 1 is the ELBO.
"""

import math

from torch import Tensor

from vaekit.distributions.divergences import log_ratio
from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term, check_samples


class ImportanceWeighted(Term):
    """Return −ln of the mean importance weight of `samples` codes, averaged over the batch.

    It stands in place of distortion and rate. Where another term asks for more codes, all of them
    are used. Raises `VaekitError` for samples below 1, a model without a prior, and a code that is
    deterministic or has relaxed one-hots, which have no density.
    """

    name = "importance_weighted"

    def __init__(self, samples: int = 5):
        check_samples(samples)
        self.samples = samples

    def __call__(self, run: Pass) -> Tensor:
        """Return the bound in nats for one example."""
        if run.prior is None:
            raise VaekitError(
                "weighing codes needs a prior: give the model one, for example prior=Normal(latent)"
            )
        weights = run.log_likelihood - log_ratio(run.q, run.prior, run.z, exact=True)
        return (math.log(len(weights)) - weights.logsumexp(0)).mean()
