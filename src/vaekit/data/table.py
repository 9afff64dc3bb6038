"""Tables of measurements: each row an example, each column a dimension.

They come as CSV and its kin (see `delimited`), as Parquet, or as a data frame. A network wants
columns of like size. `standard` subtracts the mean and divides by the standard deviation of each
column, `minmax` maps each to [0, 1] (what a Bernoulli likelihood needs), `none` keeps the numbers.
A constant column becomes 0. Scaling and the values for missing ones are learned from the rows to
train on, and kept as the set's `columns`, for rows that come later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from vaekit.data.columns import Columns
from vaekit.data.dataset import Dataset, Splits, parted
from vaekit.data.delimited import AMONG_NUMBERS, MISSING, Format, format_of, without_blank_lines
from vaekit.data.files import cause, readable, sha256
from vaekit.errors import VaekitError, nearest, shortened, warn

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_INDEX = ("", "Unnamed: 0")  # what pandas writes and reads where an index has no name
_IDS = {"id", "ids", "idx", "index", "row", "rowid", "rownumber", "key", "uid", "uuid", "nr", "no"}
_FEW = 10  # rows that may be numbered by chance
_SEEN = 1000  # rows from which the types of columns are told; all would take five times as long
Missing = Literal["drop", "mean", "median"]


def table(
    source: Any,
    columns: Sequence[str | int] | None = None,
    label: str | int | None = None,
    scale: Literal["standard", "minmax", "none"] | None = "standard",
    missing: Missing | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    holdout: float = 0.0,
    seed: int = 0,
) -> Dataset | Splits:
    """Load the numbers of a table as vectors (N, D): a CSV or Parquet file, or a data frame.

    `columns` are the ones to use (None: all but the label), `label` a column of classes. `missing`
    says what to do about missing values: drop their rows, or fill in the mean or median of the
    column. `separator` and `decimal` are found where they are not given; `header=false` names the
    columns 1, 2, …. With a `holdout` > 0 a share is held out, and no part in what is learned.
    Raises `VaekitError` for text, missing or infinite values, unknown columns and damaged files.
    """
    scale = scale or "none"  # which is what the bare word means in text
    if scale not in ("standard", "minmax", "none"):
        raise VaekitError(f"scale must be standard, minmax or none, got {scale!r}")
    if missing not in (None, "drop", "mean", "median"):
        raise VaekitError(f"missing must be drop, mean or median, got {missing!r}")
    whole = read(source, separator, decimal, header)
    label = None if label is None else str(label)
    used = whole.used(columns, label)
    numbers, rows = whole.numbers(used, label, missing)
    labels, names = (None, ()) if label is None else whole.classes(label, rows)
    train, test = parted(len(rows), holdout, seed) if holdout else (torch.arange(len(rows)),) * 2
    scaling = Columns.of(tuple(used), numbers[train.numpy()], scale, missing or "", whole.eps(used))
    _warn_of_numbering(whole, used, numbers)
    made = Dataset.from_array(scaling.scaled(numbers), labels, whole.name)
    kept = () if len(rows) == len(whole.frame) else tuple(map(str, rows))
    made = replace(made, files=whole.files, label_names=names, columns=scaling, names=kept)
    return Splits(made.subset(train), made.subset(test)) if holdout else made


@dataclass(frozen=True)
class Table:
    """Hold a table as it was read, its columns of numbers as such, without the index of pandas.

    `what` names it in errors.
    """

    frame: "pl.DataFrame"
    what: str
    name: str
    files: dict[str, str]

    def used(self, columns: Sequence[str | int] | None, label: str | None) -> list[str]:
        """List the columns to use: all but the label; raise `VaekitError` for unknown ones."""
        known = set(self.frame.columns)
        asked = [columns] if isinstance(columns, str | int) else columns
        used = self.frame.columns if asked is None else [str(name) for name in asked]
        for name in [*used, *([] if label is None else [label])]:
            if name not in known:
                raise nearest(name, known, f"column of {self.what}")
        used = [name for name in used if name != label]
        if len(set(used)) < len(used):
            raise VaekitError("a column is named twice in columns=: name each once")
        return used

    def numbers(
        self, used: Sequence[str], label: str | None = None, missing: Missing | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return columns (N, D) float64, NaN where a value is missing, and the rows they are (N,).

        With `missing="drop"` rows are left out where something is missing, also the label. Raises
        `VaekitError` for infinite values, and for missing ones unless they are dealt with.
        """
        import polars as pl

        self._check_numbers(used)
        wide = self.frame.select(pl.col(list(used)).cast(pl.Float64)).to_numpy()
        rows = np.arange(len(wide))
        if missing == "drop":
            gone = np.asarray(np.isnan(wide).any(axis=1))
            if label is not None:
                gone |= self.frame[label].is_null().to_numpy()
            wide, rows = wide[~gone], rows[~gone]
            if gone.all():
                raise VaekitError(f"{self.what} misses a value in every row: none is left")
            if gone.any():
                warn(f"{self.what}: {gone.sum()} of {len(gone)} rows miss values and are dropped")
        self._check_finite(wide, used, allowed=missing is not None)
        return wide, rows

    def classes(
        self, column: str, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return a column of classes as numbers 0, 1, …, int64 (N,), and the names of these.

        Raises `VaekitError` for real numbers and missing values.
        """
        import polars as pl

        found = self.frame[column]
        found = found if rows is None else found[rows]
        if found.dtype.is_float() and bool((found.drop_nulls() % 1 == 0).all()):
            found = found.cast(pl.Int64)
        if found.dtype.is_float() or found.dtype.is_nested() or found.null_count():
            raise VaekitError(
                f"the label column {column!r} of {self.what} should hold classes (text or whole "
                f"numbers, none missing), but is {found.dtype} with {found.null_count()} missing"
            )
        names = found.unique().sort().to_list()
        place = {name: k for k, name in enumerate(names)}
        return np.array([place[value] for value in found], np.int64), tuple(map(str, names))

    def words(self, column: str) -> np.ndarray:
        """Return one column, text or numbers, as an array (N,).

        Raises `VaekitError` where values are missing.
        """
        values = self.frame[column]
        if values.null_count():
            count = values.null_count()
            raise VaekitError(f"column {column!r} of {self.what} lacks {count} values")
        return values.to_numpy()

    def eps(self, used: Sequence[str]) -> np.ndarray:
        """Return the rounding of each column (D,), which is that of its type in the file."""
        import polars as pl

        kinds = self.frame.schema
        low = np.array([kinds[name] == pl.Float32 for name in used])
        return np.where(low, np.finfo(np.float32).eps, np.finfo(np.float64).eps)

    def _check_numbers(self, used: Sequence[str]) -> None:
        import polars as pl

        kinds = self.frame.schema
        unknown = [name for name in used if name not in kinds]
        if unknown:
            raise nearest(unknown[0], kinds, f"column of {self.what}: it lacks")
        text = [n for n in used if not (kinds[n].is_numeric() or kinds[n] in (pl.Boolean, pl.Null))]
        if text:
            value = self.frame[text[0]].drop_nulls()[0]
            raise VaekitError(
                f"{self.what} has columns that are no numbers: {shortened(text)} "
                f"({str(value)[:30]!r}). Name the others, columns=[a, b], or the classes, "
                "label=name; where these are numbers, say separator= or decimal="
            )
        if not used:
            raise VaekitError(f"{self.what} has 0 columns of numbers to use: name some: columns=")

    def _check_finite(self, numbers: np.ndarray, used: Sequence[str], allowed: bool) -> None:
        wrong = np.isinf(numbers) if allowed else ~np.isfinite(numbers)
        if not wrong.any():
            return
        counts = wrong.sum(axis=0)
        said = [f"{used[k]!r} {counts[k]}" for k in np.flatnonzero(counts).tolist()]
        row, column = np.argwhere(wrong)[0].tolist()
        raise VaekitError(
            f"{self.what} has {wrong.sum()} missing or infinite values, the first in column "
            f"{used[column]!r}, row {row} (from 0); by column: {shortened(said)}. Say "
            "missing=drop, missing=mean or missing=median, fill them in, or leave columns out with "
            "columns="
        )


def read(
    source: Any,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
) -> Table:
    """Read a file, or a data frame of polars or pandas, as a table.

    Raises `VaekitError` for what is no table, has no rows, or has two columns of one name.
    """
    if is_frame(source):
        return _admitted(_converted(source), "the data frame", "frame", {})
    path = readable(source, "the table")
    if path.suffix.lower() == ".parquet":
        frame = _parquet(path)
    else:
        frame = _text(path, format_of(path, separator, decimal, header))
    name = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    return _admitted(frame, str(path), name, {path.name: sha256(path)})


def is_frame(x: Any) -> bool:
    """Tell whether x is a data frame, of polars or pandas."""
    return hasattr(x, "columns") and hasattr(x, "dtypes") and hasattr(x, "shape")


def _converted(frame: Any) -> "pl.DataFrame":
    import polars as pl

    names = [str(name) for name in frame.columns]
    _check_names("the data frame", names)
    if isinstance(frame, pl.DataFrame):
        return _cleaned(frame, ".")
    columns = {n: _series(frame[c]) for n, c in zip(names, frame.columns, strict=True)}
    return _cleaned(pl.DataFrame(columns, strict=False), ".")


def _series(column: Any) -> Any:
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


def _text(path: Path, how: Format) -> "pl.DataFrame":
    import polars as pl

    _check_names(str(path), how.names)
    try:
        frame = _csv(path, how)
        blank = pl.all_horizontal(pl.all().is_null())
        if frame.to_series(0).null_count() and frame.filter(blank).height:
            frame = _csv(without_blank_lines(path), how)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _unreadable(path, error, how) from error
    return _cleaned(frame, how.decimal)


def _csv(source: Path | bytes, how: Format) -> "pl.DataFrame":
    import polars as pl

    options = {"separator": how.separator, "has_header": how.header, "null_values": list(MISSING)}
    try:
        frame = pl.read_csv(source, **options, infer_schema_length=_SEEN)
    except pl.exceptions.ComputeError:  # another type further down: all as text, then
        frame = pl.read_csv(source, **options, infer_schema=False)
    # As they stand in the file: polars makes names where there are none, and changes others.
    frame.columns = list(how.names)
    return frame


def _unreadable(path: Path, error: BaseException, how: Format | None = None) -> VaekitError:
    said = cause(error).split(" Consider")[0]
    if how is not None:
        said += f"; its first line has {len(how.names)} fields with the separator {how.separator!r}"
    advice = "repair it" if how is None else "say separator= if it is another, repair it"
    return VaekitError(f"cannot read the table {path} ({said}): {advice}, or export it again")


def _cleaned(frame: "pl.DataFrame", decimal: str) -> "pl.DataFrame":
    """Make columns of text numbers where all that is there are numbers.

    They are worked on as one long column: thousands of expressions would take polars seconds.
    """
    import polars as pl

    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not names:
        return frame
    value, rows = pl.col("value"), len(frame)
    parts = [frame.get_column(name).alias("value") for name in names]
    long = pl.concat(parts, rechunk=True).to_frame()
    long = long.select(value.str.strip_chars())
    long = long.select(pl.when(~value.is_in(MISSING)).then(value))
    plain = long.select(pl.when(~value.is_in(AMONG_NUMBERS)).then(value))
    point = value.str.replace(",", ".", literal=True) if decimal == "," else value
    numbers = plain.select(point.cast(pl.Float64, strict=False))
    lost = numbers.to_series().is_null() & plain.to_series().is_not_null()
    is_text = np.asarray(lost.to_numpy().reshape(len(names), rows).any(axis=1)).tolist()
    long, numbers = long.to_series().rechunk(), numbers.to_series().rechunk()
    made = {
        name: (long if text else numbers).slice(k * rows, rows).alias(name)
        for k, (name, text) in enumerate(zip(names, is_text, strict=True))
    }
    return pl.DataFrame({own.name: made.get(own.name, own) for own in frame.get_columns()})


def _admitted(frame: "pl.DataFrame", what: str, name: str, files: dict[str, str]) -> Table:
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
    return Table(left, what, name, files)


def _is_index(name: str, place: int) -> bool:
    return (place == 0 and name in _INDEX) or name.startswith("__index_level_")


def _check_names(what: str, names: Sequence[str]) -> None:
    seen = set[str]()
    for name in names:
        if name in seen:
            raise VaekitError(f"{what} has two columns named {name!r}: give each a name of its own")
        seen.add(name)


def _warn_of_numbering(whole: Table, used: Sequence[str], numbers: np.ndarray) -> None:
    """Warn of columns that number or name the rows, which a model would learn by heart."""
    if len(numbers) < _FEW:
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


def _sounds_like_id(name: str) -> bool:
    plain = name.lower().replace("_", "").replace(" ", "").replace("-", "")
    return plain in _IDS or name.lower().endswith(("_id", " id")) or name.endswith("ID")
