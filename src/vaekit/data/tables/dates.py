"""Columns of dates and times: read as days since 1970, and written in the form they came in.

A form is `date` or `datetime` for the types of a frame, and for text its pattern, `%d.%m.%Y`. Each
form has a unit, a day, a minute, a second or less, to which what is written is rounded.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from vaekit.data.files.cells import cell_text
from vaekit.errors import VaekitError, warn

if TYPE_CHECKING:
    import polars as pl

_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_CLOCKS = ("", *(part + each for each in ("%H:%M", "%H:%M:%S", "%H:%M:%S%.f") for part in " T"))
_CLOCKS = (*_CLOCKS, *(f"{clock}Z" for clock in _CLOCKS if "%S" in clock))
TYPES = ("date", "datetime")  # of columns in frames
FORMS = (*(day + clock for clock in _CLOCKS for day in _DAYS), "%Y-%m")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = (1000, 2999)  # others are numbers that look like dates
_FIRST_CELLS = 10  # cells that tell which forms come into question
_MOST_DATES = 0.9  # of cells: then the others are faults
LOOKS = re.compile(r"\d{4}\s*[-/]\s*\d|\d\s*[./]\s*\d{1,2}\s*[./]\s*\+?\d{4}")  # of all forms


def form_of(column: "pl.Series", what: str) -> str:
    """Tell in which form a column, without what is missing, holds dates; "" where it holds none.

    Raises `VaekitError` for text that is day and month or month and day.
    """
    import polars as pl

    kind = column.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        if (zone := getattr(kind, "time_zone", None)) not in (None, "UTC"):
            warn(f"column {column.name!r} of {what} has times of {zone}, which come back in UTC")
        return "date" if kind == pl.Date else "datetime"
    read = _readings(column)
    whole = [form for form, parsed in read.items() if not parsed.null_count()]
    if any(not read[form].equals(read[whole[0]]) for form in whole):
        raise VaekitError(
            f"column {column.name!r} of {what} holds dates such as {column[0]!r}, of which "
            "nothing says whether the day or the month comes first: write them as 2020-12-31, or "
            f"make them classes, laws={{{column.name}: categorical}}"
        )
    return whole[0] if whole else ""


def nearest_form(column: "pl.Series") -> tuple[str, "pl.Series"]:
    """Return the form that most cells of a column have, "" for none, and which cells do not."""
    read = _readings(column)
    form = min(read, key=lambda form: read[form].null_count(), default="")
    return form, read[form].is_null() if form else column.is_not_null()


def days_of(column: "pl.Series", form: str, known: float = 0.0) -> "pl.Series":
    """Return a column of dates as days since 1970, float64.

    Raises `VaekitError` where it holds something else than dates in this form, which shows a day
    that is `known`.
    """
    return _as_times(column, form, known).dt.epoch("us") / 86_400e6


def dates_like(own: "pl.Series", made: "pl.Series", form: str) -> "pl.Series":
    """Return dates `made` in a form as the column `own` has them: as its type, or as its text."""
    import polars as pl

    if own.dtype.is_temporal():
        return _as_times(made, form)
    if own.dtype != pl.String or (other := _text_form(own, form)) == form:
        return made
    days = days_of(made, form).to_list()
    return pl.Series(made.name, [None if day is None else date_written(day, other) for day in days])


def _text_form(column: "pl.Series", form: str) -> str:
    """Return the form of a column of text, where training saw dates in a form."""
    if form not in TYPES:
        return form
    there = column.drop_nulls()
    return form_of(there, "the table") or nearest_form(there)[0] or FORMS[0]


def _as_times(column: "pl.Series", form: str, known: float = 0.0) -> "pl.Series":
    """Return a column of dates as times; raise `VaekitError` as `days_of` does."""
    import polars as pl

    kind = column.dtype
    if kind == pl.String:
        form = _text_form(column, form)
        parsed = _parsed(column, form)
    elif kind.is_temporal() or kind == pl.Null:
        parsed = column.cast(pl.Datetime("us"))
    else:
        parsed = pl.Series(column.name, [None] * len(column), pl.Datetime("us"))
    off = parsed.is_null() & column.is_not_null()
    if off.any():
        row = int(off.arg_max() or 0)
        raise VaekitError(
            f"column {column.name!r} held dates in training, like {date_written(known, form)}, but "
            f"row {row} holds {cell_text(column[row])!r}: repair it, or leave such cells empty"
        )
    return parsed


def date_written(days: float, form: str) -> Any:
    """Return days since 1970 as a date, a time or a text of this form."""
    marks = (("%.f", 1), ("%S", 10**6), ("datetime", 10**6), ("%H", 60 * 10**6))
    unit = next((unit for mark, unit in marks if mark in form), 86_400 * 10**6)  # in microseconds
    moment = _EPOCH + timedelta(microseconds=round(days * 86_400e6 / unit) * unit)
    if form == "date":
        return moment.date()
    if form == "datetime":
        return moment.replace(tzinfo=None)
    return moment.strftime(form.replace("%.f", ".%f"))


def _readings(column: "pl.Series") -> "dict[str, pl.Series]":
    """Read a column in all forms that its first dates can have; none where few cells look so."""
    import polars as pl

    if column.dtype != pl.String or not len(column):
        return {}
    looks = column.str.contains(LOOKS.pattern)
    if (looks.sum() or 0) < _MOST_DATES * len(column):
        return {}
    first = column.filter(looks).head(_FIRST_CELLS)
    colons = {word.count(":") for word in first.to_list()}
    forms = [form for form in FORMS if form.count(":") in colons]
    known = first.to_frame().select(
        _reading(form).is_not_null().any().alias(form) for form in forms
    )
    return {form: _parsed(column, form) for form in forms if known[form][0]}


def _parsed(column: "pl.Series", form: str) -> "pl.Series":
    """Read text in a form, null where it is in another."""
    return column.to_frame().select(_reading(form)).to_series()


def _reading(form: str) -> "pl.Expr":
    import polars as pl

    made = pl.first().str.strptime(pl.Datetime("us"), form, strict=False)
    return pl.when(made.dt.year().is_between(*_YEARS)).then(made)
