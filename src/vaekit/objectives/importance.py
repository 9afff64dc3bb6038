"""The importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8).

    −ln 1/K Σ_k w_k,   w_k = p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x)

Its mean is an upper bound on −log p(x) that falls with K (their Theorem 1); K = 1 is the ELBO.

**Doubly reparameterised.** The usual gradient in the parameters φ of q loses against its own noise
as K grows (Rainforth et al. 2018). Of the same value and without bias is, for z = g(ε, φ) and with
w̃_k = w_k / Σ_j w_j,

    Σ_k w̃_k² ∂ln w_k/∂z_k · ∂z_k/∂φ            φ inside ln q(z|x) held still

(Tucker, Lawson, Gu & Maddison 2019, eq. 8), whose noise falls. Decoder and prior keep the usual
gradient, by w̃_k. It costs a second way back through the decoder.

The encoder's gradient has less noise too where the bound is the mean of several, each of codes of
its own, or is mixed with the ELBO, β ELBO + (1 − β) bound (Rainforth et al. 2018, §6: MIWAE and
CIWAE).
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

    It stands in place of distortion and rate. It is the mean of as many `bounds`, each of `samples`
    codes, and `elbo` is the share β of the ELBO in it. Where another term asks for more codes, all
    of them are used. The `gradient` of the encoder is the usual one, or doubly reparameterised.
    Raises `VaekitError` for samples or bounds below 1, a share outside [0, 1] or beside `doubly`,
    another gradient, a model without a prior, a code that is deterministic or has relaxed one-hots,
    which have no density, and, where the gradient is `doubly`, for a posterior that does not show
    its parameters.
    """

    name = "importance_weighted"

    def __init__(
        self, samples: int = 5, gradient: str = "usual", bounds: int = 1, elbo: float = 0.0
    ):
        check_samples(samples)
        check_samples(bounds, "bounds")
        if gradient not in GRADIENTS:
            raise nearest(str(gradient), GRADIENTS, "gradient")
        if isinstance(elbo, bool) or not isinstance(elbo, int | float) or not 0 <= elbo <= 1:
            raise VaekitError(f"elbo is a share of the ELBO, from 0 to 1, got {elbo!r}")
        if elbo and gradient == "doubly":
            raise VaekitError(
                "the doubly reparameterised gradient is of the bound alone: leave elbo out, or "
                "gradient=doubly"
            )
        self.samples, self.doubly = samples * bounds, gradient == "doubly"
        self.bounds, self.elbo = bounds, elbo

    def __call__(self, run: Pass) -> Tensor:
        """Return the bound in nats for one example."""
        if run.prior is None:
            raise VaekitError(
                "weighing codes needs a prior: give the model one, for example prior=Normal(latent)"
            )
        ratio = log_ratio(run.q, run.prior, run.z, path=self.doubly, exact=True)
        weights = run.log_likelihood - ratio
        if len(weights) % self.bounds:
            raise VaekitError(
                f"{len(weights)} codes, as another term asks for, make no {self.bounds} bounds of "
                "one size: let all terms ask for as many"
            )
        weights = weights.unflatten(0, (self.bounds, -1))
        bound = (math.log(weights.shape[1]) - weights.logsumexp(1)).mean()
        if self.elbo:
            bound = (1 - self.elbo) * bound - self.elbo * weights.mean()
        if not (self.doubly and run.z.requires_grad and torch.is_grad_enabled()):
            return bound
        return bound + uncompiled(_weighed_again, bound, weights, run.z)


def _weighed_again(bound: Tensor, weights: Tensor, z: Tensor) -> Tensor:
    """Return 0, with the gradient that multiplies what each code has of `bound` by its w̃.

    `weights` are ln w (bounds, samples, batch), of the codes z (bounds · samples, batch, H).
    """
    (slope,) = torch.autograd.grad(bound, z, retain_graph=True)
    less = (weights.detach().softmax(1) - 1).flatten(0, 1)
    return (less[..., None] * slope * (z - z.detach())).sum()
