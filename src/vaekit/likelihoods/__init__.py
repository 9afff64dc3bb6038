"""Likelihoods p(x|z): decoders with a noise model on top."""

from collections.abc import Callable

from vaekit.likelihoods.base import Likelihood
from vaekit.likelihoods.bernoulli import Bernoulli
from vaekit.likelihoods.gaussian import Gaussian, squared_error
from vaekit.likelihoods.mixture import GaussianMixture
from vaekit.likelihoods.network_gaussian import NetworkGaussian
from vaekit.networks import Networks, Shape
from vaekit.text import build, parse

LIKELIHOODS: dict[str, Callable[..., Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "mixture": GaussianMixture,
    "network_gaussian": NetworkGaussian,
    "squared_error": squared_error,
}


def likelihood(text: str, nets: Networks, latent: int, shape: Shape) -> Likelihood:
    """Build the likelihood that `text` names, such as `gaussian(sigma=0.1)`, on a new decoder.

    The decoder reads `latent` values and gives as many for each entry of `shape` as the likelihood
    has heads. Raises `VaekitError` for an unknown name or arguments that do not fit.
    """
    heads = getattr(LIKELIHOODS.get(parse(text)[0]), "heads", 1)
    network = nets.decoder(latent, (heads * shape[0], *shape[1:]))
    return build(text, LIKELIHOODS, "likelihood", network)


__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Gaussian",
    "GaussianMixture",
    "Likelihood",
    "NetworkGaussian",
    "likelihood",
    "squared_error",
]
