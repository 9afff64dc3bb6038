"""Objectives: weighted sums of named terms, in nats for one example."""

from vaekit.objectives.base import Objective, Term
from vaekit.objectives.contractive import Contractive, jacobian
from vaekit.objectives.distortion import Distortion
from vaekit.objectives.kl import KL
from vaekit.objectives.sparsity import Sparsity

__all__ = ["KL", "Contractive", "Distortion", "Objective", "Sparsity", "Term", "jacobian"]
