"""Interventional robustness: how far a latent moves when all factors but one are changed.

Hold factor k at a level, and the mean of z_j there is what the level makes of it. Other factors
then move z_j away, at worst by (Suter et al. 2019, §4)

    PIDA_jk(level) = max |z_j − E[z_j | v_k = level]|,   EMPIDA_jk = E_level PIDA_jk
    IRS_j = max_k (1 − EMPIDA_jk / max |z_j − E z_j|),   IRS = Σ_j w_j IRS_j

with w_j in proportion to max |z_j − E z_j|. IRS_j = 1 when one factor alone decides z_j, which the
copies of a latent do as well as it; 0 when no factor does. Two factors that a latent mixes in equal
parts give ½. Examples with the same levels of all factors are averaged first: their scatter is no
factor's doing. Where every combination occurs once, noise of the code counts as others' doing.

The worst case is the quantile `quantile` of the distances, .99 as in the authors' code, so that
no single example decides it; a far outlier moves the means all the same, and ruins the score. A
constant latent has weight 0, constant codes score 0.

Permuting latents changes nothing, nor does scaling all of them by one number. Scaling a latent
alone changes its weight, and a rescaling that is not linear the distances: both change the score.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError
from vaekit.metrics.checks import checked
from vaekit.metrics.record import Row, Subject, metric
from vaekit.metrics.score import Score, scored


def irs(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    *,
    quantile: float = 0.99,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score how little latents move but with their own factor, in [0, 1].

    Takes codes (N, H) and factors (N, K). `parts` holds `robustness` (H, K), 1 − EMPIDA by the
    largest distance; `by_latent` (H,) and `weight` (H,); `factor` (H,), the one each follows; and
    `constant`. Raises `VaekitError` as `mig` does, and for a quantile outside (0, 1].
    """
    if not 0 < quantile <= 1:
        raise VaekitError(f"quantile must lie in (0, 1], got {quantile}: 1 takes the largest")
    values, levels = checked(codes, factors)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        means = _cell_means(values, levels)
        reach = np.quantile(np.abs(means - means.mean(axis=0)), quantile, axis=0)
        reach = np.where(np.ptp(means, axis=0) > 0, reach, 0.0)
        moved = np.stack([_moved(means, column, quantile) for column in levels.T], axis=1)
        share = moved / np.where(reach > 0, reach, 1.0)[:, None]
        robustness = np.where(reach[:, None] > 0, np.maximum(1 - share, 0.0), 0.0)
        by_latent, weight = robustness.max(axis=1), reach / (reach.sum() or 1.0)
        return {
            "irs": float(weight @ by_latent),
            "robustness": robustness,
            "by_latent": by_latent,
            "weight": weight,
            "factor": robustness.argmax(axis=1),
        }

    how = f"quantile {quantile:g} of distances from the mean of a level"
    settings = {"estimator": how, "n": len(values), "quantile": quantile, "seed": seed}
    return scored(measure, levels, ("irs",), settings, shuffles, seed)


@metric(
    "irs",
    Row(
        "irs",
        "does another factor move the latent?",
        title="IRS",
        chance="about .2",
        mind="scale of latents; outliers",
    ),
)
def _irs(subject: Subject) -> Score:
    return irs(subject.mean, subject.levels, seed=subject.seed)


def _cell_means(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Replace each code by the mean of those with the same levels of all factors."""
    cells = np.unique(levels, axis=0, return_inverse=True)[1].reshape(-1)
    count = np.bincount(cells)
    if len(count) == len(values):
        return values
    return np.stack([(np.bincount(cells, z) / count)[cells] for z in values.T], axis=1)


def _moved(means: np.ndarray, column: np.ndarray, quantile: float) -> np.ndarray:
    """Return how far the others move each latent, averaged over the levels of a factor, (H,)."""
    total = np.zeros(means.shape[1])
    for level in np.unique(column):
        here = means[column == level]
        total += len(here) * np.quantile(np.abs(here - here.mean(axis=0)), quantile, axis=0)
    return total / len(means)
