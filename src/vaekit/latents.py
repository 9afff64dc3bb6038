"""The blocks of a code by name: one list from which the posterior and the prior both follow.

    z = Latents({"style": ["gaussian", 16], "class": ["relaxed_one_hot(temperature=0.5)", 10]})
    z = latents("product(style=[gaussian, 16], digit=[relaxed_one_hot, 10])")
    model = Model(z.posterior(nets.encoder(shape, z.width)), likelihood, z.prior())

A block is [posterior, size] or [posterior, size, prior], each part an object or its text. Without
one the prior is what the posterior names, `categorical` for one-hots and `normal` for the rest.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from torch import nn

from vaekit.arguments import setting
from vaekit.errors import VaekitError
from vaekit.posteriors import POSTERIORS, posterior
from vaekit.posteriors import Product as ProductPosterior
from vaekit.posteriors.product import PosteriorMaker
from vaekit.priors import Prior, prior
from vaekit.priors import Product as ProductPrior
from vaekit.text import build, parse

PosteriorKind = str | PosteriorMaker


class _Block(NamedTuple):
    posterior: PosteriorKind
    size: int
    prior: str | Prior


class Latents:
    """Lay named blocks side by side in z: `latent` entries, read from `width` features.

    Raises `VaekitError` for what is no block, and as the posteriors and priors do.
    """

    def __init__(self, blocks: Mapping[str, Sequence[Any]]):
        self.blocks = {name: _read_block(name, block) for name, block in blocks.items()}
        trial = self.posterior(nn.Identity())
        self.latent, self.width = trial.latent, trial.width
        self.prior()

    def posterior(self, network: nn.Module) -> ProductPosterior:
        """Return the posterior that reads a network's features (batch, width)."""
        kinds = {
            name: (partial(posterior, block.posterior), block.size)
            for name, block in self.blocks.items()
        }
        return ProductPosterior(network, kinds)

    def prior(self) -> ProductPrior:
        """Return the prior of the same blocks."""
        return ProductPrior({name: prior(b.prior, b.size) for name, b in self.blocks.items()})


def latents(text: str) -> Latents:
    """Read blocks by text, such as `product(style=[gaussian, 16], digit=[relaxed_one_hot, 10])`.

    Raises `VaekitError` as `Latents` does, and for text that names no product.
    """
    return build(text, {"product": lambda **blocks: Latents(blocks)}, "latents")


def _read_block(name: str, block: Sequence[Any]) -> _Block:
    match block:
        case [kind, int(size), *rest] if not isinstance(size, bool) and len(rest) < 2:
            if (isinstance(kind, str) or callable(kind)) and all(map(_names_prior, rest)):
                make: Any = POSTERIORS.get(parse(kind)[0]) if isinstance(kind, str) else kind
                return _Block(
                    cast(PosteriorKind, kind), size, *rest or [setting(make, "own_prior", "normal")]
                )
    raise VaekitError(
        "a block is written name=[posterior, size] or name=[posterior, size, prior], such as "
        f"style=[gaussian, 16], got {name}={block!r}"
    )


def _names_prior(part: Any) -> bool:
    return isinstance(part, str | Prior)
