"""The variational autoencoder, and the same with a weight on its rate."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.objectives import KL, Distortion
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, recipe
from vaekit.schedules import Weight, weight


@recipe(paper="Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014")
def vae(shape: Shape, latent: int = 20, **parts: Unpack[Parts]) -> System:
    """Variational autoencoder: maximise the ELBO, distortion plus rate with weight 1."""
    return beta_vae(shape, latent, 1.0, **parts)


@recipe(paper="Higgins et al. 2017, eq. 4; [survey] §4.3")
def beta_vae(shape: Shape, latent: int = 10, beta: Weight = 4.0, **parts: Unpack[Parts]) -> System:
    """β-VAE: a VAE whose rate is weighted by β, for fewer and cleaner factors."""
    return System(assembled(shape, latent, **parts), Distortion() + weight(beta) * KL())
