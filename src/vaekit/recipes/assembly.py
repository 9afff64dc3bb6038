"""The parts that recipes share: described here once, each an object or the text that names it."""

from collections.abc import Callable
from typing import TypedDict

from torch import Tensor, nn

from vaekit.likelihoods import Likelihood
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Condition, Model
from vaekit.networks import Joined, NetworkLike, Shape
from vaekit.networks import networks as networks_of
from vaekit.posteriors import Posterior
from vaekit.posteriors import posterior as posterior_of
from vaekit.priors import Prior
from vaekit.priors import prior as prior_of

LikelihoodLike = str | Likelihood | Callable[[nn.Module], Likelihood]
PosteriorLike = str | Posterior | Callable[[nn.Module, int], Posterior]


class Parts(TypedDict, total=False):
    """Name the parts of a model that a recipe takes beside its own numbers."""

    network: NetworkLike
    likelihood: LikelihoodLike
    prior: str | Prior
    corruption: str | Callable[[Tensor], Tensor] | None
    posterior: PosteriorLike


TEXTS = {
    "shape": "shape of one example, (C, H, W) or (D,)",
    "latent": "size of the code",
    "beta": "weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`",
    "network": "networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`",
    "posterior": "posterior by name, `gaussian`, `laplace`, or `dirac` where no density is needed",
    "likelihood": "noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`",
    "prior": "prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`",
    "corruption": "what the encoder's input undergoes in training, `gaussian(sigma=0.4)`, `affine`",
}


def assembled(
    shape: Shape,
    latent: int,
    network: NetworkLike = "mlp(400)",
    likelihood: LikelihoodLike = "bernoulli",
    posterior: PosteriorLike = "gaussian",
    prior: str | Prior | None = None,
    corruption: str | Callable[[Tensor], Tensor] | None = None,
    condition: Condition | None = None,
) -> Model:
    """Build a model of parts, each an object or its text; without a prior it has none.

    Under a condition encoder and decoder are given it too. Raises `VaekitError` for what names no
    part, and parts that do not fit.
    """
    nets, width = networks_of(network), 0 if condition is None else condition.width

    def encoder(features: int) -> nn.Module:
        return Joined(nets, shape, width, features) if width else nets.encoder(shape, features)

    q = posterior_of(posterior, encoder, latent)
    noise = likelihood_of(likelihood, nets, latent + width, shape)
    p = None if prior is None else prior_of(prior, latent, q, shape)
    return Model(q, noise, p, corruption, condition)
