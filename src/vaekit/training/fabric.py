"""Device, precision and processes, through lightning-fabric."""

import ctypes
import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from vaekit.errors import VaekitError, warn
from vaekit.training.settings import Training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# Names and numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 1 << 30  # larger ones are data sets, which go back when they are done with


def make_fabric(training: Training) -> "Fabric":
    """Start the device, the precision and the processes that `training` asks for.

    Several processes are started here, or were by torchrun or srun, over several machines too.
    Raises `VaekitError` for a device that this machine lacks, and where those are not as many.
    """
    from lightning_fabric import Fabric  # 1.5 s to import: only where one trains

    # What it says at start is in run.yaml, and its advice is not for our users.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    kind, _, index = training.device.partition(":")
    _check(kind, index)
    _keep_freed_memory()
    if training.precision == "bf16" and pick(training.device).type == "cpu":
        _check_bf16()
    started = launched(training.processes)
    if training.processes > 1 and not started.by:
        _check_program()
    devices = [int(index)] if index else started.here
    strategy = "ddp" if training.processes > 1 else "auto"
    if training.processes > 1 and training.critics == "first":  # whose step is one apart
        strategy = "ddp_find_unused_parameters_true"
    precision = "bf16-mixed" if training.precision == "bf16" else "32-true"
    fabric = Fabric(
        accelerator=kind,
        devices=devices,
        num_nodes=started.machines,
        strategy=strategy,
        precision=precision,
        plugins=[_environment(started.by)],
    )
    fabric.launch()
    return fabric


def _check_program() -> None:
    """Raise `VaekitError` where there is no program that further processes could run."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module is None and not Path(sys.argv[0]).is_file():
        raise VaekitError(
            "processes run the whole program once more each, which must be a file: write it into "
            "one, python FILE.py, or use vaekit train --processes on the command line"
        )


class Launched(NamedTuple):
    """Say how processes are started: `here` on this machine, on so many machines, `by` whom.

    That is torchrun, srun, or the first process itself, which is empty.
    """

    here: int
    machines: int
    by: str


def launched(processes: int) -> Launched:
    """Return how `processes` are started; raise `VaekitError` where a launcher started others."""
    said = os.environ
    if "TORCHELASTIC_RUN_ID" in said:
        by, count = "torchrun", int(said["WORLD_SIZE"])
        machines = count // int(said["LOCAL_WORLD_SIZE"])
    elif processes > 1 and int(said.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        by, count = "srun", int(said["SLURM_STEP_NUM_TASKS"])
        machines = int(said.get("SLURM_STEP_NUM_NODES", 1))
    else:  # also side by side in srun, each a training of its own
        return Launched(processes, 1, "")
    if count != processes:
        raise VaekitError(
            f"{by} started {count} processes, but the training is of {processes}: say --processes "
            f"{count} (processes={count}), or start as many"
        )
    if count % machines:
        raise VaekitError(
            f"{by} started {count} processes, not as many on each machine: give every machine the "
            "same number"
        )
    return Launched(count // machines, machines, by)


def _environment(by: str) -> Any:
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    known = {"torchrun": TorchElasticEnvironment, "srun": SLURMEnvironment}
    try:
        return known.get(by, LightningEnvironment)()
    except RuntimeError as error:  # such as --ntasks in place of --ntasks-per-node
        raise VaekitError(f"{by}: {str(error).replace(' in your SLURM bash script', '')}") from None


def _keep_freed_memory() -> None:
    """Have the C library keep what a step frees for the next step.

    By default glibc hands large blocks back to the system, which clears every page it gives out
    anew: 14 000 page faults in a step of the conv nets, and half of a core. The peak is the same.
    """
    if not sys.platform.startswith("linux"):
        return
    libc: Any = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK)


def _check(kind: str, index: str) -> None:
    if kind not in ("auto", "cpu", "cuda", "gpu", "mps"):
        raise VaekitError(f"unknown device {kind!r}: use auto, cpu, cuda, cuda:1 or mps")
    if kind in ("cuda", "gpu") and not torch.cuda.is_available():
        raise VaekitError("no CUDA device on this machine: use --device auto or cpu")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise VaekitError("no MPS device on this machine: use --device auto or cpu")
    if index and kind not in ("cuda", "gpu"):
        raise VaekitError(f"{kind} takes no number: use --device {kind} (device=)")
    if index and not (index.isdigit() and int(index) < torch.cuda.device_count()):
        raise VaekitError(f"no device {kind}:{index}: this machine has {torch.cuda.device_count()}")


def _check_bf16() -> None:
    """Warn where the processor has no products in bf16, which are then made one by one."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return
    kind = torch.backends.cpu.get_cpu_capability()
    if "AVX512" not in kind:
        warn(
            f"this processor ({kind}) does not compute in bf16, PyTorch imitates it: a step takes "
            "about ten times as long as in float32, so leave out --precision bf16 (precision=)"
        )


def pick(device: str | torch.device = "auto") -> torch.device:
    """Return the device to read a trained model on."""
    kind, _, index = str(device).partition(":")
    _check(kind, index)
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(f"{kind}:{index}" if index else kind)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads inside (None: as it is)."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
