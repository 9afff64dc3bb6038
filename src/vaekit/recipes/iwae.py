"""The importance-weighted autoencoder."""

from vaekit.networks import Shape
from vaekit.objectives import ImportanceWeighted
from vaekit.recipes.base import System, recipe
from vaekit.recipes.vae import gaussian_model


@recipe(paper="Burda, Grosse & Salakhutdinov 2016, eq. 8")
def iwae(
    shape: Shape,
    latent: int = 20,
    samples: int = 5,
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
    prior: str = "normal",
) -> System:
    """Importance-weighted autoencoder: a bound on log p(x) that is tighter than the ELBO.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        samples: codes drawn for each example, whose weights are averaged; 1 is the VAE
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `isa`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    model = gaussian_model(shape, latent, network, likelihood, prior)
    return System(model, 1.0 * ImportanceWeighted(samples))
