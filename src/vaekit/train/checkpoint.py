"""Checkpoints: everything that decides the rest of a run, in one file, written atomically.

One safetensors file holds the weights, the optimiser's moments, the states of the random
generators of every process, and the step; nothing is ever unpickled. A run that is resumed from it
ends with the same weights, bit for bit on the same machine, as the uninterrupted one.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vaekit import files
from vaekit.errors import VaekitError
from vaekit.train.loop import Fit

FORMAT = "vaekit-checkpoint-1"


def save(fit: Fit, path: Path) -> None:
    """Write the state of `fit` to `path`. Every process must call it; the first one writes.

    Raises `VaekitError` where the weights are not finite, and leaves the file before as it was.
    """
    tensors = {f"model.{k}": v for k, v in fit.parts.state_dict().items()}
    if not all(bool(torch.isfinite(v).all()) for v in tensors.values()):
        raise VaekitError(
            f"the weights are not finite after step {fit.step}; the checkpoint before is kept. "
            "Try a smaller lr"
        )
    for index, moments in fit.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    for when, state in (("now", fit.random_state()), ("epoch", fit.epoch_state)):
        tensors |= {f"random.{when}.{k}": _of_all(fit, v) for k, v in state.items()}
    if fit.fabric.global_rank == 0:
        about = {"format": FORMAT, "step": str(fit.step)}
        whole = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        files.write(path, lambda temporary: save_file(whole, temporary, metadata=about))
    fit.fabric.barrier()


def _of_all(fit: Fit, state: Tensor) -> Tensor:
    if fit.fabric.world_size == 1:
        return state[None]
    gathered = fit.fabric.all_gather(state.to(fit.fabric.device))
    assert isinstance(gathered, Tensor)
    return gathered


def load(fit: Fit, path: Path) -> None:
    """Bring `fit` to the state in `path`.

    Raises `VaekitError` for a file that is missing, damaged, or of another model.
    """
    tensors, about = read(path)
    if about.get("format") != FORMAT:
        raise VaekitError(f"{path} is no checkpoint: it holds weights only, or is of another kind")
    _load_model(fit, tensors, path)
    state = fit.optimiser.state_dict()
    state["state"] = {int(i): moments for i, moments in _nested(tensors, "optimiser.").items()}
    fit.optimiser.load_state_dict(state)
    fit.step = int(about["step"])
    random, rank = _nested(tensors, "random."), fit.fabric.global_rank
    if len(random["now"]["cpu"]) != fit.fabric.world_size:
        raise VaekitError(
            f"{path} was written by {len(random['now']['cpu'])} processes: resume with as many"
        )
    # Cloned: PyTorch reads a generator's state from the start of the storage, not of the row.
    fit.epoch_state = {k: v[rank].clone() for k, v in random["epoch"].items()}
    fit.set_random_state({k: v[rank].clone() for k, v in random["now"].items()})


def _load_model(fit: Fit, tensors: dict[str, Tensor], path: Path) -> None:
    own = fit.parts.state_dict()
    saved = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    wrong = own.keys() ^ saved.keys() or {k for k in own if own[k].shape != saved[k].shape}
    if wrong:
        raise VaekitError(
            f"{path} is a checkpoint of another model (it differs in {min(wrong)}): "
            "resume with the recipe and arguments it was made with"
        )
    fit.parts.load_state_dict(saved)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a safetensors file's tensors and notes; raise `VaekitError` if unreadable."""
    try:
        with safe_open(path, "pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise VaekitError(f"there is no file {path}") from None
    except (SafetensorError, OSError) as error:
        raise VaekitError(
            f"cannot read {path}: {error}. The file is damaged or of another kind"
        ) from error


def _nested(tensors: dict[str, Tensor], prefix: str) -> dict[str, dict[str, Tensor]]:
    nested: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix):
            group, name = key.removeprefix(prefix).split(".", 1)
            nested.setdefault(group, {})[name] = value
    return nested
