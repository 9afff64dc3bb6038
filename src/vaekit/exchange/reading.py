"""What goes into `encode`, `decode` and `reconstruct`: arrays, tables, image files, sets by name.

It is anything that trains: a file, a folder, a set by name. Here it is read whole and in order, its
names are kept, and it is scaled as the *run's* training data were, not by itself.
"""

import inspect
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaekit import data as datasets
from vaekit.data import Dataset, array, folder, table
from vaekit.errors import VaekitError
from vaekit.runs import Run
from vaekit.text import build, parse

_ARRAYS = (".npy", ".npz")
_WHOLE = ("array", "table")  # by name, yet files of the user's own: no part is held out


@dataclass(frozen=True)
class Examples:
    """Hold examples on the run's scale with a `name` for each: a file's path, or its row."""

    data: Dataset
    names: list[str]
    what: str
    files: bool = False

    def first(self, n: int | None) -> "Examples":
        """Keep the first n examples (None: all)."""
        if n is not None and n < 1:
            raise VaekitError(f"the number of examples must be ≥ 1, got {n}")
        if n is None or n >= len(self.data):
            return self
        return replace(self, data=self.data.subset(torch.arange(n)), names=self.names[:n])


def examples(run: Run, what: str | None, split: str = "test") -> Examples:
    """Read what a user names: None is the run's own data, of which `split` is taken.

    `split` is test or train and serves for sets by name; files are read whole. Raises
    `VaekitError` where it cannot be read or is not as the run was trained on.
    """
    if what is None or (what == run.config.data and not Path(what).exists()):
        return _of_set(run, run.data, split, run.config.data)
    path = Path(what).expanduser()
    if path.is_dir() and what not in datasets.CATALOGUE:
        return _of_folder(run, path)
    if path.is_file():
        return _of_file(run, path)
    name = what.split("(", maxsplit=1)[0].strip()
    if name == "folder":
        return build(what, {"folder": _of_folder}, "data set", run)
    holdout = 0 if name in _WHOLE else run.config.holdout
    found = datasets.load(what, run.config.data_dir, holdout)
    return _of_set(run, found, split, what)


def _of_set(run: Run, splits: datasets.Splits, split: str, what: str) -> Examples:
    if split not in ("test", "train"):
        raise VaekitError(f"split must be test or train, got {split!r}")
    data = run.facts.admitted(getattr(splits, split))
    part = "" if splits.test is splits.train else f" ({split} split)"
    rows = range(len(data)) if data.rows is None else data.rows.tolist()
    root = Path(what)
    if data.rows is not None and root.is_dir() and what not in datasets.CATALOGUE:
        names = [found.relative_to(root).as_posix() for found in folder.listed(root)]
        return Examples(data, [names[row] for row in rows], what + part, files=True)
    return Examples(data, [str(row) for row in rows], what + part)


def _of_folder(
    run: Run, path: Path | str, size: int | list[int] | None = None, gray: bool = False
) -> Examples:
    root = Path(path).expanduser()
    if not root.is_dir():
        raise VaekitError(f"there is no folder {root}: correct the path")
    paths = folder.listed(root)
    data = run.facts.admitted(_levelled(run, folder.pictures(paths, root, size, gray)))
    names = [found.relative_to(root).as_posix() for found in paths]
    return Examples(data, names, str(root), files=True)


def _of_file(run: Run, path: Path) -> Examples:
    ending = path.suffix.lower()
    if ending in folder.ENDINGS:
        picture = folder.pictures([path], path.parent)
        return Examples(
            run.facts.admitted(_levelled(run, picture)), [path.name], str(path), files=True
        )
    if ending in table.ENDINGS:
        data = _of_table(run, path)
    elif ending in _ARRAYS:
        found, labels = array.read(path)
        data = run.facts.admitted(found)
        if labels is not None and labels.dtype.kind in "iub":
            data = replace(data, labels=torch.from_numpy(labels.astype(np.int64)))
    else:
        known = ", ".join((*_ARRAYS, *table.ENDINGS, *sorted(folder.ENDINGS)))
        raise VaekitError(f"cannot tell what {path} holds: use a folder, or {known}")
    named = replace(data, name=path.name)
    return Examples(named, [str(row) for row in range(len(data))], str(path))


