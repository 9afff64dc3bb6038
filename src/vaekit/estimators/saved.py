"""An estimator as one safetensors file: tensors as in a run's, and the rest as JSON in its header.

Tensors are named as `vaekit.training.state` says. The header has the format, and as `estimator`
everything that is no tensor.
"""

import inspect
import json
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import Tensor

import vaekit
from vaekit.data import TableColumns
from vaekit.errors import VaekitError
from vaekit.estimators.base import Estimator
from vaekit.estimators.conditions import kind_of
from vaekit.estimators.generate import OF_THE_DATA, OF_THE_RUN, estimator
from vaekit.estimators.training import begin_system
from vaekit.runs import Run
from vaekit.schedules import Progress, Schedule
from vaekit.system import files, weights
from vaekit.training.state import OWN

FORMAT, BEFORE = "vaekit-estimator-2", "vaekit-estimator-1"
PLAIN_TYPES = (
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
    notes = {"format": FORMAT, "vaekit": vaekit.__version__, "estimator": _json_text(found)}
    files.write_file(path, lambda temporary: save_file(found._trained.tensors(), temporary, notes))


def load(path: Path | str) -> Estimator:
    """Return the estimator that `save` wrote, of whatever recipe it is, or that of a run folder.

    An estimator of a run has its weights, `partial_fit` goes on from them with moments of the
    optimiser that begin anew, and so does a critic. Raises `VaekitError` for a file that is
    missing, damaged, or no estimator, and for a run of a table whose columns it scales.
    """
    if Path(path).is_dir():
        return _of_run(Run(path))
    tensors, notes = weights.read_tensors(Path(path))
    if notes.get("format") == BEFORE:
        tensors = _renamed(tensors)
    elif notes.get("format") != FORMAT:
        raise VaekitError(f"{path} is no estimator: it holds weights only, or is of another kind")
    try:
        about = json.loads(notes["estimator"])
        made = _made_as_described(about)
        progress, seed = Progress(**about["progress"]), int(about["seed"])
        made._rebuild(seed, progress, tensors)
    except VaekitError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise VaekitError(
            f"{path} was damaged, or written by another version of vaekit: {error}"
        ) from None
    own = made._trained.parts.state_dict()
    state = {name: tensors[f"model.{name}"] for name in own}
    weights.check_weights(state, own, f"{path} is of another model, or damaged", "save it again")
    return made


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a file of before under the names that they have now."""
    new = {"model.": "model.model.", "parts.": "model.parts.", "moments.": "optimiser."}
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "noise":
            renamed[f"random.now.{rest}"] = tensor[None]
        else:
            renamed[new.get(f"{kind}.", f"{kind}.") + rest] = tensor
    return renamed


def _of_run(run: Run) -> Estimator:
    """Make the estimator that is fitted as a run is."""
    config, schema, model = run.config, run.schema, run.model
    mixed = schema.columns if schema.fields else None
    if schema.columns is not None and mixed is None and schema.columns.scale != "none":
        raise VaekitError(
            f"{run.folder} scales the columns of its table, and an estimator takes a table as it "
            f"is: use Run({str(run.folder)!r}).encode, or train with scale=none"
        )
    given = {k: v for k, v in config.arguments.items() if k not in OF_THE_DATA}
    given |= {k: v for k, v in asdict(config.training).items() if k not in OF_THE_RUN}
    made = estimator(config.recipe)(**given, **{"random_state": config.training.seed})
    made._arguments, made.shape_, made.range_ = dict(config.arguments), schema.shape, schema.range
    made.input_shape_, made.n_features_in_, made.whole_ = schema.shape, prod(schema.shape), False
    made.columns_ = mixed
    if mixed is not None:
        names = np.array([field.name for field in mixed.fields], dtype=object)
        vars(made)["feature_names_in_"] = names
        made.n_features_in_ = len(mixed.fields)
    wanted = model.condition
    if wanted is not None and kind_of(wanted.kind) == "labels":
        made.classes_ = _class_labels(schema.label_names, wanted.width)
    per_epoch, step = config.notes["train"] // config.training.batch, run.stamp.step or 0
    made.n_iter_ = step // per_epoch
    made.history_ = [
        {k: v for k, v in row.items() if not k.startswith(("weight_", "images_per_second"))}
        for row in run.history
    ]
    begun = begin_system(made._recipe, made._arguments, made.shape_, config.training.seed)
    own = {f"{OWN}{name}": weight for name, weight in model.state_dict().items()}
    progress = Progress(step, config.training.epochs * per_epoch, per_epoch)
    made._rebuild(config.training.seed, progress, begun.tensors() | own)
    return made


def _class_labels(names: tuple[str, ...], width: int) -> np.ndarray:
    """Return the labels of a run's classes: their names, or numbers where these are numbers."""
    if len(names) != width:
        return np.arange(width)
    return np.array([int(name) for name in names] if all(map(str.isdecimal, names)) else names)


def _made_as_described(about: dict[str, Any]) -> Estimator:
    """Make the estimator that the header describes, with all but its model."""
    parameters = about["parameters"]
    parameters["image_shape"] = parameters["image_shape"] and tuple(parameters["image_shape"])
    found = estimator(about["recipe"])(**parameters)
    found._arguments = about["arguments"]
    for name in PLAIN_TYPES:
        value = about[name]
        setattr(found, name, tuple(value) if name in TUPLES else value)
    known = about.get("columns")  # files of before have none
    found.columns_ = None if known is None else TableColumns.from_plain(known)
    for name, kept in about["named"].items():
        setattr(found, name, np.array(kept["values"], dtype=kept["dtype"]))
    return found


def _json_text(found: Estimator) -> str:
    """Write what is no tensor as JSON."""
    parameters = found.get_params()
    if isinstance(parameters["random_state"], np.random.RandomState):
        parameters["random_state"] = found._trained.seed
    named = {name: getattr(found, name) for name in NAMED if hasattr(found, name)}
    about = {
        "recipe": found._recipe.name,
        "arguments": found._arguments,
        "parameters": parameters,
        "columns": None if found.columns_ is None else found.columns_.plain(),
        "seed": found._trained.seed,
        "progress": asdict(found._trained.progress),
        "named": {k: {"dtype": v.dtype.str, "values": v.tolist()} for k, v in named.items()},
        **{name: getattr(found, name) for name in PLAIN_TYPES},
    }
    return json.dumps(about, default=_plain_value)


def _check_plain(found: Estimator) -> None:
    """Raise `VaekitError` for a parameter that is a part, with the text that names such a part."""
    known = inspect.signature(type(found)).parameters
    for name, value in found.get_params().items():
        try:
            json.dumps(value, default=_plain_value)
        except TypeError:
            text = str(value) if isinstance(value, Schedule) else known[name].default
            such = f", such as {name}={text!r}," if isinstance(text, str) else ""
            raise VaekitError(
                f"cannot save {name}={value!r}, for a file holds numbers and text: fit with the "
                f"text that names it{such} and save that"
            ) from None


def _plain_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.random.RandomState):  # of which the seed that it gave is kept
        return None
    raise TypeError
