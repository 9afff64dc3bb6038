"""Scores of a representation: pure functions of codes and factors, for any model's codes."""

from vaekit.metrics.beta_vae import beta_vae_score
from vaekit.metrics.dci import dci
from vaekit.metrics.dci_es import dci_es
from vaekit.metrics.factor_vae import factor_vae_score
from vaekit.metrics.gaussian import gaussian_total_correlation, wasserstein_correlation
from vaekit.metrics.infomec import infomec
from vaekit.metrics.irs import irs
from vaekit.metrics.mig import entropy, mig, mutual_information
from vaekit.metrics.modularity import modularity_explicitness
from vaekit.metrics.neighbours import mig_by_neighbours, mutual_information_by_neighbours
from vaekit.metrics.sap import sap
from vaekit.metrics.score import Score
from vaekit.metrics.udr import udr

__all__ = [
    "Score",
    "beta_vae_score",
    "dci",
    "dci_es",
    "entropy",
    "factor_vae_score",
    "gaussian_total_correlation",
    "infomec",
    "irs",
    "mig",
    "mig_by_neighbours",
    "modularity_explicitness",
    "mutual_information",
    "mutual_information_by_neighbours",
    "sap",
    "udr",
    "wasserstein_correlation",
]
