"""Scores of a representation: pure functions of arrays, for any model's codes and samples."""

from vaekit.metrics.clusters import cluster_accuracy
from vaekit.metrics.factors.beta_vae import beta_vae_score
from vaekit.metrics.factors.dci import dci
from vaekit.metrics.factors.dci_es import dci_es
from vaekit.metrics.factors.factor_vae import factor_vae_score
from vaekit.metrics.factors.infomec import infomec
from vaekit.metrics.factors.irs import irs
from vaekit.metrics.factors.jemmig import jemmig
from vaekit.metrics.factors.mig import entropy, mig, mutual_information
from vaekit.metrics.factors.modularity import modularity_explicitness
from vaekit.metrics.factors.sap import sap
from vaekit.metrics.frechet import fid
from vaekit.metrics.gaussian import gaussian_total_correlation, wasserstein_correlation
from vaekit.metrics.labels import label_accuracy
from vaekit.metrics.neighbours import mig_by_neighbours, mutual_information_by_neighbours
from vaekit.metrics.record import METRICS, Metric, Row, Subject, described, listed_metrics, metric
from vaekit.metrics.score import Score
from vaekit.metrics.udr import udr
from vaekit.metrics.windows import parzen

__all__ = [
    "METRICS",
    "Metric",
    "Row",
    "Score",
    "Subject",
    "beta_vae_score",
    "cluster_accuracy",
    "dci",
    "dci_es",
    "described",
    "entropy",
    "factor_vae_score",
    "fid",
    "gaussian_total_correlation",
    "infomec",
    "irs",
    "jemmig",
    "label_accuracy",
    "listed_metrics",
    "metric",
    "mig",
    "mig_by_neighbours",
    "modularity_explicitness",
    "mutual_information",
    "mutual_information_by_neighbours",
    "parzen",
    "sap",
    "udr",
    "wasserstein_correlation",
]
