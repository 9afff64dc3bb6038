"""The one door to data: a name, a path or an array in, a set to train on and one to test on out.

`load("mnist")`, `load("sprites(scales=2)")`, `load("pics")` (a folder), `load("x.npy")`,
`load("x.csv")` and `load(array)` give the same kind of thing. A set that comes with a test part
keeps it; from any other a share is held out at random, the same for the same seed. A known name
wins over a file of that name: write `./mnist` for the file.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vaekit.arguments import check
from vaekit.data.dataset import Dataset
from vaekit.data.files import arrays, folder, tables
from vaekit.data.files.pictures import ENDINGS
from vaekit.data.foreign import foreign
from vaekit.data.paths import no_folder
from vaekit.data.recordings.arrays import array_set
from vaekit.data.sets import SETS
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError, nearest
from vaekit.system.files import place
from vaekit.system.own_code import take_plugins
from vaekit.text import bind, call, parse, written
from vaekit.values import array_from

CATALOGUE: dict[str, Callable[..., Dataset | Splits]] = {
    **SETS,
    "folder": folder.folder,
    "array": arrays.array,
    "table": tables.table,
}
_FILE_KINDS = {
    "array": arrays.ARRAY_ENDINGS,
    "table": tables.TABLE_ENDINGS,
    "picture": tuple(ENDINGS),
}
FILES = ("folder", "array", "table")  # loaders of users' own files, read whole


@dataclass(frozen=True)
class DataSource:
    """Say what a text or path means: the `loader` by name, and its arguments by theirs.

    `loader` is a name of the catalogue, or picture for a single one.
    """

    loader: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path | None:
        """Return the path of own files, None for a set by name."""
        own = self.loader in (*FILES, "picture")
        return Path(str(next(iter(self.arguments.values())))).expanduser() if own else None

    @property
    def options(self) -> dict[str, Any]:
        """Return how own files are read: all arguments but the path, which comes first."""
        return dict(list(self.arguments.items())[1:])

    def holds(self, path: Path) -> bool:
        """Tell whether a path is one of the own files that are read, or would be if it were there.

        A folder of pictures to be is one of them in a folder of pictures.
        """
        if self.path is None:
            return False
        path, own = path.resolve(), self.path.resolve()
        kind = "table" if self.loader == "table" else "picture"
        like = path.name.lower().endswith(_FILE_KINDS[kind]) or not (path.suffix or kind == "table")
        return path == own or (own in path.parents and like)


def load(
    what: Any,
    data_dir: Path | str | None = None,
    holdout: float = 0.1,
    seed: int = 0,
    **options: Any,
) -> Splits:
    """Load data by name with arguments, by path, or from an array, and part it into train and test.

    An array, a tensor or a data frame serves as well. `data_dir` is where the files of public sets
    lie; `holdout` the share held out of a set without a test part of its own (0: none is, and both
    parts are the whole set); `options` are the loader's own, such as `label="kind"`. Raises
    `VaekitError` for unknown names, missing paths, and whatever the loader refuses.
    """
    check("holdout", holdout, float, 0.1)
    check("seed", seed, int, 0)
    if not 0 <= holdout < 1:
        raise VaekitError(f"holdout must be a share from 0 to below 1, got {holdout}")
    if data_dir is not None and not place(data_dir, "the data folder").is_dir():
        raise no_folder(data_dir)
    data = _dataset_of(what, {"data_dir": data_dir, "holdout": holdout, "seed": seed}, options)
    if isinstance(data, Splits):
        return data
    return Splits(data, data) if holdout == 0 else Splits(*data.split(holdout, seed))


def _dataset_of(what: Any, settings: dict[str, Any], options: dict[str, Any]) -> Dataset | Splits:
    if isinstance(what, str | Path):
        return load_source(source(what), settings, options, str(what))
    if isinstance(what, Dataset | Splits):
        if options:
            raise VaekitError(f"a set takes no options, got {', '.join(options)}: leave them out")
        return what
    if isinstance(what, np.ndarray | Tensor):
        return call(array_set, "load", "data", (what,), (), {"name": "array", **options})
    if tables.is_frame(what):
        return call(_bound(tables.table, settings), "load", "data", (what,), (), options)
    single = "x.to_frame(), or its numbers, x.to_numpy()" if hasattr(what, "to_frame") else ""
    known = "a name, a path, an array, a tensor, a data frame or a Dataset (a list: np.array of it)"
    raise VaekitError(
        f"cannot load data from {type(what).__name__}: pass {array_from(what) or single or known}"
    )


def source(what: str | Path) -> DataSource:
    """Tell what a text or a path means; a known set wins over a folder of its name.

    Raises `VaekitError` where it is neither a set nor an existing path, and for arguments that do
    not fit.
    """
    text = str(what)
    take_plugins()  # which may enter sets
    if not text.strip():
        raise VaekitError("data by an empty name: name a set or a path, . is this folder")
    if isinstance(what, str) and _names_a_set(text):
        name, positional, named = parse(text)
        said = f"data set {text!r}"
        return DataSource(name, bind(CATALOGUE[name], name, said, (), positional, named).arguments)
    path = place(what, "the data")
    if path.exists():
        kind = "folder" if path.is_dir() else _kind_of_file(path)
        return DataSource(kind, {next(iter(_loader_parameters(kind))): path})
    if isinstance(what, str) and not _looks_like_path(text):
        name = text.partition("(")[0].strip()
        raise nearest(name, CATALOGUE, "data set", ", and there is no file or folder of that name")
    raise VaekitError(
        f"there is no file or folder {path}: correct the path, or name a set: "
        f"{', '.join(CATALOGUE)}"
    )


def resolved(text: str) -> str:
    """Make the paths of own files in a text absolute, so that it means the same anywhere.

    Raises `VaekitError` as `source` does.
    """
    meant = source(text)
    if meant.path is None:
        return text
    path = str(meant.path.resolve())
    return written(meant.loader, (path,), meant.options) if _names_a_set(text) else path


def load_source(
    meant: DataSource, settings: Mapping[str, Any], options: Mapping[str, Any], said: str
) -> Dataset | Splits:
    """Load what a source means; `settings` are given to loaders that take them."""
    if meant.loader == "picture":
        raise VaekitError(f"{said} is a single picture: name the folder that holds it")
    loader = _bound(CATALOGUE[meant.loader], settings)
    return call(loader, meant.loader, f"data set {said!r}", (), (), {**meant.arguments, **options})


def _loader_parameters(loader: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(CATALOGUE.get(loader, folder.folder)).parameters


def _bound(loader: Callable[..., Any], settings: Mapping[str, Any]) -> Callable[..., Any]:
    """Give a loader those settings that it takes and that are not None."""
    takes = inspect.signature(loader).parameters
    return partial(loader, **{k: v for k, v in settings.items() if k in takes and v is not None})


def _names_a_set(text: str) -> bool:
    head, bracket, _ = text.partition("(")
    name = head.strip()
    if name not in CATALOGUE:
        return False
    # `digits (1)` may be a folder, as browsers name copies; a folder of own files has a path.
    doubtful = head != name if bracket else name in FILES
    return not (doubtful and place(text, "the data").exists())


def _kind_of_file(path: Path) -> str:
    name = path.name.lower()
    kind = next((each for each, ends in _FILE_KINDS.items() if name.endswith(ends)), None)
    if kind is None:
        if said := foreign(path):
            raise VaekitError(f"{path} {said}")
        known = ", ".join((*arrays.ARRAY_ENDINGS, *tables.TABLE_ENDINGS))
        raise VaekitError(
            f"cannot tell what {path} holds: use a folder, or {known}; say table('{path}') or "
            f"array('{path}') if it is one by another name"
        )
    return kind


def _looks_like_path(text: str) -> bool:
    head = text.split("(", maxsplit=1)[0]
    return "/" in head or "\\" in head or "." in head or head.startswith("~")
