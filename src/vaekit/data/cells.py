"""Cells of text that are numbers, and what stands there for a missing value."""

from typing import TYPE_CHECKING

import numpy as np

from vaekit.data.delimited import AMONG_NUMBERS, MISSING

if TYPE_CHECKING:
    import polars as pl


def cleaned(frame: "pl.DataFrame", decimal: str) -> "pl.DataFrame":
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
