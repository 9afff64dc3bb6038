"""The variational autoencoder; a weight on its rate, a bound, a condition, importance weights."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written


@recipe(paper="Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014")
def vae(shape: Shape, latent: int = 20, **parts: Unpack[Parts]) -> Composition:
    """Variational autoencoder: maximise the ELBO, distortion plus rate with weight 1."""
    return Composition(shape, latent, "distortion + kl", **parts)


@recipe(paper="Higgins et al. 2017, eq. 4; [survey] §4.3")
def beta_vae(
    shape: Shape, latent: int = 10, beta: Weight = 4.0, **parts: Unpack[Parts]
) -> Composition:
    """β-VAE: a VAE whose rate is weighted by β, for fewer and cleaner factors."""
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts)


@recipe(paper="Higgins et al. 2017, eqs. 2 and 3; [survey] §4.3; Rezende & Viola 2018, algorithm 1")
def constrained_vae(
    shape: Shape,
    latent: int = 10,
    rate: float = 20.0,
    speed: float = 0.01,
    average: float = 0.9,
    **parts: Unpack[Parts],
) -> Composition:
    """Constrained VAE: the best distortion at a rate of at most δ, whose weight β is found.

    Args:
        rate: the bound δ on the rate, in nats
        speed: share by which a step of training may change β
        average: decay of the mean rate that β follows
    """
    bound = Written("rate_constraint", rate, speed=speed, average=average)
    return Composition(shape, latent, {"distortion": 1, bound: 1}, **parts)


@recipe(paper="Sohn, Lee & Yan 2015; [survey] §4.2", prior="conditional")
def cvae(
    shape: Shape,
    latent: int = 20,
    condition: str = "labels",
    width: int | None = None,
    beta: Weight = 1.0,
    **parts: Unpack[Parts],
) -> Composition:
    """Conditional VAE: encoder, decoder and prior are given a condition c, such as the class.

    Args:
        condition: what is known of each example: `labels`, `factors` or `attributes`
        width: size of the condition as a vector; by default what the data have
        prior: `conditional`, p(z|c), or `normal` or another, the same for every c
    """
    known = {"condition": condition, "width": width}
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts, **known)


@recipe(paper="Burda, Grosse & Salakhutdinov 2016, eq. 8")
def iwae(
    shape: Shape,
    latent: int = 20,
    samples: int = 5,
    gradient: str = "usual",
    **parts: Unpack[Parts],
) -> Composition:
    """Importance-weighted autoencoder: a bound on log p(x) that is tighter than the ELBO.

    Args:
        samples: codes drawn for each example, whose weights are averaged; 1 is the VAE
        gradient: of the encoder, `usual` or `doubly` reparameterised, which has less noise
    """
    term = Written("importance_weighted", samples=samples, gradient=gradient)
    return Composition(shape, latent, {term: 1}, **parts)
