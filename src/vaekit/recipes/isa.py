"""VAEs whose prior singles out the directions of the code ([isa]).

The standard normal looks alike from all sides, so nothing in its rate tells one basis of the code
from another. Here coordinates or subspaces are independent under the prior and their mixtures are
not. The rate has no closed form: it is the mean of log q(z|x) − log p(z) over a sample.
"""

from collections.abc import Sequence
from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.disentangling import split_rate
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written

ISA_PAPER = (
    "Independent Subspace Analysis for Unsupervised Learning of Disentangled Representations, §3.2"
)


@recipe(paper=ISA_PAPER, without=["prior"], network="isa")
def isa_vae(
    shape: Shape,
    latent: int = 20,
    beta: Weight = 1.0,
    p0: float = 2.1,
    p: float | Sequence[float] = 2.2,
    size: int | Sequence[int] = 4,
    scale: float = 1.0,
    learned: str = "no",
    path: bool = False,
    **parts: Unpack[Parts],
) -> Composition:
    """ISA-VAE: a code of independent subspaces, by an L^p-nested prior.

    Args:
        p0: exponent over the subspaces
        p: exponent within a subspace, or a list with one for each
        size: coordinates of a subspace, which divide latent, or a list with those of each
        scale: scale s of the prior; with p0 = p = 2 it is the standard normal at s = 2
        learned: exponents to train, `no`, `inner` (those within subspaces) or `all`, at a learning
            rate of 5e-4
        path: take the rate's gradient along the sample's path alone, which has less noise
    """
    parts["prior"] = Written("isa", p0=p0, p=p, size=size, scale=scale, learned=learned)
    return _by_samples(shape, latent, beta, path, **parts)


@recipe(paper=ISA_PAPER, without=["prior"], network="isa")
def isa_tcvae(
    shape: Shape,
    latent: int = 20,
    alpha: Weight = 1.0,
    beta: Weight = 4.0,
    gamma: Weight = 1.0,
    sampling: str = "stratified",
    p0: float = 2.1,
    p: float | Sequence[float] = 2.2,
    size: int | Sequence[int] = 4,
    scale: float = 1.0,
    learned: str = "no",
    **parts: Unpack[Parts],
) -> Composition:
    """ISA-TCVAE: the β-TCVAE with a prior of independent subspaces.

    Args:
        alpha: weight of the mutual information of x and z, a number or a schedule
        beta: weight of the total correlation, a number or a schedule
        gamma: weight of the dimension-wise KL, a number or a schedule
        sampling: estimate of q(z) from a batch, `stratified` or `weighted` (the papers')
        p0: exponent over the subspaces
        p: exponent within a subspace, or a list with one for each
        size: coordinates of a subspace, which divide latent, or a list with those of each
        scale: scale s of the prior; with p0 = p = 2 it is the standard normal at s = 2
        learned: exponents to train, `no`, `inner` (those within subspaces) or `all`, at a learning
            rate of 5e-4
    """
    parts["prior"] = Written("isa", p0=p0, p=p, size=size, scale=scale, learned=learned)
    return Composition(shape, latent, split_rate(alpha, beta, gamma, sampling), **parts)


@recipe(paper=f"{ISA_PAPER.removesuffix(', §3.2')}, §3.1", without=["prior"], network="isa")
def ica_vae(
    shape: Shape,
    latent: int = 10,
    beta: Weight = 1.0,
    p: float = 1.5,
    unit_variance: bool = False,
    learned: bool = False,
    path: bool = False,
    **parts: Unpack[Parts],
) -> Composition:
    """ICA-VAE: a code of independent coordinates that are not normal.

    Args:
        p: exponent of the generalised normal: heavy tails below 2, light ones above
        unit_variance: scale the prior to variance 1
        learned: train the exponents, one for each coordinate, at a learning rate of 5e-4
        path: take the rate's gradient along the sample's path alone, which has less noise
    """
    exponent = {"p": p, "learned": learned, "unit_variance": unit_variance}
    parts["prior"] = Written("generalized_normal", **exponent)
    return _by_samples(shape, latent, beta, path, **parts)


def _by_samples(
    shape: Shape, latent: int, beta: Weight, path: bool, **parts: Unpack[Parts]
) -> Composition:
    rate = Written("kl", analytic=False, path=path)
    return Composition(shape, latent, {"distortion": 1, rate: beta}, **parts)
