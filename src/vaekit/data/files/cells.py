"""Cells of text that are numbers, and those that are none, each with its row and the cure."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.brief import brief
from vaekit.data.files.csv import AMONG_NUMBERS, MISSING
from vaekit.errors import VaekitError, shortened

if TYPE_CHECKING:
    import polars as pl

ZEROS = r"^[+-]?0\d+$"  # of codes: as numbers they would lose them
_MARKED = re.compile(r"[+-]?\d[\d.,]*([eE][+-]?\d+)?")  # a number with points or commas in it
_CELL_SHOWN = 30  # characters of a cell


def cleaned(frame: "pl.DataFrame", decimal: str, words: bool = False) -> "pl.DataFrame":
    """Make columns of text numbers where all that is there are numbers.

    With `words` those with zeros in front stay what they are. They are worked on as one long
    column: thousands of expressions would take polars seconds.
    """
    import polars as pl

    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not names:
        return frame
    rows = len(frame)
    cells, numbers, lost = _parsed_cells(frame, names, decimal)
    if words:
        lost |= cells.str.contains(ZEROS).fill_null(False).to_numpy().reshape(lost.shape)
    is_text = np.asarray(lost.any(axis=1)).tolist()
    made = {
        name: (cells if text else numbers).slice(k * rows, rows).alias(name)
        for k, (name, text) in enumerate(zip(names, is_text, strict=True))
    }
    return pl.DataFrame({own.name: made.get(own.name, own) for own in frame.get_columns()})


def refusal(
    frame: "pl.DataFrame", names: Sequence[str], decimal: str, what: str, start: int = 0
) -> VaekitError:
    """Build the error for columns that are no numbers: some hold text, some a few strange cells.

    The rows of the frame are numbered from `start` on.
    """
    lost = _no_numbers(frame, names, decimal)
    first = {name: int(bad.argmax()) for name, bad in zip(names, lost, strict=True)}
    cells = {name: cell_text(frame[name][row])[:_CELL_SHOWN] for name, row in first.items()}
    known = np.array([len(frame) - frame[name].null_count() for name in names])
    few = (2 * lost.sum(axis=1) <= known).tolist()
    strange = [name for name, is_few in zip(names, few, strict=True) if is_few]
    words = [name for name, is_few in zip(names, few, strict=True) if not is_few]
    said = []
    if words:
        cell = cells[words[0]]
        marks = _marks(cell, decimal) or "say separator= or decimal="
        said.append(
            f"columns that are no numbers: {shortened(words)} ({cell!r}). Name the others, "
            f"columns=[a, b], leave these out, without=[c], or name the classes, label=d; where "
            f"these are numbers, {marks}"
        )
    if strange:
        places = [
            f"{name} ({cells[name]!r}) in row {start + first[name]} (from 0)" for name in strange
        ]
        marks = _marks(cells[strange[0]], decimal)
        repair = "Repair them, empty them if they are missing, remove rows of totals and notes"
        cure = f"For numbers, {marks}" if marks else repair
        said.append(
            f"cells that are no numbers: {shortened(places)}. {cure}, or leave columns out with "
            "without="
        )
    return VaekitError(f"{what} has {'; and '.join(said)}")


def cell_text(value: Any) -> str:
    """Return a cell as text, of a list in it what fits into a line."""
    return brief(value.to_list()) if hasattr(value, "to_list") else str(value)


def _marks(cell: str, decimal: str) -> str:
    """Say what to do about a number whose points and commas do not mean what they should."""
    other = "." if decimal == "," else ","
    if other not in cell or _MARKED.fullmatch(cell) is None:
        return ""
    sign, mark = ("comma", "dot") if decimal == "," else ("dot", "comma")
    return (
        f"export them without the {mark} if it parts thousands (the {sign} is the decimal sign "
        f"here), or say decimal={other!r} if the {mark} is the decimal sign"
    )


def _no_numbers(frame: "pl.DataFrame", names: Sequence[str], decimal: str) -> np.ndarray:
    """Tell the cells of columns, bool (names, rows), that are there and are no numbers."""
    import polars as pl

    text = [name for name in names if frame.schema[name] == pl.String]
    lost = dict(zip(text, _parsed_cells(frame, text, decimal)[2], strict=True)) if text else {}
    rest = {n: frame[n].is_not_null().to_numpy() for n in names if n not in lost}
    return np.stack([(lost | rest)[name] for name in names])


def _parsed_cells(
    frame: "pl.DataFrame", names: Sequence[str], decimal: str
) -> tuple["pl.Series", "pl.Series", np.ndarray]:
    """Return columns of text as one long column of words and one of numbers, null where missing.

    And which cells (names, rows) are no numbers. With a decimal comma no number has a dot.
    """
    import polars as pl

    value = pl.col("value")
    parts = [frame.get_column(name).alias("value") for name in names]
    long = pl.concat(parts, rechunk=True).to_frame()
    long = long.select(value.str.strip_chars())
    long = long.select(pl.when(~value.is_in(MISSING)).then(value))
    plain = long.select(pl.when(~value.is_in(AMONG_NUMBERS)).then(value))
    written = plain
    if decimal == ",":
        written = plain.select(pl.when(~value.str.contains(".", literal=True)).then(value))
        written = written.select(value.str.replace(",", ".", literal=True))
    numbers = written.select(value.cast(pl.Float64, strict=False)).to_series()
    lost = numbers.is_null() & plain.to_series().is_not_null()
    shape = len(names), len(frame)
    return long.to_series().rechunk(), numbers.rechunk(), np.reshape(lost.to_numpy(), shape)
