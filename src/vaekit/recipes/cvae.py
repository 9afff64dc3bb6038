"""The conditional VAE: told what to show, the code keeps what the condition leaves open."""

from typing import Unpack

from torch import nn

from vaekit.errors import VaekitError, nearest
from vaekit.model import Condition
from vaekit.networks import Shape, stack
from vaekit.objectives import KL, Distortion
from vaekit.priors import PRIORS, Conditional
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, recipe
from vaekit.schedules import Weight, weight
from vaekit.text import parse


@recipe(paper="Sohn, Lee & Yan 2015; [survey] §4.3", prior="conditional")
def cvae(
    shape: Shape,
    latent: int = 20,
    condition: str = "labels",
    width: int | None = None,
    beta: Weight = 1.0,
    **parts: Unpack[Parts],
) -> System:
    """Conditional VAE: encoder, decoder and prior are given a condition c, such as the class.

    Args:
        condition: what is known of each example: `labels`, `factors` or `attributes`
        width: size of the condition as a vector; by default what the data have
        prior: `conditional`, p(z|c), or `normal` or another, the same for every c
    """
    if width is None or width < 1:
        raise VaekitError(f"cvae needs the width of its condition, ≥ 1, got width={width}")
    prior = parts.get("prior")
    if isinstance(prior, str) and parse(prior)[0] not in (*PRIORS, "conditional"):
        raise nearest(prior, ["conditional", *PRIORS], "prior")
    if prior == "conditional":
        own = nn.Sequential(*stack((width, 128, 2 * latent), "relu"))
        parts["prior"] = Conditional(own, latent)
    model = assembled(shape, latent, **parts, condition=Condition(condition, width))
    return System(model, Distortion() + weight(beta) * KL())
