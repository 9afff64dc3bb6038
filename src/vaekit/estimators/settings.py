"""The parameters of an estimator: held against their kinds, and as settings of a training."""

import inspect
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.arguments import check, check_counts
from vaekit.data import Dataset
from vaekit.errors import VaekitError
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


def of_recipe(estimator: "Estimator") -> dict[str, Any]:
    """Return the parameters that are arguments of the recipe, as `checked_parameters` does."""
    known = inspect.signature(estimator._recipe.make).parameters
    return {k: v for k, v in checked_parameters(estimator).items() if k in known}


def check_unchanged(estimator: "Estimator", data: Dataset, classes: Any) -> None:
    """Raise `VaekitError` where what made the model, or its classes, are no longer the same."""
    if classes is not None and not np.array_equal(np.unique(classes), estimator.classes_):
        raise VaekitError(
            "partial_fit was called with other classes before: give these, leave them out, or fit"
        )
    made, asked = estimator._arguments, of_recipe(estimator)
    width = {"width": made["width"]} if "width" in made else {}
    whole = estimator._recipe.complete({**asked, **width}, data)
    kinds = str | int | float | None
    for name, value in asked.items():
        before = made.get(name, value)
        settled = isinstance(value, kinds) and isinstance(before, kinds)
        if settled and value == whole[name] != before:  # and not one that the data decide
            raise VaekitError(
                f"{name} was {before!r} when the model was made, and is {value!r} now: call fit "
                "for a new model, or set it back"
            )


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
