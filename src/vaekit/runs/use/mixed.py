"""Rows of mixed columns in their own types, and rows of which some entries are given."""

import csv
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from torch import Tensor

from vaekit.arguments import check
from vaekit.data.tables.columns import TableColumns
from vaekit.data.tables.mixed import Field
from vaekit.errors import VaekitError, nearest

if TYPE_CHECKING:
    from vaekit.runs.folder import Run


def frame(run: "Run", x: np.ndarray | Tensor) -> pl.DataFrame:
    """Return rows (n, D), as `sample` or `reconstruct` give them, in the table's columns and types.

    Of classes it is the likeliest. Raises `VaekitError` for a run that was not trained on a table,
    and rows of another width.
    """
    if run.schema.columns is None:
        raise VaekitError("this run was trained on no table with columns: it has arrays alone")
    rows, width = np.asarray(x, np.float64), len(run.schema.columns.names)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise VaekitError(f"rows of this run are (n, {width}), got shape {rows.shape}")
    return run.schema.columns.typed(rows)


def columns_of(run: "Run") -> TableColumns:
    """Return the mixed columns of a run; raise `VaekitError` where it has none."""
    columns = run.schema.columns
    if columns is None or not columns.fields:
        raise VaekitError(
            "this run was not trained on mixed columns, so it knows no missing entries: train on "
            "\"table('FILE', mixed=true)\""
        )
    return columns


def given_row(run: "Run", given: Mapping[str, Any] | str) -> np.ndarray:
    """Return a row (1, D) in the table's units that has the given entries, NaN elsewhere.

    `given` is {column: value}, or text `city=Oslo, age=40`. Raises `VaekitError` for unknown
    columns, and values that a column cannot have.
    """
    columns = columns_of(run)
    names = [field.name for field in columns.fields]
    check("given", given, Mapping | str, "city=Oslo")
    asked = _pairs(given, names) if isinstance(given, str) else dict(given)
    for name in asked:
        if name not in names:
            raise nearest(str(name), names, "column to give")
    if not asked:
        raise VaekitError("give at least one column, as in city=Oslo")
    parts = list[np.ndarray]()
    for field in columns.fields:
        made = np.full((1, field.width), np.nan)
        if field.name in asked:
            made, unknown = field.entries(_series(field, asked[field.name]))
            if unknown:
                raise nearest(unknown[0], list(map(str, field.levels)), f"class of {field.name}")
        parts.append(made)
    return np.concatenate(parts, 1)


def _series(field: Field, value: Any) -> pl.Series:
    """Return a value as a column of one; raise `VaekitError` for one that training did not span."""
    if field.date:
        series = pl.Series(field.name, [value.strip() if isinstance(value, str) else value])
        try:
            days = field.days(series)[0]
        except VaekitError:
            days = None
        if days is None:
            like = field.value(field.low)
            raise VaekitError(f"column {field.name!r} holds dates, like {like}, got {value!r}")
        _check_ends(field, days, value)
        return series
    numbers = not any(isinstance(level, str | bool) for level in field.levels)
    if field.levels and not (numbers and _spells_number(value)):
        return pl.Series(field.name, [str(value)])
    if not _spells_number(value):
        raise VaekitError(f"column {field.name!r} holds numbers, got {value!r}")
    number = float(value)
    if not field.levels:
        _check_ends(field, number, value)
        if field.decimals is not None and round(number, field.decimals) != number:
            raise VaekitError(
                f"column {field.name!r} has {field.decimals} decimals in training, got {value}"
            )
    return pl.Series(field.name, [number])


def _check_ends(field: Field, number: float, value: Any) -> None:
    if not field.low <= number <= field.high:
        low, high = (
            f"{end:g}" if not field.date else field.value(end) for end in (field.low, field.high)
        )
        raise VaekitError(
            f"column {field.name!r} went from {low} to {high} in training, got {value}"
        )


def _spells_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _pairs(text: str, names: Sequence[str]) -> dict[str, str]:
    pairs = dict[str, str]()
    for part in next(csv.reader([text], skipinitialspace=True), []):
        known = [name for name in names if part.startswith(f"{name}=")]
        name = max(known, key=len, default=part.partition("=")[0].strip())
        value = part[len(name) + 1 :] if known else part.partition("=")[2]
        if not value.strip():
            raise VaekitError(
                f"write what is given as column=value, city=Oslo,age=40, got {part!r}; names and "
                "values with commas in quotes, '\"a, b=1\"'"
            )
        if name in pairs:
            raise VaekitError(f"{name!r} is given twice: leave one out")
        pairs[name] = value.strip()
    return pairs
