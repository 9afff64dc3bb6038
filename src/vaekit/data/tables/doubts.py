"""Columns of a table that would serve badly: row numbers, and whole numbers beyond float64."""

from typing import TYPE_CHECKING

import numpy as np

from vaekit.data.border import ROUNDING, chosen_pieces
from vaekit.errors import shortened, warn

if TYPE_CHECKING:
    import polars as pl

    from vaekit.data.files.blocks import TableNumbers

_IDS = {"id", "ids", "idx", "index", "row", "rowid", "rownumber", "key", "uid", "uuid", "nr", "no"}
_FEW_ROWS = 10  # rows that may be numbered by chance
_FLOAT64_EPS = float(np.finfo(np.float64).eps)


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


def warn_of_large(column: "pl.Series", what: str) -> None:
    """Warn of whole numbers so large that float64 makes some equal, or takes them for constant.

    `column` has no missing cells.
    """
    import polars as pl

    numbers = column.cast(pl.Float64).to_numpy()
    largest = np.abs(numbers).max(initial=0)
    if largest < 2**53:
        return
    distinct, constant = column.n_unique(), np.ptp(numbers) <= ROUNDING * _FLOAT64_EPS * largest
    if distinct > 1 and (constant or len(np.unique(numbers)) < distinct):
        warn(
            f"{what}: values of {column.name} differ by less than float64 can tell apart and "
            "become equal: subtract the smallest of them, or leave the column out"
        )


def _sounds_like_id(name: str) -> bool:
    plain = name.lower().replace("_", "").replace(" ", "").replace("-", "")
    return plain in _IDS or name.lower().endswith(("_id", " id")) or name.endswith("ID")
