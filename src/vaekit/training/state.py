"""The state of a training as tensors with names, the same in every file that holds one.

model.NAME        weights: model.model.… of the model, model.parts.… of terms with networks
optimiser.I.NAME  moments of the optimiser, by the number of the weight
random.WHEN.NAME  states of the generators, a row for each process: `now`, and where the epoch began
best.NAME, last.NAME, average.I, judged.WHAT  what decides which weights training ends with

A run's model.safetensors has the weights of the model alone, its checkpoint all; so has the file of
an estimator but for the epoch, which it never breaks off in.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from vaekit.model import Model
from vaekit.system import files

OWN = "model.model."  # the weights of the model itself
_CHOSEN = ("best.", "last.", "average.", "judged.")

Nested = dict[str, dict[str, Tensor]]


class State(NamedTuple):
    """Hold weights by name, moments by number and name, generators' states by time and name.

    `chosen` has the names of the file.
    """

    weights: dict[str, Tensor]
    moments: dict[int, dict[str, Tensor]]
    random: Nested
    chosen: dict[str, Tensor]


def joined_state(
    weights: Mapping[str, Tensor],
    moments: Mapping[int, Mapping[str, Any]],
    random: Mapping[str, Mapping[str, Tensor]],
    chosen: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return a state as tensors with names, copies on the CPU that a file can hold."""
    tensors: dict[str, Any] = {f"model.{name}": weight for name, weight in weights.items()}
    for index, each in moments.items():
        told = {name: moment for name, moment in each.items() if moment is not None}
        tensors |= {f"optimiser.{index}.{name}": moment for name, moment in told.items()}
    for when, states in random.items():
        tensors |= {f"random.{when}.{name}": state for name, state in states.items()}
    tensors |= chosen
    return {name: _copied(tensor) for name, tensor in tensors.items()}


def _copied(tensor: Any) -> Tensor:
    """Copy: tied weights share memory, which a file cannot, and training goes on in place."""
    return torch.as_tensor(tensor).detach().to("cpu", copy=True).contiguous()


def parted(tensors: Mapping[str, Tensor]) -> State:
    """Return what `joined_state` was given; raise `ValueError` for a name that it does not make."""
    moments = _nested(tensors, "optimiser.")
    return State(
        {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")},
        {int(index): each for index, each in moments.items()},
        _nested(tensors, "random."),
        {k: v for k, v in tensors.items() if k.startswith(_CHOSEN)},
    )


def _nested(tensors: Mapping[str, Tensor], prefix: str) -> Nested:
    nested: Nested = {}
    for key, tensor in tensors.items():
        if key.startswith(prefix):
            group, name = key.removeprefix(prefix).split(".", 1)
            nested.setdefault(group, {})[name] = tensor
    return nested


def save_weights(
    model: Model, path: Path, step: int | None = None, notes: Mapping[str, str] | None = None
) -> None:
    """Write a model's weights as safetensors, with the step that training had come to."""
    state = {f"{OWN}{k}": _copied(v) for k, v in model.state_dict().items()}
    about = {"format": "vaekit-model-1", **(notes or {})} | (
        {} if step is None else {"step": str(step)}
    )
    files.write_file(path, lambda temporary: save_file(state, temporary, about))
