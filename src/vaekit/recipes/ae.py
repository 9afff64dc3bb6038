"""The plain autoencoder: code and decode, nothing else."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.objectives import Distortion
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, recipe


@recipe(
    paper="Hinton & Salakhutdinov 2006; [survey] §2",
    without=["prior"],
    posterior="dirac",
    likelihood="squared_error",
)
def ae(shape: Shape, latent: int = 20, **parts: Unpack[Parts]) -> System:
    """Plain autoencoder: a deterministic code, trained to be decoded (no prior, no rate)."""
    return System(assembled(shape, latent, **parts), 1.0 * Distortion())
