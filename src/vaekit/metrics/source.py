"""Groups of examples that share a factor, and their codes: what the scores by votes ask for.

The FactorVAE score draws 15 000 × 64 examples, more than most sets hold. So an image of a set is
encoded when it is first drawn, and looked up from then on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vaekit.data import Dataset, Factors
from vaekit.errors import VaekitError

Encode = Callable[[Any], "npt.ArrayLike | torch.Tensor"]
Draw = Callable[[int, np.random.Generator], np.ndarray]

_SPREAD = 10_000  # draws of continuous factors for the spread of the codes


def source_of(encode: Encode, data: "Dataset | Draw", chunk: int) -> "Source":
    """Draw from a set with factors, or from a function of continuous ones."""
    return _Rows(encode, data, chunk) if isinstance(data, Dataset) else _Drawn(encode, data, chunk)


def varying_of(source: "Source", what: str) -> list[int]:
    """List the factors that vary; raise `VaekitError` for fewer than the two to be told apart."""
    varying = np.flatnonzero(source.varies).tolist()
    if len(varying) < 2:
        raise VaekitError(
            f"{what} tells factors apart, but {len(varying)} of {len(source.names)} factors vary: "
            "use a set in which at least two do"
        )
    return varying


def set_of_codes(codes: np.ndarray, levels: np.ndarray, names: tuple[str, ...]) -> Dataset:
    """Return a set whose examples are codes (N, H), with factors of levels (N, K)."""
    return Dataset(torch.from_numpy(codes), factors=Factors.of(names, list(levels.T)))


class _Rows:
    """Examples are rows of a set; each is encoded when first drawn, and remembered.

    `repeats` is the share of x¹ = x² among pairs that share a factor.
    """

    def __init__(self, encode: Encode, data: Dataset, chunk: int):
        levels = data.levels()
        if levels is None or data.factors is None:
            raise VaekitError(f"{data.name} has no factors, which this score needs")
        self.encode, self.data, self.chunk = encode, data, chunk
        self.names = data.factors.names
        # Rows in the order of each factor's levels, and how many have each level that occurs.
        self.order = [np.argsort(column, kind="stable") for column in levels.T]
        self.counts = [np.unique(column, return_counts=True)[1] for column in levels.T]
        self.varies = np.array([len(count) > 1 for count in self.counts])
        self.repeats = np.array([(1 / count).mean() for count in self.counts])
        self.known = np.zeros(len(data), bool)
        self.encodings = np.empty((len(data), 0))
        self.encoded = 0

    def sharing(self, k: int, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n groups of `size` examples that share factor k, (n, size, …)."""
        count = self.counts[k]
        level = rng.integers(len(count), size=(n, 1))
        start = np.cumsum(count) - count
        return self.order[k][start[level] + rng.integers(count[level], size=(n, size))]

    def codes(self, groups: np.ndarray) -> np.ndarray:
        """Encode groups (n, size, …) to (n, size, H)."""
        new = np.unique(groups[~self.known[groups]])
        for rows in np.split(new, range(self.chunk, len(new), self.chunk)):
            if len(rows):
                codes = _encoded(self.encode, self.data.batch(torch.from_numpy(rows)), len(rows))
                if not self.encoded:
                    self.encodings = np.empty((len(self.data), codes.shape[1]), codes.dtype)
                self.encodings[rows] = codes
                self.encoded += len(rows)
        self.known[new] = True
        return self.encodings[groups]

    def spread(self, rng: np.random.Generator) -> np.ndarray:
        """Return the standard deviation of each code over the set, (H,), 0 for a dead one."""
        return _deviation(self.encodings[self.known])


class _Drawn:
    """Examples are values of continuous factors, independent, so that one column can be shared."""

    def __init__(self, encode: Encode, draw: Draw, chunk: int):
        self.encode, self.draw, self.chunk, self.encoded = encode, draw, chunk, 0
        trial = self._values(100, np.random.default_rng(0))
        self.varies = np.ptp(trial, axis=0) > 0
        self.repeats = np.zeros(trial.shape[1])
        self.names = tuple(f"factor {k}" for k in range(trial.shape[1]))

    def _values(self, n: int, rng: np.random.Generator) -> np.ndarray:
        values = np.asarray(self.draw(n, rng))
        if values.ndim != 2 or len(values) != n or not values.size:
            raise VaekitError(f"expected drawn values ({n}, K), got shape {values.shape}")
        return values

    def sharing(self, k: int, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
        group = np.stack([self._values(n, rng) for _ in range(size)], axis=1)
        group[:, :, k] = group[:, :1, k]
        return group

    def codes(self, groups: np.ndarray) -> np.ndarray:
        values = groups.reshape(-1, groups.shape[-1])
        parts = np.split(values, range(self.chunk, len(values), self.chunk))
        codes = np.concatenate([_encoded(self.encode, part, len(part)) for part in parts])
        self.encoded += len(values)
        return codes.reshape(*groups.shape[:2], -1)

    def spread(self, rng: np.random.Generator) -> np.ndarray:
        return _deviation(self.codes(self._values(_SPREAD, rng)[:, None])[:, 0])


Source = _Rows | _Drawn


def _encoded(encode: Encode, items: Any, n: int) -> np.ndarray:
    """Encode items to codes (n, H) of float32 or float64, checked."""
    codes = encode(items)
    if isinstance(codes, torch.Tensor):
        codes = codes.detach().cpu()
        codes = (codes if codes.dtype == torch.float64 else codes.float()).numpy()
    codes = np.asarray(codes)
    if codes.ndim != 2 or len(codes) != n or not codes.size or codes.dtype.kind not in "fiub":
        raise VaekitError(
            f"encode must return codes ({n}, H) of numbers for {n} items, got shape {codes.shape} "
            f"of type {codes.dtype}"
        )
    codes = codes if codes.dtype == np.float32 else codes.astype(np.float64)
    bad = ~np.isfinite(codes).all(axis=0)
    if bad.any():
        raise VaekitError(
            f"latents {np.flatnonzero(bad).tolist()} hold NaN or infinite codes: "
            "the model or its input is broken, so score a sound one"
        )
    return codes


def _deviation(codes: np.ndarray) -> np.ndarray:
    # Rounding gives a constant code a deviation above 0.
    return np.where(np.ptp(codes, axis=0) > 0, codes.astype(np.float64).std(axis=0), 0.0)
