"""Disentanglement, completeness and informativeness, by which codes a learner uses.

A learner that predicts factor v_k from the whole code gives each latent an importance R_jk ≥ 0.
With the shares P_jk = R_jk / Σ_k R_jk of a latent and P̃_jk = R_jk / Σ_j R_jk of a factor
(Eastwood & Williams 2018, §2),

    disentanglement  D_j = 1 − H_K(P_j·),   D = Σ_j ρ_j D_j,   ρ_j = Σ_k R_jk / Σ R
    completeness     C_k = 1 − H_H(P̃_·k),   C = mean_k C_k
    informativeness  1 − error_k / error of the most frequent level, ≥ 0, on rows not learnt from

with entropies in units of ln K and ln H, where K counts the factors and H the latents that vary:
constant latents beside the others raise nothing. D = 1 when each latent in use serves one factor;
several may serve the same. C = 1 when each factor is read from one latent. Codes that mix
everything have D = C = 0. Informativeness was an error in the paper, for which lower is better, and
is an accuracy in the code that most use, which counts what is guessed without any code; here it is
1 for codes that tell everything and 0 for codes that tell nothing. `accuracy` and `majority` are
parts.

**A factor that is not in the code** counts in full: its importances, of sum 1 like those of others,
are those of noise, spread over all latents, and lower D and C. `disentanglement_weighted` and
`completeness_weighted` take R_jk times the informativeness of factor k in place of R_jk, and the
mean of C_k by it: of what the code tells, how is it arranged? A code that tells one factor well and
no other has 1 there; read them beside the informativeness. What lies within two standard errors of
guessing counts as not told, or noise would decide.

The measure of importance decides the score (random forests .15 to .33 where boosting gives .52 on
the same codes), so it is named: gradient boosting as scikit-learn's, see `vaekit.metrics.boosting`.

Permuting latents changes nothing but ties between equal splits, and monotone rescaling next to
nothing, as it moves a split between two values. Turning the code does change it. Constant codes
score 0 throughout; two copies of a latent share its importance, which costs completeness
ln 2 / ln H and disentanglement nothing. With one latent that varies, or one factor, there is
nothing to share: C, or D, is 1 where anything is used at all. A latent that is nearly dead, a
little noise, varies and counts. Codes of pure noise are used a little by all: D and C stay near 0,
see `shuffled`.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError
from vaekit.metrics.boosting import DEPTH, ROUNDS, boost
from vaekit.metrics.checks import checked, held_out, mean_of, varying
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored

_HOW = (
    f"importance by un-normalised variance reduction in gradient boosting, {ROUNDS} rounds of "
    f"depth {DEPTH}, at most {{}} bins of equal mass"
)


def dci(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    bins: int = 256,
    *,
    holdout: float = 0.25,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score disentanglement D in [0, 1]; `parts["completeness"]` and `["informativeness"]` too.

    `parts["disentanglement_weighted"]` and `["completeness_weighted"]` weigh factors by how far the
    code tells of them. Takes codes (N, H) and factors (N, K). Other `parts`: `importance` (H, K),
    each factor's of sum 1; `by_latent` (H,), D_j, and `weight` (H,), ρ_j; `by_factor` (K,), C_k;
    `informed` (K,); `accuracy` (K,) on the share `holdout` of the rows; `majority` (K,), that of
    the level most frequent there; `constant`, the factors left out. More `bins` (up to 65 536) come
    closer to trying every split, and cost time. About 6 s of one processor for 10 000 × 10 codes
    and 5 factors of 113 levels together, and as long for each of `shuffles`. Raises `VaekitError`
    as `mig` does, for bins out of range, and for too few examples to hold any out.
    """
    values, levels = checked(codes, factors)
    if not 2 <= bins <= 65536:
        raise VaekitError(f"bins must lie between 2 and 65536, got {bins}")
    learnt = held_out(len(values), holdout, np.random.default_rng(seed))

    def measure(levels: np.ndarray) -> dict[str, Any]:
        return _measure(values, levels, learnt, bins, seed)

    names = ("disentanglement", "completeness", "informativeness")
    names += ("disentanglement_weighted", "completeness_weighted")
    settings = {"estimator": _HOW.format(bins), "n": len(values), "bins": bins, "seed": seed}
    settings["judged"] = int((~learnt).sum())
    return scored(measure, levels, names, settings, shuffles, seed)


