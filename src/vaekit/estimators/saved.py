"""An estimator as one safetensors file: tensors, and the rest as JSON in its header.

model.…, parts.…              weights of the model, and of terms with networks of their own
moments.I.…, noise.…          what `partial_fit` goes on from
header: format, estimator     everything that is no tensor
"""

import inspect
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

import vaekit
from vaekit import files, weights
from vaekit.errors import VaekitError
from vaekit.estimators.base import Estimator
from vaekit.estimators.generate import estimator
from vaekit.schedules import Progress, Schedule

FORMAT = "vaekit-estimator-1"
PLAIN = (
    "shape_",
    "input_shape_",
    "range_",
    "whole_",
    "history_",
    "n_iter_",
    "n_features_in_",
)
TUPLES = ("shape_", "input_shape_", "range_")
NAMED = ("classes_", "feature_names_in_")


def save(found: Estimator, path: Path) -> None:
    """Write a fitted estimator; raise `VaekitError` for a folder, or a parameter that is a part."""
    if path.is_dir():
        raise VaekitError(f"cannot write {path}: it is a folder, name a file in it")
    _check_plain(found)
    notes = {"format": FORMAT, "vaekit": vaekit.__version__, "estimator": _text(found)}
    files.write(path, lambda temporary: save_file(found._trained.tensors(), temporary, notes))


def load(path: Path | str) -> Estimator:
    """Return the estimator that `save` wrote, of whatever recipe it is.

    Raises `VaekitError` for a file that is missing, damaged, or no estimator.
    """
    tensors, notes = weights.read(Path(path))
    if notes.get("format") != FORMAT:
        raise VaekitError(f"{path} is no estimator: it holds weights only, or is of another kind")
    try:
        about = json.loads(notes["estimator"])
        found = _described(about)
        progress, seed = Progress(**about["progress"]), int(about["seed"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise VaekitError(
            f"{path} was damaged, or written by another version of vaekit: {error}"
        ) from None
    found._rebuild(seed, progress, tensors)
    own = found._trained.parts.state_dict()
    state = {name: tensors[name] for name in own}
    weights.check(state, own, f"{path} is of another model, or damaged", "save it again")
    return found


def _described(about: dict[str, Any]) -> Estimator:
    """Make the estimator that the header describes, with all but its model."""
    parameters = about["parameters"]
    parameters["image_shape"] = parameters["image_shape"] and tuple(parameters["image_shape"])
    found = estimator(about["recipe"])(**parameters)
    found._arguments = about["arguments"]
    for name in PLAIN:
        value = about[name]
        setattr(found, name, tuple(value) if name in TUPLES else value)
    for name, kept in about["named"].items():
        setattr(found, name, np.array(kept["values"], dtype=kept["dtype"]))
    return found


def _text(found: Estimator) -> str:
    """Write what is no tensor as JSON."""
    parameters = found.get_params()
    if isinstance(parameters["random_state"], np.random.RandomState):
        parameters["random_state"] = found._trained.seed
    named = {name: getattr(found, name) for name in NAMED if hasattr(found, name)}
    about = {
        "recipe": found._recipe.name,
        "arguments": found._arguments,
        "parameters": parameters,
        "seed": found._trained.seed,
        "progress": asdict(found._trained.progress),
        "named": {k: {"dtype": v.dtype.str, "values": v.tolist()} for k, v in named.items()},
        **{name: getattr(found, name) for name in PLAIN},
    }
    return json.dumps(about, default=_plain)


def _check_plain(found: Estimator) -> None:
    """Raise `VaekitError` for a parameter that is a part, with the text that names such a part."""
    known = inspect.signature(type(found)).parameters
    for name, value in found.get_params().items():
        try:
            json.dumps(value, default=_plain)
        except TypeError:
            text = str(value) if isinstance(value, Schedule) else known[name].default
            such = f", such as {name}={text!r}," if isinstance(text, str) else ""
            raise VaekitError(
                f"cannot save {name}={value!r}, for a file holds numbers and text: fit with the "
                f"text that names it{such} and save that"
            ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.RandomState):  # of which the seed that it gave is kept
        return None
    raise TypeError
