"""Autoencoders: the plain one, that of a corrupted x, and one whose code changes little with x."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written


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
    paper="Vincent et al. 2010; [survey] §3.1",
    without=["prior"],
    posterior="dirac",
    likelihood="squared_error",
    corruption="gaussian(sigma=0.4)",
)
def denoising_ae(shape: Shape, latent: int = 100, **parts: Unpack[Parts]) -> Composition:
    """Denoising autoencoder: encode a corrupted x, decode the clean one."""
    return Composition(shape, latent, "distortion", **parts)


@recipe(
    paper="Rifai et al. 2011, Contractive auto-encoders; [survey] §3.4",
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
) -> Composition:
    """Contractive autoencoder: a penalty on the Jacobian of a code of sigmoids.

    Args:
        latent: size of the code, sigmoid units
        strength: weight of ‖J‖²_F, a number or a schedule
        method: `closed` (one layer of sigmoids), `exact`, `projections` (unbiased), or `auto`
        draws: random projections for each batch, with method `projections`
        network: networks by name; `mlp()` is one layer, the paper's
    """
    parts["posterior"] = "dirac(activation=sigmoid)"
    penalty = Written("contractive", method=method, draws=draws)
    return Composition(shape, latent, {"distortion": 1, penalty: strength}, **parts)
