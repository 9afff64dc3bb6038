"""What users give, told from what it is not: a model, a set, an objective, counts and seeds."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from vaekit.arguments import expect, fits, told
from vaekit.data import Dataset, Splits
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import Objective, Term

SEED_LIMIT = 2**63  # from there on PyTorch's and numpy's generators differ in what they take
_ARRAYS = (np.ndarray, Tensor, list, tuple)
_OF_ARRAYS = "use data.Dataset.from_array for arrays"
_OTHERS = (
    (Splits, "these are both parts of a set: take its .train or its .test"),
    ((str, Path), "read it first, vaekit.data.load(PATH).train"),
    (tuple, "use data.Dataset.from_array(x, labels) for arrays"),
    (_ARRAYS, _OF_ARRAYS),
)


def check_model(model: Any) -> None:
    """Raise `VaekitError` for what is no `Model`."""
    if not isinstance(model, Model):
        raise VaekitError(f"expected a Model, got {told(model)}: {_model_in(model)}")


def _model_in(thing: Any) -> str:
    """Say where in something the model is, or how one is made."""
    if isinstance(thing, tuple) and any(isinstance(each, Model) for each in thing):
        return "a recipe returns two, model, objective = recipes.vae(shape)"
    for name in ("model", "model_"):
        if isinstance(getattr(thing, name, None), Model):
            return f"take its .{name}"
    if isinstance(thing, nn.Module):
        return "networks become one by Model(posterior, likelihood, prior)"
    return "recipes.vae(shape) makes one with its objective"


def check_objective(objective: Any) -> None:
    """Raise `VaekitError` for what is no `Objective` and no `Term`."""
    several = isinstance(objective, tuple) and any(isinstance(o, Objective) for o in objective)
    cure = (
        "a recipe returns two, model, objective = recipes.vae(shape)"
        if several
        else "it is a sum of terms, such as Distortion() + 4.0 * KL()"
    )
    expect(objective, Objective | Term, "an Objective", [(object, cure)])


def check_set(data: Any) -> None:
    """Raise `VaekitError` for what is no `Dataset`."""
    loader = (
        "this reads examples more than once or at random, and a loader gives them once, in its "
        "own order: join its batches, data.Dataset.from_array(torch.cat([x for x, *_ in loader])), "
        "or where they are more than memory holds, write them to a .npy and map it, "
        "data.load('x.npy', mmap=True)"
    )
    cures = (*_OTHERS, (DataLoader, loader), (TorchDataset, _OF_ARRAYS))
    expect(data, Dataset, "a Dataset", cures)


def check_training_data(data: Any) -> None:
    """Raise `VaekitError` for what is no `Dataset` and no `DataLoader`."""
    wrap = "wrap it, torch.utils.data.DataLoader(data, batch_size=100, shuffle=True)"
    expect(
        data, Dataset | DataLoader, "a Dataset or a DataLoader", (*_OTHERS, (TorchDataset, wrap))
    )


def check_seed(seed: Any) -> None:
    """Raise `VaekitError` for a seed that the generators do not take."""
    if not fits(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise VaekitError(f"a seed is a whole number from 0 to below 2^63, got {told(seed)}")