@metric(
    "dci",
    Row("dci_disentanglement", "does each latent hold one factor only?"),
    Row(
        "dci_completeness",
        "does one latent suffice for a factor?",
        part="completeness",
        mind="copies of a latent cost it",
    ),
    Row(
        "dci_informativeness",
        "is the factor in the code at all?",
        part="informativeness",
        mind="no accuracy: guessing counts as 0",
    ),
    Row(
        "dci_disentanglement_weighted",
        "… factors counted by what the code tells of them",
        part="disentanglement_weighted",
        mind="the informativeness",
    ),
    Row(
        "dci_completeness_weighted",
        "… factors counted by what the code tells of them",
        part="completeness_weighted",
        mind="the informativeness",
    ),
)
def _dci(subject: Subject) -> Score:
    return dci(subject.mean, subject.levels, seed=subject.seed)


def _measure(
    values: np.ndarray, levels: np.ndarray, learnt: np.ndarray, bins: int, seed: int
) -> dict[str, Any]:
    factors, used = levels.shape[1], varying(levels)
    importance = np.zeros((values.shape[1], factors))
    accuracy, majority = np.ones(factors), np.ones(factors)
    with ThreadPoolExecutor() as pool:  # most of the time is spent outside Python
        jobs = [
            pool.submit(boost, values, levels[:, k], learnt, np.random.default_rng([seed, k]), bins)
            for k in used
        ]
        for k, job in zip(used, jobs, strict=True):
            importance[:, k], answers = job.result()
            accuracy[k] = (answers == levels[:, k])[~learnt].mean()
            majority[k] = np.bincount(levels[~learnt, k]).max() / (~learnt).sum()
    by_factor = np.zeros(factors)
    by_factor[used] = shares(importance[np.ix_(varying(values), used)], axis=0)
    room = 1 - majority
    gain = np.where(room > 0, (accuracy - majority) / np.where(room > 0, room, 1.0), 0.0)
    informed = np.maximum(gain, 0.0)
    by_latent, weight = _by_latent(importance[:, used])
    weights = np.where(gain * room > 2 * np.sqrt(majority * room / (~learnt).sum()), informed, 0.0)
    told_by_latent, told = _by_latent((importance * weights)[:, used])
    return {
        "disentanglement": float(weight @ by_latent),
        "completeness": mean_of(by_factor, used),
        "informativeness": mean_of(informed, used),
        "disentanglement_weighted": float(told @ told_by_latent),
        "completeness_weighted": float(weights @ by_factor / (weights.sum() or 1.0)),
        "importance": importance,
        "by_latent": by_latent,
        "weight": weight,
        "by_factor": by_factor,
        "informed": informed,
        "accuracy": accuracy,
        "majority": majority,
    }


def _by_latent(importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return D_j and ρ_j of each latent, (H,) each, of importances (H, K)."""
    return shares(importance, axis=1), importance.sum(axis=1) / (importance.sum() or 1.0)


def shares(importance: np.ndarray, axis: int) -> np.ndarray:
    """Return 1 − entropy of the shares along an axis in units of its logarithm, 0 for no share."""
    total = importance.sum(axis=axis, keepdims=True)
    p = importance / np.where(total > 0, total, 1.0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=axis)
    count = importance.shape[axis]
    alone = 1 - entropy / np.log(count) if count > 1 else np.ones_like(entropy)
    return np.where(total.squeeze(axis) > 0, np.clip(alone, 0.0, 1.0), 0.0)
