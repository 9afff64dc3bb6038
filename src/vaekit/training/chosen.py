"""Which weights a training ends with: the last, a running average of them, or the best ones.

Training goes on with its own weights. Others are put into the model where it is judged, and when
training has ended.

The running average after step t is a ← d a + (1 − d) θ with d = min(ema, (1 + t) / (10 + t)): a
short one at first, for the average of a few steps should not be that of the random start. Buffers
of floats are averaged alike (PyTorch's `use_buffers=True`): statistics of a batch norm, or a noise
that is learned, after the last step belong to the weights of that step and not to their average.

Best is the lowest number watched in validation (of the ELBO the highest), once the schedules of all
weights have ended: before, one number is not like the next.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from vaekit.errors import VaekitError
from vaekit.training.settings import Training
from vaekit.training.validation import HIGHER_IS_BETTER

Tensors = dict[str, Tensor]


class Chosen:
    """Follow the weights of `parts`. Numbers judged at steps before `start` do not count."""

    def __init__(self, parts: torch.nn.Module, training: Training, start: float):
        self.parts, self.training, self.start = parts, training, start
        self.steps: list[int] = []  # at which was judged
        self.judged: tuple[float, ...] = ()  # what was watched there, lower is better
        self.counted: tuple[float, ...] = ()  # those of them that count, which every step reads
        moved = [w for w in parts.parameters() if w.requires_grad]
        moved += [buffer for buffer in parts.buffers() if buffer.is_floating_point()]
        self._trained = moved if training.ema else []
        self._averages = [w.detach().clone() for w in self._trained]
        self._best: Tensors = {}
        self._last: Tensors = {}  # weights of the training, once others are in their place

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after `step` into their average."""
        if self._averages:
            decay = min(self.training.ema, (1 + step) / (10 + step))
            average = get_ema_multi_avg_fn(decay)
            average(self._averages, [w.detach() for w in self._trained], step)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Put the averages into the model inside."""
        own = [w.detach().clone() for w in self._trained]
        self._fill(self._averages)
        try:
            yield
        finally:
            self._fill(own)

    @torch.no_grad()
    def _fill(self, values: list[Tensor]) -> None:
        for weight, value in zip(self._trained, values, strict=True):
            weight.copy_(value)

    def note(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take what validation said of the weights after `step`, which are in the model now."""
        value = numbers.get(self.training.watch, math.nan)
        value = -value if self.training.watch in HIGHER_IS_BETTER else value
        self.steps.append(step)
        self.judged = (*self.judged, math.inf if math.isnan(value) else value)
        self._count()
        if self.training.keep == "best" and self.best == step:
            self._best = {k: v.detach().clone() for k, v in self.parts.state_dict().items()}

    @property
    def best(self) -> int | None:
        """Return the step that was best in validation; None where no number counts yet."""
        counted = self._counted()
        return min(counted, key=lambda each: each[1])[0] if counted else None

    def _count(self) -> None:
        self.counted = self.judged[sum(step < self.start for step in self.steps) :]

    def _counted(self) -> list[tuple[int, float]]:
        numbers = zip(self.steps, self.judged, strict=True)
        return [each for each in numbers if each[0] >= self.start and each[1] < math.inf]

    @property
    def stopped(self) -> bool:
        """Say whether validation has been without a new best for as long as is allowed."""
        patience, best = self.training.patience, self.best
        if patience is None:
            return False
        counted = [step for step in self.steps if step >= self.start]
        return sum(step > (best or 0) for step in counted) >= patience

    def settle(self) -> None:
        """Put the weights that training ends with into the model."""
        if self._last:
            return
        if self._best or self._averages:
            self._last = {k: v.detach().clone() for k, v in self.parts.state_dict().items()}
        if self._best:
            self.parts.load_state_dict(self._best)
        elif self._averages:
            self._fill(self._averages)

    def tensors(self) -> Tensors:
        """Return all this as tensors with names."""
        tensors = {f"best.{name}": weight for name, weight in self._best.items()}
        tensors |= {f"last.{name}": weight for name, weight in self._last.items()}
        tensors |= {f"average.{i}": weight for i, weight in enumerate(self._averages)}
        if self.steps:
            tensors["judged.steps"] = torch.tensor(self.steps)
            tensors["judged.values"] = torch.tensor(self.judged, dtype=torch.float64)
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` returned, and the weights of training into the model.

        Raises `VaekitError` where it is of other weights.
        """
        own = self.parts.state_dict()
        self._best = _weights_beginning(tensors, "best.", own)
        last = _weights_beginning(tensors, "last.", own)
        if last:
            self.parts.load_state_dict(last)
        averages = list[Tensor]()
        if "average.0" in tensors:  # older files have none of buffers
            each = enumerate(self._trained)
            averages = [tensors.get(f"average.{i}", weight.detach()) for i, weight in each]
        if averages and [a.shape for a in averages] != [w.shape for w in self._trained]:
            raise VaekitError("the averages are of other weights")
        if averages:
            self._averages = [a.to(w).clone() for a, w in zip(averages, self._trained, strict=True)]
        elif last or self._trained:  # an average that begins now
            self._averages = [w.detach().clone() for w in self._trained]
        steps = tensors.get("judged.steps", torch.empty(0))
        values = tensors.get("judged.values", torch.empty(0))
        if len(steps) != len(values):
            raise VaekitError("what was judged has another number of steps than of values")
        self.steps, self.judged = [int(s) for s in steps], tuple(values.tolist())
        self._count()


def _weights_beginning(
    tensors: Mapping[str, Tensor], prefix: str, like: Mapping[str, Tensor]
) -> Tensors:
    """Return the weights whose names begin so; raise `VaekitError` unless they are like these."""
    found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if found and {k: v.shape for k, v in found.items()} != {k: v.shape for k, v in like.items()}:
        raise VaekitError(f"the {prefix[:-1]} weights are of another model")
    return {k: v.to(like[k]).clone() for k, v in found.items()}
