"""The conditional VAE: told what to show, the code keeps what the condition leaves open."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.assembly import Parts
from vaekit.recipes.base import recipe
from vaekit.recipes.composition import Composition
from vaekit.schedules import Weight


@recipe(paper="Sohn, Lee & Yan 2015; [survey] §4.3", prior="conditional")
def cvae(
    shape: Shape,
    latent: int = 20,
    condition: str = "labels",
    width: int | None = None,
    beta: Weight = 1.0,
    **parts: Unpack[Parts],
) -> Composition:
    """Conditional VAE: encoder, decoder and prior are given a condition c, such as the class.

    Args:
        condition: what is known of each example: `labels`, `factors` or `attributes`
        width: size of the condition as a vector; by default what the data have
        prior: `conditional`, p(z|c), or `normal` or another, the same for every c
    """
    known = {"condition": condition, "width": width}
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts, **known)
