"""The columns of a set of vectors, as a plot names them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaekit.data import Dataset

LONGEST = 20


def names(data: Dataset, count: int) -> list[str]:
    """Name the first columns as the table did, else x0, x1 and so on.

    Long names are cut; what begins with an underscore Matplotlib leaves out of legends.
    """
    if data.columns is None:
        return [f"x{i}" for i in range(count)]
    return [plot_name(name) for name in data.columns.names[:count]]


def cells(data: Dataset, own: np.ndarray, count: int) -> tuple[list[str], list[list[float | str]]]:
    """Return names of the first `count` columns, and their cells in rows `own` (n, D).

    Numbers stay numbers, of 4 digits; cells of mixed columns are as in the table, words and dates.
    """
    if data.columns is None or not data.columns.fields:
        return names(data, count), rounded(own[:, :count])
    frame = data.columns.typed(own)[:, :count]
    rows = [
        [float(f"{v:.4g}") if isinstance(v, float) else "" if v is None else str(v) for v in row]
        for row in frame.rows()
    ]
    return [plot_name(name) for name in frame.columns], rows


def rounded(values: np.ndarray | Sequence[float], digits: int = 4) -> list[Any]:
    """Round numbers of any shape to so many digits, as nested lists for JSON; NaN becomes 0."""
    array = np.nan_to_num(np.asarray(values, np.float64))
    flat = np.array([float(f"{value:.{digits}g}") for value in array.flat])
    return flat.reshape(array.shape).tolist()


def plot_name(name: str) -> str:
    """Return a name of the user's as a plot writes it, so that it fits and is not left out."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return (f" {name}" if name.startswith("_") else name) or "(no name)"


def scaling(data: Dataset) -> str:
    """Say how the columns were scaled, as a sentence for a caption; nothing where they were not."""
    how = {
        "standard": "standardised: mean 0 and standard deviation 1 over the whole table",
        "minmax": "scaled to [0, 1], their lowest and highest value in the whole table",
    }.get(data.columns.scale if data.columns else "")
    return f" Columns are {how}." if how else ""


def units(data: Dataset, cells: bool = False) -> str:
    """Say that scaled columns are shown in their own units, as sentences for a caption.

    With `cells` mixed columns are shown as in the table, dates written out.
    """
    known = data.columns
    scaled = known is not None and known.scale in ("standard", "minmax")
    said = " Columns are in the table's own units." if scaled else ""
    dated = known is not None and not cells and any(field.date for field in known.fields)
    return f"{said} Dates are days since 1970." if dated else said


def legend_columns(named: list[str]) -> int:
    """Choose into how many columns a legend of these names is set, so that it fits its plot."""
    return len(named) if sum(map(len, named)) <= 2 * LONGEST else min(3, len(named))
