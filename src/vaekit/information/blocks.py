"""Which blocks of a code are used: the rate of each independent part of the prior.

Where p(z) = Π_b p(z_b) and q(z|x) has independent coordinates, the rate is a sum over blocks,

    KL(q(z|x)‖p(z)) = Σ_b E_q [log q(z_b|x) − log p(z_b)]

and a block that the model has pruned pays nothing: its posterior is its prior. But a Gaussian
posterior cannot become a subspace that is not normal; what such a one pays at least is small for
exponents near 2, and the same for all examples.
"""

from typing import NamedTuple

import torch

from vaekit.data import Dataset
from vaekit.divergences import kl_by_block, kl_by_coordinate
from vaekit.errors import VaekitError
from vaekit.information.encoding import Encoded, check_counts, drawing, encoded, rows_of
from vaekit.information.rates import Number, mean_of
from vaekit.model import Model


class Block(NamedTuple):
    """Name a block, say where in z it lies, and what it is paid, in nats for one example."""

    name: str
    where: slice
    rate: Number


@torch.no_grad()
def rank(
    model: Model, data: Dataset, n: int = 10_000, samples: int = 10, seed: int = 0
) -> list[Block]:
    """List the blocks of a model's prior with their rates, the most used first.

    Reads up to `n` examples, `samples` codes of each where a rate has no closed form. Raises
    `VaekitError` for a prior without blocks, n or samples < 1, and deterministic codes.
    """
    check_counts(samples=samples)
    blocks = {} if model.prior is None else model.prior.blocks
    if not blocks:
        raise VaekitError("this model's prior has no blocks to rank: train with an isa prior")
    with drawing(seed):
        parts = [
            _by_block(part, [s.stop - s.start for s in blocks.values()], samples)
            for part in encoded(model, data, rows_of(data, n), 1000)
        ]
    rates = torch.cat(parts).double().cpu()
    how = f"KL(q(z_b|x)‖p(z_b)) of a block, closed form or {samples} code(s) an example"
    found = [
        Block(name, where, mean_of(rates[:, i], how, direction="upper bound"))
        for i, (name, where) in enumerate(blocks.items())
    ]
    return sorted(found, key=lambda block: -block.rate.value)


def _by_block(part: Encoded, sizes: list[int], samples: int) -> torch.Tensor:
    q, p = part.q, part.prior
    assert p is not None
    closed = kl_by_coordinate(q, p)
    if closed is not None:
        return torch.stack([each.sum(-1) for each in closed.split(sizes, -1)], -1)
    found = kl_by_block(q, p, q.rsample((samples,)))
    if found is None:
        raise VaekitError("the blocks of a prior are ranked for Gaussian posteriors only")
    return found
