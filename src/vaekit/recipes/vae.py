"""The variational autoencoder, and the same with a weight on its rate."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.assembly import Parts
from vaekit.recipes.base import recipe
from vaekit.recipes.composition import Composition
from vaekit.schedules import Weight


@recipe(paper="Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014")
def vae(shape: Shape, latent: int = 20, **parts: Unpack[Parts]) -> Composition:
    """Variational autoencoder: maximise the ELBO, distortion plus rate with weight 1."""
    return Composition(shape, latent, "distortion + kl", **parts)


@recipe(paper="Higgins et al. 2017, eq. 4; [survey] §4.3")
def beta_vae(
    shape: Shape, latent: int = 10, beta: Weight = 4.0, **parts: Unpack[Parts]
) -> Composition:
    """β-VAE: a VAE whose rate is weighted by β, for fewer and cleaner factors."""
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts)
