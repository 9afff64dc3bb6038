"""What decides a run: recipe, arguments, data, training. It is what `run.yaml` holds."""

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from vaekit import data as datasets
from vaekit import recipes
from vaekit.arguments import check, expect, told
from vaekit.data.files.reading import is_frame
from vaekit.errors import VaekitError, nearest
from vaekit.schedules import SCHEDULES
from vaekit.system import files, own_code
from vaekit.training import Training

_SUCH = {"arguments": "latent", "training": "epochs"}
_PLAIN: tuple[tuple[Any, Any], ...] = (
    (bool | np.bool_, bool),
    (Integral, int),
    (Real, float),
    (str | Path, str),
    (type(None), lambda _: None),
)


@dataclass(frozen=True)
class Config:
    """Describe a run wholly: equal configs on one machine give equal weights.

    `training` may be a mapping of what changes in the recipe's own settings, such as
    {"epochs": 2}, and None for these; a `Training` has the recipe's only where it says so. Numbers
    of numpy and paths become plain ones. Raises `VaekitError` for what no run.yaml can hold.
    """

    recipe: str
    arguments: Mapping[str, Any]
    data: str
    training: Training = None  # pyright: ignore[reportAssignmentType]
    holdout: float = 0.1
    data_dir: str | None = None
    data_checksum: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    validation: float | str = 0.0
    start: str = ""
    start_parts: str = ""
    freeze: str = ""

    def __post_init__(self) -> None:
        recipe = recipes.find(self.recipe)
        check("holdout", self.holdout, float, 0.1)
        check("validation", self.validation, float | str | Path, 0.1)
        plain = {
            "arguments": _plain_all(self.arguments, "arguments"),
            "data": data_text(self.data),
            "training": _training(recipe, self.training),
            "holdout": _file_value(self.holdout, "holdout"),
            "validation": _validation(self.validation),
            "start": _start(self.start),
            **{name: _parts(name, getattr(self, name)) for name in ("start_parts", "freeze")},
        }
        if self.data_dir is not None:
            plain["data_dir"] = str(files.place(self.data_dir, "the data folder"))
        known = inspect.signature(recipe.make).parameters
        for name, value in plain["arguments"].items():
            if name not in known or name == "shape":
                raise nearest(name, known.keys() - {"shape"}, f"argument of {self.recipe}")
            check(name, value, known[name].annotation, known[name].default)
        if plain["start_parts"] and not plain["start"]:
            raise VaekitError(
                "start_parts are parts of a run to start from: add --start RUN (start=)"
            )
        if plain["validation"] == plain["data"]:
            raise VaekitError(
                f"{self.data} is what is trained on: set a share of it aside, --validation 0.1 "
                "(validation=), or name another set"
            )
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def load_data(self) -> datasets.Splits:
        """Return the training and test sets."""
        folder = Path(self.data_dir) if self.data_dir else None
        with own_code.named(self.notes.get("imports", ())):
            return datasets.load(self.data, folder, self.holdout, seed=0)

    def parted(self, splits: datasets.Splits) -> tuple[datasets.Splits, datasets.Dataset | None]:
        """Return what to train on and test on, and the share of the training part to validate on.

        There is none where `validation` is 0 or names a set.
        """
        if not self.validation or isinstance(self.validation, str):
            return splits, None
        train, held_out = splits.train.split(self.validation, seed=0)
        test = train if splits.test is splits.train else splits.test
        return datasets.Splits(train, test), held_out

    def build(self, shape: tuple[int, ...]) -> recipes.System:
        """Build the model and objective, its weights drawn from the training's seed."""
        torch.manual_seed(self.training.seed)
        with own_code.named(self.notes.get("imports", ())):
            return recipes.find(self.recipe).make(shape, **self.arguments)

    def completed(self) -> dict[str, Any]:
        """Return the recipe's arguments, those that are left out at their defaults."""
        known = inspect.signature(recipes.find(self.recipe).make).parameters.values()
        defaults = {p.name: p.default for p in known if p.default is not inspect.Parameter.empty}
        return {**defaults, **self.arguments}

    def identity(self) -> dict[str, Any]:
        """Return what two runs must share to be one run: all but places, devices and notes."""
        shared = asdict(self)
        for key in ("data_dir", "notes"):
            shared.pop(key)
        shared["training"].pop("device")
        shared["arguments"] = self.completed()
        return shared

    def is_longer(self, other: "Config") -> bool:
        """Say whether `other` is this run with more epochs, or more patience."""
        mine, theirs = self.training, other.training
        more = replace(mine, epochs=theirs.epochs, patience=theirs.patience)
        patient = mine.patience is not None and (theirs.patience or math.inf) > mine.patience
        longer = theirs.epochs >= mine.epochs and (theirs.epochs > mine.epochs or patient)
        allowed = patient or theirs.patience == mine.patience
        return longer and allowed and not replace(self, training=more).differences(other)

    def differences(self, other: "Config") -> list[str]:
        """Name what two configs differ in, as `key: this → that`."""
        mine, theirs = flat(self.identity()), flat(other.identity())
        keys = [k for k in mine | theirs if mine.get(k) != theirs.get(k)]
        return [f"{k}: {mine.get(k)} → {theirs.get(k)}" for k in keys]

    def to_yaml(self) -> str:
        """Write the config as YAML."""
        return yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)


