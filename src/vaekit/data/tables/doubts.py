"""Columns of a table that would serve badly: row numbers, and values that float32 makes equal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vaekit.data.tables.columns import ROUNDING, chosen_pieces
from vaekit.errors import shortened, warn

if TYPE_CHECKING:
    import polars as pl

    from vaekit.data.files.blocks import TableNumbers

_IDS = {"id", "ids", "idx", "index", "row", "rowid", "rownumber", "key", "uid", "uuid", "nr", "no"}
_FEW_ROWS = 10  # rows that may be numbered by chance
_FLOAT64_EPS = float(np.finfo(np.float64).eps)
_FINE_STEPS = 100_000  # of float32 across a column's range: fewer are coarse


def warn_of_numbering(numbers: "TableNumbers") -> None:
    """Warn of columns that number or name the rows, which a model would learn by heart.

    Values of a name are unique in each piece of a large table, and are not compared across these.
    """
    used = numbers.used
    if len(numbers.values) < _FEW_ROWS:
        return
    up, down = np.full(len(used), True), np.full(len(used), True)
    ids = {k for k, name in enumerate(used) if _sounds_like_id(name) and name in numbers.integers}
    last: np.ndarray | None = None
    for piece in chosen_pieces(numbers.values):
        with np.errstate(over="ignore", invalid="ignore"):
            steps = np.diff(piece if last is None else np.concatenate([last, piece]), axis=0)
        up, down, last = up & (steps == 1).all(axis=0), down & (steps == -1).all(axis=0), piece[-1:]
        ids = {k for k in ids if len(np.unique(piece[:, k])) == len(piece)}
    doubtful = [name for k, name in enumerate(used) if up[k] or down[k] or k in ids]
    if doubtful:
        verb, them = ("look", "them") if doubtful[1:] else ("looks", "it")
        names = f"[{', '.join(n if n.isidentifier() else repr(n) for n in doubtful)}]"
        warn(
            f"{numbers.what}: {shortened(doubtful)} {verb} like row numbers or IDs, which tell "
            f"nothing of an example: leave {them} out with without={names} unless measured"
        )


def warn_of_rounding(what: str, used: Sequence[str], numbers: np.ndarray) -> None:
    """Warn of columns whose values differ by less than float32 tells apart, and so become equal.

    A column of floats is looked at where the rounding is coarse against its range, else chance
    alone would make some of many values equal. Values of a large table are compared within pieces.
    """
    coarse = _coarse(numbers)
    merged = {k for piece in chosen_pieces(numbers) for k in coarse if _merges(piece[:, k])}
    if merged:
        warn(
            f"{what}: values of {shortened([used[k] for k in sorted(merged)])} differ by less than "
            "float32 can tell apart and become equal: scale=standard keeps them apart"
        )


def warn_of_large(column: "pl.Series", what: str) -> None:
    """Warn of whole numbers so large that float64 makes some equal, or takes them for constant.

    `column` has no missing cells.
    """
    import polars as pl

    numbers = column.cast(pl.Float64).to_numpy()
    largest = np.abs(numbers).max()
    if largest < 2**53:
        return
    distinct, constant = column.n_unique(), np.ptp(numbers) <= ROUNDING * _FLOAT64_EPS * largest
    if distinct > 1 and (constant or len(np.unique(numbers)) < distinct):
        warn(
            f"{what}: values of {column.name} differ by less than float64 can tell apart and "
            "become equal: subtract the smallest of them, or leave the column out"
        )


def _coarse(numbers: np.ndarray) -> list[int]:
    """List the columns of float64 that float32 changes, and the range of which it cuts coarsely."""
    changed, fractions = np.full(numbers.shape[1], False), np.full(numbers.shape[1], False)
    lows, highs = list[np.ndarray](), list[np.ndarray]()
    for piece in chosen_pieces(numbers):
        lows.append(np.fmin.reduce(piece))
        highs.append(np.fmax.reduce(piece))
        changed |= ((piece.astype(np.float32) != piece) & ~np.isnan(piece)).any(axis=0)
        fractions |= (np.nan_to_num(piece) % 1 != 0).any(axis=0)
    low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
    largest, spread = np.maximum(abs(low), abs(high)), high - low
    whole = (largest >= 2**24) & ~fractions
    few = _FINE_STEPS * np.finfo(np.float32).eps * largest > spread
    noise = spread <= ROUNDING * _FLOAT64_EPS * largest
    return np.flatnonzero(changed & (whole | few) & ~noise).tolist()


def _merges(column: np.ndarray) -> bool:
    return len(np.unique(column.astype(np.float32))) < len(np.unique(column))


def _sounds_like_id(name: str) -> bool:
    plain = name.lower().replace("_", "").replace(" ", "").replace("-", "")
    return plain in _IDS or name.lower().endswith(("_id", " id")) or name.endswith("ID")
