"""What goes into `encode`, `decode` and `reconstruct`: arrays, tables, image files, sets by name.

It is anything that trains: a file, a folder, a set by name. Here own files are read whole and in
order, their examples keep their names, and they are read as the *run's* training data were: with
the options of its `--data`, its size and colours of pictures, the columns and scaling of its table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from vaekit import data as datasets
from vaekit.arguments import fits
from vaekit.data import Dataset, Schema
from vaekit.data.area import box
from vaekit.data.catalogue import DataSource, load_source, source
from vaekit.data.files import arrays, folder, tables
from vaekit.data.files.frames import Table, chosen_columns
from vaekit.data.files.pictures import Form
from vaekit.data.files.reading import AsWritten, written_cells
from vaekit.data.recordings.arrays import array_set
from vaekit.errors import VaekitError
from vaekit.model import Condition
from vaekit.runs.config import Config
from vaekit.runs.use.settled import reading_options, windows_like

if TYPE_CHECKING:
    import polars as pl

    from vaekit.runs.folder import Run

SPLITS = ("test", "train", "all")


class Described(NamedTuple):
    """Hold what is read of a run here, for one that has no folder yet."""

    config: Config
    schema: Schema
    data: datasets.Splits
    condition: Condition | None


_LIKE = "as the run's are"


@dataclass(frozen=True)
class Examples:
    """Hold examples on the run's scale with a `name` for each: a file's path, or its row.

    Rows of a table that was read whole have it beside them, with all of its columns; those of mixed
    ones also what reads the cells of a text file as they stand there.
    """

    data: Dataset
    names: Sequence[str]
    what: str
    files: bool = False
    table: "pl.DataFrame | None" = None
    as_written: AsWritten | None = None

    def first(self, n: int | None) -> "Examples":
        """Keep the first n examples (None: all)."""
        if n is not None and n < 1:
            raise VaekitError(f"the number of examples must be ≥ 1, got {n}")
        if n is None or n >= len(self.data):
            return self
        return replace(self, data=self.data.subset(torch.arange(n)), names=self.names[:n])


def first_split(what: str) -> str | None:
    """Return the split that a set by name is trained on; own files have none."""
    return "train" if source(what).path is None else None


def examples(run: "Run | Described", what: str | None, split: str | None = None) -> Examples:
    """Read what a user names: None is the run's own data, of which `split` is taken.

    `split` is test (the default), train or all, and serves for sets by name too; own files are read
    whole. Raises `VaekitError` where it cannot be read or is not as the run was trained on.
    """
    if split not in (None, *SPLITS):
        raise VaekitError(f"split must be {', '.join(SPLITS)}, got {split!r}")
    if what is None:
        return _of_set(run, run.data, split or "test", run.config.data)
    origin = source(what)
    path = origin.path
    if path is None:
        settings = {"data_dir": run.config.data_dir}
        loaded = datasets.load(load_source(origin, settings, {}, what), holdout=run.config.holdout)
        return _of_set(run, loaded, split or "test", what)
    if split is not None:
        raise VaekitError(f"{what} is read whole: leave --split out, it is for sets by name")
    if origin.loader == "folder" and run.schema.columns is not None:  # of part files
        origin = replace(origin, loader="table")
    read = {"folder": _of_folder, "table": _of_table, "array": _of_array, "picture": _of_picture}
    return read[origin.loader](run, origin, path)


def number_of(what: Any) -> int | None:
    """Return the number of an example, also in digits, None where it is named otherwise."""
    digits = isinstance(what, str) and what.removeprefix("-").isdecimal()
    return int(what) if digits or fits(what, int) else None


def numbered(run: "Run | Described", number: int) -> tuple[Dataset, str]:
    """Return an example of the run's test part by its number, as a set of one, and its name.

    Raises `VaekitError` where there is none.
    """
    test = examples(run, None)
    if not 0 <= number < len(test.names):
        raise VaekitError(
            f"the run's test part has the examples 0 to {len(test.names) - 1}, there is no {number}"
        )
    name = test.names[number] if test.files else f"test {number}"
    return test.data.subset([int(number)]), name


def _of_set(run: "Run | Described", splits: datasets.Splits, split: str, what: str) -> Examples:
    whole = splits.test is splits.train
    data = splits.joined() if split == "all" else getattr(splits, split)
    data = run.schema.admitted(data)
    return Examples(
        data, data.all_names(), what if whole else f"{what} ({split} split)", bool(data.names)
    )


# ---- pictures


def _of_folder(run: "Run | Described", origin: DataSource, path: Path) -> Examples:
    root, options = folder.existing_folder(path), reading_options(run, origin)
    form = _form(run, options)
    skip, mmap = options.get("skip", False), options.get("mmap", False)
    data = folder.load_pictures(folder.list_pictures(root), root, form, skip, _LIKE, mmap=mmap)
    return _of_pictures(run, data, str(path))


def _of_picture(run: "Run | Described", origin: DataSource, path: Path) -> Examples:
    form = _form(run, reading_options(run, replace(origin, loader="folder")))
    data = folder.load_pictures([folder.File(path, path.parent)], path.parent, form, like=_LIKE)
    return _of_pictures(run, data, str(path))


def _form(run: "Run | Described", options: dict[str, Any]) -> Form:
    """Return the form that the run's pictures have; what is asked for besides must agree."""
    shape = run.schema.shape
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise VaekitError(
            f"the run was trained on examples of shape {shape}, which no pictures have: use .npy"
        )
    size, gray = options.get("size"), options.get("gray", False)
    if (size is not None and box(size) != shape[1:]) or (gray and shape[0] == 3):
        raise VaekitError(
            f"the run was trained on {'colour' if shape[0] == 3 else 'grey'} pictures of "
            f"{shape[1]} x {shape[2]} (h x w), and others are brought to that: leave size and gray "
            "out"
        )
    return Form(shape[0], (shape[1], shape[2]), options.get("ground", "white"))


