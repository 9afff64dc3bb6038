"""Distributions: what posteriors, priors and likelihoods hand to one another, and their KL."""

from vaekit.distributions.coordinates import GeneralizedNormals, Logistics
from vaekit.distributions.entries import BernoulliEntries, GaussianEntries, MixtureEntries
from vaekit.distributions.gaussian import LOG_2PI, DiagonalGaussian, PointMass, StandardNormal
from vaekit.distributions.lp_nested import Layout, LpNestedSymmetric
from vaekit.distributions.one_hots import Categories, OneHots, RelaxedOneHots
from vaekit.distributions.product import Blend, Blocks

__all__ = [
    "LOG_2PI",
    "BernoulliEntries",
    "Blend",
    "Blocks",
    "Categories",
    "DiagonalGaussian",
    "GaussianEntries",
    "GeneralizedNormals",
    "Layout",
    "Logistics",
    "LpNestedSymmetric",
    "MixtureEntries",
    "OneHots",
    "PointMass",
    "RelaxedOneHots",
    "StandardNormal",
]
