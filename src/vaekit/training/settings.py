"""How to train: numbers that every recipe shares and each may set its own defaults for."""

import os
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch

from vaekit.arguments import check
from vaekit.errors import VaekitError, nearest
from vaekit.schedules import SCHEDULES, Schedule, weight
from vaekit.text import parse

MOST_THREADS = 4096
SEEDS = 2**44  # the loop draws from a million times the seed, and PyTorch takes 64 bits
# None; needs a closure; needs sparse gradients; takes matrices alone, and biases are none.
_NOT = ("Optimizer", "LBFGS", "SparseAdam", "Muon")
OPTIMISERS: dict[str, type[torch.optim.Optimizer]] = {
    name.lower(): kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and name not in _NOT
}


@dataclass(frozen=True)
class Training:
    """Settings of a training run.

    Args:
        epochs: passes over the data
        batch: examples in one step, over all processes
        lr: learning rate, a number or a schedule such as one_cycle(0, 0, peak=0.001, warm=0.1) or
            plateau(0.001, factor=0.5, patience=5)
        beta1: decay of Adam's first moment
        beta2: decay of Adam's second moment
        weight_decay: L2 penalty on the weights
        optimiser: adam, adamw, or another class of torch.optim with its own arguments, such as
            sgd(momentum=0.9)
        critics: when the critics of an objective (discriminators, readers) step, together with the
            model in one pass, or first, so that the model meets them as they are after their step
        clip: largest norm of the gradient of a step, longer ones are shortened to it
        ema: decay of the running average of weights and statistics, such as 0.999; after step t at
            most (1 + t)/(10 + t). The averages are then judged and kept; 0: no average
        validate_every: steps from one look at the validation set to the next; default an epoch
        watch: number of the validation that says which weights are best: objective, elbo,
            distortion, rate, or a term
        patience: end when so many looks at the validation set in a row were no new best
        keep: weights to keep in the end, the last or those that were best in validation
        seed: seed of weights, noise and data order
        precision: bf16 runs the networks in bfloat16 and keeps weights and losses in float32
        compile: compile the step with torch.compile
        device: auto, cpu, cuda, cuda:1, mps, ...
        processes: number of processes (data parallel)
        threads: CPU threads for training; default as many as PyTorch chooses

    Raises `VaekitError` for values of another type or out of range.
    """

    epochs: int = 20
    batch: int = 100
    lr: float | str = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    optimiser: str = "adam"
    critics: Literal["together", "first"] = "together"
    clip: float | None = None
    ema: float = 0.0
    validate_every: int | None = None
    watch: str = "objective"
    patience: int | None = None
    keep: Literal["last", "best"] = "last"
    seed: int = 0
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    device: str = "auto"
    processes: int = 1
    threads: int | None = None

    def __post_init__(self):
        if type(self.device).__module__ == "torch":  # a torch.device, which text names as well
            object.__setattr__(self, "device", str(self.device))
        for field in fields(self):
            check(field.name, getattr(self, field.name), field.type, field.default)
        for name in ("epochs", "batch", "processes", "validate_every", "patience", "threads"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise VaekitError(f"{name} must be ≥ 1, got {getattr(self, name)}")
        if (self.threads or 1) > MOST_THREADS:  # of which PyTorch dies without a word
            raise VaekitError(
                f"threads must be ≤ {MOST_THREADS:,}, got {self.threads:,}: this machine has "
                f"{os.cpu_count()} processors"
            )
        self._read_rate()
        self._read_optimiser()
        if self.clip is not None and not 0 < self.clip < float("inf"):
            raise VaekitError(f"clip must be a finite number > 0, got {self.clip}")
        for name in ("beta1", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise VaekitError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("weight_decay", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise VaekitError(f"{name} must be finite and ≥ 0, got {getattr(self, name)}")
        if self.seed >= SEEDS:
            raise VaekitError(f"seed must be below 2^44, got {self.seed}")
        if self.batch % self.processes:
            raise VaekitError(f"batch {self.batch} cannot be shared by {self.processes} processes")

    def _read_rate(self) -> None:
        """Hold lr as a number or the text of a schedule, which a file can keep.

        A schedule of a class of one's own stays what it is.
        """
        rate: Any = self.lr
        if isinstance(rate, str):
            try:
                rate = float(rate)
            except ValueError:
                rate = _schedule(rate)
        known = isinstance(rate, Schedule) and type(rate) in SCHEDULES.values()
        high = rate if not isinstance(rate, Schedule) else rate.highest
        if not 0 < high < float("inf"):
            raise VaekitError(f"lr must be a finite number > 0, got {self.lr}")
        object.__setattr__(self, "lr", str(rate) if known else rate)

    def _read_optimiser(self) -> None:
        """Hold the optimiser as text where a name says it; raise `VaekitError` for an unknown."""
        name = next((n for n, kind in OPTIMISERS.items() if kind is self.optimiser), self.optimiser)
        object.__setattr__(self, "optimiser", name)
        if not isinstance(name, str):
            return
        word, _, named = parse(name)
        if word not in OPTIMISERS:
            raise nearest(word, OPTIMISERS, "optimiser")
        if "weight_decay" in named and self.weight_decay:
            raise VaekitError(f"weight_decay is {self.weight_decay} and in {name!r}: give it once")
        if "lr" in named:
            raise VaekitError(f"optimiser {name!r}: the rate is a setting of its own, --lr (lr=)")

    @property
    def rate(self) -> float | Schedule:
        """Return the learning rate as a number or a schedule."""
        return weight(self.lr)


def _schedule(text: str) -> Schedule | float:
    try:
        return weight(text)
    except VaekitError as error:
        raise VaekitError(f"lr must be a number or a schedule: {error}") from None
