"""Tables of mixed columns: the entries of each column as a network reads them, and back."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.data.files.cells import ZEROS, cell_text, cleaned
from vaekit.data.tables.dates import date_written, days_of
from vaekit.errors import VaekitError, shortened, warn
from vaekit.shapes import spans

if TYPE_CHECKING:
    import polars as pl

    from vaekit.data.files.frames import Table

LAWS_BY_KIND = {
    "numbers": ("gaussian", "student_t", "laplace"),
    "counts": ("poisson", "negative_binomial", "zero_inflated_negative_binomial"),
    "classes": ("bernoulli", "categorical"),
}
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Field:
    """Describe a column: its `law`, and the `levels` of classes, or of numbers their form.

    That is how many `decimals` they are written with (None: any), and their ends in training. Dates
    are numbers of days, written in the form `date`.
    """

    name: str
    law: str
    levels: tuple[Any, ...] = ()
    decimals: int | None = None
    low: float = 0.0
    high: float = 0.0
    date: str = ""

    @property
    def width(self) -> int:
        """Tell how many entries it is of."""
        return len(self.levels) if self.law == "categorical" else 1

    @property
    def text(self) -> str:
        """Return its law as the likelihood `columns` reads it."""
        return f"categorical({self.width})" if self.law == "categorical" else self.law

    @property
    def law_text(self) -> str:
        """Return its law for readers."""
        return f"dates, {self.law}" if self.date else self.law

    @property
    def is_number(self) -> bool:
        """Tell whether its entry is a number that is scaled."""
        return self.law in LAWS_BY_KIND["numbers"]

    def entry_names(self) -> list[str]:
        """Name its entries: the column, and of a one-hot its class."""
        if self.law != "categorical":
            return [self.name]
        return [f"{self.name}={level}" for level in self.levels]

    def plain(self) -> dict[str, Any]:
        """Return it in types that YAML holds."""
        return {**asdict(self), "levels": list(self.levels)}

    @classmethod
    def from_plain(cls, entries: Mapping[str, Any]) -> "Field":
        """Read what `plain` returned."""
        return cls(**{**entries, "levels": tuple(entries["levels"])})

    def entries(self, column: "pl.Series") -> tuple[np.ndarray, list[str]]:
        """Return the entries (N, width) of a column, and the classes in it that are not known.

        Raises `VaekitError` for text where numbers belong.
        """
        column = plain_cells(column)
        if not self.levels:
            made = numbers_in(self.days(column) if self.date else column)[:, None]
            self._check_counts(made[:, 0])
            return made, []
        if column.dtype.is_numeric():
            numbers_in(column)  # which refuses infinite values
        places = {word: k for k, word in enumerate(self.words(self.levels))}
        words = self.words(column.to_list())
        unknown = {word for word in words if word is not None and word not in places} - {"nan"}
        found = np.array([places.get(word, -1) for word in words], np.int64)
        made = found[:, None].astype(np.float64)
        if self.law == "categorical":
            made = (found[:, None] == np.arange(self.width)).astype(np.float64)
        made[found < 0] = np.nan
        return made, sorted(unknown)

    def days(self, column: "pl.Series") -> "pl.Series":
        """Return a column of dates as days; raise `VaekitError` for other cells."""
        return days_of(column, self.date, self.low)

    def words(self, values: Sequence[Any]) -> list[str | None]:
        """Return the text by which each class is known, whether a file or a frame brought it.

        Numbers, and true and false, are known in any spelling where the classes are such.
        """
        truths = {str(level).lower() for level in self.levels} <= {"true", "false"}
        numbers = not truths and not isinstance(self.levels[0], str)
        return [None if value is None else _class_word(value, truths, numbers) for value in values]

    def _check_counts(self, numbers: np.ndarray) -> None:
        """Raise `VaekitError` where a column of counts holds other numbers."""
        off = ~np.isnan(numbers) & ((numbers < 0) | (numbers % 1 != 0))
        if self.law in LAWS_BY_KIND["counts"] and off.any():
            row = int(off.argmax())
            raise VaekitError(
                f"column {self.name!r} is of counts, whole numbers from 0 on, but row {row} holds "
                f"{numbers[row]:g}: repair it, or leave such cells empty"
            )

    def own(self, entries: np.ndarray) -> list[Any]:
        """Return the values of a column in its own type, None where missing, of (N, width).

        Of probabilities it is the likeliest class; numbers keep to the ends of the training, and
        have its decimals.
        """
        gone = np.asarray(np.isnan(entries).any(axis=1))
        filled = np.where(gone[:, None], 0.0, entries)
        if self.levels:
            one_hot = self.law == "categorical"
            places = np.where(one_hot, filled.argmax(1), filled[:, 0] > 0.5)
            values = [self.levels[k] for k in places.tolist()]
        else:
            kept = filled[:, 0].clip(self.low, self.high)
            kept = kept if self.decimals is None else kept.round(self.decimals)
            values = [self.value(number) for number in kept.tolist()]
        return [None if none else value for value, none in zip(values, gone.tolist(), strict=True)]

    def value(self, number: float) -> Any:
        """Return a number in its own type: a date, a whole number, or itself."""
        if self.date:
            return date_written(number, self.date)
        return int(number) if self.decimals == 0 else number

    def error(self, true: np.ndarray, made: np.ndarray) -> float:
        """Return how far (N, width) or (width,) entries are from the true ones (N, width).

        It is the root mean square error of numbers in their own units, and of classes the share
        that is wrong.
        """
        each = np.broadcast_to(made, true.shape)
        if self.levels:
            pairs = zip(self.own(true), self.own(each), strict=True)
            return float(np.mean([a != b for a, b in pairs]))
        return float(np.sqrt(np.mean(np.square(true - each))))

    def error_text(self, error: float) -> str:
        """Write an error with what it is, a dash for none."""
        if np.isnan(error):
            return "–"
        unit = " days" if self.date else ""
        return f"{error:.1%} wrong" if self.levels else f"rmse {error:.4g}{unit}"


def _class_word(value: Any, truths: bool, numbers: bool) -> str:
    if isinstance(value, float) and value == round(value, 0):
        value = int(value)
    text = str(value).strip()
    if truths:
        return {"1": "true", "0": "false"}.get(text, text.lower())
    for kind in (int, float) if numbers else ():
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return str(int(number) if number % 1 == 0 else number)
    return text


def _spells(value: Any) -> bool:
    """Tell text that is a number, with a decimal point or comma."""
    try:
        return float(str(value).replace(",", ".")) is not None
    except ValueError:
        return False


def plain_cells(column: "pl.Series") -> "pl.Series":
    """Return a column with decimals of fixed point as floats, and bytes and objects as text.

    Objects are what polars has no type for, such as intervals of pandas. Raises `VaekitError` for
    bytes that are no text.
    """
    import polars as pl

    kind = column.dtype
    if kind not in (pl.Object, pl.Binary):
        return column.cast(pl.Float64) if kind.is_decimal() else column
    try:
        words = [None if value is None else _text_of(value) for value in column.to_list()]
    except UnicodeDecodeError as error:
        raise VaekitError(
            f"column {column.name!r} holds bytes that are no text in UTF-8, such as "
            f"{error.object[:8]!r}: decode them, or leave the column out"
        ) from None
    return cleaned(pl.Series(column.name, words, pl.String).to_frame(), ".").to_series()


def _text_of(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def numbers_in(column: "pl.Series") -> np.ndarray:
    """Return a column of numbers (N,) float64, NaN where missing.

    Raises `VaekitError` where it is none, and for infinite values.
    """
    import polars as pl

    kind = column.dtype
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        cells, cure = [cell_text(v) for v in column if v is not None], "repair it"
        odd = next((cell for cell in cells if not _spells(cell)), "")
        if not odd and (odd := next((cell for cell in cells if re.match(ZEROS, cell)), "")):
            cure = "zeros in front make words of numbers: write it without them"
        raise VaekitError(
            f"column {column.name!r} held numbers in training, but here it holds "
            f"{odd or cells[0]!r}: {cure}, or leave such cells empty"
        )
    made = column.cast(pl.Float64).to_numpy().astype(np.float64)
    large = np.abs(made) > _LARGEST_FLOAT
    if large.any():
        raise VaekitError(
            f"column {column.name!r} holds {large.sum()} values that are infinite or beyond "
            f"float32, the first in row {int(large.argmax())}: repair them, or leave such cells "
            "empty"
        )
    return made


def entries_of(table: "Table", fields: Sequence[Field]) -> np.ndarray:
    """Return the entries (N, D) of a table, float64, in its own units, NaN where missing.

    Classes that were not seen in training count as missing, which is said in a warning. Raises
    `VaekitError` for columns that are not there, and text where numbers belong.
    """
    parts = list[np.ndarray]()
    for field in fields:
        if field.name not in table.frame.columns:
            raise table.lacks(field.name, [each.name for each in fields])
        made, unknown = field.entries(table.frame[field.name])
        if unknown:
            warn(
                f"{table.what}: column {field.name!r} holds classes that were not seen in "
                f"training, which count as missing: {shortened(unknown)}"
            )
        parts.append(made)
    return np.concatenate(parts, axis=1)


def places(fields: Sequence[Field]) -> Iterable[tuple[Field, slice]]:
    """Pair each column with the place of its entries in a row."""
    return zip(fields, spans(field.width for field in fields), strict=True)


def typed(entries: np.ndarray, fields: Sequence[Field]) -> "pl.DataFrame":
    """Return a frame of the table's own columns and types, of entries (N, D) in its own units."""
    import polars as pl

    columns = {field.name: field.own(entries[:, part]) for field, part in places(fields)}
    return pl.DataFrame(columns, strict=False)
