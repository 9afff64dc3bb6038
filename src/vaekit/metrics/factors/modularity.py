"""Modularity and explicitness: whether a latent serves one factor, and whether factors are plain.

A latent is modular if it has information m_jk = I(z_j; v_k) about one factor only. With θ_j the
largest of them (Ridgeway & Mozer 2018, §3, eqs. 1, 2),

    modularity    mean_j (1 − Σ_{k ≠ best} m_jk² / θ_j² (K − 1))
    explicitness  mean_{k,s} (AUC_ks − ½) / ½

where AUC_ks is the area under the ROC curve of a logistic regression, from the whole code, of level
s of factor k against the rest, here on rows not learnt from.

Modularity asks latents only: factors that no latent holds cost nothing, nor do copies of a latent.
A latent without any information has no best factor; it is left out, and where all are, the score is
0. Noise is no such case: its estimates m are small and of one size, or of sizes as the numbers of
levels, and its modularity can be .8, so look at `shuffled`. One factor leaves nothing to mix: 1.

Explicitness asks for levels that a plane cuts off. A number z = v that follows a factor of S levels
is cut at its ends only: AUC_s = max(s, S − 1 − s) / (S − 1), so ideal codes score 2/3 for S = 3 and
tend to 1/2 for many; ½ where S is odd and s in the middle. Mixing latents linearly changes nothing.

Permuting latents changes neither; rescaling a latent linearly neither (but for the ridge of the
regression); other monotone rescaling moves both, modularity not with bins of equal mass.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.metrics.checks import BINS, checked, held_out, mean_of, standardised, varying
from vaekit.metrics.factors.mig import Binning, cut_into_bins, information, plug_in
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored


def modularity_explicitness(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    bins: int = BINS,
    binning: Binning = "width",
    *,
    holdout: float = 0.25,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score modularity in [0, 1], and explicitness in `parts["explicitness"]`, 0 by chance.

    Takes codes (N, H) and factors (N, K). Other `parts`: `mutual_information` (H, K) in nats;
    `by_latent` (H,), the modularity of each; `idle`, the latents without information; `auc` (K,),
    the mean over levels; `constant`, the factors left out. Raises `VaekitError` as `mig` does, and
    for too few examples to hold any out.
    """
    values, levels = checked(codes, factors)
    learnt = held_out(len(values), holdout, np.random.default_rng(seed))
    binned, inputs = cut_into_bins(values, bins, binning), standardised(values, learnt)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        known, used = information(binned, levels), varying(levels)
        known[known < 1e-12] = 0.0  # rounding
        by_latent, best = modular(known[:, used]), known.max(axis=1)
        auc = np.array([_auc(inputs, levels[:, k], learnt) for k in range(levels.shape[1])])
        return {
            "modularity": mean_of(by_latent, np.flatnonzero(best > 0)),
            "explicitness": 2 * mean_of(auc - 0.5, used),
            "mutual_information": known,
            "by_latent": by_latent,
            "idle": np.flatnonzero(best == 0),
            "auc": auc,
        }

    settings: dict[str, Any] = plug_in(len(values), bins, binning) | {"seed": seed}
    settings["estimator"] += "; held-out ROC of logistic regression, one level against all"
    return scored(measure, levels, ("modularity", "explicitness"), settings, shuffles, seed)


@metric(
    "modularity",
    Row(
        "modularity",
        "does each latent hold one factor only?",
        chance="any",
        mind="of noise it may be .8",
    ),
    Row(
        "explicitness",
        "how simple a reader will do?",
        "at most 1",
        part="explicitness",
        ideal="1, less",
        mind="wants levels that are cut off by planes",
    ),
)
def _modularity(subject: Subject) -> Score:
    given = subject.mean, subject.levels, subject.bins
    return modularity_explicitness(*given, seed=subject.seed)


def modular(known: np.ndarray) -> np.ndarray:
    """Return the modularity of each latent (H,) from I (H, K), 0 where it has none."""
    best = known.max(axis=1, initial=0.0)
    scale = np.where(best > 0, best, 1.0) ** 2
    others = ((known**2).sum(axis=1) - best**2) / scale
    return np.where(best > 0, 1 - others / max(known.shape[1] - 1, 1), 0.0)


def _auc(inputs: np.ndarray, column: np.ndarray, learnt: np.ndarray) -> float:
    """Average over levels the area under the curve of a level against the rest, ½ for none."""
    from sklearn.linear_model import LogisticRegression

    areas = []
    for level in np.unique(column):
        is_level = column == level
        if not 0 < is_level[learnt].sum() < learnt.sum():
            continue
        fit = LogisticRegression(solver="newton-cholesky").fit(inputs[learnt], is_level[learnt])
        areas.append(area(inputs[~learnt] @ fit.coef_[0], is_level[~learnt]))
    known = [a for a in areas if a is not None]
    return float(np.mean(known)) if known else 0.5


def area(height: np.ndarray, positive: np.ndarray) -> float | None:
    """Return how often a positive stands above a negative, ties as ½; None without either."""
    from sklearn.metrics import roc_auc_score

    if positive.all() or not positive.any():
        return None
    # Planes that rounding alone has tilted must not rank equal codes.
    return float(roc_auc_score(positive, np.round(height, 12)))
