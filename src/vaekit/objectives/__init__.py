"""Objectives: weighted sums of named terms, in nats for one example."""

from vaekit.objectives.base import Objective, Term
from vaekit.objectives.distortion import Distortion
from vaekit.objectives.kl import KL

__all__ = ["KL", "Distortion", "Objective", "Term"]
