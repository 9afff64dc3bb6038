"""Autoencoders that code and decode, nothing else: the plain one, and of a corrupted x."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.assembly import Parts
from vaekit.recipes.base import recipe
from vaekit.recipes.composition import Composition


@recipe(
    paper="Hinton & Salakhutdinov 2006; [survey] §2",
    without=["prior"],
    posterior="dirac",
    likelihood="squared_error",
)
def ae(shape: Shape, latent: int = 20, **parts: Unpack[Parts]) -> Composition:
    """Plain autoencoder: a deterministic code, trained to be decoded (no prior, no rate)."""
    return Composition(shape, latent, "distortion", **parts)


@recipe(
    paper="Vincent et al. 2010; [survey] §4.1",
    without=["prior"],
    posterior="dirac",
    likelihood="squared_error",
    corruption="gaussian(sigma=0.4)",
)
def denoising_ae(shape: Shape, latent: int = 100, **parts: Unpack[Parts]) -> Composition:
    """Denoising autoencoder: encode a corrupted x, decode the clean one."""
    return Composition(shape, latent, "distortion", **parts)
