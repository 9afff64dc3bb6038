"""Checkpoints: everything that decides the rest of a run, in one file, written atomically.

One safetensors file holds the weights, the optimiser's moments, the states of the random
generators of every process, and the step; nothing is ever unpickled. A run that is resumed from it
ends with the same weights, bit for bit on the same machine, as the uninterrupted one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.system import files, weights
from vaekit.training import optimisers
from vaekit.training.loop import Fit
from vaekit.training.means import NotFinite
from vaekit.training.state import joined_state, parted

FORMAT = "vaekit-checkpoint-1"


def save_checkpoint(fit: Fit, path: Path) -> None:
    """Write the state of `fit` to `path`. Every process must call it; the first one writes.

    Raises `NotFinite` where the weights are not finite, and leaves the file before as it was.
    """
    check_finite(fit)
    random = {"now": fit.random_state(), "epoch": fit.epoch_state}
    random = {when: {k: _of_all(fit, v) for k, v in each.items()} for when, each in random.items()}
    if fit.fabric.global_rank == 0:
        about = {"format": FORMAT, "step": str(fit.step)}
        moments = fit.optimiser.state_dict()["state"]
        whole = joined_state(fit.parts.state_dict(), moments, random, fit.chosen.tensors())
        files.write_file(path, lambda temporary: save_file(whole, temporary, metadata=about))
    fit.fabric.barrier()


def check_finite(fit: Fit) -> None:
    """Raise `NotFinite` where the last step ruined the weights, which no loss has seen yet."""
    if not weights.all_finite(fit.parts.state_dict().values()):
        raise NotFinite(fit.step, "a weight", float("nan"))


def _of_all(fit: Fit, state: Tensor) -> Tensor:
    if fit.fabric.world_size == 1:
        return state[None]
    gathered = fit.fabric.all_gather(state.to(fit.fabric.device))
    assert isinstance(gathered, Tensor)
    return gathered


def load_checkpoint(fit: Fit, path: Path) -> None:
    """Bring `fit` to the state in `path`.

    Raises `VaekitError` for a file that is missing, damaged, or of another model.
    """
    tensors, about = weights.read_tensors(path)
    if about.get("format") != FORMAT:
        raise VaekitError(f"{path} is no checkpoint: it holds weights only, or is of another kind")
    _load_model(fit, tensors, path)
    try:
        _load_rest(fit, tensors, int(about["step"]), path)
    except VaekitError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise VaekitError(
            f"{path} is damaged ({' '.join(str(error).split())[:80]}): bring back a whole one, or "
            "remove it, and --resume trains from the start"
        ) from error


def _load_model(fit: Fit, tensors: dict[str, Tensor], path: Path) -> None:
    saved = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    cure = "resume with the recipe and arguments it was made with, or remove it to train anew"
    own = fit.parts.state_dict()
    weights.check_weights(saved, own, f"{path} is a checkpoint of another model, or damaged", cure)
    fit.parts.load_state_dict(saved)


def _load_rest(fit: Fit, tensors: dict[str, Tensor], step: int, path: Path) -> None:
    """Bring back the moments of the optimiser, the step and the random generators."""
    _, moments, random, chosen = parted(tensors)
    _check_moments(moments, fit)
    optimisers.restore(fit.optimiser, moments)
    fit.chosen.restore(chosen)
    fit.step = step
    rank = fit.fabric.global_rank
    if len(random["now"]["cpu"]) != fit.fabric.world_size:
        raise VaekitError(
            f"{path} was written by {len(random['now']['cpu'])} processes: resume with as many"
        )
    # Cloned: PyTorch reads a generator's state from the start of the storage, not of the row.
    fit.epoch_state = {k: v[rank].clone() for k, v in random["epoch"].items()}
    fit.set_random_state({k: v[rank].clone() for k, v in random["now"].items()})


def _optimised(fit: Fit) -> list[Tensor]:
    """List the weights in the order in which the optimiser numbers them."""
    return [weight for group in fit.optimiser.param_groups for weight in group["params"]]


def _check_moments(moments: Mapping[int, Mapping[str, Any]], fit: Fit) -> None:
    """Raise `ValueError` for moments that lack, are of no weight, of another shape, not finite."""
    shapes = [weight.shape for weight in _optimised(fit)]
    adam = isinstance(fit.optimiser, torch.optim.Adam)
    for index, each in moments.items():
        if adam and each.keys() != {"step", "exp_avg", "exp_avg_sq"}:
            raise ValueError(f"optimiser.{index} has {', '.join(each)}")
        for name, moment in each.items():
            other = adam and moment.shape not in (shapes[index], torch.Size())
            if other or not weights.all_finite([moment]):
                raise ValueError(f"optimiser.{index}.{name} is of another shape, or not finite")
