"""A table as it was read: columns of numbers, of classes, of words, checked when asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vaekit.brief import brief
from vaekit.data.files.cells import refusal
from vaekit.data.tables.doubts import warn_of_large
from vaekit.errors import VaekitError, nearest, shortened, warn

if TYPE_CHECKING:
    import polars as pl

Missing = Literal["drop", "mean", "median"]
LARGEST_CELL = float(np.finfo(np.float32).max)  # whatever the scaling
FILL = (
    "Say missing=drop, missing=mean or missing=median, fill them in, or leave columns out with "
    "without="
)
_INDEX = ("", "Unnamed: 0")  # what pandas writes and reads where an index has no name
_REPAIR = "Repair those that are infinite or beyond float32, or leave their rows or columns out"


class Without(tuple[str, ...]):
    """Name the columns that are left out, where all others are used."""

    def __repr__(self) -> str:
        return f"without {list(self)}"


ChosenColumns = Sequence[str | int] | Without | None


def chosen_columns(columns: Any, without: Any) -> ChosenColumns:
    """Return which columns are used: those named, or all without some; raise where both are."""
    if without is None:
        return columns
    if columns is not None:
        raise VaekitError("columns= names the columns to use, and without= those to leave out: one")
    return Without(map(str, [without] if isinstance(without, str | int) else without))


@dataclass(frozen=True)
class Table:
    """Hold a table as it was read, its columns of numbers as such, without the index of pandas.

    `what` names it in errors, `decimal` is the sign that its text was read with. Its rows are
    numbered from `start` on: a table may be a block of a longer one.
    """

    frame: "pl.DataFrame"
    what: str
    name: str
    files: dict[str, str]
    decimal: str = "."
    start: int = 0

    def used(self, columns: ChosenColumns, label: str | None) -> list[str]:
        """List the columns to use, without the label; raise `VaekitError` for unknown ones."""
        known = set(self.frame.columns)
        if isinstance(columns, Without):
            for name in columns:
                if name not in known:
                    raise nearest(name, known, f"column of {self.what}")
            columns = [name for name in self.frame.columns if name not in columns]
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
        self,
        used: Sequence[str],
        label: str | None = None,
        missing: Missing | None = None,
        cure: str = FILL,
        said: bool = True,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return columns (N, D) float64, NaN where a value is missing, and the rows they are (N,).

        With `missing="drop"` rows are left out where something is missing, also the label, which
        is `said` in a warning. Raises `VaekitError` for infinite values and those beyond float32,
        and for missing ones unless they are dealt with: `cure` says how they can be.
        """
        import polars as pl

        self._check_numbers(used)
        wide = self.frame.select(pl.col(list(used)).cast(pl.Float64)).to_numpy()
        for k in np.flatnonzero(np.fmax.reduce(np.abs(wide), initial=0) >= 2**53).tolist():
            column = self.frame[used[k]]
            if column.dtype.is_integer():
                warn_of_large(column.drop_nulls(), self.what)
        rows = np.arange(self.start, self.start + len(wide))
        if missing == "drop":
            gone = np.asarray(np.isnan(wide).any(axis=1))
            if label is not None:
                gone |= self.frame[label].is_null().to_numpy()
            wide, rows = wide[~gone], rows[~gone]
            if said:
                warn_of_dropped(self.what, int(gone.sum()), len(gone))
        self._check_finite(wide, rows, used, None if missing else cure)
        return (wide if wide.flags.writeable else wide.copy()), rows

    def complete(self, names: Sequence[str]) -> np.ndarray:
        """Tell which rows miss nothing in the columns `names`, (N,)."""
        there = np.full(len(self.frame), True)
        for column in self.frame.select(names):
            there &= column.is_not_null().to_numpy()
            if column.dtype.is_float():
                there &= ~column.is_nan().fill_null(False).to_numpy()
        return there

    def classes(
        self, column: str, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return a column of classes as numbers 0, 1, …, int64 (N,), and the names of these.

        Raises `VaekitError` for real numbers and missing values.
        """
        import polars as pl

        values = self.frame[column]
        values = values if rows is None else values[rows - self.start]
        if values.dtype.is_float() and bool((values.drop_nulls() % 1 == 0).all()):
            values = values.cast(pl.Int64)
        if values.dtype.is_float() or values.dtype.is_nested():
            raise VaekitError(
                f"the label column {column!r} of {self.what} should hold classes (text or whole "
                f"numbers), but is {values.dtype}: name another column, or write classes into it"
            )
        if values.null_count():
            gone = int(values.is_null().arg_max() or 0)
            raise VaekitError(
                f"the label column {column!r} of {self.what} misses {values.null_count()} of "
                f"{len(values)} classes, the first in row {gone if rows is None else rows[gone]} "
                "(from 0): say missing=drop to leave such rows out, or fill them in"
            )
        names = values.unique().sort().to_list()
        place = {name: k for k, name in enumerate(names)}
        return np.array([place[value] for value in values], np.int64), tuple(map(str, names))

    def words(self, column: str) -> np.ndarray:
        """Return one column, text or numbers, as an array (N,).

        Raises `VaekitError` where values are missing.
        """
        values = self.frame[column]
        if values.null_count():
            count = values.null_count()
            raise VaekitError(f"column {column!r} of {self.what} lacks {count} values")
        return values.to_numpy()

    def lacks(self, name: str, wanted: Sequence[str]) -> VaekitError:
        """Build the error for a column that is not there, of those that are `wanted`."""
        known = self.frame.columns
        if known == [str(k + 1) for k in range(len(known))]:
            return VaekitError(
                f"{self.what} has no header row: write the names of its columns into a first line, "
                f"among them {shortened(wanted)}"
            )
        return nearest(name, known, f"column of {self.what}: it lacks")

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
            raise self.lacks(unknown[0], used)
        text = [n for n in used if not (kinds[n].is_numeric() or kinds[n] in (pl.Boolean, pl.Null))]
        if text:
            raise refusal(self.frame, text, self.decimal, self.what, self.start)
        if not used:
            raise VaekitError(f"{self.what} has 0 columns of numbers to use: name some: columns=")

    def _check_finite(
        self, numbers: np.ndarray, rows: np.ndarray, used: Sequence[str], cure: str | None
    ) -> None:
        """Refuse infinite values and those beyond float32, and missing ones if there is a cure.

        `rows` (N,) are the rows of the table that the numbers (N, D) are.
        """
        large, gone = np.abs(numbers) > LARGEST_CELL, np.isnan(numbers)
        wrong = large if cure is None else large | gone
        if not wrong.any():
            return
        counts = wrong.sum(axis=0)
        said = [f"{used[k]!r} {counts[k]}" for k in np.flatnonzero(counts).tolist()]
        row, column = np.argwhere(wrong)[0].tolist()
        infinite = bool(np.isinf(numbers).any())
        kind = "infinite values" if infinite else "values beyond float32"
        kind = (
            kind if cure is None or not (infinite or gone.any()) else "missing or infinite values"
        )
        cures = [*([cure] if cure and gone.any() else []), *([_REPAIR] if large.any() else [])]
        raise VaekitError(
            f"{self.what} has {wrong.sum()} {kind}, the first in column {used[column]!r}, row "
            f"{rows[row]} (from 0); by column: {shortened(said)}. {'. '.join(cures)}"
        )


def checked_table(
    frame: "pl.DataFrame",
    what: str,
    name: str,
    files: dict[str, str],
    decimal: str = ".",
    first: bool = True,
) -> Table:
    """Return a frame as a table without its index, of which the `first` block of a table warns.

    Raises `VaekitError` for no rows, and for columns without a name.
    """
    if not len(frame):
        raise VaekitError(f"{what} has a header and no rows below it: export it with its rows")
    index = frame.columns[:1] if _is_index(frame.to_series(0)) else []
    index += [n for n in frame.columns if n.startswith("__index_level_")]
    nameless = [n for n in frame.columns if not n and n not in index]
    empty = [n for n in nameless if frame[n].null_count() == len(frame)]
    if len(nameless) > len(empty):
        odd = next(n for n in nameless if n not in empty)
        some = shortened([brief(value) for value in frame[odd].head(3)])
        raise VaekitError(
            f"{what} has a column without a name ({some}, …), which is no index, a number or word "
            "for each row: give it one, or write the table without it (in pandas index=False)"
        )
    left = frame.drop(index + empty) if index or empty else frame
    if index and first:
        warn(f"{what}: the column {index[0]!r} is the index of a data frame and left out")
    return Table(left, what, name, files, decimal)


def _is_index(column: "pl.Series") -> bool:
    """Tell whether the first column is the index of pandas: whole numbers, or words of each row's.

    Whole numbers repeat where frames were joined below one another.
    """
    kind = column.dtype
    if column.name not in _INDEX or kind.is_float() or kind.is_nested():
        return False
    return kind.is_integer() or column.n_unique() == len(column)


def check_columns(what: str, names: Sequence[str]) -> None:
    """Raise `VaekitError` where two columns have one name, or none."""
    seen = set[str]()
    for name in names:
        if name in seen:
            raise VaekitError(
                f"{what} has two columns named {name!r}: give each a name of its own"
                if name
                else f"{what} has columns without a name: give each one, or remove a title"
            )
        seen.add(name)


def warn_of_dropped(what: str, dropped: int, total: int) -> None:
    """Warn of rows that miss values and are left out; raise `VaekitError` where none is left."""
    if dropped == total:
        raise VaekitError(f"{what} misses a value in every row: none is left")
    if dropped:
        warn(f"{what}: {dropped} of {total} rows miss values and are dropped")
