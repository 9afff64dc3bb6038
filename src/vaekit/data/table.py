"""Tables of measurements, from CSV or Parquet: each row an example, each column a dimension.

A network wants columns of like size. `standard` subtracts the mean and divides by the standard
deviation of each column, `minmax` maps each to [0, 1] (what a Bernoulli likelihood needs), `none`
keeps the numbers. A constant column becomes 0. The scaling is computed on all rows, before any
split: two numbers a column, but whoever needs the held-out rows to have had no part in it scales
beforehand. It is kept as the set's `columns`, for rows that come later.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vaekit.data.columns import Columns
from vaekit.data.dataset import Dataset
from vaekit.data.files import readable, sha256
from vaekit.errors import VaekitError, nearest

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".csv", ".parquet")
_MISSING = ["NA", "N/A", "nan", "null"]


def table(
    path: Path | str,
    columns: Sequence[str] | None = None,
    label: str | None = None,
    scale: Literal["standard", "minmax", "none"] | None = "standard",
) -> Dataset:
    """Load the numbers of a CSV or Parquet table as vectors (N, D).

    `columns` are the ones to use (None: all but the label), `label` a column of classes. Raises
    `VaekitError` for text, missing or infinite values, unknown columns and damaged files.
    """
    scale = scale or "none"  # which is what the bare word means in text
    if scale not in ("standard", "minmax", "none"):
        raise VaekitError(f"scale must be standard, minmax or none, got {scale!r}")
    found = readable(path, "the table")
    frame = _read(found)
    used = [columns] if isinstance(columns, str) else list(columns or frame.columns)
    for name in [*used, *([label] if label else [])]:
        if name not in frame.columns:
            raise nearest(name, frame.columns, f"column of {found}")
    used = [name for name in used if name != label]
    labels, names = (None, ()) if label is None else _classes(found, frame[label])
    numbers = _numbers(found, frame, used)
    scaling = Columns.of(tuple(used), numbers, scale)
    made = Dataset.from_array(scaling.scaled(numbers), labels, found.stem)
    files = {found.name: sha256(found)}
    return replace(made, files=files, label_names=names, columns=scaling)


def classes(path: Path | str, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a column of classes as numbers 0, 1, …, int64 (N,), and the names of these.

    Raises `VaekitError` for an unknown column, real numbers and missing values.
    """
    found = readable(path, "the table")
    frame = _read(found)
    if column not in frame.columns:
        raise nearest(column, frame.columns, f"column of {found}")
    return _classes(found, frame[column])


def rows(path: Path | str, columns: Sequence[str] | None = None) -> np.ndarray:
    """Read the named columns of a table (None: all) in their own units, (N, D) float64.

    Columns that are not named may hold anything. Raises `VaekitError` as `table` does.
    """
    found = readable(path, "the table")
    frame = _read(found)
    used = list(frame.columns if columns is None else columns)
    missing = [name for name in used if name not in frame.columns]
    if missing:
        raise nearest(missing[0], frame.columns, f"column of {found}: it lacks")
    return _numbers(found, frame, used)


def header(path: Path | str) -> list[str]:
    """Read the names of a table's columns; raise `VaekitError` for a damaged file."""
    return list(_read(readable(path, "the table")).columns)


def words(path: Path | str, column: str) -> np.ndarray:
    """Read one column of a table, text or numbers, as an array (N,).

    Raises `VaekitError` where values are missing.
    """
    found = readable(path, "the table")
    values = _read(found)[column]
    if values.null_count():
        raise VaekitError(f"column {column!r} of {found} lacks {values.null_count()} values")
    return values.to_numpy()


def _read(path: Path) -> "pl.DataFrame":
    import polars as pl

    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise VaekitError(f"{path} is not a table that is read: use .csv or .parquet")
    try:
        if ending == ".csv":
            # As it stands in the file: read with its header, a second `a` is `a_duplicated_0`.
            line = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False)
            frame = pl.read_csv(path, infer_schema_length=None, null_values=_MISSING)
        else:
            line, frame = None, pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        raise VaekitError(
            f"cannot read the table {path} ({cause}): repair or export it again"
        ) from error
    if line is not None:
        _check_header(path, [name or "" for name in line.row(0)])
    if not len(frame):
        raise VaekitError(f"{path} has a header and no rows below it: export it with its rows")
    return frame


def _check_header(path: Path, names: Sequence[str]) -> None:
    """Raise `VaekitError` for numbers in place of names, and for a name that comes twice."""
    if all(_is_number(name) for name in names):
        raise VaekitError(f"{path} has no header row: put the columns' names on its first line")
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise VaekitError(f"{path} has two columns named {twice!r}: give each a name of its own")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: Path, frame: "pl.DataFrame", used: list[str]) -> np.ndarray:
    import polars as pl

    kinds = frame.schema
    text = [name for name in used if not (kinds[name].is_numeric() or kinds[name] == pl.Boolean)]
    if text:
        raise VaekitError(
            f"{path} has columns that are no numbers: {', '.join(text)}. "
            f"Name the others, \"table('{path}', columns=[a, b])\", or the classes, label=name"
        )
    if not used:
        raise VaekitError(f"{path} has 0 columns of numbers to use: name some with columns=")
    numbers = frame.select(pl.col(used).cast(pl.Float64)).to_numpy()
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        row, column = wrong[0]
        raise VaekitError(
            f"{path} has {len(wrong)} missing or infinite values, the first in column "
            f"{used[column]!r}, row {row + 1}: fill them in, drop the rows, or leave columns out"
        )
    return numbers


def _classes(path: Path, column: "pl.Series") -> tuple[np.ndarray, tuple[str, ...]]:
    if column.dtype.is_float() or column.null_count():
        raise VaekitError(
            f"the label column {column.name!r} of {path} should hold classes (text or whole "
            f"numbers, none missing), but is {column.dtype} with {column.null_count()} missing"
        )
    names = column.unique().sort().to_list()
    place = {name: k for k, name in enumerate(names)}
    return np.array([place[value] for value in column], np.int64), tuple(str(n) for n in names)
