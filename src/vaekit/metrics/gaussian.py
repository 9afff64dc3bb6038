"""How far a code is from independent latents, as far as its covariance shows.

For Gaussian codes of covariance Σ, with variances on the diagonal D of it (Locatello et al. 2019,
§C; the total correlation in nats),

    total correlation        TC = ½ (Σ_h ln Σ_hh − ln det Σ) = KL(N(μ, Σ)‖N(μ, D))
    Wasserstein correlation  W = W₂²(N(μ, Σ), N(μ, D)) / tr Σ = 2 − 2 tr (D^½ Σ D^½)^½ / tr Σ

Both are 0 for uncorrelated latents, and see nothing else: TC here is a lower bound on that of codes
whose latents are each normal. A copy of a latent makes TC infinite and W (2 − √2) for two alone.
Constant latents are left out; one latent or none scores 0.

TC is unmoved by scaling latents, W by scaling all alike: a latent of small variance counts little
in it. Rescaling that is not linear moves both, permuting neither. Score the mean codes and drawn
ones: a VAE whose drawn codes are uncorrelated may have correlated means.

There are no factors, so `shuffled` has every latent shuffled by itself: H (H − 1) / 4N for TC.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.errors import VaekitError
from vaekit.metrics.checks import checked_codes, narrowed
from vaekit.metrics.record import Row, Subject, Values, metric
from vaekit.metrics.score import Score

_SINGULAR = 1e-12  # eigenvalue of a correlation matrix that rounding may have left of 0


def gaussian_total_correlation(codes: npt.ArrayLike, *, shuffles: int = 5, seed: int = 0) -> Score:
    """Estimate ½ (Σ_h ln Σ_hh − ln det Σ) in nats from codes (N, H), infinite for a copied latent.

    `parts` holds `correlation` (H, H) and `constant`. Raises `VaekitError` for codes that are not
    (N, H), finite, and of N ≥ 2.
    """
    return _scored(codes, _total, "total correlation of a Gaussian", shuffles, seed)


def wasserstein_correlation(codes: npt.ArrayLike, *, shuffles: int = 5, seed: int = 0) -> Score:
    """Estimate W₂²(N(μ, Σ), N(μ, D)) / tr Σ in [0, 2) from codes (N, H).

    `parts` and what raises are as for `gaussian_total_correlation`.
    """
    return _scored(codes, _distance, "W₂² of Gaussians by the total variance", shuffles, seed)


@metric(
    "correlation",
    Row(
        "gaussian_tc_mean",
        "are the mean codes uncorrelated?",
        "nats",
        "lower",
        ideal="0",
        title="Gaussian TC of the means",
    ),
    Row(
        "wasserstein_mean",
        "are the mean codes uncorrelated?",
        "share of the variance",
        "lower",
        ideal="0",
        title="Wasserstein correlation of the means",
    ),
    Row(
        "gaussian_tc_drawn",
        "are the codes uncorrelated?",
        "nats",
        "lower",
        ideal="0",
        title="Gaussian TC of the codes",
    ),
    Row(
        "wasserstein_drawn",
        "are the codes uncorrelated?",
        "share of the variance",
        "lower",
        ideal="0",
        title="Wasserstein correlation of the codes",
    ),
    needs="latents",
    shuffled="for latents each shuffled by itself",
)
def _correlation(subject: Subject) -> Values:
    values, seed = dict[str, Score](), subject.seed
    for of, codes in (("mean", subject.mean), ("drawn", subject.drawn)):
        if codes is not None:
            free = codes[:, subject.free]  # the entries of a one-hot sum to 1
            values[f"gaussian_tc_{of}"] = gaussian_total_correlation(free, seed=seed)
            values[f"wasserstein_{of}"] = wasserstein_correlation(free, seed=seed)
    return values


def _scored(
    codes: npt.ArrayLike,
    measure: Callable[[np.ndarray, np.ndarray], float],
    how: str,
    shuffles: int,
    seed: int,
) -> Score:
    check_counts(shuffles=shuffles)
    values = checked_codes(codes)
    if len(values) < 2:
        raise VaekitError("one code has no covariance: pass the codes of several examples")
    live, rng = np.flatnonzero(np.ptp(values, axis=0) > 0), np.random.default_rng(seed)
    correlation, scale = _moments(values[:, live])
    again = [measure(*_moments(rng.permuted(values[:, live], axis=0))) for _ in range(shuffles)]
    whole = np.eye(values.shape[1])
    whole[np.ix_(live, live)] = correlation
    parts = {
        "correlation": whole,
        "constant": np.setdiff1d(np.arange(values.shape[1]), live),
    }
    settings = {"estimator": how, "n": len(values), "seed": seed}
    bias = float(np.mean(again)) if again else None
    return Score(measure(correlation, scale), parts, settings, bias)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation matrix (H, H) and the standard deviations (H,), in units of one."""
    if not values.size:
        return np.zeros((0, 0)), np.zeros(0)
    scaled, width = narrowed(values)
    centred = scaled - scaled.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    unit = centred / deviation
    return unit.T @ unit / len(unit), deviation * (width / width.max())


def _total(correlation: np.ndarray, scale: np.ndarray) -> float:
    roots = np.linalg.eigvalsh(correlation)
    if (roots < _SINGULAR * len(roots)).any():
        return float("inf")
    return max(0.0, float(-0.5 * np.log(roots).sum()))


def _distance(correlation: np.ndarray, scale: np.ndarray) -> float:
    variance = scale**2 / ((scale**2).sum() or 1.0)
    roots = np.linalg.eigvalsh(correlation * np.outer(variance, variance))
    return max(0.0, float(2 - 2 * np.sqrt(np.maximum(roots, 0)).sum())) if len(scale) else 0.0
