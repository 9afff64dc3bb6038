"""Scores of a representation: pure functions of codes and factors, for any model's codes."""

from vaekit.metrics.beta_vae import beta_vae_score
from vaekit.metrics.mig import entropy, mig, mutual_information
from vaekit.metrics.score import Score

__all__ = ["Score", "beta_vae_score", "entropy", "mig", "mutual_information"]
