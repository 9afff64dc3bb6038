"""The parts that recipes share: described here once, each an object or the text that names it."""

from collections.abc import Callable
from typing import TypedDict

from torch import Tensor, nn

from vaekit import posteriors, priors
from vaekit.arguments import setting
from vaekit.distributions.base import check_same
from vaekit.latents import Latents, latents
from vaekit.likelihoods import Likelihood
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Condition, Model
from vaekit.networks import Joined, NetworkLike, Shape
from vaekit.networks import networks as networks_of
from vaekit.posteriors import POSTERIORS, Posterior
from vaekit.posteriors import posterior as posterior_of
from vaekit.priors import Prior
from vaekit.priors import prior as prior_of
from vaekit.shapes import sized
from vaekit.text import parse

LikelihoodLike = str | Likelihood | Callable[[nn.Module], Likelihood]
PosteriorLike = str | Posterior | Callable[[nn.Module, int], Posterior]


class Parts(TypedDict, total=False):
    """Name the parts of a model that a recipe takes beside its own numbers."""

    network: NetworkLike
    likelihood: LikelihoodLike
    prior: str | Prior | None
    corruption: str | Callable[[Tensor], Tensor] | None
    posterior: PosteriorLike


TEXTS = {
    "shape": "shape of one example, (C, H, W) or (D,)",
    "latent": "size of the code",
    "beta": "weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`",
    "network": "networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`",
    "posterior": "posterior by name, `gaussian`, `laplace`, `flow()`, or `dirac` where no density "
    "is needed; blocks as `product(style=[gaussian, 16], class=[relaxed_one_hot, 10])`",
    "likelihood": "noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`",
    "prior": "prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, "
    "`vamp(50)`, `flow()`; `own`: that of the posterior or of its blocks, under a condition "
    "`conditional` in place of `normal`; `none`: no prior",
    "corruption": "what the encoder's input undergoes in training, `gaussian(sigma=0.4)`, "
    "`affine`, or `none`",
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

    Under a condition encoder and decoder are given it too, and the prior `own` is `conditional`
    where it would be `normal`; blocks and one-hots keep theirs.

    Raises `VaekitError` for what names no part, and parts that do not fit.
    """
    nets, width = networks_of(network), 0 if condition is None else condition.width
    blocks = blocks_of(posterior)
    if blocks is not None:
        sized(blocks, latent, "posterior", posterior)
    if prior == "own" and width and blocks is None and _own_prior(posterior) == "normal":
        prior = "conditional"
    if prior == "conditional":
        prior = prior_of(prior, latent, width=width)

    def encoder(features: int) -> nn.Module:
        return Joined(nets, shape, width, features) if width else nets.encoder(shape, features)

    def noise() -> Likelihood:
        return likelihood_of(likelihood, nets, latent + width, shape)

    if blocks is None:
        q, p_x = posterior_of(posterior, encoder, latent), noise()
    else:
        p_x, q = noise(), blocks.posterior(encoder(blocks.width))
    p = _prior(prior, q, blocks, latent, shape)
    if isinstance(q, posteriors.Product) and isinstance(p, priors.Product):
        check_same(*(_sizes(part.blocks) for part in (q, p)))
    return Model(q, p_x, p, None if corruption == "none" else corruption, condition)


def blocks_of(posterior: PosteriorLike) -> Latents | None:
    """Return the blocks that a posterior's text lists, None of any other posterior."""
    if isinstance(posterior, str) and parse(posterior)[0] == "product":
        return latents(posterior)
    return None


def _own_prior(posterior: PosteriorLike) -> str:
    """Return the prior that a posterior names, by its text, its class or an instance of it."""
    made = POSTERIORS.get(parse(posterior)[0]) if isinstance(posterior, str) else posterior
    return setting(made, "own_prior", "normal")


def _prior(
    prior: str | Prior | None,
    q: Posterior,
    blocks: Latents | None,
    latent: int,
    shape: Shape,
) -> Prior | None:
    """Build a prior; `own` is that of the blocks, or that which the posterior names."""
    if prior is None or prior == "none":
        return None
    if prior == "own" and blocks is not None:
        return blocks.prior()
    return prior_of(q.own_prior if prior == "own" else prior, latent, q, shape)


def _sizes(blocks: dict[str, slice]) -> list[tuple[str, int]]:
    return [(name, place.stop - place.start) for name, place in blocks.items()]