def data_text(data: Any) -> str:
    """Return what names the data; raise `VaekitError` for data themselves, with how to keep them.

    A run is read again from its folder, which says where its data lie and does not hold them.
    """
    array = "np.save('x.npy', x) writes an array, and data='x.npy' names it"
    other = "write a file and name it, or train without a folder, fit(model, objective, data)"
    if is_frame(data):
        other = "x.to_parquet('x.parquet') (polars: write_parquet) writes it, data='x.parquet'"
    cures = [((np.ndarray, torch.Tensor), array), (object, other)]
    expect(data, str | Path, "data by name or path", cures)
    return str(data)


def _validation(given: Any) -> float | str:
    """Return a share of the training part, or the text that names a set; 0: no validation."""
    try:
        share = float(str(given))
    except ValueError:
        return str(given)
    if not 0 <= share < 1:
        raise VaekitError(
            f"validation must be a share of the training part from 0 to below 1, or a set by name "
            f"or path, got {given}"
        )
    return share


def _start(given: Any) -> str:
    """Return the path of the run whose weights are taken; none is an empty text."""
    folder = getattr(given, "folder", given)  # a `Run` says where it is
    expect(folder, str | Path, "the run to start from, by its path")
    return str(files.place(folder, "the run to start from").resolve()) if str(folder) else ""


def _parts(name: str, given: Any) -> str:
    """Return names of parts as one text, with commas between."""
    check(name, given, str | Sequence[str], "posterior")
    return given if isinstance(given, str) else ", ".join(given)


def _training(recipe: recipes.Recipe, given: Any) -> Training:
    """Return training settings as numbers that a file holds; those left out are the recipe's."""
    if isinstance(given, Training):
        return Training(**_plain_all(vars(given), "training"))
    changed = _plain_all(given, "training")
    known = [each.name for each in fields(Training)]
    for name in changed:
        if name not in known:
            raise nearest(name, known, "setting of the training")
    return recipe.defaults(**changed)


def _plain_all(given: Any, what: str) -> dict[str, Any]:
    cure = f"write {what}={{'{_SUCH[what]}': 2}} to change one"
    expect(given, Mapping | None, "a mapping", [(object, cure)])
    return {
        str(name): _file_value(value, f"{what} {name}") for name, value in (given or {}).items()
    }


def _file_value(value: Any, name: str) -> Any:
    """Return a value as a file holds it: numpy's numbers, paths and schedules as plain ones."""
    if isinstance(value, list | tuple):
        return [_file_value(each, name) for each in value]
    if type(value) in SCHEDULES.values():
        return str(value)
    for kind, make in _PLAIN:
        if isinstance(value, kind):
            return make(value)
    raise VaekitError(
        f"{name}: a run file holds numbers, texts and lists, got {told(value)}: write the text "
        "that names it, such as 'linear(0, 4)' or a path, or train without a folder, "
        "vaekit.fit(model, objective, data)"
    )


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, its names joined by dots."""
    table: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        table |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return table
