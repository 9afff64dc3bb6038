"""The one door to data: a name, a path or an array in, a set to train on and one to test on out.

`load("mnist")`, `load("sprites(scales=2)")`, `load("pics")` (a folder), `load("x.npy")`,
`load("x.csv")` and `load(array)` give the same kind of thing. A set that comes with a test part
keeps it; from any other a share is held out at random, the same for the same seed. A known name
wins over a file of that name: write `./mnist` for the file.
"""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vaekit.data import (
    array,
    cars3d,
    celeba,
    cifar,
    digits,
    dsprites,
    faces,
    faces3d,
    folder,
    heads,
    idx,
    omniglot,
    shapes3d,
    smallnorb,
    sprites,
    table,
)
from vaekit.data.dataset import Dataset, Splits
from vaekit.errors import VaekitError
from vaekit.text import build

CATALOGUE: dict[str, Callable[..., Dataset | Splits]] = {
    "sprites": sprites.sprites,
    "heads": heads.heads,
    "dsprites": dsprites.dsprites,
    "shapes3d": shapes3d.shapes3d,
    "cars3d": cars3d.cars3d,
    "smallnorb": smallnorb.smallnorb,
    "faces3d": faces3d.faces3d,
    "mnist": idx.mnist,
    "fashion-mnist": idx.fashion_mnist,
    "digits": digits.digits,
    "cifar10": cifar.cifar10,
    "celeba": celeba.celeba,
    "yale-b": faces.yale_b,
    "orl-faces": faces.orl_faces,
    "omniglot": omniglot.omniglot,
    "folder": folder.folder,
    "array": array.array,
    "table": table.table,
}
_ENDINGS = {".npy": array.array, ".npz": array.array} | dict.fromkeys(table.ENDINGS, table.table)


def load(
    what: str | Path | np.ndarray | Tensor | Dataset | Splits,
    data_dir: Path | str | None = None,
    holdout: float = 0.1,
    seed: int = 0,
) -> Splits:
    """Load data by name with arguments, by path, or from an array, and part it into train and test.

    `data_dir` is where the files of public sets lie; `holdout` the share held out of a set without
    a test part of its own (0: none is, and both parts are the whole set). Raises `VaekitError` for
    unknown names, missing paths, and whatever the loader refuses.
    """
    if not 0 <= holdout < 1:
        raise VaekitError(f"holdout must be a share from 0 to below 1, got {holdout}")
    found = _load(what, data_dir)
    if isinstance(found, Splits):
        return found
    return Splits(found, found) if holdout == 0 else Splits(*found.split(holdout, seed))


def _load(what: Any, data_dir: Path | str | None) -> Dataset | Splits:
    if isinstance(what, Dataset | Splits):
        return what
    if isinstance(what, np.ndarray | Tensor):
        return Dataset.from_array(what, name="array")
    if not isinstance(what, str | Path):
        raise VaekitError(
            f"cannot load data from {type(what).__name__}: "
            "pass a name, a path, an array or a Dataset"
        )
    if isinstance(what, str) and _names_a_set(what):
        return build(what, _with_folder(data_dir), "data set")
    path = Path(what).expanduser()
    if path.exists():
        return _from_path(path)
    if isinstance(what, str) and not _looks_like_path(what):
        return build(what, CATALOGUE, "data set")  # to raise its error
    raise VaekitError(
        f"there is no file or folder {path}: correct the path, or name a set: "
        f"{', '.join(CATALOGUE)}"
    )


def _names_a_set(text: str) -> bool:
    return text.split("(", maxsplit=1)[0].strip() in CATALOGUE


def _with_folder(data_dir: Path | str | None) -> dict[str, Callable[..., Any]]:
    def bound(loader: Callable[..., Any]) -> Callable[..., Any]:
        takes = data_dir is not None and "data_dir" in inspect.signature(loader).parameters
        return partial(loader, data_dir=data_dir) if takes else loader

    return {name: bound(loader) for name, loader in CATALOGUE.items()}


def _from_path(path: Path) -> Dataset | Splits:
    if path.is_dir():
        return folder.folder(path)
    loader = _ENDINGS.get(path.suffix.lower())
    if loader is None:
        raise VaekitError(f"cannot tell what {path} holds: use a folder, {', '.join(_ENDINGS)}")
    return loader(path)


def _looks_like_path(text: str) -> bool:
    head = text.split("(", maxsplit=1)[0]
    return "/" in head or "\\" in head or "." in head or head.startswith("~")
