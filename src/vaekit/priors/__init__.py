"""Priors p(z)."""

from vaekit.priors.base import Prior
from vaekit.priors.normal import Normal

__all__ = ["Normal", "Prior"]
