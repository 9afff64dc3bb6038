"""Averages over the batches of a training: how long they remember, and over which processes."""

import torch
from torch import Tensor
from torch import distributed as processes


class Averaging:
    """Average over batches with weights that fall by `decay` from one whole batch to the next."""

    decay: float = 0.0
    whole_batch: int | None = None

    def set_batch(self, size: int | None) -> None:
        """Take the number of examples of a whole batch, where batches may be smaller."""
        self.whole_batch = size

    def kept(self, count: int) -> float:
        """Return how far averages of earlier batches stay after one of `count` examples.

        `decay` after a whole batch, its n-th root after an n-th of one, so that every example of a
        set that does not fill its last batch weighs alike.
        """
        whole = self.whole_batch
        return self.decay if whole is None or count >= whole else self.decay ** (count / whole)


def several_processes() -> bool:
    """Tell whether this process trains together with others."""
    return processes.is_available() and processes.is_initialized()


def over_processes(mean: Tensor) -> Tensor:
    """Return the mean over all processes of what each found on its own share of a batch.

    Shares are of equal size, so it is that of the whole batch; with one process it is `mean`.
    """
    if not several_processes():
        return mean
    total = mean.clone()
    processes.all_reduce(total)
    return total / processes.get_world_size()


def of_the_first(value: Tensor) -> Tensor:
    """Return the first process's value in all of them; with one process it is `value`."""
    if several_processes():
        value = value.contiguous().clone()
        processes.broadcast(value, 0)
    return value


def perplexity(share: Tensor) -> Tensor:
    """Return e^H of shares (..., K) that need not add up to 1: K where all are alike, (...)."""
    share = share / share.sum(-1, keepdim=True).clamp_min(torch.finfo(share.dtype).tiny)
    return torch.special.entr(share).sum(-1).exp()
