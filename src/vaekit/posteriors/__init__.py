"""Posteriors q(z|x): encoders with a distribution on top."""

from collections.abc import Callable

from torch import nn

from vaekit.posteriors.base import Posterior
from vaekit.posteriors.dirac import Dirac
from vaekit.posteriors.gaussian import Gaussian
from vaekit.posteriors.product import Product
from vaekit.posteriors.relaxed_one_hot import RelaxedOneHot
from vaekit.posteriors.top_k import TopK
from vaekit.text import build

POSTERIORS: dict[str, Callable[..., Posterior]] = {
    "dirac": Dirac,
    "gaussian": Gaussian,
    "relaxed_one_hot": RelaxedOneHot,
    "top_k": TopK,
}


def posterior(text: str, network: nn.Module, latent: int) -> Posterior:
    """Build the posterior that `text` names, such as `relaxed_one_hot(temperature=0.5)`.

    Raises `VaekitError` for an unknown name and for arguments that do not fit.
    """
    return build(text, POSTERIORS, "posterior", network, latent)


__all__ = [
    "POSTERIORS",
    "Dirac",
    "Gaussian",
    "Posterior",
    "Product",
    "RelaxedOneHot",
    "TopK",
    "posterior",
]
