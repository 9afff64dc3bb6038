"""Mutual information without bins: how crowded a code is within a level, and over all.

For an example with code z and level v, let r be the distance to its k-th neighbour among the N_v
examples of its level, and m the number of all N that are nearer, itself included. Then
(Ross 2014, eq. 2), with ψ the digamma function,

    I(z; v) = ψ(N) + ψ(k) − ⟨ψ(N_v)⟩ − ⟨ψ(m)⟩

There are no bins to choose, an outlier is one example and no more, and the bias for codes without
information is nearly 0. Ross supposes that no two codes are equal. Where they are, r = 0 and k of
them say nothing, so k is counted as m is: as the number of the level within r (Gao et al. 2017).
Codes that equal their levels then give ψ(N) − ⟨ψ(N_v)⟩, H(v) to order 1/N, and constant codes 0; a
code whose few values each belong to one level tells all of it, however they are mixed. A level of a
single example has no neighbour and is left out. Estimates below 0 count as 0.

Permuting, shifting and scaling change nothing; a monotone rescaling little, as it moves neighbours
apart and hardly changes which they are.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.metrics.checks import checked, varying
from vaekit.metrics.factors.mig import entropies, gap_parts, gaps
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored


def mig_by_neighbours(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    neighbours: int = 3,
    *,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score the MIG in [0, 1] with I from `neighbours` nearest ones in place of bins.

    Takes codes (N, H) and factors (N, K); `parts` as of `mig`, whose gap is at most 1. Raises
    `VaekitError` as `mig` does, and for neighbours < 1.
    """
    check_counts(neighbours=neighbours)
    values, levels = checked(codes, factors)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        known, total = _all_information(values, levels, neighbours), entropies(levels)
        return gap_parts(known, total, np.minimum(gaps(known, total), 1.0))

    how = f"{neighbours} nearest neighbours, Ross 2014"
    settings = {"estimator": how, "n": len(values), "neighbours": neighbours, "seed": seed}
    return scored(measure, levels, ("mig",), settings, shuffles, seed)


@metric(
    "mig_by_neighbours",
    Row(
        "mig_by_neighbours",
        "is each factor held by one latent alone?",
        "share of the entropy",
        title="MIG by neighbours",
        mind="no bins",
    ),
)
def _by_neighbours(subject: Subject) -> Score:
    return mig_by_neighbours(subject.mean, subject.levels, seed=subject.seed)


def mutual_information_by_neighbours(
    codes: npt.ArrayLike, factors: npt.ArrayLike, neighbours: int = 3
) -> np.ndarray:
    """Estimate I(z_j; v_k) in nats, (H, K), without bins; raises as `mig_by_neighbours` does."""
    check_counts(neighbours=neighbours)
    return _all_information(*checked(codes, factors), neighbours)


def _all_information(values: np.ndarray, levels: np.ndarray, neighbours: int) -> np.ndarray:
    known = np.zeros((values.shape[1], levels.shape[1]))
    for j, code in enumerate(values.T):
        order = np.argsort(code, kind="stable")
        for k in varying(levels):
            known[j, k] = _pair_information(code[order], levels[order, k], neighbours)
    return known


def _pair_information(code: np.ndarray, column: np.ndarray, neighbours: int) -> float:
    """Estimate I(z; v) in nats of a rising code (N,) and its levels (N,)."""
    from scipy.special import digamma

    by_level = np.split(
        code[np.argsort(column, kind="stable")], np.cumsum(np.bincount(column))[:-1]
    )
    groups = [group for group in by_level if len(group) > 1]
    n = sum(map(len, groups))
    if not n:
        return 0.0
    rising = code if n == len(code) else np.sort(np.concatenate(groups))
    total = n * digamma(n)
    for group in groups:
        radius = _radius(group, min(neighbours, len(group) - 1))
        inside, around = _count_within(group, group, radius), _count_within(rising, group, radius)
        total += (digamma(inside) - digamma(around) - digamma(len(group))).sum()
    return max(float(total / n), 0.0)


def _radius(group: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each of a rising group (n,) to its k-th neighbour, k < n."""
    n, radius = len(group), np.full(len(group), np.inf)
    for below in range(k + 1):  # the k nearest are `below` lower ones and the rest higher
        low, high = np.arange(n) - below, np.arange(n) + k - below
        fits = (low >= 0) & (high < n)
        lowest, highest = group[np.maximum(low, 0)], group[np.minimum(high, n - 1)]
        reach = np.maximum(group - lowest, highest - group)
        radius = np.where(fits, np.minimum(radius, reach), radius)
    return radius


def _count_within(rising: np.ndarray, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Count values nearer than the radius, or equal to the centre where that is 0."""
    # The sums below round by less than this; a radius within it is that of equal values.
    shrunk = np.maximum(radius - 4 * np.spacing(np.abs(centre) + radius), 0.0)
    low = np.searchsorted(rising, centre - shrunk, side="left")
    return np.searchsorted(rising, centre + shrunk, side="right") - low