def _of_table(run: Run, path: Path) -> Dataset:
    columns = run.facts.columns
    if columns is not None:
        data, label = run.facts.admitted(table.rows(path, columns.names)), _label(run)
        if label is None or label not in table.header(path):
            return data
        labels, names = table.classes(path, label)
        return replace(data, labels=torch.from_numpy(labels), label_names=names)
    if len(run.facts.shape) == 3:
        raise VaekitError(
            f"{path} is a table, but the run was trained on images: use pictures, .npy or .npz"
        )
    return run.facts.admitted(table.rows(path).astype(np.float32))


def _label(run: Run) -> str | None:
    """Return the column of classes that the run is conditioned on, None where there is none."""
    told = run.model.condition
    if told is None or told.kind != "labels" or not run.config.data.startswith("table("):
        return None
    _, positional, named = parse(run.config.data)
    return inspect.signature(table.table).bind(*positional, **named).arguments.get("label")


def _levelled(run: Run, pictures: Dataset) -> Dataset:
    """Give black and white the values that they have in the run's data, where not 0 and 1."""
    low, high = run.facts.levels
    if (low, high) == (0.0, 1.0):
        return pictures
    pixels = pictures.images.float().div(255).mul(high - low).add(low)
    return replace(pictures, images=pixels.clamp(low, high))


def codes(path: Path | str) -> tuple[np.ndarray, list[str] | None]:
    """Read codes (N, H) and, where `encode` kept them, the names of their pictures.

    Takes .npy, an .npz or .csv of `encode`, or another table of numbers. Raises `VaekitError`
    where there are no codes.
    """
    found = Path(path).expanduser()
    ending = found.suffix.lower()
    if found.is_file() and ending not in (*_ARRAYS, *table.ENDINGS):
        raise VaekitError(f"{found} holds no codes: use .npy, .npz, .csv or .parquet")
    if ending in table.ENDINGS:
        columns = table.header(found)
        names = table.words(found, "name") if "name" in columns else None
        z = table.rows(found, _code_columns(columns))
    else:
        names = array.read(found, "name")[0] if _first(found, ("name",)) else None
        z = array.read(found, _first(found, ("code", "mean", "z")))[0]
    return z, None if names is None else [str(name) for name in names]


def _first(path: Path, keys: tuple[str, ...]) -> str | None:
    """Return the first of these names that an .npz has, or None."""
    held = array.names(path) if path.suffix.lower() == ".npz" else []
    return next((key for key in keys if key in held), None)


def _code_columns(names: list[str]) -> list[str]:
    own = [name for name in names if name[:1] == "z" and name[1:].isdigit()]
    return own or [name for name in names if name not in ("name", "row")]


def condition(text: str | None, run: Run) -> str | np.ndarray | None:
    """Read --condition: text as it is, or one condition for each row of a .npy, .npz or table.

    Raises `VaekitError` for a file that cannot be read.
    """
    if text is None:
        return None
    path = Path(text).expanduser()
    if path.suffix.lower() in _ARRAYS:
        return array.read(path, _first(path, ("condition",)))[0]
    if path.suffix.lower() not in table.ENDINGS:
        return text
    names = [name for name in table.header(path) if name not in ("name", "row")]
    factors = list(run.facts.factors or ())
    kind = run.model.condition.kind if run.model.condition else ""
    used = factors if kind == "factors" and set(factors) <= set(names) else names
    if len(used) == 1 and kind == "labels":
        return table.words(path, used[0]).astype(str)  # as on the command line, a name before all
    return table.rows(path, used)


def first(
    given: Examples, told: str | np.ndarray | None, n: int | None
) -> tuple[Examples, str | np.ndarray | None]:
    """Keep the first n examples (None: all) and, of conditions with one for each, the same."""
    few = given.first(n)
    if isinstance(told, np.ndarray) and len(told) == len(given.data):
        told = told[: len(few.data)]
    return few, told


def outside(run: Run, data: Dataset) -> int:
    """Count the rows of a table that lie far, by a whole range, outside those of the training."""
    low, high = run.facts.range
    if run.facts.columns is None:
        return 0
    x: Tensor = data.batch(torch.arange(len(data)))
    return int(((x < low - (high - low)) | (x > high + (high - low))).any(1).sum())
