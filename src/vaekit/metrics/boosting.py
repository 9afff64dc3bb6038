"""Gradient boosting that only answers which codes were used, and what was said.

DCI reads the importances of scikit-learn's `GradientBoostingClassifier`, and other learners give
other scores: on the same codes .51 where random forests say .15 to .33. So this is that learner,
without its time. One tree of depth 3 for each of S levels in each of 100 rounds fits the residuals
r = 1[v = s] − p_s. A node of n examples is split where the variance falls most,

    gain = (Σ_left r)² / n_left + (Σ_right r)² / n_right − (Σ r)² / n

and the importance of a code is the sum of its gains over all nodes of all trees, un-normalised by
the size of the node (Friedman 2001, §8.1). A leaf adds a tenth of the Newton step to the scores,
(S − 1)/S · Σ r / Σ p_s (1 − p_s). Two levels share one tree, the logistic one.

The sums of all S trees over all candidate splits are one product of a matrix of zeros and ones
(codes × bins, examples) with the residuals (examples, S), which is where the time is saved. Codes
of more distinct values than `bins` are cut into bins of equal mass; of fewer, every split is tried
and the importances are scikit-learn's. With 256 bins they came within .02 of it for 32 levels and
7500 rows, in a thirtieth of the time, and within .06 for 40 levels and 1500 rows, where a level has
fewer examples than there are bins. Equal gains, as of a duplicated code, are shared out at random,
as there.
"""

from typing import NamedTuple

import numpy as np

ROUNDS, DEPTH, RATE = 100, 3, 0.1
_TIE = 1e-5  # gains closer than this share are equal: sums of float32 are no better


class Boosted(NamedTuple):
    """Hold the importance of each code (H,), of sum 1 or all 0, and the level of each row."""

    importance: np.ndarray
    answers: np.ndarray


def boost(
    codes: np.ndarray,
    column: np.ndarray,
    learnt: np.ndarray,
    rng: np.random.Generator,
    bins: int = 256,
) -> Boosted:
    """Learn levels (N,) from codes (N, H) on the rows `learnt` (N,), and say those of all rows.

    At most `bins`, up to 65 536, places of each code are told apart.
    """
    names, levels = np.unique(column[learnt], return_inverse=True)
    order = np.concatenate([np.flatnonzero(learnt), np.flatnonzero(~learnt)])
    binned = _bins(codes[order], len(levels), bins)
    if len(names) < 2 or not binned.any():  # nothing to know, or nothing known
        most = names[np.bincount(levels).argmax()]
        return Boosted(np.zeros(codes.shape[1]), np.full(len(codes), most))
    trees = 1 if len(names) == 2 else len(names)
    truth = np.zeros((trees, len(levels)))
    truth[levels if trees > 1 else 0, np.arange(len(levels))] = 1 if trees > 1 else levels
    score = np.tile(_first_scores(truth)[:, None], (1, len(codes)))
    sums, importance = _Sums(binned, len(levels)), np.zeros(codes.shape[1])
    for _ in range(ROUNDS):
        p = _probability(score[:, : len(levels)])
        residual, curvature = truth - p, p * (1 - p)
        leaf, gain = _grow(sums, residual, rng)
        importance += gain
        score += RATE * _steps(leaf, residual, curvature)
    answers = np.empty(len(codes), names.dtype)
    answers[order] = names[score.argmax(axis=0) if trees > 1 else (score[0] > 0).astype(int)]
    return Boosted(importance / (importance.sum() or 1.0), answers)


Node = tuple[np.ndarray, np.ndarray]  # sums of residuals and counts, both (H, bins, T)
Split = tuple[np.ndarray, np.ndarray, np.ndarray]


class _Sums:
    """Sum values over the examples of each bin of each code."""

    def __init__(self, binned: np.ndarray, learnt: int):
        from scipy.sparse import csr_array

        self.binned, self.learnt = binned, learnt
        codes, size = len(binned), int(binned.max()) + 1
        rows = binned[:, :learnt] + np.arange(codes)[:, None] * size
        where = rows.ravel(), np.tile(np.arange(learnt), codes)
        ones = np.ones(codes * learnt, np.float32)  # half the time of float64
        self.shape, self.matrix = (codes, size), csr_array((ones, where), (codes * size, learnt))
        self.counts = self(np.ones((learnt, 1), np.float32))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Sum values (learnt, T) to (codes, bins, T)."""
        return (self.matrix @ values).reshape(*self.shape, -1)


def _grow(
    sums: _Sums, residual: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Grow a tree for each row of residuals: leaves (T, N), the gain of each code (H,)."""
    values = np.ascontiguousarray(residual.T, dtype=np.float32)
    leaf = np.zeros((len(residual), sums.binned.shape[1]), np.uint8)
    nodes, gains = [(sums(values), sums.counts)], np.zeros(sums.shape[0])
    for level in range(DEPTH):
        splits = [_best(*node, rng) for node in nodes]
        for feature, _, gain in splits:
            gains += np.bincount(feature, gain, minlength=len(gains))
        for tree, node in enumerate(leaf):
            node[:] = 2 * node + _right(
                sums.binned, node, [(f[tree], t[tree]) for f, t, _ in splits]
            )
        if level < DEPTH - 1:
            now = np.ascontiguousarray(leaf[:, : sums.learnt].T)
            nodes = [
                child
                for k, node in enumerate(nodes)
                for child in _children(sums, values, now == 2 * k, node)
            ]
    return leaf, gains


