"""Posteriors q(z|x): encoders with a distribution on top."""

from vaekit.posteriors.base import Posterior
from vaekit.posteriors.dirac import Dirac
from vaekit.posteriors.gaussian import Gaussian
from vaekit.posteriors.top_k import TopK

__all__ = ["Dirac", "Gaussian", "Posterior", "TopK"]
