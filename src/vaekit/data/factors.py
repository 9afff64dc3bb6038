"""Ground-truth factors of variation: what generated each image of a set.

A set drawn from a grid holds every combination of K factors once. With sizes (s₁, …, s_K) it has N
= s₁ · … · s_K images, and because the last factor varies fastest the flat index of an image is its
levels read as the digits of a number in a mixed base: index = Σₖ levelₖ · Π_{j>k} s_j. Levels and
index therefore need no table, and the disentanglement scores can ask for "any image of scale 2" by
arithmetic. A *level* is the integer 0 … sₖ − 1; its *value* (an angle, a coordinate) is
`values[k]`.

Photographs seldom fill their grid: some combinations were never taken, and the factors are then not
independent in the set. Such a set brings the table (N, K) of its levels; all questions are the
same, and a sample is drawn from the images that there are, not from the grid.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vaekit.errors import VaekitError, nearest


@dataclass(frozen=True, eq=False)
class Factors:
    """Name the factors of images: a full grid, the last factor varying fastest, or a `table`.

    `names`, `sizes` and `values` have one entry for each of the K factors; `values[k]` holds the
    `sizes[k]` values of its levels. `table` (N, K) holds the levels of each image where they are no
    full grid in order. Raises `VaekitError` where they do not fit together.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: tuple[np.ndarray, ...]
    table: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.sizes) == len(self.values) or not self.names:
            raise VaekitError(
                f"factors need a name, a size and values each: got {len(self.names)} names, "
                f"{len(self.sizes)} sizes, {len(self.values)} lists of values"
            )
        for name, size, values in zip(self.names, self.sizes, self.values, strict=True):
            if size < 1 or len(values) != size:
                raise VaekitError(f"factor {name!r} has size {size} but {len(values)} values")
        if self.table is not None:
            if self.table.ndim != 2 or not len(self.table) or self.table.dtype.kind not in "iu":
                raise VaekitError(
                    f"expected a table of whole-number levels (N, {len(self.names)}), "
                    f"got shape {self.table.shape} of type {self.table.dtype}"
                )
            self._checked(self.table)

    @classmethod
    def of(cls, names: Sequence[str], columns: Sequence[npt.ArrayLike]) -> "Factors":
        """Build the factors of N images from the value of each factor for each image, K times (N,).

        The levels of a factor are its distinct values in rising order.
        """
        levelled = [np.unique(np.asarray(column), return_inverse=True) for column in columns]
        table = np.stack([levels.reshape(-1) for _, levels in levelled], axis=1)
        values = tuple(distinct for distinct, _ in levelled)
        return cls(tuple(names), tuple(len(v) for v in values), values, table)

    @classmethod
    def grid(
        cls, names: Sequence[str], columns: Sequence[npt.ArrayLike]
    ) -> "tuple[Factors, np.ndarray]":
        """Build a full grid from the value of each factor for each of N images, in any order.

        Takes K columns (N,), and returns also the rows (N,) of the images in the order of the grid.
        Raises `VaekitError` where a combination is missing or there twice.
        """
        loose = cls.of(names, columns)
        assert loose.table is not None
        cells = loose._checked(loose.table)
        rows = np.argsort(cells, kind="stable")
        full = math.prod(loose.sizes)
        if len(cells) != full or (cells[rows] != np.arange(full)).any():
            sizes = " x ".join(f"{n} {s}" for n, s in zip(names, loose.sizes, strict=True))
            different = len(np.unique(cells))
            counts = {"missing": full - different, "there more than once": len(cells) - different}
            said = " and ".join(f"{n} are {what}" for what, n in counts.items() if n)
            raise VaekitError(
                f"{len(cells)} images are not each combination of {sizes} once: {said}"
            )
        return cls(loose.names, loose.sizes, loose.values), rows

    def __repr__(self) -> str:
        sizes = " x ".join(f"{n} {s}" for n, s in zip(self.names, self.sizes, strict=True))
        return f"factors {sizes}" + ("" if self.table is None else f", {len(self.table):,} images")

    def __len__(self) -> int:
        return math.prod(self.sizes) if self.table is None else len(self.table)

    def codes(self, index: npt.ArrayLike) -> np.ndarray:
        """Turn flat indices (n,) into levels (n, K), int64.

        Raises `VaekitError` for an index outside the set.
        """
        flat = np.asarray(index, dtype=np.int64)
        if flat.size and not 0 <= flat.min() <= flat.max() < len(self):
            raise VaekitError(
                f"indices go from 0 to {len(self) - 1}, got {flat.min()} to {flat.max()}"
            )
        if self.table is not None:
            return self.table[flat].astype(np.int64, copy=False)
        return np.stack(np.unravel_index(flat, self.sizes), axis=-1).astype(np.int64, copy=False)

    def index(self, codes: npt.ArrayLike) -> np.ndarray:
        """Turn levels (n, K) into flat indices (n,), int64: of the first image that has them.

        Raises `VaekitError` for a wrong number of columns, a level outside its factor, and levels
        that no image has.
        """
        levels = np.asarray(codes, dtype=np.int64)
        cells = self._checked(levels)
        if self.table is None:
            return cells
        taken, first = self._cells
        place = np.minimum(np.searchsorted(taken, cells), len(taken) - 1)
        missing = taken[place] != cells
        if missing.any():
            none = ", ".join(
                f"{name}={level}"
                for name, level in zip(self.names, levels[missing].reshape(-1), strict=False)
            )
            raise VaekitError(f"no image has the levels {none}: the set is no full grid")
        return first[place]

    def sample(self, n: int, generator: np.random.Generator, /, **fixed: int) -> np.ndarray:
        """Draw levels (n, K) uniformly, with the factors named in `fixed` held at those levels.

        Raises `VaekitError` for an unknown factor, a level outside it or that no image has with
        the others, or n < 1.
        """
        if n < 1:
            raise VaekitError(f"cannot sample {n} factors: ask for at least 1")
        for name, level in fixed.items():
            self._check(name, np.asarray(level))
        if self.table is not None:
            return self._rows(n, generator, fixed)
        columns = [
            np.full(n, fixed[name]) if name in fixed else generator.integers(size, size=n)
            for name, size in zip(self.names, self.sizes, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.int64, copy=False)

    def _rows(self, n: int, generator: np.random.Generator, fixed: dict[str, int]) -> np.ndarray:
        assert self.table is not None
        fits = np.full(len(self.table), True)
        for name, level in fixed.items():
            fits &= self.table[:, self.names.index(name)] == level
        rows = np.flatnonzero(fits)
        if not len(rows):
            said = ", ".join(f"{name}={level}" for name, level in fixed.items())
            raise VaekitError(f"no image has the levels {said}: the set is no full grid")
        return self.codes(generator.choice(rows, n))

    @cached_property
    def _cells(self) -> tuple[np.ndarray, np.ndarray]:
        """List the cells of the grid that have an image, in rising order, and the first of each."""
        assert self.table is not None
        return np.unique(self._checked(self.table), return_index=True)

    def _checked(self, levels: np.ndarray) -> np.ndarray:
        """Return the cell of the grid for levels (..., K), after a check."""
        if levels.shape[-1:] != (len(self.sizes),):
            raise VaekitError(f"expected levels (n, {len(self.sizes)}), got shape {levels.shape}")
        for k, name in enumerate(self.names):
            self._check(name, levels[..., k])
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(levels, -1, 0)), self.sizes))

    def _check(self, name: str, levels: np.ndarray) -> None:
        if name not in self.names:
            raise nearest(name, self.names, "factor")
        top = self.sizes[self.names.index(name)] - 1
        if levels.size and not 0 <= levels.min() <= levels.max() <= top:
            wrong = levels.min() if levels.min() < 0 else levels.max()
            raise VaekitError(f"factor {name!r} has levels 0 to {top}, got {wrong}")


def one_hot(classes: Tensor, width: int) -> Tensor:
    """Return one-hots (n, width) of whole numbers (n,), float32.

    Raises `VaekitError` for others than 0, …, width − 1, on a device that need not be asked for it.
    """
    made = (classes[:, None] == torch.arange(width, device=classes.device)).float()
    if classes.device.type == "cpu" and (off := made.sum(1) == 0).any():
        wrong = classes[off][0].item()
        raise VaekitError(f"a one-hot of {width} is of the classes 0 to {width - 1}, got {wrong}")
    return made


def one_hots(levels: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return a one-hot for each factor side by side, (n, Σ sizes), of levels (n, K), float32."""
    return torch.cat([one_hot(v, s) for v, s in zip(levels.unbind(1), sizes, strict=True)], 1)