def _children(sums: _Sums, values: np.ndarray, left: np.ndarray, node: Node) -> tuple[Node, Node]:
    """Sum over the left half (learnt, T) of a node; the right half is what remains."""
    inside = left.astype(np.float32)
    total, count = sums(values * inside), sums(inside)
    return (total, count), (node[0] - total, node[1] - count)


def _right(binned: np.ndarray, node: np.ndarray, splits: list[tuple[int, int]]) -> np.ndarray:
    """Tell which examples (N,) go right, by the split (code, bin) of the node where they are."""
    if len(splits) == 1:
        return binned[splits[0][0]] > splits[0][1]
    right = np.zeros(len(node), bool)
    for k, (feature, threshold) in enumerate(splits):
        right |= (node == k) & (binned[feature] > threshold)
    return right


def _best(total: np.ndarray, count: np.ndarray, rng: np.random.Generator) -> Split:
    """Find the best split of a node: code, last bin to the left, gain, each (T,)."""
    left, n_left = total.cumsum(axis=1), count.cumsum(axis=1)
    whole, n = left[:, -1:], n_left[:, -1:]
    left, n_left = left[:, :-1], n_left[:, :-1]
    right, n_right = whole - left, n - n_left
    fits = (n_left > 0.5) & (n_right > 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = left**2 / n_left + right**2 / n_right - whole**2 / n
    gain = np.where(fits, gain, -1.0)
    place = gain.argmax(axis=1)  # (H, T)
    each = np.take_along_axis(gain, place[:, None], axis=1)[:, 0]
    feature = (each * (1 + _TIE * rng.random(each.shape))).argmax(axis=0)
    trees = np.arange(len(feature))
    gain, threshold = each[feature, trees], place[feature, trees]
    # Where nothing can be split, all stay on the left.
    return feature, np.where(gain < 0, total.shape[1], threshold), np.maximum(gain, 0.0)


def _steps(leaf: np.ndarray, residual: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return the Newton step of the leaf in which each row lies, (T, N)."""
    learnt, trees = residual.shape[1], len(leaf)
    share = (trees - 1) / trees if trees > 1 else 1.0
    steps = np.empty(leaf.shape)
    for tree, places in enumerate(leaf):
        up = np.bincount(places[:learnt], residual[tree], minlength=2**DEPTH)
        down = np.bincount(places[:learnt], curvature[tree], minlength=2**DEPTH)
        step = np.where(down > 1e-150, share * up / np.maximum(down, 1e-150), 0.0)
        steps[tree] = step[places]
    return steps


def _first_scores(truth: np.ndarray) -> np.ndarray:
    """Return the scores of the frequencies of the levels, (T,)."""
    share = truth.mean(axis=1)
    return np.log(share) if len(truth) > 1 else np.log(share / (1 - share))


def _probability(score: np.ndarray) -> np.ndarray:
    """Turn scores into probabilities of the levels, (T, N); one tree is of two levels."""
    if len(score) == 1:
        return 1 / (1 + np.exp(-score))
    grown = np.exp(score - score.max(axis=0))
    return grown / grown.sum(axis=0)


def _bins(codes: np.ndarray, learnt: int, bins: int) -> np.ndarray:
    """Number the places between the splits to be tried, (H, N), from the rows learnt from."""
    binned = []
    for column in codes.T:
        values = np.unique(column[:learnt])
        if len(values) > bins:
            shares = np.arange(1, bins) / bins
            values = np.unique(np.quantile(column[:learnt], shares, method="inverted_cdf"))
        else:
            values = (values[1:] + values[:-1]) / 2
        binned.append(np.searchsorted(values, column))
    return np.stack(binned).astype(np.uint16)
