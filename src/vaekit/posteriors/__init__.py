"""Posteriors q(z|x): encoders with a distribution on top."""

from collections.abc import Callable

from torch import nn

from vaekit.arguments import setting
from vaekit.brief import brief
from vaekit.errors import VaekitError, nearest
from vaekit.posteriors.base import Posterior
from vaekit.posteriors.dirac import Dirac
from vaekit.posteriors.flow import Flow
from vaekit.posteriors.gaussian import Gaussian
from vaekit.posteriors.laplace import Laplace
from vaekit.posteriors.product import Product
from vaekit.posteriors.relaxed_one_hot import RelaxedOneHot
from vaekit.posteriors.top_k import TopK
from vaekit.posteriors.vector_quantised import VectorQuantised
from vaekit.posteriors.von_mises_fisher import VonMisesFisher
from vaekit.shapes import sized
from vaekit.text import build, parse

POSTERIORS: dict[str, Callable[..., Posterior]] = {
    "dirac": Dirac,
    "flow": Flow,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "relaxed_one_hot": RelaxedOneHot,
    "top_k": TopK,
    "vector_quantised": VectorQuantised,
    "von_mises_fisher": VonMisesFisher,
}


def posterior(
    kind: str | Posterior | Callable[[nn.Module, int], Posterior],
    network: nn.Module | Callable[[int], nn.Module],
    latent: int,
) -> Posterior:
    """Build a posterior by its text, such as `relaxed_one_hot(temperature=0.5)`, or by its class.

    `network` is the encoder, or makes it for a number of features. A `Posterior` is taken as it is.
    Raises `VaekitError` for what is none of these, an unknown name and arguments that do not fit.
    """
    if isinstance(kind, Posterior):
        return sized(kind, latent, "posterior", kind)
    other = isinstance(kind, type) and not issubclass(kind, Posterior)
    if other or not (isinstance(kind, str) or callable(kind)) or isinstance(kind, nn.Module):
        raise VaekitError(
            "a posterior is its text, such as 'gaussian', its class, or a Posterior, got "
            f"{brief(kind)}"
        )
    make = _maker_named(kind) if isinstance(kind, str) else kind
    if not isinstance(network, nn.Module):
        network = network(setting(make, "heads", 1) * latent + setting(make, "extra", 0))
    if isinstance(kind, str):
        return build(kind, POSTERIORS, "posterior", network, latent)
    return kind(network, latent)


def _maker_named(text: str) -> Callable[..., Posterior]:
    """Return what makes the posterior of a text; raise `VaekitError` for what is none."""
    name = parse(text)[0]
    if name == "product":
        raise VaekitError(
            f"{brief(text)} is no single posterior, nor a block of another product: read it by "
            "vaekit.latents.latents(text), and list all blocks side by side"
        )
    if name not in POSTERIORS:
        raise nearest(name, [*POSTERIORS, "product"], "posterior")
    return POSTERIORS[name]


__all__ = [
    "POSTERIORS",
    "Dirac",
    "Flow",
    "Gaussian",
    "Laplace",
    "Posterior",
    "Product",
    "RelaxedOneHot",
    "TopK",
    "VectorQuantised",
    "VonMisesFisher",
    "posterior",
]
