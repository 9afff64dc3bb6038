"""The importance-weighted autoencoder."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.assembly import Parts
from vaekit.recipes.base import recipe
from vaekit.recipes.composition import Composition
from vaekit.text import Written


@recipe(paper="Burda, Grosse & Salakhutdinov 2016, eq. 8")
def iwae(shape: Shape, latent: int = 20, samples: int = 5, **parts: Unpack[Parts]) -> Composition:
    """Importance-weighted autoencoder: a bound on log p(x) that is tighter than the ELBO.

    Args:
        samples: codes drawn for each example, whose weights are averaged; 1 is the VAE
    """
    term = Written("importance_weighted", samples=samples)
    return Composition(shape, latent, {term: 1}, **parts)
