"""Objectives: weighted sums of named terms, in nats for one example."""

from vaekit.objectives.adversarial import AdversarialTC
from vaekit.objectives.base import Adversarial, Objective, Term
from vaekit.objectives.contractive import Contractive, jacobian
from vaekit.objectives.distortion import Distortion
from vaekit.objectives.importance import ImportanceWeighted
from vaekit.objectives.kl import KL, RateTarget
from vaekit.objectives.matching import MMD, AdversarialPrior
from vaekit.objectives.moments import Correlated, Spread
from vaekit.objectives.mutual_information import MutualInformation
from vaekit.objectives.sparsity import Sparsity
from vaekit.objectives.total_correlation import DimensionwiseKL, IndexCodeMI, TotalCorrelation

__all__ = [
    "KL",
    "MMD",
    "Adversarial",
    "AdversarialPrior",
    "AdversarialTC",
    "Contractive",
    "Correlated",
    "DimensionwiseKL",
    "Distortion",
    "ImportanceWeighted",
    "IndexCodeMI",
    "MutualInformation",
    "Objective",
    "RateTarget",
    "Sparsity",
    "Spread",
    "Term",
    "TotalCorrelation",
    "jacobian",
]
