"""Which blocks of a code are used: the rate of each independent part of the prior.

Where p(z) = Π_b p(z_b) and q(z|x) has independent coordinates, the rate is a sum over blocks,

    KL(q(z|x)‖p(z)) = Σ_b E_q [log q(z_b|x) − log p(z_b)]

and a block that the model has pruned pays nothing: its posterior is its prior. But a Gaussian
posterior cannot become a subspace that is not normal; what such a one pays at least is small for
exponents near 2, and the same for all examples.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values
from vaekit.information.aggregated.parts import rate_of
from vaekit.information.encoding import Encoded, drawing, encoded, rows_of
from vaekit.information.rates import Number, mean_number
from vaekit.model import Model


class BlockRate(NamedTuple):
    """Name a block, say where in z it lies, and what it is paid, in nats for one example."""

    name: str
    where: slice
    rate: Number


@torch.no_grad()
def rank(
    model: Model, data: Dataset, n: int = 10_000, samples: int = 10, seed: int = 0
) -> list[BlockRate]:
    """List the blocks of a model's prior with their rates, the most used first.

    Reads up to `n` examples, `samples` codes of each where a rate has no closed form. Raises
    `VaekitError` for a prior without blocks, n or samples < 1, and deterministic codes.
    """
    wanted = rows_of(model, data, n, samples=samples)
    blocks = {} if model.prior is None else model.prior.blocks
    if not blocks:
        raise VaekitError(
            "this model's prior has no blocks to rank: train with an isa or a product prior"
        )
    with drawing(seed):
        parts = [
            _by_block(part, list(blocks.values()), samples)
            for part in encoded(model, data, wanted, 1000)
        ]
    ranks = []
    for i, (name, where) in enumerate(blocks.items()):
        rates = torch.cat([part[i][0] for part in parts]).double().cpu()
        check_finite_values(model, data, wanted, f"the rate of {name}", rates)
        how = "closed form" if parts[0][i][1] else f"{samples} code(s) an example"
        how = f"KL(q(z_b|x)‖p(z_b)) of a block, {how}"
        ranks.append(BlockRate(name, where, mean_number(rates, how, direction="upper bound")))
    return sorted(ranks, key=lambda block: -block.rate.value)


def _by_block(part: Encoded, blocks: list[slice], samples: int) -> list[tuple[Tensor, bool]]:
    q, p = part.q, part.prior
    assert p is not None
    z = q.rsample((samples,))
    each = [rate_of(q, p, z, list(range(where.start, where.stop))) for where in blocks]
    known = [rate for rate in each if rate is not None]
    if len(known) < len(each):
        raise VaekitError("the blocks of a prior are ranked for Gaussian posteriors only")
    return known
