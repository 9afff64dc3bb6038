"""Autoencoders whose codes match the prior together, not one by one.

The rate of a VAE is I_q(x; z) + KL(q(z)‖p(z)). These weigh the two apart: the information may stay,
or be asked for, while the codes as a whole follow the prior, so that it can be sampled.
"""

from typing import Any, Unpack

from vaekit.errors import VaekitError
from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written

POINT: dict[str, Any] = {"posterior": "dirac", "likelihood": "squared_error"}


@recipe(paper="Zhao, Song & Ermon 2019, eq. 6; [vimae] eq. 3")
def info_vae(
    shape: Shape,
    latent: int = 20,
    alpha: float = 0.0,
    match: float = 10.0,
    kernel: str = "imq",
    **parts: Unpack[Parts],
) -> Composition:
    """InfoVAE: weigh information by α and the match of all codes to the prior by λ.

    It minimises distortion + α · rate + (λ − α) · MMD: at α = λ = 1 the VAE, at α = λ = β the
    β-VAE, at α = 0 a WAE with a Gaussian posterior. MMD stands in for KL(q(z)‖p(z)) and has a scale
    of its own.

    Args:
        alpha: weight α of the information, at most match
        match: weight λ of the divergence of all codes from the prior
        kernel: kernel of the MMD, `imq` or `rbf`
    """
    if not 0 <= alpha <= match < float("inf"):
        raise VaekitError(
            f"info_vae needs 0 ≤ alpha ≤ match, got alpha={alpha}, match={match}: a larger "
            "alpha would reward codes that leave the prior"
        )
    terms = {"distortion": 1, "kl": alpha, Written("mmd", kernel=kernel): match - alpha}
    return Composition(shape, latent, terms, **parts)


@recipe(paper="Tolstikhin, Bousquet, Gelly & Schölkopf 2018, algorithm 2", **POINT)
def wae_mmd(
    shape: Shape,
    latent: int = 8,
    match: Weight = 10.0,
    kernel: str = "imq",
    **parts: Unpack[Parts],
) -> Composition:
    """WAE-MMD: a deterministic code, all of which together match the prior by MMD.

    Args:
        match: weight λ of the MMD, a number or a schedule
        kernel: kernel of the MMD, `imq` or `rbf`
    """
    terms = {"distortion": 1, Written("mmd", kernel=kernel): match}
    return Composition(shape, latent, terms, **parts)


@recipe(paper="Tolstikhin, Bousquet, Gelly & Schölkopf 2018, algorithm 1", **POINT)
def wae_gan(
    shape: Shape,
    latent: int = 8,
    match: Weight = 10.0,
    discriminator: str = "mlp(512, 512, 512, 512)",
    critic_lr: float = 5e-4,
    **parts: Unpack[Parts],
) -> Composition:
    """WAE-GAN: a deterministic code, all of which together match the prior by an adversary.

    Args:
        match: weight λ of the adversary's term, a number or a schedule
        discriminator: hidden layers of the adversary
        critic_lr: learning rate of the adversary
    """
    return _adversarial(shape, latent, match, discriminator, critic_lr, **parts)


@recipe(
    paper="Makhzani, Shlens, Jaitly, Goodfellow & Frey 2016, §2",
    network="mlp(1000, 1000)",
    likelihood="squared_error",
)
def aae(
    shape: Shape,
    latent: int = 8,
    match: Weight = 1.0,
    discriminator: str = "mlp(1000, 1000)",
    critic_lr: float = 1e-3,
    **parts: Unpack[Parts],
) -> Composition:
    """Adversarial autoencoder: a Gaussian code whose mixture over the data an adversary matches.

    Args:
        match: weight of the adversary's term, a number or a schedule
        discriminator: hidden layers of the adversary
        critic_lr: learning rate of the adversary
    """
    return _adversarial(shape, latent, match, discriminator, critic_lr, **parts)


@recipe(paper="Alemi et al. 2018, eq. 6; [vimae] eq. 4")
def rate_target_vae(
    shape: Shape,
    latent: int = 20,
    rate: Weight = 20.0,
    beta: Weight = 10.0,
    **parts: Unpack[Parts],
) -> Composition:
    """VAE whose rate is held at R0: the best distortion for so many nats.

    Args:
        rate: the rate R0 asked for in nats, a number or a schedule
        beta: weight of the distance from it, a number or a schedule; well above 1
    """
    terms = {"distortion": 1, Written("rate_target", rate): beta}
    return Composition(shape, latent, terms, **parts)


def _adversarial(
    shape: Shape,
    latent: int,
    match: Weight,
    discriminator: str,
    critic_lr: float,
    **parts: Unpack[Parts],
) -> Composition:
    critic = Written("adversarial_prior", discriminator=discriminator, critic_lr=critic_lr)
    return Composition(shape, latent, {"distortion": 1, critic: match}, **parts)
