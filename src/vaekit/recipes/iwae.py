"""The importance-weighted autoencoder."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.objectives import ImportanceWeighted
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, recipe


@recipe(paper="Burda, Grosse & Salakhutdinov 2016, eq. 8")
def iwae(shape: Shape, latent: int = 20, samples: int = 5, **parts: Unpack[Parts]) -> System:
    """Importance-weighted autoencoder: a bound on log p(x) that is tighter than the ELBO.

    Args:
        samples: codes drawn for each example, whose weights are averaged; 1 is the VAE
    """
    return System(assembled(shape, latent, **parts), 1.0 * ImportanceWeighted(samples))
