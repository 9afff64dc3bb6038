"""VAEs whose objective asks for independent coordinates of the code."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written


@recipe(paper="Chen, Li, Grosse & Duvenaud 2018, eq. 4")
def beta_tcvae(
    shape: Shape,
    latent: int = 10,
    alpha: Weight = 1.0,
    beta: Weight = 6.0,
    gamma: Weight = 1.0,
    sampling: str = "stratified",
    **parts: Unpack[Parts],
) -> Composition:
    """β-TCVAE: weigh the three parts of the rate apart, and the total correlation by β.

    Args:
        alpha: weight of the mutual information of x and z, a number or a schedule
        beta: weight of the total correlation, a number or a schedule
        gamma: weight of the dimension-wise KL, a number or a schedule
        sampling: estimate of q(z) from a batch, `stratified` or `weighted` (the paper's)
    """
    return Composition(shape, latent, split_rate(alpha, beta, gamma, sampling), **parts)


def split_rate(alpha: Weight, beta: Weight, gamma: Weight, sampling: str) -> dict[str, Weight]:
    """Return the distortion and the three parts of the rate with their weights."""
    parts = {"index_code_mi": alpha, "total_correlation": beta, "dimensionwise_kl": gamma}
    return {"distortion": 1, **{Written(n, sampling=sampling): w for n, w in parts.items()}}


@recipe(paper="Kim & Mnih 2018, eq. 2", batch=64)
def factor_vae(
    shape: Shape,
    latent: int = 10,
    gamma: Weight = 10.0,
    discriminator: str = "mlp(1000, 1000, 1000, 1000, 1000, 1000, activation=leaky_relu)",
    critic_lr: float = 1e-4,
    **parts: Unpack[Parts],
) -> Composition:
    """FactorVAE: penalise the total correlation that a discriminator sees.

    Args:
        gamma: weight of the total correlation, a number or a schedule
        discriminator: its hidden layers; [isa] uses `mlp(1000, activation=leaky_relu)`
        critic_lr: learning rate of the discriminator
    """
    critic = {"discriminator": discriminator, "critic_lr": critic_lr}
    terms = {"distortion": 1, "kl": 1, Written("adversarial_total_correlation", **critic): gamma}
    return Composition(shape, latent, terms, **parts)


@recipe(paper="Kumar, Sattigeri & Balakrishnan 2018, eq. 6")
def dip_vae_i(
    shape: Shape,
    latent: int = 10,
    off_diagonal: Weight = 10.0,
    diagonal: Weight = 100.0,
    **parts: Unpack[Parts],
) -> Composition:
    """DIP-VAE I: hold the covariance of the codes' means to the identity.

    Args:
        off_diagonal: weight λ_od of the squared covariances, a number or a schedule
        diagonal: weight λ_d of the squared distances of variances from 1
    """
    return Composition(shape, latent, _moment_penalties("means", off_diagonal, diagonal), **parts)


@recipe(paper="Kumar, Sattigeri & Balakrishnan 2018, eq. 7")
def dip_vae_ii(
    shape: Shape,
    latent: int = 10,
    off_diagonal: Weight = 10.0,
    diagonal: Weight = 10.0,
    **parts: Unpack[Parts],
) -> Composition:
    """DIP-VAE II: hold the covariance of the codes themselves to the identity.

    Args:
        off_diagonal: weight λ_od of the squared covariances, a number or a schedule
        diagonal: weight λ_d of the squared distances of variances from 1
    """
    return Composition(shape, latent, _moment_penalties("samples", off_diagonal, diagonal), **parts)


@recipe(paper="Burgess et al. 2018, eq. 8; [vmi] eq. 3.19")
def capacity_vae(
    shape: Shape,
    latent: int = 10,
    gamma: Weight = 30.0,
    capacity: Weight = "linear(0, 25)",
    **parts: Unpack[Parts],
) -> Composition:
    """Capacity VAE: hold the rate at a capacity that grows while training.

    Args:
        gamma: weight of the rate's distance from the capacity, a number or a schedule
        capacity: the rate asked for in nats, a number or a schedule
    """
    terms = {"distortion": 1, Written("rate_target", capacity): gamma}
    return Composition(shape, latent, terms, **parts)


def _moment_penalties(of: str, off_diagonal: Weight, diagonal: Weight) -> dict[str, Weight]:
    apart = {Written("correlated", of=of): off_diagonal, Written("spread", of=of): diagonal}
    return {"distortion": 1, "kl": 1, **apart}
