"""What decides a run: recipe, arguments, data, training. It is what `run.yaml` holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import torch
import yaml

from vaekit import data as datasets
from vaekit import recipes
from vaekit.arguments import fits
from vaekit.errors import VaekitError, nearest
from vaekit.train import Training


@dataclass(frozen=True)
class Config:
    """Describe a run wholly: equal configs on one machine give equal weights."""

    recipe: str
    arguments: Mapping[str, Any]
    data: str
    training: Training
    holdout: float = 0.1
    data_dir: str | None = None
    data_checksum: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def load_data(self) -> datasets.Splits:
        """Return the training and test sets."""
        folder = Path(self.data_dir) if self.data_dir else None
        return datasets.load(self.data, folder, self.holdout, seed=0)

    def build(self, shape: tuple[int, ...]) -> recipes.System:
        """Build the model and objective, its weights drawn from the training's seed."""
        torch.manual_seed(self.training.seed)
        return recipes.find(self.recipe).make(shape, **self.arguments)

    def identity(self) -> dict[str, Any]:
        """Return what two runs must share to be one run: all but places, devices and notes."""
        shared = asdict(self)
        for key in ("data_dir", "notes"):
            shared.pop(key)
        shared["training"].pop("device")
        return shared

    def differences(self, other: "Config") -> list[str]:
        """Name what two configs differ in, as `key: this → that`."""
        mine, theirs = _flat(self.identity()), _flat(other.identity())
        keys = [k for k in mine | theirs if mine.get(k) != theirs.get(k)]
        return [f"{k}: {mine.get(k)} → {theirs.get(k)}" for k in keys]

    def to_yaml(self) -> str:
        """Write the config as YAML."""
        return yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)


def read(path: Path) -> Config:
    """Read a `run.yaml`; raise `VaekitError` where it is missing or not one."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VaekitError(f"there is no run file {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise VaekitError(f"{path} is not readable YAML{where}: repair it, or train anew") from None
    return from_mapping(found, path)


def from_mapping(found: Any, path: Path) -> Config:
    """Build a config from what a YAML file held; raise `VaekitError` for unknown keys."""
    if not isinstance(found, dict) or "recipe" not in found:
        raise VaekitError(f"{path} is not a run file: it needs at least `recipe: NAME`")
    known = {f.name for f in fields(Config)}
    if found.keys() - known:
        raise VaekitError(
            f"{path} has unknown keys {sorted(found.keys() - known)}: known are {known}"
        )
    recipe = recipes.find(str(found["recipe"]))
    settings, arguments = found.get("training") or {}, found.get("arguments") or {}
    kinds = {f.name: type(f.default) for f in fields(Training)}
    _check(settings, kinds, f"training of {path}")
    _check(arguments, get_type_hints(recipe.make), f"arguments of {path}")
    _check({"holdout": found.get("holdout", 0.1)}, {"holdout": float}, str(path))
    rest = {k: v for k, v in found.items() if k not in ("training", "arguments", "data")}
    training, data = recipe.defaults(**settings), str(found.get("data") or "")
    return Config(**rest, arguments=dict(arguments), data=data, training=training)


def _check(given: Any, kinds: Mapping[str, Any], where: str) -> None:
    """Raise `VaekitError` for what is no mapping, unknown keys, and values of another type."""
    if not isinstance(given, Mapping):
        raise VaekitError(f"the {where} should be `name: value`, got {given!r}")
    for key, value in given.items():
        if key not in kinds or key in ("shape", "return"):
            raise nearest(str(key), kinds.keys() - {"shape", "return"}, f"name in the {where}")
        kind = kinds[key]
        if not fits(value, kind):
            name = getattr(kind, "__name__", kind)
            hint = " (YAML reads 1e-3 as text: write 1.0e-3)" if kind is float else ""
            raise VaekitError(f"{key} in the {where}: expected {name}, got {value!r}{hint}")


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat
