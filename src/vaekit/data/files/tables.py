"""Tables of measurements: each row an example, each column a dimension.

They come as CSV and its kin (see `csv`), as Parquet, or as a data frame. A network wants
columns of like size. `standard` subtracts the mean and divides by the standard deviation of each
column, `minmax` maps each to [0, 1] (what a Bernoulli likelihood needs), `none` keeps the numbers.
A constant column becomes 0. Scaling and the values for missing ones are learned from the rows to
train on, and kept as the set's `columns`, for rows that come later.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from vaekit.data.columns import Columns
from vaekit.data.dataset import Dataset, random_parts
from vaekit.data.files.cells import cleaned
from vaekit.data.files.csv import MISSING, Text, no_text, text_of
from vaekit.data.files.frames import Missing, Table
from vaekit.data.paths import cause, existing_file, sha256
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError, shortened, warn

if TYPE_CHECKING:
    import polars as pl

TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_INDEX = ("", "Unnamed: 0")  # what pandas writes and reads where an index has no name
_IDS = {"id", "ids", "idx", "index", "row", "rowid", "rownumber", "key", "uid", "uuid", "nr", "no"}
_FEW_ROWS = 10  # rows that may be numbered by chance
_FINE_STEPS = 100_000  # of float32 across a column's range: fewer are coarse
_SEEN = 1000  # rows from which the types of columns are told; all would take five times as long


def table(
    source: Any,
    columns: Sequence[str | int] | None = None,
    label: str | int | None = None,
    scale: Literal["standard", "minmax", "none"] | None = "standard",
    missing: Missing | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    holdout: float = 0.0,
    seed: int = 0,
) -> Dataset | Splits:
    """Load the numbers of a table as vectors (N, D): a CSV or Parquet file, or a data frame.

    `columns` are the ones to use (None: all but the label), `label` a column of classes. `missing`
    says what to do about missing values: drop their rows, or fill in the mean or median of the
    column. `separator`, `decimal` and `encoding` are found where they are not given;
    `header=false` names the columns 1, 2, …. With a `holdout` > 0 a share is held out, and no part
    in what is learned.
    Raises `VaekitError` for text, missing or infinite values, unknown columns and damaged files.
    """
    scale = scale or "none"  # which is what the bare word means in text
    if scale not in ("standard", "minmax", "none"):
        raise VaekitError(f"scale must be standard, minmax or none, got {scale!r}")
    if missing not in (None, "drop", "mean", "median"):
        raise VaekitError(f"missing must be drop, mean or median, got {missing!r}")
    whole = read_table(source, separator, decimal, header, encoding)
    label = None if label is None else str(label)
    used = whole.used(columns, label)
    numbers, rows = whole.numbers(used, label, missing)
    labels, names = (None, ()) if label is None else whole.classes(label, rows)
    train, test = (
        random_parts(len(rows), holdout, seed) if holdout else (torch.arange(len(rows)),) * 2
    )
    scaling = Columns.of(tuple(used), numbers[train.numpy()], scale, missing or "", whole.eps(used))
    _warn_of_numbering(whole, used, numbers)
    if scale == "none":
        _warn_of_rounding(whole.what, used, numbers)
    made = Dataset.from_array(scaling.scaled(numbers, rows), labels, whole.name)
    own_names = () if len(rows) == len(whole.frame) else tuple(map(str, rows))
    made = replace(made, files=whole.files, label_names=names, columns=scaling, names=own_names)
    return Splits(made.subset(train), made.subset(test)) if holdout else made


def read_table(
    source: Any,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    *,
    plain: bool = False,
) -> Table:
    """Read a file, or a data frame of polars or pandas, as a table.

    With `plain` a file whose first line holds nothing but numbers has no names. Raises
    `VaekitError` for what is no table, has no rows, or has two columns of one name.
    """
    if is_frame(source):
        return _checked_table(_converted(source), "the data frame", "frame", {})
    path = existing_file(source, "the table")
    name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    if path.suffix.lower() == ".parquet":
        return _checked_table(_parquet(path), str(path), name, {path.name: sha256(path)})
    text = text_of(path, separator, decimal, header, encoding, plain)
    return _checked_table(
        _read_text(path, text), str(path), name, {path.name: sha256(path)}, text.decimal
    )


def is_frame(x: Any) -> bool:
    """Tell whether x is a data frame, of polars or pandas."""
    return hasattr(x, "columns") and hasattr(x, "dtypes") and hasattr(x, "shape")


def _converted(frame: Any) -> "pl.DataFrame":
    import polars as pl

    names = [str(name) for name in frame.columns]
    _check_columns("the data frame", names)
    if isinstance(frame, pl.DataFrame):
        return cleaned(frame, ".")
    columns = {n: _pandas_column(frame[c]) for n, c in zip(names, frame.columns, strict=True)}
    return cleaned(pl.DataFrame(columns, strict=False), ".")


def _pandas_column(column: Any) -> Any:
    """Return a column of pandas as numbers, or as a list with None where a value is missing."""
    values = column.to_numpy()
    if values.dtype.kind in "biuf":
        return values
    gone = column.isna().to_numpy().tolist()
    return [None if none else v for v, none in zip(values.tolist(), gone, strict=True)]


def _parquet(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _read_text(path: Path, text: Text) -> "pl.DataFrame":
    import polars as pl

    _check_columns(str(path), text.names)
    try:
        frame = _csv(text.content, text)
        blank = pl.all_horizontal(pl.all().is_null())
        if frame.to_series(0).null_count() and frame.filter(blank).height:
            frame = _csv(text.without_blank_lines(), text)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _unreadable(path, error, text) from error
    return cleaned(frame, text.decimal)


def _csv(content: bytes, how: Text) -> "pl.DataFrame":
    import polars as pl

    options = {"separator": how.separator, "has_header": how.header, "null_values": list(MISSING)}
    try:
        frame = pl.read_csv(content, **options, infer_schema_length=_SEEN)
    except pl.exceptions.ComputeError:  # another type further down: all as text, then
        frame = pl.read_csv(content, **options, infer_schema=False)
    places = [k for k, kind in enumerate(frame.dtypes) if kind.is_float()]
    if how.decimal == "," and places:  # polars took dots for decimals: as text they can be told
        text = pl.read_csv(content, **options, infer_schema=False, columns=places).get_columns()
        own = frame.get_columns()
        for place, column in zip(places, text, strict=True):
            own[place] = column
        frame = pl.DataFrame(own)
    # As they stand in the file: polars makes names where there are none, and changes others.
    frame.columns = list(how.names)
    return frame


def _unreadable(path: Path, error: BaseException, how: Text | None = None) -> VaekitError:
    if "invalid utf-8" in str(error):
        return no_text(path)
    said = cause(error).split(" Consider")[0]
    if how is not None:
        said += f"; its first line has {len(how.names)} fields with the separator {how.separator!r}"
    advice = "repair it" if how is None else "say separator= if it is another, repair it"
    return VaekitError(f"cannot read the table {path} ({said}): {advice}, or export it again")


def _checked_table(
    frame: "pl.DataFrame", what: str, name: str, files: dict[str, str], decimal: str = "."
) -> Table:
    if not len(frame):
        raise VaekitError(f"{what} has a header and no rows below it: export it with its rows")
    index = [n for k, n in enumerate(frame.columns) if _is_index(n, k)]
    nameless = [n for n in frame.columns if not n and n not in index]
    empty = [n for n in nameless if frame[n].null_count() == len(frame)]
    if len(nameless) > len(empty):
        raise VaekitError(f"{what} has a column without a name: give each one")
    left = frame.drop(index + empty)
    if index:
        warn(f"{what}: the column {index[0]!r} is the index of a data frame and left out")
    return Table(left, what, name, files, decimal)


def _is_index(name: str, place: int) -> bool:
    return (place == 0 and name in _INDEX) or name.startswith("__index_level_")


def _check_columns(what: str, names: Sequence[str]) -> None:
    seen = set[str]()
    for name in names:
        if name in seen:
            raise VaekitError(f"{what} has two columns named {name!r}: give each a name of its own")
        seen.add(name)


def _warn_of_numbering(whole: Table, used: Sequence[str], numbers: np.ndarray) -> None:
    """Warn of columns that number or name the rows, which a model would learn by heart."""
    if len(numbers) < _FEW_ROWS:
        return
    kinds = whole.frame.schema
    with np.errstate(over="ignore"):
        steps = np.diff(numbers, axis=0)
    counted = np.asarray((steps == 1).all(axis=0) | (steps == -1).all(axis=0)).tolist()
    frame = whole.frame
    doubtful = [
        name
        for name, is_counted in zip(used, counted, strict=True)
        if is_counted
        or (_sounds_like_id(name) and kinds[name].is_integer() and frame[name].is_unique().all())
    ]
    if doubtful:
        warn(
            f"{whole.what}: {shortened(doubtful)} look like row numbers or IDs, which tell nothing "
            "of an example: leave them out with columns= unless they are measurements"
        )


def _warn_of_rounding(what: str, used: Sequence[str], numbers: np.ndarray) -> None:
    """Warn of columns whose values differ by less than float32 tells apart, and so become equal.

    A column of floats is looked at where the rounding is coarse against its range, else chance
    alone would make some of many values equal.
    """
    lost = [used[k] for k in _coarse(numbers).tolist() if _merges(numbers[:, k])]
    if lost:
        warn(
            f"{what}: values of {shortened(lost)} differ by less than float32 can tell apart and "
            "become equal: scale=standard keeps them apart"
        )


def _coarse(numbers: np.ndarray) -> np.ndarray:
    """List the columns of float64 that float32 changes, and the range of which it cuts coarsely."""
    rounded = numbers.astype(np.float32)
    low, high = np.fmin.reduce(numbers), np.fmax.reduce(numbers)
    largest, spread = np.maximum(abs(low), abs(high)), high - low
    whole = (largest >= 2**24) & (np.nan_to_num(numbers) % 1 == 0).all(axis=0)
    few = _FINE_STEPS * np.finfo(np.float32).eps * largest > spread
    noise = spread <= 16 * np.finfo(np.float64).eps * largest
    changed = (rounded != numbers) & ~np.isnan(numbers)
    return np.flatnonzero(changed.any(axis=0) & (whole | few) & ~noise)


def _merges(column: np.ndarray) -> bool:
    return len(np.unique(column.astype(np.float32))) < len(np.unique(column))


def _sounds_like_id(name: str) -> bool:
    plain = name.lower().replace("_", "").replace(" ", "").replace("-", "")
    return plain in _IDS or name.lower().endswith(("_id", " id")) or name.endswith("ID")
