"""The denoising autoencoder: what comes in is corrupted, what should come out is clean."""

from vaekit.corruption import corruption as corruption_of
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.objectives import Distortion
from vaekit.posteriors import Dirac
from vaekit.recipes.base import System, recipe


@recipe(paper="Vincent et al. 2010; [survey] §4.1")
def denoising_ae(
    shape: Shape,
    latent: int = 100,
    corruption: str = "gaussian(sigma=0.4)",
    network: str = "mlp(400)",
    likelihood: str = "squared_error",
) -> System:
    """Denoising autoencoder: encode a corrupted x, decode the clean one.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        corruption: `gaussian(sigma=0.4)`, `masking(p=0.3)` or `salt_and_pepper(p=0.3)`
        network: networks by name, `mlp(512, 256)`, `conv(32, 64)`
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
    """
    nets = networks(network)
    model = Model(
        Dirac(nets.encoder(shape, latent), latent),
        likelihood_of(likelihood, nets, latent, shape),
        corruption=corruption_of(corruption),
    )
    return System(model, 1.0 * Distortion())
