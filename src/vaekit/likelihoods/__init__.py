"""Likelihoods p(x|z): decoders with a noise model on top."""

from collections.abc import Callable

from torch import nn

from vaekit.likelihoods.base import Likelihood
from vaekit.likelihoods.bernoulli import Bernoulli
from vaekit.likelihoods.gaussian import Gaussian, squared_error
from vaekit.text import build

LIKELIHOODS: dict[str, Callable[..., Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "squared_error": squared_error,
}


def likelihood(text: str, network: nn.Module) -> Likelihood:
    """Build the likelihood that `text` names, for example `gaussian(sigma=0.1)`, on a decoder."""
    return build(text, LIKELIHOODS, "likelihood", network)


__all__ = ["LIKELIHOODS", "Bernoulli", "Gaussian", "Likelihood", "likelihood", "squared_error"]