def _of_pictures(run: "Run | Described", data: Dataset, what: str) -> Examples:
    data = run.schema.admitted(_levelled(run, data))
    return Examples(data, list(data.names), what, files=True)


def _levelled(run: "Run | Described", pictures: Dataset) -> Dataset:
    """Give black and white the values that they have in the run's data, where not 0 and 1."""
    low, high = run.schema.levels
    if (low, high) == (0.0, 1.0):
        return pictures
    pixels = pictures.batch().mul(high - low).add(low)
    return replace(pictures, images=pixels.clamp(low, high))


# ---- rows


def _of_array(run: "Run | Described", origin: DataSource, path: Path) -> Examples:
    options = reading_options(run, origin)
    asked = {name: value for name, value in options.items() if name in ("scale", "layout")}
    x, labels = arrays.read_array(path, options.get("key"), options.get("mmap"))
    if how := {name: origin.options[name] for name in ("window", "step") if name in origin.options}:
        x = array_set(x, **asked, **windows_like(run, how))
    elif asked:
        x = Dataset.from_array(x, **asked)
    data = run.schema.admitted(x)
    if labels is not None and labels.dtype.kind in "iub":
        data = replace(data, labels=torch.from_numpy(labels.astype(np.int64)))
    return _numbered(data, path)


def _of_table(run: "Run | Described", origin: DataSource, path: Path) -> Examples:
    options = reading_options(run, origin)
    how = tables.How(*(options.get(name) for name in tables.How._fields))
    columns = run.schema.columns
    if columns is not None and options.get("mmap"):
        return _of_mapped_table(run, path, how, options)
    mixed = bool(run.schema.fields)
    whole = tables.read_table(path, *how, words=mixed)
    if columns is None and len(run.schema.shape) == 3:
        raise VaekitError(
            f"{path} is a table, but the run was trained on images: use pictures, .npy or .npz"
        )
    if columns is None:
        used = whole.used(chosen_columns(options.get("columns"), options.get("without")), None)
    else:
        used = columns.names
    missing: Any = None if columns is None else options.get("missing") or columns.missing or None
    label = _class_column(run, options, whole.frame.columns) if columns else None
    if mixed:
        data, rows = run.schema.admitted(whole), np.arange(len(whole.frame))
    else:
        numbers, rows = whole.numbers(used, label, missing, _repair(path, columns is not None))
        data = run.schema.admitted(numbers, rows)
    data = _with_classes(data, whole, label, rows)
    as_written = partial(written_cells, path, *how) if mixed else None
    return replace(_numbered(data, path, rows), table=whole.frame, as_written=as_written)


def _of_mapped_table(
    run: "Run | Described", path: Path, how: tables.How, options: dict[str, Any]
) -> Examples:
    """Map the rows of a large table, scaled as the run's, with the column of its classes if any."""
    columns = run.schema.columns
    assert columns is not None
    missing: Any = options.get("missing") or columns.missing or None
    label = _class_column(run, options, tables.column_names(path, how))
    cure = _repair(path, fillable=True)
    data = tables.mapped_table(path, how, columns.names, label, missing, columns, cure=cure)
    return _numbered(run.schema.admitted(data), path)


def of_frame(run: "Run", frame: Any) -> Dataset:
    """Read a frame as the table of a file is read, with the classes that a condition needs."""
    whole = tables.read_table(frame, words=bool(run.schema.fields))
    label = _class_column(run, reading_options(run, DataSource("table")), whole.frame.columns)
    return _with_classes(run.schema.admitted(whole), whole, label, None)


def _class_column(
    run: "Run | Described", options: dict[str, Any], columns: Sequence[str]
) -> str | None:
    """Return the column of the classes that the run is conditioned on, where there is one."""
    wanted, label = run.condition, options.get("label")
    if wanted is None or wanted.kind != "labels" or label is None:
        return None
    return str(label) if str(label) in columns else None


def _with_classes(
    data: Dataset, table: Table, label: str | None, rows: np.ndarray | None
) -> Dataset:
    if label is None:
        return data
    labels, names = table.classes(label, rows)
    return replace(data, labels=torch.from_numpy(labels), label_names=names)


def _repair(path: Path, fillable: bool) -> str:
    if not fillable:
        return "Repair or remove those rows"
    return (
        f"Repair those rows, leave them out, \"table('{path}', missing=drop)\", or train with "
        "missing=mean to have missing values filled in"
    )


def _numbered(data: Dataset, path: Path, rows: np.ndarray | None = None) -> Examples:
    names = data.all_names() if rows is None else datasets.RowNames(torch.from_numpy(rows))
    return Examples(replace(data, name=path.name), names, str(path))


def first(
    given: Examples, told: str | np.ndarray | None, n: int | None
) -> tuple[Examples, str | np.ndarray | None]:
    """Keep the first n examples (None: all) and, of conditions with one for each, the same."""
    few = given.first(n)
    if isinstance(told, np.ndarray) and len(told) == len(given.data):
        told = told[: len(few.data)]
    return few, told
