"""Distributions: what posteriors, priors and likelihoods hand to one another, and their KL."""

from vaekit.distributions.base import Density, Factorised, Univariates, Whole, density
from vaekit.distributions.coordinates import GeneralizedNormals, Logistics
from vaekit.distributions.directions.sphere import UniformSphere, VonMisesFisherLaw
from vaekit.distributions.entries import BernoulliEntries, GaussianEntries, MixtureEntries
from vaekit.distributions.flowed import Flowed
from vaekit.distributions.gaussian import LOG_2PI, DiagonalGaussian, PointMass, StandardNormal
from vaekit.distributions.mixture import Mixture
from vaekit.distributions.nested.lp_nested import Layout, LpNestedSymmetric
from vaekit.distributions.one_hots import Categories, OneHots, RelaxedOneHots
from vaekit.distributions.product import Blocks
from vaekit.distributions.quantised import Quantised

__all__ = [
    "LOG_2PI",
    "BernoulliEntries",
    "Blocks",
    "Categories",
    "Density",
    "DiagonalGaussian",
    "Factorised",
    "Flowed",
    "GaussianEntries",
    "GeneralizedNormals",
    "Layout",
    "Logistics",
    "LpNestedSymmetric",
    "Mixture",
    "MixtureEntries",
    "OneHots",
    "PointMass",
    "Quantised",
    "RelaxedOneHots",
    "StandardNormal",
    "UniformSphere",
    "Univariates",
    "VonMisesFisherLaw",
    "Whole",
    "density",
]
