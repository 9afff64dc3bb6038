"""The contractive autoencoder: a code that changes little where x changes little."""

from typing import Unpack

from torch import nn

from vaekit.networks import Shape
from vaekit.objectives import Contractive, Distortion
from vaekit.posteriors import Dirac
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, recipe
from vaekit.schedules import Weight, weight


@recipe(
    paper="Rifai et al. 2011, Contractive auto-encoders; [survey] §4.2",
    without=["prior", "posterior"],
    network="mlp()",
    likelihood="squared_error",
)
def contractive_ae(
    shape: Shape,
    latent: int = 200,
    strength: Weight = 0.1,
    method: str = "auto",
    draws: int = 1,
    **parts: Unpack[Parts],
) -> System:
    """Contractive autoencoder: a penalty on the Jacobian of a code of sigmoids.

    Args:
        latent: size of the code, sigmoid units
        strength: weight of ‖J‖²_F, a number or a schedule
        method: `closed` (one layer of sigmoids), `exact`, `projections` (unbiased), or `auto`
        draws: random projections for each batch, with method `projections`
        network: networks by name; `mlp()` is one layer, the paper's
    """
    parts["posterior"] = sigmoids
    model = assembled(shape, latent, **parts)
    return System(model, Distortion() + weight(strength) * Contractive(method, draws))


def sigmoids(network: nn.Module, latent: int) -> Dirac:
    """Return a deterministic code of sigmoid units."""
    return Dirac(nn.Sequential(network, nn.Sigmoid()), latent)
