"""How the columns of a table were read and scaled, so that new rows are treated as the old.

    scaled = (own − shift) / width,   own = scaled · width + shift,   column by column

A width of 0 marks a column that was constant: it is scaled to 0, and comes back as the constant.
Where missing values are filled in, `fill` is what they are taken for. All of it is learned from
the rows that a model is trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaekit.errors import VaekitError, shortened, warn

# A column of floats varies by rounding alone where its range is a few units in the last place.
_ROUNDING = 16
_FLOAT32 = np.finfo(np.float32)


@dataclass(frozen=True, eq=False)
class Columns:
    """Name the D columns of a table, with the shift (D,) and width (D,) that scaled each.

    `scale` says how: standard, minmax or none, empty where that is not known any more. `missing` is
    what was done about missing values (drop, mean, median, empty for refused), `fill` (D,) what
    they are taken for.
    """

    names: tuple[str, ...]
    shift: np.ndarray
    width: np.ndarray
    scale: str = ""
    missing: str = ""
    fill: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        names: tuple[str, ...],
        numbers: np.ndarray,
        scale: str,
        missing: str = "",
        eps: float | np.ndarray = 2.0**-52,
    ) -> "Columns":
        """Compute the scaling `standard`, `minmax` or `none` of numbers (N, D), NaN where missing.

        `eps` is the rounding of their type, one or one for each column. Raises `VaekitError` for
        columns that have no value at all.
        """
        fill = _filling(names, numbers, missing) if missing in ("mean", "median") else None
        if scale == "none":
            return cls(names, np.zeros(len(names)), np.ones(len(names)), scale, missing, fill)
        whole = numbers if fill is None else np.where(np.isnan(numbers), fill, numbers)
        low = whole.mean(axis=0) if scale == "standard" else whole.min(axis=0)
        spread = np.ptp(whole, axis=0)
        width = whole.std(axis=0) if scale == "standard" else spread
        constant = spread <= _ROUNDING * eps * np.abs(whole).max(axis=0)
        shift, width = np.where(constant, whole[0], low), np.where(constant, 0.0, width)
        return cls(names, shift, width, scale, missing, fill)

    def scaled(self, own: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Scale numbers (N, D) in the table's own units, NaN where they are missing, float64.

        `rows` (N,) are their numbers where they are not 0, 1, …. Values off a column that was
        constant in training become 0 as well, which is said in a warning. Raises `VaekitError` for
        another number of columns, for infinity and what float32 cannot hold, and for missing values
        unless the training filled them in.
        """
        if own.ndim != 2 or own.shape[1] != len(self.names):
            raise VaekitError(
                f"expected rows (N, {len(self.names)}) of the columns {self.listed()}, in the "
                f"table's own units, got shape {own.shape}"
            )
        rows = np.arange(len(own)) if rows is None else rows
        own = self._filled(own, rows)
        constant = self.width == 0
        self._warn_of_hidden(own, constant, rows)
        with np.errstate(over="ignore"):
            scaled = (own - self.shift) / np.where(constant, 1.0, self.width)
        scaled = np.where(constant, 0.0, scaled)
        self._check_held(scaled, own, rows)
        return scaled

    def own(self, scaled: np.ndarray) -> np.ndarray:
        """Bring scaled numbers (N, D) back to the table's own units, float64."""
        return scaled * self.width + self.shift

    def same(self, other: "Columns") -> bool:
        """Tell whether two tables were scaled alike, column by column."""
        return (
            self.names == other.names
            and np.array_equal(self.shift, other.shift)
            and np.array_equal(self.width, other.width)
        )

    def plain(self) -> dict[str, Any]:
        """Return all of it in types that YAML and JSON hold; `from_plain` reads it back."""
        entries = {**vars(self), "names": list(self.names)}
        for key in ("shift", "width", "fill"):
            entries[key] = None if entries[key] is None else entries[key].tolist()
        return entries

    @classmethod
    def from_plain(cls, entries: Mapping[str, Any]) -> "Columns":
        """Read what `plain` returned, also that of older versions, which kept less."""
        arrays = {
            key: np.asarray(entries[key], np.float64)
            for key in ("shift", "width", "fill")
            if entries.get(key) is not None
        }
        rest = {key: entries[key] for key in ("scale", "missing") if key in entries}
        return cls(names=tuple(entries["names"]), **{"fill": None, **arrays}, **rest)

    def __str__(self) -> str:
        """Say in a line which columns are used, and how."""
        scaled = f", scale={self.scale}" if self.scale else ""
        missing = f", missing={self.missing}" if self.missing else ""
        return f"{len(self.names)}: {self.listed()}{scaled}{missing}"

    def listed(self) -> str:
        """List the names of the columns, many of them shortened."""
        return shortened(self.names)

    def _filled(self, own: np.ndarray, rows: np.ndarray) -> np.ndarray:
        gone = np.isnan(own)
        if self.fill is not None:
            if len(own) > 1 and (empty := gone.all(axis=0)).any():
                named = shortened([self.names[k] for k in np.flatnonzero(empty).tolist()])
                warn(f"no row has a value of {named}: the training's {self.missing} stands for all")
            own = np.where(gone, self.fill, own)
        bad = np.argwhere(~np.isfinite(own))
        if len(bad):
            row, column = bad[0]
            train = (
                ""
                if self.fill is not None
                else (", or train with missing=mean to have missing values filled in")
            )
            raise VaekitError(
                f"the rows hold {len(bad)} NaN or infinite values, the first in row {rows[row]}, "
                f"column {self.names[column]!r}: repair them{train}"
            )
        return own

    def _warn_of_hidden(self, own: np.ndarray, constant: np.ndarray, rows: np.ndarray) -> None:
        """Warn of values off columns that were constant in training: scaling makes all of them 0.

        Rows may have come through float32, so its rounding is none.
        """
        places = np.flatnonzero(constant)
        room = 2 * _ROUNDING * float(_FLOAT32.eps) * np.abs(self.shift[places])
        off = np.abs(own[:, places] - self.shift[places]) > room
        if not off.any():
            return
        said = [f"{self.names[k]} = {self.shift[k]:g}" for k in places[off.any(axis=0)].tolist()]
        where = rows[off.any(axis=1)].tolist()
        warn(
            f"{len(where)} of {len(own)} rows hold other values in columns that were constant in "
            f"training ({shortened(said)}), which the model does not see: rows {shortened(where)}"
        )

    def _check_held(self, scaled: np.ndarray, own: np.ndarray, rows: np.ndarray) -> None:
        """Raise `VaekitError` for values that float32 cannot hold once they are scaled."""
        bad = np.argwhere(~(np.abs(scaled) <= float(_FLOAT32.max)))
        if len(bad):
            row, column = bad[0]
            raise VaekitError(
                f"the rows hold {len(bad)} values beyond float32 on the scale of the training, the "
                f"first in row {rows[row]}, column {self.names[column]!r} ({own[row, column]:g}): "
                "repair them, or leave the column out with columns="
            )


def _filling(names: tuple[str, ...], numbers: np.ndarray, how: str) -> np.ndarray:
    """Return the mean or median of what is there of each column (D,)."""
    gone = [names[k] for k in np.flatnonzero(np.isnan(numbers).all(axis=0)).tolist()]
    if gone:
        raise VaekitError(
            f"columns without a single value in the rows to train on: {shortened(gone)}: leave "
            "them out with columns="
        )
    return np.nanmean(numbers, axis=0) if how == "mean" else np.nanmedian(numbers, axis=0)
