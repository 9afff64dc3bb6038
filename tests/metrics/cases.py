"""Codes whose scores are known, on a full grid of factors of 3, 4 and 5 levels, 20 times over."""

import numpy as np
import torch

from vaekit.data import Dataset, Factors
from vaekit.metrics import (
    beta_vae_score,
    dci,
    dci_es,
    factor_vae_score,
    gaussian_total_correlation,
    infomec,
    irs,
    mig,
    mig_by_neighbours,
    modularity_explicitness,
    sap,
    udr,
    wasserstein_correlation,
)

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
        data = Dataset(
            torch.from_numpy(np.asarray(codes)).float(),
            factors=Factors.of(names, list(levels.T)),
        )
        return score(lambda z: z, data, train=900, test=900, **options)

    return of


# name → function of codes and levels
SCORES = {
    "mig": mig,
    "mig by neighbours": mig_by_neighbours,
    "dci": dci,
    "dci-es": dci_es,
    "sap r2": sap,
    "sap svm": lambda codes, levels: sap(codes, levels, "svm"),
    "modularity": modularity_explicitness,
    "irs": irs,
    "β-vae": by_votes(beta_vae_score),
    "factor-vae": by_votes(factor_vae_score),
    "infomec": infomec,
    "gaussian tc": lambda codes, levels: gaussian_total_correlation(codes),
    "wasserstein": lambda codes, levels: wasserstein_correlation(codes),
    "udr": lambda codes, levels: udr([codes, -2 * codes[:, ::-1]]),
    "udr lasso": lambda codes, levels: udr([codes, codes[:, ::-1]], "lasso"),
}
OF_FACTORS = [name for name in SCORES if name not in {"gaussian tc", "wasserstein"}][:-2]
