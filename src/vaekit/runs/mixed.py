"""Rows of mixed columns in their own types, and rows of which some entries are given."""

import csv
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from vaekit.data.columns import Columns
from vaekit.data.mixed import Field
from vaekit.errors import VaekitError, nearest

if TYPE_CHECKING:
    from vaekit.runs.folder import Run


def frame(run: "Run", x: np.ndarray | Tensor) -> pl.DataFrame:
    """Return rows (n, D), as `sample` or `reconstruct` give them, in the table's columns and types.

    Of classes it is the likeliest. Raises `VaekitError` for a run that was not trained on a table.
    """
    if run.schema.columns is None:
        raise VaekitError("this run was trained on no table with columns: it has arrays alone")
    return run.schema.columns.typed(np.asarray(x, np.float64))


def columns_of(run: "Run") -> Columns:
    """Return the mixed columns of a run; raise `VaekitError` where it has none."""
    columns = run.schema.columns
    if columns is None or not columns.fields:
        raise VaekitError(
            "this run was not trained on mixed columns, so it knows no missing entries: train on "
            "\"table('FILE', mixed=true)\""
        )
    return columns


def given_row(run: "Run", given: Mapping[str, Any] | str) -> Tensor:
    """Return a row (D,) on the run's scale that has the given entries, NaN elsewhere.

    `given` is {column: value}, or text `city=Oslo, age=40`. Raises `VaekitError` for unknown
    columns, and values that a column cannot have.
    """
    columns = columns_of(run)
    asked = _pairs(given) if isinstance(given, str) else dict(given)
    names = [field.name for field in columns.fields]
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
    return torch.from_numpy(columns.scaled(np.concatenate(parts, 1))[0]).float()


def _series(field: Field, value: Any) -> pl.Series:
    if field.levels:
        return pl.Series(field.name, [str(value)])
    try:
        return pl.Series(field.name, [float(value)])
    except (TypeError, ValueError):
        raise VaekitError(f"column {field.name!r} holds numbers, got {value!r}") from None


def _pairs(text: str) -> dict[str, str]:
    pairs = dict[str, str]()
    for part in next(csv.reader([text], skipinitialspace=True), []):
        name, sign, value = part.partition("=")
        if not sign or not value.strip():
            raise VaekitError(
                f"write what is given as column=value, city=Oslo,age=40, got {part!r}"
            )
        pairs[name.strip()] = value.strip()
    return pairs
