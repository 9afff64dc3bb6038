"""The denoising autoencoder: what comes in is corrupted, what should come out is clean."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.objectives import Distortion
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, recipe


@recipe(
    paper="Vincent et al. 2010; [survey] §4.1",
    without=["prior"],
    posterior="dirac",
    likelihood="squared_error",
    corruption="gaussian(sigma=0.4)",
)
def denoising_ae(shape: Shape, latent: int = 100, **parts: Unpack[Parts]) -> System:
    """Denoising autoencoder: encode a corrupted x, decode the clean one."""
    return System(assembled(shape, latent, **parts), 1.0 * Distortion())
