"""The importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8).

    −ln 1/K Σ_k w_k,   w_k = p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x)

Its mean is an upper bound on −log p(x) that falls with K (their Theorem 1); K = 1 is the ELBO.

**Doubly reparameterised.** The usual gradient in the parameters φ of q loses against its own noise
as K grows (Rainforth et al. 2018). Of the same value and without bias is, for z = g(ε, φ) and with
w̃_k = w_k / Σ_j w_j,

    Σ_k w̃_k² ∂ln w_k/∂z_k · ∂z_k/∂φ            φ inside ln q(z|x) held still

(Tucker, Lawson, Gu & Maddison 2019, eq. 8), whose noise falls. Decoder and prior keep the usual
gradient, by w̃_k. It costs a second way back through the decoder.
"""

import math

import torch
from torch import Tensor

from vaekit.distributions.divergences import log_ratio
from vaekit.errors import VaekitError, nearest
from vaekit.model import Pass
from vaekit.objectives.base import Term, check_samples, uncompiled

GRADIENTS = ("usual", "doubly")


class ImportanceWeighted(Term):
    """Return −ln of the mean importance weight of `samples` codes, averaged over the batch.

    It stands in place of distortion and rate. Where another term asks for more codes, all of them
    are used. The `gradient` of the encoder is the usual one, or doubly reparameterised. Raises
    `VaekitError` for samples below 1, another gradient, a model without a prior, a code that is
    deterministic or has relaxed one-hots, which have no density, and, where the gradient is
    `doubly`, for a posterior that does not show its parameters.
    """

    name = "importance_weighted"

    def __init__(self, samples: int = 5, gradient: str = "usual"):
        check_samples(samples)
        if gradient not in GRADIENTS:
            raise nearest(str(gradient), GRADIENTS, "gradient")
        self.samples, self.doubly = samples, gradient == "doubly"

    def __call__(self, run: Pass) -> Tensor:
        """Return the bound in nats for one example."""
        if run.prior is None:
            raise VaekitError(
                "weighing codes needs a prior: give the model one, for example prior=Normal(latent)"
            )
        ratio = log_ratio(run.q, run.prior, run.z, path=self.doubly, exact=True)
        weights = run.log_likelihood - ratio
        bound = (math.log(len(weights)) - weights.logsumexp(0)).mean()
        if not (self.doubly and run.z.requires_grad and torch.is_grad_enabled()):
            return bound
        return bound + uncompiled(_weighed_again, bound, weights, run.z)


def _weighed_again(bound: Tensor, weights: Tensor, z: Tensor) -> Tensor:
    """Return 0, with the gradient that multiplies what each code has of `bound` by its w̃."""
    (slope,) = torch.autograd.grad(bound, z, retain_graph=True)
    less = weights.detach().softmax(0) - 1
    return (less[..., None] * slope * (z - z.detach())).sum()
