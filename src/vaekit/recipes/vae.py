"""The variational autoencoder, and the same with a weight on its rate."""

from vaekit.corruption import corruption as corruption_of
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.objectives import KL, Distortion
from vaekit.posteriors import Dirac, Gaussian
from vaekit.priors import prior as prior_of
from vaekit.recipes.base import System, recipe
from vaekit.schedules import weight


@recipe(paper="Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014")
def vae(
    shape: Shape,
    latent: int = 20,
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
    prior: str = "normal",
) -> System:
    """Variational autoencoder: maximise the ELBO, distortion plus rate with weight 1.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    return beta_vae(shape, latent, 1.0, network, likelihood, prior)


@recipe(paper="Higgins et al. 2017, eq. 4; [survey] §4.3")
def beta_vae(
    shape: Shape,
    latent: int = 10,
    beta: float | str = 4.0,
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
    prior: str = "normal",
) -> System:
    """β-VAE: a VAE whose rate is weighted by β, for fewer and cleaner factors.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        beta: weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    model = gaussian_model(shape, latent, network, likelihood, prior)
    return System(model, Distortion() + weight(beta) * KL())


def gaussian_model(
    shape: Shape, latent: int, network: str, likelihood: str, prior: str = "normal"
) -> Model:
    """Build a model with a Gaussian posterior from the names of its other parts."""
    nets = networks(network)
    posterior = Gaussian(nets.encoder(shape, 2 * latent), latent)
    noise = likelihood_of(likelihood, nets, latent, shape)
    return Model(posterior, noise, prior_of(prior, latent, posterior, shape))


def point_model(
    shape: Shape,
    latent: int,
    network: str,
    likelihood: str,
    prior: str,
    corruption: str | None = None,
) -> Model:
    """Build a model with a deterministic code that has a prior, from the names of its parts."""
    nets = networks(network)
    posterior = Dirac(nets.encoder(shape, latent), latent)
    noise = likelihood_of(likelihood, nets, latent, shape)
    unclean = None if corruption is None else corruption_of(corruption)
    return Model(posterior, noise, prior_of(prior, latent, posterior, shape), unclean)
