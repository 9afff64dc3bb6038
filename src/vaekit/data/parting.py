"""Rows parted at random into those to train on and those to test on."""

import torch
from torch import Tensor

from vaekit.arguments import check
from vaekit.errors import VaekitError


def random_parts(count: int, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Part `count` rows at random into those to train on and a `fraction` to test on, int64.

    Raises `VaekitError` where one of them would be empty.
    """
    check("fraction", fraction, float, 0.1)
    n = round(fraction * count) if 0 < fraction < 1 else 0
    if not 0 < n < count:
        cure = f"say a share from {1 / count:.2g} to below 1, or bring more examples"
        raise VaekitError(
            f"holding out {fraction} of {count} examples leaves {count - n} to train "
            f"on and {n} to test on: {cure if count > 1 else 'bring more examples'}"
        )
    order = shuffled(count, torch.Generator().manual_seed(seed))
    test = torch.zeros(count, dtype=torch.bool)
    test[order[:n]] = True
    del order
    return (~test).nonzero()[:, 0], test.nonzero()[:, 0]


def shuffled(count: int, generator: torch.Generator) -> Tensor:
    """Return the numbers below `count` in an order drawn at random.

    Those below 2³¹ are int32, in the order that int64 would have and in half of the memory.
    """
    kind = torch.int32 if count < 2**31 else torch.int64
    return torch.randperm(count, generator=generator, dtype=kind)


def parts_apart(
    rows: Tensor, fraction: float, overlap: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Part windows at places `rows` (n,) into stretches to test on and what shares no sample.

    Up to ten stretches, at random places, make the `fraction`; each is four times as long as what
    is left out beside it, where there are windows enough. Returns positions (train, test), train
    empty where all others overlap.
    """
    order, count = rows.argsort(), len(rows)
    held = round(fraction * count)
    stretches = max(1, min(10, held // (4 * overlap)))
    chosen = torch.zeros(count, dtype=torch.bool)
    for k in range(stretches):
        first, last = (count * end // stretches for end in (k, k + 1))
        size = held * (k + 1) // stretches - held * k // stretches
        start = first + int(torch.randint(last - first - size + 1, (), generator=generator))
        chosen[start : start + size] = True
    near = torch.zeros(int(rows.max()) + 1, dtype=torch.bool)
    test = order[chosen]
    for away in range(-overlap, overlap + 1):
        near[(rows[test] + away).clamp(0, len(near) - 1)] = True
    return (~near[rows]).nonzero()[:, 0], test.sort().values
