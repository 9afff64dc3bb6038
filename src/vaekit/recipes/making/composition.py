"""A system said by its parts: what recipes return, and `compose` takes from anyone.

A recipe that is a composition can be printed as the command that makes the same system by hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.corruptions import CORRUPTIONS
from vaekit.errors import VaekitError
from vaekit.likelihoods import LIKELIHOODS
from vaekit.model import Condition, Model
from vaekit.networks import NETWORKS, NetworkLike, Shape
from vaekit.objectives import TERMS, Objective, ObjectiveLike, Term, objective
from vaekit.posteriors import POSTERIORS
from vaekit.priors import PRIORS, Prior
from vaekit.recipes.making.assembly import LikelihoodLike, PosteriorLike, assembled, blocks_of
from vaekit.recipes.making.trial import STAND_INS, TRIED, check_together
from vaekit.text import shortest, spelled, summed

LATENT = 10  # where nothing says it
_CATALOGUES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "posterior": POSTERIORS,
    "prior": PRIORS,
    "likelihood": LIKELIHOODS,
    "network": NETWORKS,
    "corruption": CORRUPTIONS,
}


class System(NamedTuple):
    """Join what a recipe makes: the model, and the objective that trains it."""

    model: Model
    objective: Objective


@dataclass(frozen=True)
class Composition:
    """Say a system for examples of `shape` by its parts, each an object or its text.

    The objective may also be terms with their weights by name, {"distortion": 1, "kl": beta}.
    Without `latent` the size of the code is that of the posterior's blocks, or 10. `condition` is
    what is known of each example, a vector of `width`. `tried` asks for a look at what was built,
    whether all of it goes together.
    """

    shape: Shape
    latent: int | None
    objective: ObjectiveLike
    network: NetworkLike = "mlp(400)"
    likelihood: LikelihoodLike = "bernoulli"
    prior: str | Prior | None = None
    corruption: str | Callable[[Tensor], Tensor] | None = None
    posterior: PosteriorLike = "gaussian"
    condition: str | None = None
    width: int | None = None
    tried: bool = False

    def system(self) -> System:
        """Build the model and its objective; raise `VaekitError` for what does not fit."""
        condition = None
        if self.condition is not None:
            if self.width is None or self.width < 1:
                raise VaekitError(
                    f"this needs the width of its condition, ≥ 1, got width={self.width}"
                )
            condition = Condition(self.condition, self.width)
        parts = {name: getattr(self, name) for name in _CATALOGUES}
        model = assembled(self.shape, self.size, **parts, condition=condition)
        system = System(model, objective(self.objective, model, self.shape))
        if self.tried:
            check_together(*system, self.shape)
        return system

    def try_out(self) -> None:
        """Raise `VaekitError` for parts that go together for examples of no shape.

        The generators of noise stay as they are.
        """
        width = self.width or (None if self.condition is None else TRIED)
        refusals: list[str] = []
        with torch.random.fork_rng(devices=[]):
            for shape in STAND_INS:
                try:
                    system = replace(self, shape=shape, width=width, tried=False).system()
                except VaekitError as refusal:  # of a network that this shape does not suit?
                    if str(refusal) in refusals or shape == STAND_INS[-1]:
                        raise
                    refusals.append(str(refusal))
                else:
                    return check_together(*system, shape)

    @property
    def size(self) -> int:
        """Return the size of the code; raise `VaekitError` for what is none."""
        if self.latent is not None:
            return check_latent(self.latent)
        blocks = blocks_of(self.posterior)
        return LATENT if blocks is None else blocks.latent

    def texts(self) -> dict[str, str]:
        """Write what differs from nothing said: parts, sizes, and the objective, by name.

        Arguments that are the defaults of a part are left out. Raises `VaekitError` for a part that
        is an object, which no text makes.
        """
        said = {"latent": str(self.size)}
        for name, catalogue in _CATALOGUES.items():
            said[name] = _part_text(name, getattr(self, name), catalogue)
        if self.condition is not None:
            said["condition"] = self.condition
        return said | {"objective": self.sum()}

    def sum(self) -> str:
        """Write the objective as a sum of weighted terms; raises as `texts` does."""
        what = self.objective
        if isinstance(what, Objective | Term):
            raise VaekitError(f"objective is an object, {what}, which no text makes")
        pairs = summed(what) if isinstance(what, str) else [(w, text) for text, w in what.items()]
        return " + ".join(_term(spelled(value), shortest(text, TERMS)) for value, text in pairs)


def _part_text(name: str, part: Any, catalogue: Mapping[str, Callable[..., Any]]) -> str:
    if part is None:
        return "none"
    if not isinstance(part, str):
        raise VaekitError(f"{name} is an object, {part!r}, which no text makes")
    return str(shortest(part, catalogue))


def _term(weight: str, text: str) -> str:
    return text if weight == "1" else f"{weight}*{text}"
