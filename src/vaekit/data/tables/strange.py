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
_MOST_OF_DECIMALS = 0.5  # of cells, where they have decimals: no names of classes do
_HANDFUL = 5  # values that may be classes


class Strange(NamedTuple):
    """Say in a `text` what a column holds and which cell is none of it.

    `sure` tells that it cannot be meant as classes, `likely` that it may well be one where numbers
    are classes too, being as frequent; `numbers` are the cells that are such.
    """

    text: str
    sure: bool
    likely: bool = False
    numbers: np.ndarray = np.empty(0)


def strange_cell(words: Counter[str], column: "pl.Series") -> Strange | None:
    """Find the first cell that keeps a column of text from being numbers or dates.

    `words` counts its cells. None where it is neither, or no cell does.
    """
    return _among_numbers(words, column) or _among_dates(words, column)


def _among_numbers(words: Counter[str], column: "pl.Series") -> Strange | None:
    known = [word for word in words if word not in AMONG_NUMBERS]
    good = [word for word in known if _is_finite_number(word)]
    values = np.array([_value_of(word) for word in good])
    decimals, most = bool((values % 1 != 0).any()), _are_most(good, words, known)
    share = _MOST_OF_DECIMALS if decimals else _MOST_ALIKE
    if len(good) == len(known) or not _are_most(good, words, known, share):
        return None
    counts = [words[word] for word in good]
    odd = min((word for word in known if not _is_finite_number(word)), key=words.__getitem__)
    likely = not decimals and 2 * words[odd] >= min(counts) and words[odd] > 1
    if likely and len(good) <= _HANDFUL:
        return None
    text = f"numbers such as {good[0]!r}, but also {_placed(odd, column)}, which is none"
    return Strange(text, decimals and most, likely, np.repeat(values, counts))


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


def _are_most(
    good: Iterable[str], words: Counter[str], known: Iterable[str], share: float = _MOST_ALIKE
) -> bool:
    return sum(words[w] for w in good) >= share * sum(words[w] for w in known)
