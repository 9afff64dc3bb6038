"""VAEs whose prior singles out the directions of the code ([isa]).

The standard normal looks alike from all sides, so nothing in its rate tells one basis of the code
from another. Here coordinates or subspaces are independent under the prior and their mixtures are
not. The rate has no closed form: it is the mean of log q(z|x) − log p(z) over a sample.
"""

from collections.abc import Sequence

from vaekit.networks import Shape
from vaekit.objectives import KL, Distortion
from vaekit.recipes.base import System, recipe
from vaekit.recipes.disentangling import split
from vaekit.recipes.vae import gaussian_model
from vaekit.schedules import weight

PAPER = (
    "Independent Subspace Analysis for Unsupervised Learning of Disentangled Representations, §3.2"
)


@recipe(paper=PAPER)
def isa_vae(
    shape: Shape,
    latent: int = 20,
    beta: float | str = 1.0,
    p0: float = 2.1,
    p: float | Sequence[float] = 2.2,
    size: int | Sequence[int] = 4,
    scale: float = 1.0,
    learned: str = "no",
    path: bool = False,
    network: str = "isa",
    likelihood: str = "bernoulli",
) -> System:
    """ISA-VAE: a code of independent subspaces, by an L^p-nested prior.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        beta: weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`
        p0: exponent over the subspaces
        p: exponent within a subspace, or a list with one for each
        size: coordinates of a subspace, which divide latent, or a list with those of each
        scale: scale s of the prior; with p0 = p = 2 it is the standard normal at s = 2
        learned: exponents to train, `no`, `inner` (those within subspaces) or `all`
        path: take the rate's gradient along the sample's path alone, which has less noise
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
    """
    prior = f"isa(p0={p0}, p={p}, size={size}, scale={scale}, learned={learned})"
    return _by_samples(shape, latent, beta, path, network, likelihood, prior)


@recipe(paper=PAPER)
def isa_tcvae(
    shape: Shape,
    latent: int = 20,
    alpha: float | str = 1.0,
    beta: float | str = 4.0,
    gamma: float | str = 1.0,
    sampling: str = "stratified",
    p0: float = 2.1,
    p: float | Sequence[float] = 2.2,
    size: int | Sequence[int] = 4,
    scale: float = 1.0,
    learned: str = "no",
    network: str = "isa",
    likelihood: str = "bernoulli",
) -> System:
    """ISA-TCVAE: the β-TCVAE with a prior of independent subspaces.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        alpha: weight of the mutual information of x and z, a number or a schedule
        beta: weight of the total correlation, a number or a schedule
        gamma: weight of the dimension-wise KL, a number or a schedule
        sampling: estimate of q(z) from a batch, `stratified` or `weighted` (the papers')
        p0: exponent over the subspaces
        p: exponent within a subspace, or a list with one for each
        size: coordinates of a subspace, which divide latent, or a list with those of each
        scale: scale s of the prior; with p0 = p = 2 it is the standard normal at s = 2
        learned: exponents to train, `no`, `inner` (those within subspaces) or `all`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
    """
    prior = f"isa(p0={p0}, p={p}, size={size}, scale={scale}, learned={learned})"
    model = gaussian_model(shape, latent, network, likelihood, prior)
    return System(model, split(alpha, beta, gamma, sampling))


@recipe(paper=f"{PAPER.removesuffix(', §3.2')}, §3.1")
def ica_vae(
    shape: Shape,
    latent: int = 10,
    beta: float | str = 1.0,
    p: float = 1.5,
    unit_variance: bool = False,
    learned: bool = False,
    path: bool = False,
    network: str = "isa",
    likelihood: str = "bernoulli",
) -> System:
    """ICA-VAE: a code of independent coordinates that are not normal.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        beta: weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`
        p: exponent of the generalised normal: heavy tails below 2, light ones above
        unit_variance: scale the prior to variance 1
        learned: train the exponent
        path: take the rate's gradient along the sample's path alone, which has less noise
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
    """
    prior = f"generalized_normal({p}, unit_variance={unit_variance}, learned={learned})"
    return _by_samples(shape, latent, beta, path, network, likelihood, prior)


def _by_samples(
    shape: Shape,
    latent: int,
    beta: float | str,
    path: bool,
    network: str,
    likelihood: str,
    prior: str,
) -> System:
    model = gaussian_model(shape, latent, network, likelihood, prior)
    return System(model, Distortion() + weight(beta) * KL(analytic=False, path=path))
