"""The parameters of an estimator: held against their kinds, and as settings of a training."""

import inspect
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.arguments import check, check_counts
from vaekit.data import Dataset
from vaekit.training import Training

if TYPE_CHECKING:
    from vaekit.estimators.base import Estimator


def of_training(estimator: "Estimator", data: Dataset) -> Training:
    """Return the settings, with a batch that the data fill and epochs for all that was done."""
    given = checked_parameters(estimator)
    settings = {f.name: given[f.name] for f in fields(Training) if f.name in given}
    check_counts(n_iter_no_change=given["n_iter_no_change"])
    stop = {"patience": given["n_iter_no_change"], "keep": "best"}
    stop = stop if given["early_stopping"] else {}
    whole = Training(**settings, **stop, seed=estimator._trained.seed)
    epochs = max(whole.epochs, estimator.n_iter_ + 1)
    return replace(whole, batch=min(whole.batch, len(data)), epochs=epochs)


def checked_parameters(estimator: "Estimator") -> dict[str, Any]:
    """Return the parameters in Python's types; raise `VaekitError` for one of a wrong type."""
    known = inspect.signature(type(estimator)).parameters
    given = {name: plain(value) for name, value in estimator.get_params().items()}
    for name, value in given.items():
        check(name, value, known[name].annotation, known[name].default)
    return given


def plain(value: Any) -> Any:
    """Return numpy's scalars, which grids of parameters are made of, as Python's."""
    return value.item() if isinstance(value, np.generic) else value
