"""Ground-truth factors of variation: what generated each image of a full grid.

A set drawn from a grid holds every combination of K factors once. With sizes (s₁, …, s_K) it has N
= s₁ · … · s_K images, and because the last factor varies fastest the flat index of an image is its
levels read as the digits of a number in a mixed base: index = Σₖ levelₖ · Π_{j>k} s_j. Levels and
index therefore need no table, and the disentanglement scores can ask for "any image of scale 2" by
arithmetic. A *level* is the integer 0 … sₖ − 1; its *value* (an angle, a coordinate) is
`values[k]`.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError, nearest


@dataclass(frozen=True, eq=False)
class Factors:
    """Name the factors of a full grid of images, the last of which varies fastest.

    `names`, `sizes` and `values` have one entry for each of the K factors; `values[k]` holds the
    `sizes[k]` values of its levels. Raises `VaekitError` where they do not fit together.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    values: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.sizes) == len(self.values) or not self.names:
            raise VaekitError(
                f"factors need a name, a size and values each: got {len(self.names)} names, "
                f"{len(self.sizes)} sizes, {len(self.values)} lists of values"
            )
        for name, size, values in zip(self.names, self.sizes, self.values, strict=True):
            if size < 1 or len(values) != size:
                raise VaekitError(f"factor {name!r} has size {size} but {len(values)} values")

    def __len__(self) -> int:
        return math.prod(self.sizes)

    def codes(self, index: npt.ArrayLike) -> np.ndarray:
        """Turn flat indices (n,) into levels (n, K), int64.

        Raises `VaekitError` for an index outside the grid.
        """
        flat = np.asarray(index, dtype=np.int64)
        if flat.size and not 0 <= flat.min() <= flat.max() < len(self):
            raise VaekitError(
                f"indices go from 0 to {len(self) - 1}, got {flat.min()} to {flat.max()}"
            )
        return np.stack(np.unravel_index(flat, self.sizes), axis=-1).astype(np.int64, copy=False)

    def index(self, codes: npt.ArrayLike) -> np.ndarray:
        """Turn levels (n, K) into flat indices (n,), int64: the inverse of `codes`.

        Raises `VaekitError` for a wrong number of columns or a level outside its factor.
        """
        levels = np.asarray(codes, dtype=np.int64)
        if levels.shape[-1:] != (len(self.sizes),):
            raise VaekitError(f"expected levels (n, {len(self.sizes)}), got shape {levels.shape}")
        for k, name in enumerate(self.names):
            self._check(name, levels[..., k])
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(levels, -1, 0)), self.sizes))

    def sample(self, n: int, generator: np.random.Generator, /, **fixed: int) -> np.ndarray:
        """Draw levels (n, K) uniformly, with the factors named in `fixed` held at those levels.

        Raises `VaekitError` for an unknown factor, a level outside it, or n < 1.
        """
        if n < 1:
            raise VaekitError(f"cannot sample {n} factors: ask for at least 1")
        for name, level in fixed.items():
            self._check(name, np.asarray(level))
        columns = [
            np.full(n, fixed[name]) if name in fixed else generator.integers(size, size=n)
            for name, size in zip(self.names, self.sizes, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.int64, copy=False)

    def _check(self, name: str, levels: np.ndarray) -> None:
        if name not in self.names:
            raise nearest(name, self.names, "factor")
        top = self.sizes[self.names.index(name)] - 1
        if levels.size and not 0 <= levels.min() <= levels.max() <= top:
            wrong = levels.min() if levels.min() < 0 else levels.max()
            raise VaekitError(f"factor {name!r} has levels 0 to {top}, got {wrong}")
