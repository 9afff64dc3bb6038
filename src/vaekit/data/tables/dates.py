"""Columns of dates and times: read as days since 1970, and written in the form they came in.

A form is `date` or `datetime` for the types of a frame, and for text its pattern, `%d.%m.%Y`. Each
form has a unit, a day, a minute, a second or less, to which what is written is rounded.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from vaekit.errors import VaekitError

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


def form_of(column: "pl.Series", what: str) -> str:
    """Tell in which form a column, without what is missing, holds dates; "" where it holds none.

    Raises `VaekitError` for text that is day and month or month and day, and for a few cells that
    are no dates among others that are.
    """
    import polars as pl

    kind = column.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return "date" if kind == pl.Date else "datetime"
    if kind != pl.String or not len(column):
        return ""
    first = column.head(_FIRST_CELLS)
    likely = [form for form in FORMS if not _parsed(first, form).is_null().all()]
    read = {form: _parsed(column, form) for form in likely}
    whole = [form for form, parsed in read.items() if not parsed.null_count()]
    if any(not read[form].equals(read[whole[0]]) for form in whole):
        raise VaekitError(
            f"column {column.name!r} of {what} holds dates such as {column[0]!r}, of which "
            "nothing says whether the day or the month comes first: write them as 2020-12-31, or "
            f"make them classes, laws={{{column.name}: categorical}}"
        )
    for parsed in read.values() if not whole else ():
        off = parsed.is_null()
        if 0 < off.sum() <= (1 - _MOST_DATES) * len(column):
            cell = column[int(off.arg_max() or 0)]
            raise VaekitError(
                f"column {column.name!r} of {what} holds dates such as {column[0]!r}, but also "
                f"{cell!r}, which is none: repair such cells, or leave them empty"
            )
    return whole[0] if whole else ""


def days_of(column: "pl.Series", form: str) -> "pl.Series":
    """Return a column of dates as days since 1970, float64.

    Raises `VaekitError` where it holds something else than dates in this form.
    """
    import polars as pl

    kind = column.dtype
    if kind == pl.String:
        if form in TYPES:  # the text's own form is to be found
            form = form_of(column.drop_nulls(), "the table") or FORMS[0]
        parsed = _parsed(column, form)
    elif kind.is_temporal() or kind == pl.Null:
        parsed = column.cast(pl.Datetime("us"))
    else:
        parsed = pl.Series(column.name, [None] * len(column), pl.Datetime("us"))
    off = parsed.is_null() & column.is_not_null()
    if off.any():
        row = int(off.arg_max() or 0)
        raise VaekitError(
            f"column {column.name!r} held dates in training, like {date_written(0, form)}, but row "
            f"{row} holds {column[row]!r}: repair it, or leave such cells empty"
        )
    return parsed.dt.epoch("us") / 86_400e6


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


def _parsed(column: "pl.Series", form: str) -> "pl.Series":
    """Read text in a form, null where it is in another."""
    import polars as pl

    made = column.str.strptime(pl.Datetime("us"), form, strict=False)
    held = made.dt.year().is_between(*_YEARS)
    return made.to_frame().select(pl.when(held).then(pl.first())).to_series()
