"""Codes whose scores are known, on a full grid of factors of 3, 4 and 5 levels, 20 times over."""

from types import SimpleNamespace

import numpy as np

from vaekit.metrics import (
    METRICS,
    beta_vae_score,
    factor_vae_score,
    gaussian_total_correlation,
    irs,
    sap,
    udr,
    wasserstein_correlation,
)
from vaekit.metrics.source import set_of_codes

SIZES = (3, 4, 5)
GRID = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1)
LEVELS = np.tile(GRID, (20, 1))
HADAMARD = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)


def ideal() -> np.ndarray:
    return LEVELS.astype(float)


def square() -> tuple[np.ndarray, np.ndarray]:
    """Two independent factors of 10 levels and codes turned by 45°, with a little noise."""
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 10, (4000, 2))
    return (levels - 4.5) @ HADAMARD + 0.01 * rng.normal(size=levels.shape), levels


CODES = {
    "ideal": ideal(),
    "permuted": ideal()[:, [2, 0, 1]] * [-3.0, 0.5, 20] + 7,
    "dead": np.hstack([ideal(), np.full((len(LEVELS), 2), 0.3)]),
    "duplicated": np.hstack([ideal(), ideal()]),
    "useless": np.random.default_rng(0).normal(size=(len(LEVELS), 5)),
    "constant": np.full((len(LEVELS), 3), 0.3),
}


def by_votes(score, **options):
    def of(codes, levels):
        names = tuple(f"v{k}" for k in range(levels.shape[1]))
        data = set_of_codes(np.asarray(codes, np.float32), levels, names)
        return score(lambda z: z, data, train=900, test=900, **options)

    return of


def by_record(metric):
    """Score arrays as a model's codes are scored."""

    def of(codes, levels):
        return metric.score(SimpleNamespace(mean=codes, levels=levels, bins=20, seed=0))

    return of


# name → function of codes and levels; other metrics of factors come by their records
SCORES = {
    name: by_record(metric)
    for name, metric in METRICS.items()
    if metric.needs == "factors" and name not in ("sap", "irs", "beta_vae", "factor_vae")
} | {
    "irs": irs,
    "irs by quantiles": lambda codes, levels: irs(codes, levels, reach="quantile"),
    "sap r2": sap,
    "sap svm": lambda codes, levels: sap(codes, levels, "svm"),
    "β-vae": by_votes(beta_vae_score),
    "factor-vae": by_votes(factor_vae_score),
    "gaussian tc": lambda codes, levels: gaussian_total_correlation(codes),
    "wasserstein": lambda codes, levels: wasserstein_correlation(codes),
    "udr": lambda codes, levels: udr([codes, -2 * codes[:, ::-1]]),
    "udr lasso": lambda codes, levels: udr([codes, codes[:, ::-1]], "lasso"),
}
OF_FACTORS = [name for name in SCORES if name not in {"gaussian tc", "wasserstein"}][:-2]
