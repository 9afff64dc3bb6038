"""What each column of a mixed table is, told by what it holds.

    column                                      law                  entries of x
    text, classes                               categorical          a one-hot, an entry for each
    two values: yes/no, true/false, 0/1         bernoulli            0 or 1
    whole numbers ≥ 0 that spread as counts do  negative_binomial    the count
    whole numbers of few values                 categorical          a one-hot
    other numbers                               gaussian             the number, scaled
    dates and times                             gaussian             days, scaled

Counts spread as such where they start near 0 and their variance is no less than their mean. Other
laws are said, `laws={income: student_t}`. What is missing is NaN in all entries of its column.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.data.tables.dates import days_of, form_of
from vaekit.data.tables.doubts import warn_of_large
from vaekit.data.tables.mixed import LAWS_BY_KIND, Field, numbers_in, plain_cells
from vaekit.data.tables.strange import strange_cell
from vaekit.errors import VaekitError, nearest, shortened, warn

if TYPE_CHECKING:
    import polars as pl

    from vaekit.data.files.frames import Table

MOST_LEVELS = 100  # of a column of text: more are names
_FEW_VALUES = 12  # values of whole numbers that are taken for classes
_MOST_DECIMALS = 4
_MOST_COUNT = 10_000  # of a count: larger ones are taken for numbers
_MARKED_NUMBER = re.compile(r"[+-]?[%€$£]?\s?\d[\d.,' ]*\s?[%€$£]?")
_UNMARKED = re.compile(r"[+-]?\d*\.?\d*")
_MOST_MARKED = 0.9  # of cells
_LEAST_SPREAD = 0.8  # variance over mean of counts


def fields_of(
    table: "Table", used: Sequence[str], laws: Mapping[str, str] | None = None
) -> tuple[Field, ...]:
    """Tell what each of the columns `used` is; `laws` says it for some.

    Raises `VaekitError` for columns without a value, of lists, of too many classes, of dates that
    can be read in two ways, and for laws that are unknown or cannot be theirs.
    """
    asked = {str(name): law for name, law in (laws or {}).items()}
    for name in asked:
        if name not in used:
            raise nearest(name, used, "column with a law")
    return tuple(_field(table.frame[name], table.what, asked.get(name)) for name in used)


def _field(column: "pl.Series", what: str, law: str | None) -> Field:
    import polars as pl

    column = plain_cells(column)
    name, kind = column.name, column.dtype
    there = column.drop_nulls()
    there = there.filter(~there.is_nan()) if kind.is_float() else there
    if not len(there):
        raise VaekitError(f"column {name!r} of {what} has no value at all: leave it out")
    known = [each for several in LAWS_BY_KIND.values() for each in several]
    if law is not None and law not in known:
        raise nearest(str(law), known, f"law for column {name!r}")
    if law not in LAWS_BY_KIND["classes"] and (date := form_of(there, what)):
        return _of_dates(name, numbers_in(days_of(there, date)), what, law, date)
    if kind.is_temporal() or kind.is_nested():
        raise VaekitError(
            f"column {name!r} of {what} is of type {kind}, which has no law: write it as numbers "
            "or classes (an hour), or leave it out"
        )
    if not kind.is_numeric():
        words = Counter((there.cast(pl.String) if kind != pl.Boolean else there).to_list())
        if kind == pl.String and law not in LAWS_BY_KIND["classes"]:
            _check_words(words, column, what, law)
        return _of_classes(name, sorted(words), what, law)
    if kind.is_integer():
        warn_of_large(there, what)
    return _of_numbers(name, numbers_in(there), what, law)


def _check_words(words: Counter[str], column: "pl.Series", what: str, law: str | None) -> None:
    """Name the cell by which text is no numbers or dates, where it is but for a few cells.

    Whole numbers may be codes, of which a note is enough. Raises `VaekitError` for others, and for
    numbers with marks: %, a currency, thousands.
    """
    name = column.name
    odd = strange_cell(words, column)
    if odd is None or not odd.sure:
        _check_no_marks(words, name, what)
    if odd is None or (odd.likely and _number_law(odd.numbers) in LAWS_BY_KIND["classes"]):
        return
    many = len(words) > MOST_LEVELS
    cure = (
        "leave the column out" if many else f"say laws={{{name}: categorical}} if these are meant"
    )
    said = (
        f"column {name!r} of {what} holds {odd.text}, so that all is text of {len(words)} classes: "
        f"correct such cells, leave them empty, or {cure}"
    )
    if many or law or odd.sure:
        raise VaekitError(said)
    warn(said)


def _check_no_marks(words: Counter[str], name: str, what: str) -> None:
    marked = [w for w in words if _MARKED_NUMBER.fullmatch(w) and not w.isdecimal()]
    odd = next((w for w in marked if not _UNMARKED.fullmatch(w)), None)
    if odd and sum(words[w] for w in marked) >= _MOST_MARKED * words.total():
        raise VaekitError(
            f"column {name!r} of {what} holds text such as {odd!r}: write numbers without "
            "signs of per cent, currency or thousands, or say decimal=',' where a comma is the "
            f"decimal sign; where these are classes, laws={{{name}: categorical}}"
        )


def _of_dates(name: str, days: np.ndarray, what: str, law: str | None, date: str) -> Field:
    if (law := law or "gaussian") not in LAWS_BY_KIND["numbers"]:
        raise VaekitError(f"column {name!r} of {what} holds dates, which the law {law} is not of")
    return Field(name, law, low=float(days.min()), high=float(days.max()), date=date)


def _number_law(numbers: np.ndarray) -> str:
    """Tell the law of numbers for which none is asked."""
    values = np.unique(numbers)
    if np.abs(values[[0, -1]]).max() >= 2**53:  # whose classes float64 would not tell apart
        return "gaussian"
    whole = bool((numbers % 1 == 0).all())
    if len(values) == 2:
        return "bernoulli"
    if whole and values[0] >= 0 and _spread_as_counts(numbers):
        return "negative_binomial"
    return "categorical" if whole and 1 < len(values) <= _FEW_VALUES else "gaussian"


def _of_numbers(name: str, numbers: np.ndarray, what: str, law: str | None) -> Field:
    law = law or _number_law(numbers)
    values, whole = np.unique(numbers), bool((numbers % 1 == 0).all())
    if law in LAWS_BY_KIND["classes"]:
        levels = values.astype(np.int64).tolist() if whole else values.tolist()
        return _of_classes(name, levels, what, law)
    if law in LAWS_BY_KIND["counts"] and not (whole and values[0] >= 0):
        raise VaekitError(
            f"column {name!r} of {what} is to have the law {law}, of counts, but holds "
            f"{values[0] if values[0] < 0 else numbers[numbers % 1 != 0][0]:g}: choose one of "
            f"{', '.join(LAWS_BY_KIND['numbers'])}"
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
    alike = Counter(str(level).lower().strip() for level in levels)
    if len(alike) < len(levels):
        odd = [str(level) for level in levels if alike[str(level).lower().strip()] > 1]
        warn(
            f"{what}: column {name!r} has classes that differ in capitals alone, {shortened(odd)}, "
            "and stay apart: write them alike if they are one"
        )
    law = law or ("bernoulli" if len(levels) == 2 else "categorical")
    if law not in LAWS_BY_KIND["classes"]:
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
            f"{MOST_LEVELS}, as names have: leave it out (without= of a file), or put "
            "rare ones together"
        )
    return Field(name, law, tuple(levels))
