"""Device, precision and processes, through lightning-fabric."""

import logging
from typing import TYPE_CHECKING

import torch

from vaekit.errors import VaekitError
from vaekit.train.settings import Training

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make(training: Training) -> "Fabric":
    """Start the device, the precision and the processes that `training` asks for.

    Raises `VaekitError` for a device that this machine lacks.
    """
    from lightning_fabric import Fabric  # 1.5 s to import: only where one trains

    # What it says at start is in run.yaml, and its advice is not for our users.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    kind, _, index = training.device.partition(":")
    _check(kind, index)
    devices = [int(index)] if index else training.processes
    strategy = "ddp" if training.processes > 1 else "auto"
    precision = "bf16-mixed" if training.precision == "bf16" else "32-true"
    fabric = Fabric(accelerator=kind, devices=devices, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def _check(kind: str, index: str) -> None:
    if kind not in ("auto", "cpu", "cuda", "gpu", "mps"):
        raise VaekitError(f"unknown device {kind!r}: use auto, cpu, cuda, cuda:1 or mps")
    if kind in ("cuda", "gpu") and not torch.cuda.is_available():
        raise VaekitError("no CUDA device on this machine: use --device auto or cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise VaekitError("no MPS device on this machine: use --device auto or cpu")
    if index and not (index.isdigit() and int(index) < torch.cuda.device_count()):
        raise VaekitError(f"no device {kind}:{index}: this machine has {torch.cuda.device_count()}")


def pick(device: str = "auto") -> torch.device:
    """Return the device to read a trained model on."""
    kind, _, index = device.partition(":")
    _check(kind, index)
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(f"{kind}:{index}" if index else kind)
