"""Any parts with any terms, by name: a system that is no paper's."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.objectives import Objective, Term
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition


@recipe(paper="any parts, any terms", prior="own")
def compose(
    shape: Shape,
    latent: int | None = None,
    objective: str | Objective | Term = "distortion + kl",
    condition: str | None = None,
    width: int | None = None,
    **parts: Unpack[Parts],
) -> Composition:
    """Compose a system of any parts, trained by any sum of weighted terms.

    Args:
        latent: size of the code; by default that of the posterior's blocks, else 10
        objective: sum of weighted terms, `distortion + 4*kl + linear(0, 1)*mmd(kernel=rbf)`
        condition: what is known of each example: `labels`, `factors` or `attributes`
        width: size of the condition as a vector; by default what the data have
    """
    known = {"condition": condition, "width": width}
    return Composition(shape, latent, objective, **parts, **known, tried=True)
