"""How to train: numbers that every recipe shares and each may set its own defaults for."""

from dataclasses import dataclass, fields
from typing import Literal

from vaekit.arguments import check
from vaekit.errors import VaekitError

SEEDS = 2**44  # the loop draws from a million times the seed, and PyTorch takes 64 bits


@dataclass(frozen=True)
class Training:
    """Settings of a training run.

    Args:
        epochs: passes over the data
        batch: examples in one step, over all processes
        lr: learning rate of Adam
        beta1: decay of Adam's first moment
        beta2: decay of Adam's second moment
        weight_decay: L2 penalty on the weights
        seed: seed of weights, noise and data order
        precision: bf16 runs the networks in bfloat16 and keeps weights and losses in float32
        compile: compile the step with torch.compile
        device: auto, cpu, cuda, cuda:1, mps, ...
        processes: number of processes (data parallel)

    Raises `VaekitError` for values of another type or out of range.
    """

    epochs: int = 20
    batch: int = 100
    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    seed: int = 0
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    device: str = "auto"
    processes: int = 1

    def __post_init__(self):
        if type(self.device).__module__ == "torch":  # a torch.device, which text names as well
            object.__setattr__(self, "device", str(self.device))
        for field in fields(self):
            check(field.name, getattr(self, field.name), field.type, field.default)
        for name in ("epochs", "batch", "processes"):
            if getattr(self, name) < 1:
                raise VaekitError(f"{name} must be ≥ 1, got {getattr(self, name)}")
        if not 0 < self.lr < float("inf"):
            raise VaekitError(f"lr must be a finite number > 0, got {self.lr}")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise VaekitError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("weight_decay", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise VaekitError(f"{name} must be finite and ≥ 0, got {getattr(self, name)}")
        if self.seed >= SEEDS:
            raise VaekitError(f"seed must be below 2^44, got {self.seed}")
        if self.batch % self.processes:
            raise VaekitError(f"batch {self.batch} cannot be shared by {self.processes} processes")
