"""The contractive autoencoder: a code that changes little where x changes little."""

from torch import nn

from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.objectives import Contractive, Distortion
from vaekit.posteriors import Dirac
from vaekit.recipes.base import System, recipe
from vaekit.schedules import weight


@recipe(paper="Rifai et al. 2011, Contractive auto-encoders; [survey] §4.2")
def contractive_ae(
    shape: Shape,
    latent: int = 200,
    strength: float | str = 0.1,
    method: str = "auto",
    draws: int = 1,
    network: str = "mlp()",
    likelihood: str = "squared_error",
) -> System:
    """Contractive autoencoder: a penalty on the Jacobian of a code of sigmoids.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code, sigmoid units
        strength: weight of ‖J‖²_F, a number or a schedule
        method: `closed` (one layer of sigmoids), `exact`, `projections` (unbiased), or `auto`
        draws: random projections for each batch, with method `projections`
        network: networks by name; `mlp()` is one layer, the paper's
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
    """
    nets = networks(network)
    encoder = nn.Sequential(nets.encoder(shape, latent), nn.Sigmoid())
    noise = likelihood_of(likelihood, nets, latent, shape)
    objective = Distortion() + weight(strength) * Contractive(method, draws)
    return System(Model(Dirac(encoder, latent), noise), objective)
