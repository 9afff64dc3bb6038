"""Priors p(z)."""

from vaekit.priors.base import Prior
from vaekit.priors.conditional import Conditional
from vaekit.priors.normal import Normal

__all__ = ["Conditional", "Normal", "Prior"]
