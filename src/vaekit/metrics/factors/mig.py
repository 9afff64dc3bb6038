"""Mutual information of codes and factors, and the gap that MIG makes of it.

Whether a latent z_j tells of a factor v_k is I(z_j; v_k) = H(z_j) + H(v_k) − H(z_j, v_k). For
each factor, the mutual information gap takes the distance from the most informative latent to the
next, as a share of what there is to know (Chen et al. 2018, eq. 6):

    MIG = 1/K Σ_k (I(z_(1); v_k) − I(z_(2); v_k)) / H(v_k)

1 means that every factor is held wholly by one latent alone, 0 that every factor is shared by two
or held by none. It looks at factors only: one latent may hold several and still score 1.

Entropies here are plug-in estimates from histograms. A continuous code is first cut into bins:
`width`, of equal width between its lowest and highest value, as the literature does, which one
outlier can ruin; `quantile`, of equal mass, which no outlier and no monotone rescaling moves. The
plug-in estimate of I is too large by about (B − 1)(S − 1) / 2N nats for B bins and S levels
(Miller 1955), which is why `mig` reports its value for shuffled factors beside its own.

A constant code has I = 0. A constant factor has nothing to be known, 0/0: it is left out of the
mean and named, and a set without any varying factor scores 0.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError
from vaekit.metrics.checks import BINS, checked, from_zero, mean_of, whole
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored

Binning = Literal["width", "quantile"]


def mig(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    bins: int = BINS,
    binning: Binning = "width",
    *,
    shuffles: int = 5,
    seed: int = 0,
) -> Score:
    """Score how far each factor is held by one latent alone: codes (N, H), factors (N, K) → [0, 1].

    `shuffles` permutations of the factors, drawn from `seed`, give the bias. `parts` holds
    `mutual_information` (H, K) and `entropy` (K,) in nats, `gap` (K,), `latent` (K,), the most
    informative one, and `constant`, the factors left out of the mean.
    Raises `VaekitError` as `mutual_information` does.
    """
    values, levels = checked(codes, factors)
    binned = cut_into_bins(values, bins, binning)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        known, total = information(binned, levels), entropies(levels)
        return gap_parts(known, total, gaps(known, total))

    return scored(measure, levels, ("mig",), plug_in(len(values), bins, binning), shuffles, seed)


@metric(
    "mig",
    Row(
        "mig",
        "is each factor held by one latent alone?",
        "share of the entropy",
        title="MIG",
        mind="bins and N",
    ),
)
def _mig(subject: Subject) -> Score:
    return mig(subject.mean, subject.levels, subject.bins, seed=subject.seed)


def mutual_information(
    codes: npt.ArrayLike, factors: npt.ArrayLike, bins: int = BINS, binning: Binning = "width"
) -> np.ndarray:
    """Estimate I(z_j; v_k) in nats, (H, K), from codes (N, H) and integer factors (N, K).

    Raises `VaekitError` for other shapes, unequal lengths, codes that are not finite, factors that
    are not integers, fewer than 2 bins, and an unknown binning.
    """
    values, levels = checked(codes, factors)
    return information(cut_into_bins(values, bins, binning), levels)


def entropy(factors: npt.ArrayLike) -> np.ndarray:
    """Estimate H(v_k) in nats, (K,), from integer factors (N, K); raises as `mig` does."""
    return entropies(from_zero(whole(factors)))


def plug_in(n: int, bins: int, binning: Binning) -> dict[str, Any]:
    """Return the settings of a score whose I is estimated by bins from `n` examples."""
    how = f"plug-in, {bins} bins of equal {'width' if binning == 'width' else 'mass'}"
    return {"estimator": how, "n": n, "bins": bins, "binning": binning}


def gaps(known: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the gap (K,) of I (H, K) as a share of H(v) (K,), 0 for a constant factor."""
    ordered = np.sort(known, axis=0)
    second = ordered[-2] if len(ordered) > 1 else 0.0
    return np.where(total > 0, (ordered[-1] - second) / np.where(total > 0, total, 1.0), 0.0)


def gap_parts(known: np.ndarray, total: np.ndarray, gap: np.ndarray) -> dict[str, Any]:
    """Return the mean gap of the factors that vary as `mig`, and the parts that it is made of."""
    return {
        "mig": mean_of(gap, np.flatnonzero(total > 0)),
        "mutual_information": known,
        "entropy": total,
        "gap": gap,
        "latent": known.argmax(axis=0),
    }


def information(binned: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Estimate I, (H, K), of codes cut into bins (H, N) and levels (N, K), both from 0."""
    bins, columns = int(binned.max()) + 1, np.ascontiguousarray(levels.T)
    known = np.empty((len(binned), len(columns)))
    for k, column in enumerate(columns):
        size = int(column.max()) + 1
        # One histogram at a time stays in the cache: four times faster than all in one.
        joint = np.stack([np.bincount(b * size + column, minlength=bins * size) for b in binned])
        table = joint.reshape(-1, bins, size)
        apart = _entropy(table.sum(axis=2)) + _entropy(table.sum(axis=1))
        known[:, k] = apart - _entropy(joint)
    return np.maximum(known, 0.0)


def _entropy(counts: np.ndarray) -> np.ndarray:
    """Estimate the entropy in nats of every row of `counts`: ln N − 1/N Σ c ln c."""
    n = counts[0].sum()
    used = np.where(counts > 0, counts, 1)
    return np.log(n) - (counts * np.log(used)).sum(axis=1) / n


def entropies(levels: np.ndarray) -> np.ndarray:
    """Estimate H(v) in nats of levels from 0 (N, K)."""
    each = [_entropy(np.bincount(column)[None])[0] for column in levels.T]
    return np.where(np.ptp(levels, axis=0) == 0, 0.0, each)


def cut_into_bins(values: np.ndarray, bins: int, binning: Binning) -> np.ndarray:
    """Cut every code into bins numbered from 0: (N, H) → (H, N), so that each lies in one piece.

    Raises `VaekitError` for fewer than 2 bins and an unknown binning.
    """
    if bins < 2:
        raise VaekitError(f"bins must be ≥ 2 to tell anything apart, got {bins}")
    if binning not in ("width", "quantile"):
        raise VaekitError(f"unknown binning {binning!r}: use 'width' or 'quantile'")
    columns = np.ascontiguousarray(values.T)
    if binning == "quantile":
        return np.stack([_equal_mass(column, bins) for column in columns])
    low, width = columns.min(axis=1, keepdims=True), np.ptp(columns, axis=1, keepdims=True)
    share = (columns - low) / np.where(width > 0, width, 1.0)
    return np.minimum((share * bins).astype(np.int64), bins - 1)


def _equal_mass(column: np.ndarray, bins: int) -> np.ndarray:
    # Edges are values of the column itself: equal values stay together, a rescaling moves nothing.
    shares = np.arange(1, bins) / bins
    return np.searchsorted(np.quantile(column, shares, method="inverted_cdf"), column)
