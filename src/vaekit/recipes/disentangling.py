"""VAEs whose objective asks for independent coordinates of the code."""

from typing import Unpack

from vaekit.networks import Shape, networks
from vaekit.objectives import (
    KL,
    AdversarialTC,
    Correlated,
    DimensionwiseKL,
    Distortion,
    IndexCodeMI,
    Objective,
    RateTarget,
    Spread,
    TotalCorrelation,
)
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, critic_rate, recipe
from vaekit.schedules import Weight, weight


@recipe(paper="Chen, Li, Grosse & Duvenaud 2018, eq. 4")
def beta_tcvae(
    shape: Shape,
    latent: int = 10,
    alpha: Weight = 1.0,
    beta: Weight = 6.0,
    gamma: Weight = 1.0,
    sampling: str = "stratified",
    **parts: Unpack[Parts],
) -> System:
    """β-TCVAE: weigh the three parts of the rate apart, and the total correlation by β.

    Args:
        alpha: weight of the mutual information of x and z, a number or a schedule
        beta: weight of the total correlation, a number or a schedule
        gamma: weight of the dimension-wise KL, a number or a schedule
        sampling: estimate of q(z) from a batch, `stratified` or `weighted` (the paper's)
    """
    return System(assembled(shape, latent, **parts), split(alpha, beta, gamma, sampling))


def split(alpha: Weight, beta: Weight, gamma: Weight, sampling: str) -> Objective:
    """Return the distortion and the three parts of the rate with their weights."""
    return (
        Distortion()
        + weight(alpha) * IndexCodeMI(sampling)
        + weight(beta) * TotalCorrelation(sampling)
        + weight(gamma) * DimensionwiseKL(sampling)
    )


@recipe(paper="Kim & Mnih 2018, eq. 2", batch=64)
def factor_vae(
    shape: Shape,
    latent: int = 10,
    gamma: Weight = 10.0,
    discriminator: str = "mlp(1000, 1000, 1000, 1000, 1000, 1000, activation=leaky_relu)",
    critic_lr: float = 1e-4,
    **parts: Unpack[Parts],
) -> System:
    """FactorVAE: penalise the total correlation that a discriminator sees.

    Args:
        gamma: weight of the total correlation, a number or a schedule
        discriminator: its hidden layers; [isa] uses `mlp(1000, activation=leaky_relu)`
        critic_lr: learning rate of the discriminator
    """
    critic, rate = networks(discriminator).encoder((latent,), 1), critic_rate(critic_lr)
    objective = Distortion() + KL() + weight(gamma) * AdversarialTC(critic, rate)
    return System(assembled(shape, latent, **parts), objective)


@recipe(paper="Kumar, Sattigeri & Balakrishnan 2018, eq. 6")
def dip_vae_i(
    shape: Shape,
    latent: int = 10,
    off_diagonal: Weight = 10.0,
    diagonal: Weight = 100.0,
    **parts: Unpack[Parts],
) -> System:
    """DIP-VAE I: hold the covariance of the codes' means to the identity.

    Args:
        off_diagonal: weight λ_od of the squared covariances, a number or a schedule
        diagonal: weight λ_d of the squared distances of variances from 1
    """
    model = assembled(shape, latent, **parts)
    return System(model, _moments_objective("means", off_diagonal, diagonal))


@recipe(paper="Kumar, Sattigeri & Balakrishnan 2018, eq. 7")
def dip_vae_ii(
    shape: Shape,
    latent: int = 10,
    off_diagonal: Weight = 10.0,
    diagonal: Weight = 10.0,
    **parts: Unpack[Parts],
) -> System:
    """DIP-VAE II: hold the covariance of the codes themselves to the identity.

    Args:
        off_diagonal: weight λ_od of the squared covariances, a number or a schedule
        diagonal: weight λ_d of the squared distances of variances from 1
    """
    model = assembled(shape, latent, **parts)
    return System(model, _moments_objective("samples", off_diagonal, diagonal))


@recipe(paper="Burgess et al. 2018, eq. 8; [vmi] eq. 3.19")
def capacity_vae(
    shape: Shape,
    latent: int = 10,
    gamma: Weight = 30.0,
    capacity: Weight = "linear(0, 25)",
    **parts: Unpack[Parts],
) -> System:
    """Capacity VAE: hold the rate at a capacity that grows while training.

    Args:
        gamma: weight of the rate's distance from the capacity, a number or a schedule
        capacity: the rate asked for in nats, a number or a schedule
    """
    model = assembled(shape, latent, **parts)
    return System(model, Distortion() + weight(gamma) * RateTarget(capacity))


def _moments_objective(of: str, off_diagonal: Weight, diagonal: Weight) -> Objective:
    apart = weight(off_diagonal) * Correlated(of) + weight(diagonal) * Spread(of)
    return Distortion() + KL() + apart
