"""Input of the scores, checked once, and what several of them do with it.

Codes are real numbers (N, H) and factors whole-number levels (N, K). A factor that does not vary
has nothing to be known: every score leaves it out and names it in `parts["constant"]`. Scores that
learn from the codes are judged on rows that they did not learn from.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError

BINS = 20  # into which codes are cut, wherever nothing else is asked for


def checked(codes: npt.ArrayLike, factors: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return codes as float64 (N, H) and factors as int64 levels from 0 (N, K).

    Raises `VaekitError` for other shapes, unequal lengths, codes that are not finite, and factors
    that are not integers.
    """
    levels, values = whole(factors), checked_codes(codes)
    if len(values) != len(levels):
        raise VaekitError(
            f"{len(values)} codes but {len(levels)} rows of factors: pass one row for each code"
        )
    return values, from_zero(levels)


def checked_codes(codes: npt.ArrayLike) -> np.ndarray:
    """Return codes as float64 (N, H); raise `VaekitError` where they are no finite numbers."""
    values = np.asarray(codes)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiub":
        raise VaekitError(
            f"expected codes (N, H) of numbers, got shape {values.shape} of type {values.dtype}"
        )
    bad = ~np.isfinite(values).all(axis=0)
    if bad.any():
        raise VaekitError(
            f"latents {np.flatnonzero(bad).tolist()} hold NaN or infinite codes: "
            "the model or its input is broken, so score a sound one"
        )
    return values.astype(np.float64)


def whole(factors: npt.ArrayLike) -> np.ndarray:
    """Return factors as int64 (N, K); raise `VaekitError` where they are no whole numbers."""
    levels = np.asarray(factors)
    if levels.ndim != 2 or not levels.size:
        raise VaekitError(f"expected factors (N, K), got shape {levels.shape}")
    if levels.dtype.kind not in "iub":
        raise VaekitError(
            f"factors must be integer levels, got {levels.dtype}: number the values of each "
            "factor, for example by np.unique(v, return_inverse=True)"
        )
    if levels.dtype == np.uint64 and levels.max() > np.iinfo(np.int64).max:
        return ranked(levels)
    return levels.astype(np.int64)


def ranked(levels: np.ndarray) -> np.ndarray:
    """Number the levels of each factor from 0 without gaps, in their order."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in levels.T], axis=1)


def from_zero(levels: np.ndarray) -> np.ndarray:
    """Number the levels of each factor from 0, in their order."""
    low, high = levels.min(axis=0), levels.max(axis=0)
    # Histograms with some empty cells cost less than sorting; int64 may not hold the difference.
    few = (high.astype(float) - low.astype(float)).max() < 4 * len(levels)
    return levels - low if few else ranked(levels)


def varying(levels: np.ndarray) -> np.ndarray:
    """List the columns with more than one value: factors with several levels, latents alive."""
    return np.flatnonzero(np.ptp(levels, axis=0) > 0)


def held_out(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Choose the rows to learn from, (n,) bool, leaving `share` of them to judge by.

    Raises `VaekitError` where either part would be empty.
    """
    judge = round(share * n)
    if not 0 < judge < n:
        raise VaekitError(
            f"holding out {share} of {n} examples leaves {n - judge} to learn from and {judge} to "
            "judge by: pass more examples, or a holdout between 0 and 1 that leaves both some"
        )
    learnt = np.ones(n, bool)
    learnt[rng.permutation(n)[:judge]] = False
    return learnt


def standardised(values: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    """Give each column mean 0 and deviation 1 on `learnt`; one constant there is only moved."""
    scaled, width = narrowed(values, learnt)
    deviation = scaled[learnt].std(axis=0)
    return (scaled - scaled[learnt].mean(axis=0)) / np.where(width > 0, deviation, 1.0)


def narrowed(values: np.ndarray, learnt: Any = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Bring the range of each column on `learnt` to 1; return the columns and their ranges.

    So no code is too small or too large to be squared. A constant column is only moved.
    """
    known = values[learnt]
    width = np.ptp(known, axis=0)
    return (values - known.min(axis=0)) / np.where(width > 0, width, 1.0), width


def mean_of(values: np.ndarray, chosen: np.ndarray) -> float:
    """Average the chosen entries, 0 where there are none."""
    return float(values[chosen].mean()) if len(chosen) else 0.0
