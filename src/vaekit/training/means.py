"""The terms of the steps, gathered on the device and asked for now and then.

Their means are over examples: a batch that a set does not fill counts by its size.

Asking is where they are checked to be finite, those of the first step at once: what is wrong from
the start is no matter of training.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vaekit.errors import VaekitError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from vaekit.objectives.base import Objective

CHECK_EVERY = 100


class NotFinite(VaekitError):
    """Report the first step and term that were not finite."""

    def __init__(self, step: int, term: str, value: float, advice: str = ""):
        self.step, self.term = step, term
        first = (
            "no weight was changed before, so look at what the networks and the term itself return"
            ", and at the scale of the data"
        )
        later = (
            "try a smaller lr, check the scale of the data, or begin with a smaller weight (a "
            "linear schedule)"
        )
        remedy = f"{advice}, or try a smaller lr" if advice else first if step == 1 else later
        super().__init__(f"training stopped: {term} is {value} at step {step}: {remedy}")


class Interval(NamedTuple):
    """Hold means over some steps: of every term in nats, of their weights, of the weighted sum."""

    means: dict[str, float]
    weights: dict[str, float]
    objective: float


class Means:
    """Gather terms by step, and where the gradient is clipped its norm, and give their means.

    `clipped` is the share of the steps of the last means whose gradient was shortened.
    """

    def __init__(
        self, objective: "Objective", fabric: "Fabric", advice: str, clip: float | None = None
    ):
        self.names, self.weighted = objective.names, len(objective.parts)
        self.fabric, self.advice, self.clip = fabric, advice, clip
        self._recent: list[Tensor] = []
        self._used: list[list[float]] = []  # the weights of those steps
        self._sizes: list[int] = []  # and their batches
        self._folded: list[tuple[int, Tensor]] = []
        self.clipped: float | None = None
        self._looked = False  # at the values of the first step

    def add(self, step: int, values: Tensor, weights: list[float], size: int) -> bool:
        """Take the values of `step`, (terms,), of a batch; say whether it is time to look."""
        self._recent.append(values)
        self._used.append(weights)
        self._sizes.append(size)
        if not self._looked:  # what was wrong from the start is said at once
            self._rows(step)
            self._looked = True
        return len(self._recent) >= CHECK_EVERY

    def fold(self, step: int) -> None:
        """Fold the terms up to `step` into their mean; raise `NotFinite` at the first bad one."""
        if not self._recent:
            return
        rows = self._rows(step)
        weights = torch.tensor(self._used)
        kept = weights[:, : self.weighted]  # a critic's loss is no part of the sum
        total = (rows[:, : kept.shape[1]] * kept).sum(1, keepdim=True)
        if self.clip is not None:
            rows[:, -1] = (rows[:, -1] > self.clip).float()
        sizes = torch.tensor(self._sizes, dtype=torch.float64)
        columns = torch.cat([total, kept, rows], 1).double()
        # Batches of one size weigh alike, to the bit.
        alike = len(set(self._sizes)) == 1
        mean = columns.mean(0) if alike else sizes @ columns / sizes.sum()
        self._folded.append((sum(self._sizes), mean))
        self._recent, self._used, self._sizes = [], [], []

    def _rows(self, step: int) -> Tensor:
        """Return the recent terms, (steps, terms); raise `NotFinite` at the first bad one."""
        rows = torch.stack(self._recent)
        if self.fabric.world_size > 1:
            rows = self.fabric.all_reduce(rows, reduce_op="mean")
            assert isinstance(rows, Tensor)
        rows = rows.cpu()
        bad = (~torch.isfinite(rows)).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            name = (*self.names, "the gradient")[column]
            raise NotFinite(step - len(rows) + row + 1, name, rows[row, column].item(), self.advice)
        return rows

    def interval(self) -> Interval:
        """Return the means since the last call; raise `VaekitError` where there was no step."""
        if not self._folded:
            raise VaekitError("means() needs a step since it was last asked")
        folded, self._folded = self._folded, []
        total = sum(n for n, _ in folded)
        mean = (torch.stack([n * m for n, m in folded]).sum(0) / total).tolist()
        values = mean[1 + self.weighted :]
        weights = dict(zip(self.names, mean[1 : 1 + self.weighted], strict=False))
        self.clipped = None if self.clip is None else values.pop()
        return Interval(dict(zip(self.names, values, strict=True)), weights, mean[0])
