"""Interventional robustness: how far a latent moves when all factors but one are changed.

Hold factor k at a level, and the mean of z_j there is what the level makes of it. Other factors
then move z_j away, at worst by (Suter et al. 2019, §4)

    PIDA_jk(level) = max |z_j − E[z_j | v_k = level]|,   EMPIDA_jk = E_level PIDA_jk
    IRS_j = max_k (1 − EMPIDA_jk / max |z_j − E z_j|),   IRS = Σ_j w_j IRS_j

with w_j in proportion to max |z_j − E z_j|. IRS_j = 1 when one factor alone decides z_j, which the
copies of a latent do as well as it; 0 when no factor does. A constant latent has weight 0, constant
codes score 0.

`irs` is computed as by its authors: PIDA is the quantile .99 of the distances, the other maxima are
those of all examples, and levels count alike. So a far outlier raises the score. `irs_quantile`
takes the quantile for the largest distance too, so that no single example decides it; weighs levels
by their examples; and averages examples with the same levels of all factors first, whose scatter is
no factor's doing. There two factors that a latent mixes in equal parts give ½. Where every
combination occurs once, noise of the code counts as others' doing in both.

Permuting latents changes nothing, nor does scaling all of them by one number. Scaling a latent
alone changes its weight, and a rescaling that is not linear the distances: both change the score.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError, nearest
from vaekit.metrics.checks import checked
from vaekit.metrics.record import Row, Subject, Values, metric
from vaekit.metrics.score import Score, scored

Reach = Literal["largest", "quantile"]


def irs(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    *,
    quantile: float = 0.99,
    reach: Reach = "largest",
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score how little latents move but with their own factor, in [0, 1].

    Takes codes (N, H) and factors (N, K). `reach` is what distances are divided by: `largest`, as
    by the authors, or `quantile`, that of all distances, with levels and equal examples averaged as
    said above. `parts` holds `robustness` (H, K), 1 − EMPIDA by that distance; `by_latent` (H,) and
    `weight` (H,); `factor` (H,), the one each follows; and `constant`. Raises `VaekitError` as
    `mig` does, for a quantile outside (0, 1], and for another reach.
    """
    if not 0 < quantile <= 1:
        raise VaekitError(f"quantile must lie in (0, 1], got {quantile}: 1 takes the largest")
    values, levels = checked(codes, factors)

    if reach not in ("largest", "quantile"):
        raise nearest(str(reach), ("largest", "quantile"), "reach of irs")
    robust = reach == "quantile"

    def measure(levels: np.ndarray) -> dict[str, Any]:
        z = _cell_means(values, levels) if robust else values
        far = np.quantile(np.abs(z - z.mean(axis=0)), quantile if robust else 1.0, axis=0)
        far = np.where(np.ptp(z, axis=0) > 0, far, 0.0)
        moved = [  # a factor that does not vary decides nothing
            _moved(z, column, quantile, robust) if np.ptp(column) else far for column in levels.T
        ]
        share = np.stack(moved, axis=1) / np.where(far > 0, far, 1.0)[:, None]
        robustness = np.where(far[:, None] > 0, np.maximum(1 - share, 0.0), 0.0)
        by_latent, weight = robustness.max(axis=1), far / (far.sum() or 1.0)
        return {
            "irs": float(weight @ by_latent),
            "robustness": robustness,
            "by_latent": by_latent,
            "weight": weight,
            "factor": robustness.argmax(axis=1),
        }

    of = "that of all, examples of equal levels averaged" if robust else "the largest of all"
    how = f"quantile {quantile:g} of distances from the mean of a level by {of}"
    settings = {"estimator": how, "n": len(values), "quantile": quantile, "seed": seed}
    return scored(measure, levels, ("irs",), settings, shuffles, seed)


@metric(
    "irs",
    Row(
        "irs",
        "does another factor move the latent?",
        title="IRS",
        chance="about .3",
        mind="scale of latents; outliers raise it",
    ),
    Row(
        "irs_quantile",
        "… without the farthest examples?",
        title="IRS by quantiles",
        chance="about .2",
        mind="scale of latents; outliers",
    ),
)
def _irs(subject: Subject) -> Values:
    codes, levels = subject.mean, subject.levels
    return {
        "irs": irs(codes, levels, seed=subject.seed),
        "irs_quantile": irs(codes, levels, reach="quantile", seed=subject.seed),
    }


def _cell_means(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Replace each code by the mean of those with the same levels of all factors."""
    cells = np.unique(levels, axis=0, return_inverse=True)[1].reshape(-1)
    count = np.bincount(cells)
    if len(count) == len(values):
        return values
    return np.stack([(np.bincount(cells, z) / count)[cells] for z in values.T], axis=1)


def _moved(z: np.ndarray, column: np.ndarray, quantile: float, by_count: bool) -> np.ndarray:
    """Return how far the others move each latent, averaged over the levels of a factor, (H,)."""
    far, counts = [], []
    for level in np.unique(column):
        here = z[column == level]
        far.append(np.quantile(np.abs(here - here.mean(axis=0)), quantile, axis=0))
        counts.append(len(here))
    return np.average(far, axis=0, weights=counts if by_count else None)
