"""Weights in safetensors files: read, and held against the model that they should be of.

Every reader of weights asks `check`, so a file that was damaged, or made for another model, is
named before it does harm: a NaN would spread, and another type would be converted in silence.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from vaekit.errors import VaekitError

Weights = Mapping[str, Tensor]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a safetensors file's tensors and notes; raise `VaekitError` if unreadable.

    The file is opened once: `safe_open` does so twice, and would mix two files where a training
    swaps in another one in between.
    """
    if path.exists() and not path.is_file():
        raise VaekitError(f"cannot read {path}: it is no file, correct the path")
    try:
        content = path.read_bytes()
        tensors = load(content)
        head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return tensors, head.get("__metadata__", {})
    except FileNotFoundError:
        raise VaekitError(f"there is no file {path}: correct the path") from None
    except (SafetensorError, OSError) as error:
        raise VaekitError(
            f"cannot read {path}: {error}. The file is damaged or of another kind: bring back a "
            "whole one, or make it anew"
        ) from error


def step_of(about: Mapping[str, str]) -> int | None:
    """Return the step of training that the notes of a file tell; None where they tell none."""
    step = about.get("step", "")
    return int(step) if step.isdecimal() else None


def check_weights(weights: Weights, own: Weights, wrong: str, cure: str) -> None:
    """Raise `VaekitError` where weights are not of a model with the weights `own`, or not finite.

    They need the same names, shapes and types. `wrong` says what they then are, `cure` what to do.
    """
    why = _difference_text(weights, own)
    if why:
        raise VaekitError(f"{wrong} ({why}): {cure}")


def _difference_text(weights: Weights, own: Weights) -> str:
    for name in own:
        if name not in weights:
            return f"it lacks {name}"
        there, here = weights[name], own[name]
        if there.shape != here.shape:
            return f"{name} is {tuple(there.shape)} there and {tuple(here.shape)} here"
        if there.dtype != here.dtype:
            return f"{name} is {there.dtype} there and {here.dtype} here"
    unknown = min(weights.keys() - own.keys(), default="")
    return f"it has an unknown {unknown}" if unknown else _infinite(weights)


def _infinite(weights: Weights) -> str:
    bad = next((name for name, tensor in weights.items() if not all_finite([tensor])), "")
    return f"{bad} holds values that are not finite" if bad else ""


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Say whether tensors hold finite numbers only."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def mark(weights: Weights) -> str:
    """Return eight digits that tell weights apart: of the sha256 of their names and bytes."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        values = weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()[:8]
