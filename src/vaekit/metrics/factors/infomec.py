"""InfoMEC: modularity, explicitness and compactness in one unit, the share of a factor's entropy.

With NMI_jk = I(z_j; v_k) / H(v_k), over the latents in use and the factors that vary
(Hsu et al. 2023, §3),

    InfoM = (mean_j max_k NMI_jk / Σ_k NMI_jk − 1/K) / (1 − 1/K)
    InfoC = (mean_k max_j NMI_jk / Σ_j NMI_jk − 1/H') / (1 − 1/H')
    InfoE = mean_k (1 − H_V(v_k|z) / H_V(v_k))

InfoM is 1 when each latent in use tells of one factor, InfoC when each factor is told by one
latent, 0 when all are alike. InfoE is how much of v_k a logistic regression reads from the whole
code (predictive information): its cross-entropy on rows not learnt from, in units of that of the
frequencies of the levels. A worse one than that counts as 0.

I comes of codes quantised into bins, of equal mass, as VQ models have them; codes of fewer distinct
values than bins are taken as they are. Its estimate is above 0 for noise too, and latents of noise
would count in InfoM with ratios of noise. So H' counts the latents that tell of some factor five
standard deviations more than latents tell of shuffled ones (`active`). The paper takes those with a
range above a twentieth of the largest, which a rescaling changes. Without an active latent InfoM
and InfoC are 0; with one factor InfoM is 1, with one active latent InfoC.

Permuting latents changes nothing and no monotone rescaling InfoM and InfoC; InfoE is unmoved by
linear rescaling and mixing, but for the regression's penalty. Copies of each latent leave InfoM and
InfoE at 1 and cost InfoC: two copies have (½ − 1/H') / (1 − 1/H').
"""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.metrics.checks import BINS, checked, held_out, mean_of, standardised, varying
from vaekit.metrics.factors.mig import cut_into_bins, entropies, information
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored

_NULLS, _DEVIATIONS = 5, 5  # shuffles, and how far above their mean an active latent is
_PENALTY = 100.0  # scikit-learn's C, nearly none


def infomec(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    bins: int = BINS,
    *,
    holdout: float = 0.25,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score InfoM in [0, 1]; `parts["explicitness"]` is InfoE, `parts["compactness"]` InfoC.

    Takes codes (N, H) and factors (N, K). Other `parts`: `information` (H, K), the NMI; `active`,
    the latents in use; `predictive` (K,), the shares that a regression reads; and `constant`.
    Raises `VaekitError` as `mig` does, and for too few examples to hold any out.
    """
    values, levels = checked(codes, factors)
    learnt = held_out(len(values), holdout, np.random.default_rng(seed))
    binned, inputs = cut_into_bins(values, bins, "quantile"), standardised(values, learnt)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        used = varying(levels)
        shares, active = _shares(binned, levels, seed)
        predictive = np.array([_predictive(inputs, column, learnt) for column in levels.T])
        return {
            "modularity": concentration(shares[np.ix_(active, used)]),
            "explicitness": mean_of(predictive, used),
            "compactness": concentration(shares[np.ix_(active, used)].T),
            "information": shares,
            "active": active,
            "predictive": predictive,
        }

    how = f"plug-in, {bins} bins of equal mass; held-out logistic regression"
    settings = {"estimator": how, "n": len(values), "bins": bins, "seed": seed}
    names = ("modularity", "explicitness", "compactness")
    return scored(measure, levels, names, settings, shuffles, seed)


@metric(
    "infomec",
    Row("info_modularity", "does each latent hold one factor only?", title="InfoM"),
    Row(
        "info_explicitness",
        "is the factor in the code at all?",
        title="InfoE",
        part="explicitness",
        mind="by a linear reader",
    ),
    Row(
        "info_compactness",
        "does one latent suffice for a factor?",
        title="InfoC",
        part="compactness",
        mind="copies of a latent cost it",
    ),
)
def _infomec(subject: Subject) -> Score:
    return infomec(subject.mean, subject.levels, subject.bins, seed=subject.seed)


def concentration(shares: np.ndarray) -> float:
    """Return the mean over rows of max / sum, moved and scaled so that all alike is 0 and one 1."""
    rows = shares[shares.sum(axis=1) > 0] if shares.size else shares[:0]
    if not len(rows):
        return 0.0
    most, least = (rows.max(axis=1) / rows.sum(axis=1)).mean(), 1 / shares.shape[1]
    return float((most - least) / (1 - least)) if least < 1 else 1.0


def _shares(binned: np.ndarray, levels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the NMI (H, K) and the latents that tell more than chance."""
    total, rng = entropies(levels), np.random.default_rng([seed, 1])
    scale = np.where(total > 0, total, 1.0)
    nulls = [information(binned, rng.permutation(levels)) / scale for _ in range(_NULLS)]
    shares = np.minimum(information(binned, levels) / scale, 1.0)
    # Each factor against its own chance: many levels seem to tell more. 1e-9 is rounding.
    chance = np.mean(nulls, axis=(0, 1)) + _DEVIATIONS * np.std(nulls, axis=(0, 1))
    active = (shares > chance + 1e-9).any(axis=1)
    return shares, np.flatnonzero(active)


def _predictive(inputs: np.ndarray, column: np.ndarray, learnt: np.ndarray) -> float:
    """Return 1 − H_V(v|z) / H_V(v) on rows not learnt from, at least 0."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    names, known = np.unique(column[learnt], return_inverse=True)
    judged = ~learnt & np.isin(column, names)  # a level never seen has no probability
    if len(names) < 2 or not judged.any() or not np.ptp(inputs[learnt], axis=0).any():
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best of 200 steps, a lower bound
        fit = LogisticRegression(C=_PENALTY, max_iter=200).fit(inputs[learnt], known)
    truth = np.searchsorted(names, column[judged])
    log_read = fit.predict_log_proba(inputs[judged])[np.arange(len(truth)), truth].mean()
    guessed = np.log(np.bincount(known) / len(known))[truth].mean()
    return max(float(1 - log_read / guessed), 0.0)
