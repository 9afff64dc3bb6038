"""Autoencoders whose codes match the prior together, not one by one.

The rate of a VAE is I_q(x; z) + KL(q(z)‖p(z)). These weigh the two apart: the information may stay,
or be asked for, while the codes as a whole follow the prior, so that it can be sampled.
"""

from vaekit.errors import VaekitError
from vaekit.networks import Shape, networks
from vaekit.objectives import KL, MMD, AdversarialPrior, Distortion, RateTarget
from vaekit.recipes.base import System, critic_rate, recipe
from vaekit.recipes.vae import gaussian_model, point_model
from vaekit.schedules import weight


@recipe(paper="Zhao, Song & Ermon 2019, eq. 6; [vimae] eq. 3")
def info_vae(
    shape: Shape,
    latent: int = 20,
    alpha: float = 0.0,
    match: float = 10.0,
    kernel: str = "imq",
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
    prior: str = "normal",
) -> System:
    """InfoVAE: weigh information by α and the match of all codes to the prior by λ.

    It minimises distortion + α · rate + (λ − α) · MMD: at α = λ = 1 the VAE, at α = λ = β the
    β-VAE, at α = 0 a WAE with a Gaussian posterior. MMD stands in for KL(q(z)‖p(z)) and has a scale
    of its own.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        alpha: weight α of the information, at most match
        match: weight λ of the divergence of all codes from the prior
        kernel: kernel of the MMD, `imq` or `rbf`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    if not 0 <= alpha <= match < float("inf"):
        raise VaekitError(
            f"info_vae needs 0 ≤ alpha ≤ match, got alpha={alpha}, match={match}: a larger "
            "alpha would reward codes that leave the prior"
        )
    model = gaussian_model(shape, latent, network, likelihood, prior)
    return System(model, Distortion() + alpha * KL() + (match - alpha) * MMD(kernel))


@recipe(paper="Tolstikhin, Bousquet, Gelly & Schölkopf 2018, algorithm 2")
def wae_mmd(
    shape: Shape,
    latent: int = 8,
    match: float | str = 10.0,
    kernel: str = "imq",
    network: str = "mlp(400)",
    likelihood: str = "squared_error",
    prior: str = "normal",
) -> System:
    """WAE-MMD: a deterministic code, all of which together match the prior by MMD.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        match: weight λ of the MMD, a number or a schedule
        kernel: kernel of the MMD, `imq` or `rbf`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`
    """
    model = point_model(shape, latent, network, likelihood, prior)
    return System(model, Distortion() + weight(match) * MMD(kernel))


@recipe(paper="Tolstikhin, Bousquet, Gelly & Schölkopf 2018, algorithm 1")
def wae_gan(
    shape: Shape,
    latent: int = 8,
    match: float | str = 10.0,
    discriminator: str = "mlp(512, 512, 512, 512)",
    critic_lr: float = 5e-4,
    network: str = "mlp(400)",
    likelihood: str = "squared_error",
    prior: str = "normal",
) -> System:
    """WAE-GAN: a deterministic code, all of which together match the prior by an adversary.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        match: weight λ of the adversary's term, a number or a schedule
        discriminator: hidden layers of the adversary
        critic_lr: learning rate of the adversary
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`
    """
    model = point_model(shape, latent, network, likelihood, prior)
    term = _adversary(latent, discriminator, critic_lr)
    return System(model, Distortion() + weight(match) * term)


@recipe(paper="Makhzani, Shlens, Jaitly, Goodfellow & Frey 2016, §2")
def aae(
    shape: Shape,
    latent: int = 8,
    match: float | str = 1.0,
    discriminator: str = "mlp(1000, 1000)",
    critic_lr: float = 1e-3,
    network: str = "mlp(1000, 1000)",
    likelihood: str = "squared_error",
    prior: str = "normal",
) -> System:
    """Adversarial autoencoder: a Gaussian code whose mixture over the data an adversary matches.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        match: weight of the adversary's term, a number or a schedule
        discriminator: hidden layers of the adversary
        critic_lr: learning rate of the adversary
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`
    """
    model = gaussian_model(shape, latent, network, likelihood, prior)
    term = _adversary(latent, discriminator, critic_lr)
    return System(model, Distortion() + weight(match) * term)


@recipe(paper="Alemi et al. 2018, eq. 6; [vimae] eq. 4")
def rate_target_vae(
    shape: Shape,
    latent: int = 20,
    rate: float | str = 20.0,
    beta: float | str = 10.0,
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
    prior: str = "normal",
) -> System:
    """VAE whose rate is held at R0: the best distortion for so many nats.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        rate: the rate R0 asked for in nats, a number or a schedule
        beta: weight of the distance from it, a number or a schedule; well above 1
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    model = gaussian_model(shape, latent, network, likelihood, prior)
    return System(model, Distortion() + weight(beta) * RateTarget(rate))


def _adversary(latent: int, discriminator: str, rate: float) -> AdversarialPrior:
    return AdversarialPrior(networks(discriminator).encoder((latent,), 1), lr=critic_rate(rate))
