"""The plain autoencoder: code and decode, nothing else."""

from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.objectives import Distortion
from vaekit.posteriors import Dirac
from vaekit.recipes.base import System, recipe


@recipe(paper="Hinton & Salakhutdinov 2006; [survey] §2")
def ae(
    shape: Shape,
    latent: int = 20,
    network: str = "mlp(400)",
    likelihood: str = "squared_error",
) -> System:
    """Plain autoencoder: a deterministic code, trained to be decoded (no prior, no rate).

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        network: networks by name, `mlp(512, 256)`, `conv(32, 64)`; `mlp()` is linear
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
    """
    nets = networks(network)
    model = Model(
        Dirac(nets.encoder(shape, latent), latent),
        likelihood_of(likelihood, nets, latent, shape),
    )
    return System(model, 1.0 * Distortion())
