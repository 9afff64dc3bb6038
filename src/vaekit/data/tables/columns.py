"""How the columns of a table were read and scaled, so that new rows are treated as the old.

    scaled = (own − shift) / width,   own = scaled · width + shift,   column by column

A width of 0 marks a column that was constant: it is scaled to 0, and comes back as the constant.
Where missing values are filled in, `fill` is what they are taken for. All of it is learned from
the rows that a model is trained on.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.data.border import ROUNDING, chosen_pieces, pieces
from vaekit.data.tables.medians import Pieces, medians
from vaekit.data.tables.mixed import Field, typed
from vaekit.errors import VaekitError, shortened, warn

if TYPE_CHECKING:
    import polars as pl

_FLOAT32 = np.finfo(np.float32)


@dataclass(frozen=True, eq=False)
class TableColumns:
    """Name the D columns of a table, with the shift (D,) and width (D,) that scaled each.

    `scale` says how: standard, minmax or none, empty where that is not known any more. `missing` is
    what was done about missing values (drop, mean, median, empty for refused), `fill` (D,) what
    they are taken for. Of a table of mixed columns these are its entries, and `fields` say what
    columns they are of; there NaN stands for what is missing.
    """

    names: tuple[str, ...]
    shift: np.ndarray
    width: np.ndarray
    scale: str = ""
    missing: str = ""
    fill: np.ndarray | None = None
    fields: tuple[Field, ...] = ()

    @classmethod
    def of(
        cls,
        names: tuple[str, ...],
        numbers: np.ndarray,
        scale: str,
        missing: str = "",
        eps: float | np.ndarray = 2.0**-52,
        rows: np.ndarray | None = None,
        fields: tuple[Field, ...] = (),
    ) -> "TableColumns":
        """Compute the scaling `standard`, `minmax` or `none` of numbers (N, D), NaN where missing.

        `eps` is the rounding of their type, one or one for each column; `rows` (M,) are those to
        learn from (None: all). Of mixed `fields` numbers alone are scaled. It goes by pieces, so
        that the numbers may be mapped. Raises `VaekitError` for columns that have no value at all.
        """

        def parts() -> Iterator[np.ndarray]:
            return chosen_pieces(numbers, rows)

        fill = _filling(names, parts, missing) if missing in ("mean", "median") else None
        if scale == "none":
            plain = np.zeros(len(names)), np.ones(len(names))
            return cls(names, *plain, scale, missing, fill, fields)

        def whole() -> Iterator[np.ndarray]:
            return (p if fill is None else np.where(np.isnan(p), fill, p) for p in parts())

        ends = [(np.fmin.reduce(p), np.fmax.reduce(p), p[0].copy()) for p in whole()]
        lows, highs, firsts = zip(*ends, strict=True)
        low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
        if fields:
            low, high = (np.nan_to_num(end) for end in (low, high))
        first, width = np.where(np.isnan(firsts[0]), low, firsts[0]), high - low
        constant = width <= ROUNDING * eps * np.maximum(np.abs(low), np.abs(high))
        if scale == "standard":
            count = np.maximum(1, sum((~np.isnan(part)).sum(axis=0) for part in whole()))
            low = sum(np.nansum(part, axis=0) for part in whole()) / count
            squares = (np.nansum(np.square(part - low), axis=0) for part in whole())
            width = np.sqrt(sum(squares) / count)
        shift, width = np.where(constant, first, low), np.where(constant, 0.0, width)
        if fields:
            own = np.repeat([f.is_number for f in fields], [f.width for f in fields])
            shift, width = np.where(own, shift, 0.0), np.where(own, width, 1.0)
        return cls(names, shift, width, scale, missing, fill, fields)

    def scaled(self, own: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Scale numbers (N, D) in the table's own units, NaN where they are missing, float64.

        `rows` (N,) are their numbers where they are not 0, 1, …. Values off a column that was
        constant in training become 0 as well, which is said in a warning. Raises `VaekitError` for
        another number of columns, for infinity and what float32 cannot hold, and for missing values
        unless the training filled them in.
        """
        (whole,) = self.scaled_pieces(own, rows, [slice(None)])
        return whole

    def scaled_floats(self, own: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Return what `scaled` returns, float32 (N, D), of numbers that may be mapped."""
        made, start = np.empty(own.shape, np.float32), 0
        for piece in self.scaled_pieces(own, rows):
            made[start : start + len(piece)] = piece
            start += len(piece)
        return made

    def scaled_pieces(
        self, own: np.ndarray, rows: np.ndarray | None = None, parts: Iterable[slice] | None = None
    ) -> Iterator[np.ndarray]:
        """Yield what `scaled` returns piece by piece, of numbers that may be mapped."""
        if own.ndim != 2 or own.shape[1] != len(self.names):
            raise VaekitError(
                f"expected rows (N, {len(self.names)}) of the columns {self.listed()}, in the "
                f"table's own units, got shape {own.shape}"
            )
        constant = self.width == 0
        empty, hidden = np.full(len(self.names), True), _Hidden(self)
        for part in pieces(len(own), own.itemsize * own.shape[1]) if parts is None else parts:
            piece = own[part]
            numbers = np.arange(*part.indices(len(own))) if rows is None else rows[part]
            if self.fill is not None:
                gone = np.isnan(piece)
                empty &= gone.all(axis=0)
                piece = np.where(gone, self.fill, piece)
            self._check_finite(piece, numbers)
            hidden.look(piece, numbers)
            with np.errstate(over="ignore"):
                scaled = (piece - self.shift) / np.where(constant, 1.0, self.width)
            scaled = np.where(constant, 0.0, scaled)
            self._check_held(scaled, piece, numbers)
            yield scaled
        if self.fill is not None and len(own) > 1 and empty.any():
            named = shortened([self.names[k] for k in np.flatnonzero(empty).tolist()])
            warn(f"no row has a value of {named}: the training's {self.missing} stands for all")
        hidden.warn(len(own))

    def own(self, scaled: np.ndarray) -> np.ndarray:
        """Bring scaled numbers (N, D) back to the table's own units, float64."""
        return scaled * self.width + self.shift

    def typed(self, own: np.ndarray) -> "pl.DataFrame":
        """Return a frame of the table's columns in their own types, of numbers (N, D) as `own`'s.

        A table of numbers alone has these.
        """
        if self.fields:
            return typed(own, self.fields)
        import polars as pl

        return pl.DataFrame(dict(zip(self.names, own.T, strict=True)))

    def own_value(self, column: int, scaled: float) -> float:
        """Bring a scaled number of one column, by its place, back to the table's own units."""
        return float(scaled * self.width[column] + self.shift[column])

    def same(self, other: "TableColumns") -> bool:
        """Tell whether two tables were read and scaled alike, column by column."""
        return (
            self.names == other.names
            and np.array_equal(self.shift, other.shift)
            and np.array_equal(self.width, other.width)
            and self.fields == other.fields
        )

    def plain(self) -> dict[str, Any]:
        """Return all of it in types that YAML and JSON hold; `from_plain` reads it back."""
        entries = {**vars(self), "names": list(self.names)}
        for key in ("shift", "width", "fill"):
            entries[key] = None if entries[key] is None else entries[key].tolist()
        fields = {"fields": [field.plain() for field in self.fields]} if self.fields else {}
        return {**{k: v for k, v in entries.items() if k != "fields"}, **fields}

    @classmethod
    def from_plain(cls, entries: Mapping[str, Any]) -> "TableColumns":
        """Read what `plain` returned, also that of older versions, which kept less."""
        arrays = {
            key: np.asarray(entries[key], np.float64)
            for key in ("shift", "width", "fill")
            if entries.get(key) is not None
        }
        rest = {key: entries[key] for key in ("scale", "missing") if key in entries}
        rest["fields"] = tuple(map(Field.from_plain, entries.get("fields", ())))
        return cls(names=tuple(entries["names"]), **{"fill": None, **arrays}, **rest)

    def __str__(self) -> str:
        """Say in a line which columns are used, and how."""
        scaled = f", scale={self.scale}" if self.scale else ""
        missing = f", missing={self.missing}" if self.missing else ""
        return f"{len(self.fields or self.names)}: {self.listed()}{scaled}{missing}"

    def listed(self) -> str:
        """List the names of the columns, many of them shortened."""
        if self.fields:
            return shortened([f"{field.name} ({field.law_text})" for field in self.fields])
        return shortened(self.names)

    def _check_finite(self, own: np.ndarray, rows: np.ndarray) -> None:
        bad = np.argwhere(np.isinf(own) if self.fields else ~np.isfinite(own))
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

    def _check_held(self, scaled: np.ndarray, own: np.ndarray, rows: np.ndarray) -> None:
        """Raise `VaekitError` for values that float32 cannot hold once they are scaled."""
        bad = np.argwhere(np.abs(scaled) > float(_FLOAT32.max))
        if len(bad):
            row, column = bad[0]
            raise VaekitError(
                f"the rows hold {len(bad)} values beyond float32 on the scale of the training, the "
                f"first in row {rows[row]}, column {self.names[column]!r} ({own[row, column]:g}): "
                "repair them, or leave the column out with without="
            )


class _Hidden:
    """Gather values off columns that were constant in training: scaling makes all of them 0.

    Rows may have come through float32, so its rounding is none.
    """

    def __init__(self, columns: TableColumns):
        self.names, self.shift = columns.names, columns.shift
        self.places = np.flatnonzero(columns.width == 0)
        self.off, self.rows = np.full(len(self.places), False), list[int]()

    def look(self, own: np.ndarray, rows: np.ndarray) -> None:
        """Look at numbers (n, D), which are the `rows` (n,) of a table."""
        room = 2 * ROUNDING * float(_FLOAT32.eps) * np.abs(self.shift[self.places])
        off = np.abs(own[:, self.places] - self.shift[self.places]) > room
        self.off |= off.any(axis=0)
        self.rows += rows[off.any(axis=1)].tolist()

    def warn(self, count: int) -> None:
        """Warn of the rows, of `count`, that hold such values."""
        if self.rows:
            places = self.places[self.off].tolist()
            shown = shortened([f"{self.names[k]} = {self.shift[k]:g}" for k in places])
            warn(
                f"{len(self.rows)} of {count} rows hold other values in columns that were constant "
                f"in training ({shown}), which the model does not see: rows {shortened(self.rows)}"
            )


def _filling(names: tuple[str, ...], parts: Pieces, how: str) -> np.ndarray:
    """Return the mean or median of what is there of each column (D,)."""
    counts = np.sum([(~np.isnan(part)).sum(axis=0) for part in parts()], axis=0)
    gone = [names[k] for k in np.flatnonzero(counts == 0).tolist()]
    if gone:
        raise VaekitError(
            f"columns without a single value in the rows to train on: {shortened(gone)}: leave "
            "them out with without="
        )
    if how == "median":
        return medians(parts)
    return sum(np.where(np.isnan(part), 0.0, part).sum(axis=0) for part in parts()) / counts
