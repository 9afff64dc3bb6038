"""How the columns of a table were brought to like size, so that new rows are treated as the old.

scaled = (own − shift) / width, own = scaled · width + shift, column by column. A width of 0 marks a
column that was constant: it is scaled to 0, and comes back as the constant.
"""

from dataclasses import dataclass

import numpy as np

from vaekit.errors import VaekitError


@dataclass(frozen=True, eq=False)
class Columns:
    """Name the D columns of a table, with the shift (D,) and width (D,) that scaled each.

    `scale` says how: standard, minmax or none, empty where that is not known any more.
    """

    names: tuple[str, ...]
    shift: np.ndarray
    width: np.ndarray
    scale: str = ""

    @classmethod
    def of(cls, names: tuple[str, ...], numbers: np.ndarray, scale: str) -> "Columns":
        """Compute the scaling `standard`, `minmax` or `none` of numbers (N, D)."""
        if scale == "none":
            return cls(names, np.zeros(len(names)), np.ones(len(names)), scale)
        low = numbers.mean(axis=0) if scale == "standard" else numbers.min(axis=0)
        width = numbers.std(axis=0) if scale == "standard" else np.ptp(numbers, axis=0)
        constant = np.ptp(numbers, axis=0) == 0
        shift, width = np.where(constant, numbers[0], low), np.where(constant, 0.0, width)
        return cls(names, shift, width, scale)

    def scaled(self, own: np.ndarray) -> np.ndarray:
        """Scale numbers (N, D) in the table's own units, float64.

        Raises `VaekitError` for another number of columns.
        """
        if own.ndim != 2 or own.shape[1] != len(self.names):
            raise VaekitError(
                f"expected rows (N, {len(self.names)}) of the columns "
                f"{', '.join(self.names[:8])}{', …' if len(self.names) > 8 else ''}, in the "
                f"table's own units, got shape {own.shape}"
            )
        constant = self.width == 0
        return np.where(constant, 0.0, (own - self.shift) / np.where(constant, 1.0, self.width))

    def own(self, scaled: np.ndarray) -> np.ndarray:
        """Bring scaled numbers (N, D) back to the table's own units, float64."""
        return scaled * self.width + self.shift
