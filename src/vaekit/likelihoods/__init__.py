"""Likelihoods p(x|z): decoders with a noise model on top."""

from collections.abc import Callable

from torch import nn

from vaekit.arguments import setting
from vaekit.brief import brief
from vaekit.errors import VaekitError
from vaekit.likelihoods.base import Entrywise, Likelihood
from vaekit.likelihoods.bernoulli import Bernoulli
from vaekit.likelihoods.columns import Columns
from vaekit.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaekit.likelihoods.counts import NegativeBinomial, Poisson, ZeroInflatedNegativeBinomial
from vaekit.likelihoods.discretised_logistic import DiscretisedLogistic
from vaekit.likelihoods.gaussian import Gaussian, squared_error
from vaekit.likelihoods.laplace import Laplace
from vaekit.likelihoods.mixture import GaussianMixture
from vaekit.likelihoods.network_gaussian import NetworkGaussian
from vaekit.likelihoods.student_t import StudentT
from vaekit.networks import Networks, Pair, Shape
from vaekit.text import build, parse

LIKELIHOODS: dict[str, Callable[..., Likelihood]] = {
    "bernoulli": Bernoulli,
    "columns": Columns,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretised_logistic": DiscretisedLogistic,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "mixture": GaussianMixture,
    "negative_binomial": NegativeBinomial,
    "network_gaussian": NetworkGaussian,
    "poisson": Poisson,
    "squared_error": squared_error,
    "student_t": StudentT,
    "zero_inflated_negative_binomial": ZeroInflatedNegativeBinomial,
}


def likelihood(
    kind: str | Likelihood | Callable[[nn.Module], Likelihood],
    nets: Networks,
    latent: int,
    shape: Shape,
) -> Likelihood:
    """Build a likelihood by its text, such as `gaussian(sigma=0.1)`, or its class, on a decoder.

    The decoder reads `latent` values and gives as many for each entry of `shape` as the likelihood
    has heads. A `Likelihood` is taken as it is. Raises `VaekitError` for what is none of these, an
    unknown name or arguments that do not fit.
    """
    if isinstance(kind, Likelihood):
        return kind
    other = isinstance(kind, type) and not issubclass(kind, Likelihood)
    if other or not (isinstance(kind, str) or callable(kind)) or isinstance(kind, nn.Module):
        raise VaekitError(
            "a likelihood is its text, such as 'bernoulli', its class, or a Likelihood, got "
            f"{brief(kind)}"
        )
    make = LIKELIHOODS.get(parse(kind)[0]) if isinstance(kind, str) else kind
    network = nets.decoder(latent, (setting(make, "heads", 1) * shape[0], *shape[1:]))
    if isinstance(kind, str):
        made = build(kind, LIKELIHOODS, "likelihood", network)
    else:
        made = kind(network)
    if isinstance(made, Bernoulli) and isinstance(nets, Pair) and nets.squashed(latent):
        raise VaekitError(
            "the decoder ends in a sigmoid, and the Bernoulli likelihood applies one itself, for "
            "it reads logits: two of them keep every pixel between 0.5 and 0.73, so leave yours out"
        )
    return made


__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Columns",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "Entrywise",
    "Gaussian",
    "GaussianMixture",
    "Laplace",
    "Likelihood",
    "NegativeBinomial",
    "NetworkGaussian",
    "Poisson",
    "StudentT",
    "ZeroInflatedNegativeBinomial",
    "likelihood",
    "squared_error",
]
