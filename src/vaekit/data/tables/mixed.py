"""Tables of mixed columns: what each column is, and its entries as a network reads them.

    column                                      law                  entries of x
    text, classes                               categorical          a one-hot, an entry for each
    two values: yes/no, true/false, 0/1         bernoulli            0 or 1
    whole numbers ≥ 0 that spread as counts do  negative_binomial    the count
    whole numbers of few values                 categorical          a one-hot
    other numbers                               gaussian             the number, scaled

Counts spread as such where they start near 0 and their variance is no less than their mean. Other
laws are said, `laws={income: student_t}`. What is missing is NaN in all entries of its column.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.errors import VaekitError, nearest, shortened, warn

if TYPE_CHECKING:
    import polars as pl

    from vaekit.data.files.frames import Table

LAWS = {
    "numbers": ("gaussian", "student_t", "laplace"),
    "counts": ("poisson", "negative_binomial", "zero_inflated_negative_binomial"),
    "classes": ("bernoulli", "categorical"),
}
MOST_LEVELS = 100  # of a column of text: more are names
_FEW = 12  # values of whole numbers that are taken for classes
_MOST_DECIMALS = 4
_MOST_COUNT = 10_000  # of a count: a law of larger ones begins too far off
_LARGEST = float(np.finfo(np.float32).max)
_LEAST_SPREAD = 0.8  # variance over mean of counts


@dataclass(frozen=True)
class Field:
    """Describe a column: its `law`, and the `levels` of classes, or of numbers their form.

    That is how many `decimals` they are written with (None: any), and their ends in training.
    """

    name: str
    law: str
    levels: tuple[Any, ...] = ()
    decimals: int | None = None
    low: float = 0.0
    high: float = 0.0

    @property
    def width(self) -> int:
        """Tell how many entries it is of."""
        return len(self.levels) if self.law == "categorical" else 1

    @property
    def text(self) -> str:
        """Return its law as the likelihood `columns` reads it."""
        return f"categorical({self.width})" if self.law == "categorical" else self.law

    @property
    def is_number(self) -> bool:
        """Tell whether its entry is a number that is scaled."""
        return self.law in LAWS["numbers"]

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
        if not self.levels:
            return numbers_in(column)[:, None], []
        column = plain_numbers(column)
        numbers = {key(level): k for k, level in enumerate(self.levels)}
        keys = [None if value is None else key(value) for value in column.to_list()]
        missing = (None, key(float("nan")))
        unknown = sorted({k for k in keys if k not in numbers and k not in missing} - {None})
        found = np.array([numbers.get(k, -1) if k is not None else -1 for k in keys], np.int64)
        made = found[:, None].astype(np.float64)
        if self.law == "categorical":
            made = (found[:, None] == np.arange(self.width)).astype(np.float64)
        made[found < 0] = np.nan
        return made, [str(k) for k in unknown]

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
            values = [int(v) for v in kept.tolist()] if self.decimals == 0 else kept.tolist()
        return [None if none else value for value, none in zip(values, gone.tolist(), strict=True)]

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
        return f"{error:.1%} wrong" if self.levels else f"rmse {error:.4g}"


def key(value: Any) -> str:
    """Return the text by which a class is known, whether a file or a frame brought it."""
    if isinstance(value, float) and value == round(value, 0):
        value = int(value)
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def plain_numbers(column: "pl.Series") -> "pl.Series":
    """Return a column with decimals of fixed point as floats."""
    import polars as pl

    return column.cast(pl.Float64) if column.dtype.is_decimal() else column


def numbers_in(column: "pl.Series") -> np.ndarray:
    """Return a column of numbers (N,) float64, NaN where missing.

    Raises `VaekitError` where it is none, and for infinite values.
    """
    import polars as pl

    kind = column.dtype
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        example = next((str(v) for v in column if v is not None), "")
        raise VaekitError(
            f"column {column.name!r} held numbers in training, but here it holds {example!r}: "
            "repair it, or leave such cells empty"
        )
    made = column.cast(pl.Float64).to_numpy().astype(np.float64)
    large = np.abs(made) > _LARGEST
    if large.any():
        raise VaekitError(
            f"column {column.name!r} holds {large.sum()} values that are infinite or beyond "
            f"float32, the first in row {int(large.argmax())}: repair them, or leave such cells "
            "empty"
        )
    return made


def fields_of(
    table: "Table", used: Sequence[str], laws: Mapping[str, str] | None = None
) -> tuple[Field, ...]:
    """Tell what each of the columns `used` is; `laws` says it for some.

    Raises `VaekitError` for columns without a value, of dates, of too many classes, and for laws
    that are unknown or cannot be theirs.
    """
    asked = dict(laws or {})
    for name in asked:
        if name not in used:
            raise nearest(name, used, "column with a law")
    return tuple(_field(table.frame[name], table.what, asked.get(name)) for name in used)


def _field(column: "pl.Series", what: str, law: str | None) -> Field:
    import polars as pl

    column = plain_numbers(column)
    name, kind = column.name, column.dtype
    there = column.drop_nulls()
    there = there.filter(~there.is_nan()) if kind.is_float() else there
    if not len(there):
        raise VaekitError(f"column {name!r} of {what} has no value at all: without=[{name!r}]")
    if kind.is_temporal() or kind.is_nested():
        raise VaekitError(
            f"column {name!r} of {what} is of type {kind}, which has no law: write it as numbers "
            f"or classes (a year, a month), or leave it out, without=[{name!r}]"
        )
    known = [each for several in LAWS.values() for each in several]
    if law is not None and law not in known:
        raise nearest(str(law), known, f"law for column {name!r}")
    if not kind.is_numeric():
        there = there.cast(pl.String) if kind != pl.Boolean else there
        return _of_classes(name, sorted(there.unique().to_list()), what, law)
    return _of_numbers(name, numbers_in(there), what, law)


def _of_numbers(name: str, numbers: np.ndarray, what: str, law: str | None) -> Field:
    values = np.unique(numbers)
    whole = bool((numbers % 1 == 0).all())
    counts = whole and values[0] >= 0 and _spread_as_counts(numbers)
    if law is None and len(values) == 2:
        law = "bernoulli"
    elif law is None and whole and len(values) <= _FEW and not counts and len(values) > 1:
        law = "categorical"
    elif law is None:
        law = "negative_binomial" if counts else "gaussian"
    if law in LAWS["classes"]:
        levels = values.astype(np.int64).tolist() if whole else values.tolist()
        return _of_classes(name, levels, what, law)
    if law in LAWS["counts"] and not (whole and values[0] >= 0):
        raise VaekitError(
            f"column {name!r} of {what} is to have the law {law}, of counts, but holds "
            f"{values[0] if values[0] < 0 else numbers[numbers % 1 != 0][0]:g}: choose one of "
            f"{', '.join(LAWS['numbers'])}"
        )
    return Field(name, law, (), _decimals(values), float(values[0]), float(values[-1]))


def _decimals(values: np.ndarray) -> int | None:
    """Return with how many decimals numbers are written, None where they are more than a few."""
    for count in range(_MOST_DECIMALS + 1):
        if (values.round(count) == values).all():
            return count
    return None


def _spread_as_counts(numbers: np.ndarray) -> bool:
    mean = float(numbers.mean())
    near = float(numbers.min()) <= 0.25 * mean and float(numbers.max()) <= _MOST_COUNT
    return near and float(numbers.var()) >= _LEAST_SPREAD * mean > 0


def _of_classes(name: str, levels: list[Any], what: str, law: str | None) -> Field:
    law = law or ("bernoulli" if len(levels) == 2 else "categorical")
    if law not in LAWS["classes"]:
        raise VaekitError(f"column {name!r} of {what} holds classes, which the law {law} is not of")
    if law == "bernoulli" and len(levels) != 2:
        raise VaekitError(
            f"column {name!r} of {what} has {len(levels)} values, and bernoulli is of two: "
            "say categorical"
        )
    if len(levels) > MOST_LEVELS:
        some = shortened([str(level) for level in levels])
        raise VaekitError(
            f"column {name!r} of {what} has {len(levels)} classes ({some}), more than "
            f"{MOST_LEVELS}, as names have: leave it out, without=[{name!r}], or put "
            "rare ones together"
        )
    return Field(name, law, tuple(levels))


def entries_of(table: "Table", fields: Sequence[Field]) -> np.ndarray:
    """Return the entries (N, D) of a table, float64, in its own units, NaN where missing.

    Classes that were not seen in training count as missing, which is said in a warning. Raises
    `VaekitError` for columns that are not there, and text where numbers belong.
    """
    parts = list[np.ndarray]()
    for field in fields:
        if field.name not in table.frame.columns:
            raise nearest(field.name, table.frame.columns, f"column of {table.what}: it lacks")
        made, unknown = field.entries(table.frame[field.name])
        if unknown:
            warn(
                f"{table.what}: column {field.name!r} holds classes that were not seen in "
                f"training, which count as missing: {shortened(unknown)}"
            )
        parts.append(made)
    return np.concatenate(parts, axis=1)


def places(fields: Sequence[Field]) -> Iterator[tuple[Field, slice]]:
    """Yield each column with the place of its entries in a row."""
    start = 0
    for field in fields:
        yield field, slice(start, start + field.width)
        start += field.width


def typed(entries: np.ndarray, fields: Sequence[Field]) -> "pl.DataFrame":
    """Return a frame of the table's own columns and types, of entries (N, D) in its own units."""
    import polars as pl

    columns = {field.name: field.own(entries[:, part]) for field, part in places(fields)}
    return pl.DataFrame(columns, strict=False)
