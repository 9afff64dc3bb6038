"""Codes of vectors from a codebook, which is learned with the networks."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written


@recipe(
    paper="van den Oord, Vinyals & Kavukcuoglu 2017, eq. 3 and appendix A.1",
    without=["prior", "posterior"],
    likelihood="squared_error",
)
def vq_vae(
    shape: Shape,
    latent: int = 64,
    codes: int = 64,
    groups: int | None = None,
    shared: bool = False,
    decay: float = 0.99,
    beta: Weight = 0.25,
    **parts: Unpack[Parts],
) -> Composition:
    """VQ-VAE: a code of vectors from a codebook, so that an example is a few whole numbers.

    Args:
        codes: vectors of a codebook, K
        groups: pieces of the code, each a vector, by default of 4 entries where they fit; together
            they say groups · ln K nats at most
        shared: whether all groups have one codebook, in place of one each
        decay: of the averages over batches that the codebook follows
        beta: weight of the commitment, a number or a schedule
    """
    given = {"codes": codes, "groups": groups, "shared": shared, "decay": decay}
    parts["posterior"] = Written("vector_quantised", **given)
    return Composition(shape, latent, {"distortion": 1, "commitment": beta}, **parts)
