"""Text that is numbers or dates but for a few cells, which make classes of it."""

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vaekit.data.files.csv import AMONG_NUMBERS
from vaekit.data.tables.dates import LOOKS, nearest_form

if TYPE_CHECKING:
    import polars as pl

# Codes with zeros in front are no numbers.
_NUMBER_CELL = re.compile(r"[+-]?(?!0\d)(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}(?!\d)|\d{1,2}[./]\d{1,2}[./]\d{4}(?!\d)")
_MOST_ALIKE = 0.9  # of cells: then the others are faults
_HANDFUL = 5  # values that may be classes


class Strange(NamedTuple):
    """Say in a `text` what a column holds and which cell is none of it.

    `sure` tells that it cannot be meant as classes; `numbers` are the cells that are such.
    """

    text: str
    sure: bool
    numbers: np.ndarray | None = None


def strange_cell(words: Counter[str], column: "pl.Series") -> Strange | None:
    """Find the first cell that keeps a column of text from being numbers or dates.

    `words` counts its cells. None where it is neither, or no cell does.
    """
    return _among_numbers(words, column) or _among_dates(words, column)


def _among_numbers(words: Counter[str], column: "pl.Series") -> Strange | None:
    known = [word for word in words if word not in AMONG_NUMBERS]
    good = [word for word in known if _is_finite_number(word)]
    if len(good) == len(known) or len(good) <= _HANDFUL or not _are_most(good, words, known):
        return None
    odd = next(word for word in known if not _is_finite_number(word))
    values = np.array([_value_of(word) for word in good])
    numbers = np.repeat(values, [words[word] for word in good])
    text = f"numbers such as {good[0]!r}, but also {_placed(odd, column)}, which is none"
    return Strange(text, bool((values % 1 != 0).any()), numbers)


def _is_finite_number(word: str) -> bool:
    return _NUMBER_CELL.fullmatch(word.strip()) is not None and math.isfinite(_value_of(word))


def _value_of(word: str) -> float:
    return float(word.replace(",", "."))


def _among_dates(words: Counter[str], column: "pl.Series") -> Strange | None:
    """Find it among dates of one form, and where they have several, or none that is read."""
    if not _are_most([word for word in words if LOOKS.search(word)], words, words):
        return None
    there = column.drop_nulls()
    form, off = nearest_form(there)
    good, bad = there.filter(~off), there.filter(off)
    sure = len(good) >= _MOST_ALIKE * len(there)
    dates = [word for word in words if _DATE.match(word)]
    several = len(words) > _HANDFUL and _are_most(dates, words, words)
    if not len(bad) or not (sure or several):
        return None
    odd = _placed(bad[0], column)
    if not form:
        return Strange(f"what looks like dates, but {odd} is in no form that is read", sure)
    return Strange(f"dates such as {good[0]!r}, but also {odd}, which is none in that form", sure)


def _placed(word: str, column: "pl.Series") -> str:
    return f"{word!r} in row {int((column == word).arg_max() or 0)} (from 0)"


def _are_most(good: Iterable[str], words: Counter[str], known: Iterable[str]) -> bool:
    return sum(words[w] for w in good) >= _MOST_ALIKE * sum(words[w] for w in known)
